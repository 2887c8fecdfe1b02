"""Which journey an exchange belongs to: told by state, then by the chain of hops, then by browser, URI and time."""

from lp_sentinel.attribution.callback import note_rivals, of_callback
from lp_sentinel.attribution.clues import Clues, read_clues
from lp_sentinel.attribution.hop import Part, continued_by, of_hop

__all__ = ["Clues", "Part", "continued_by", "note_rivals", "of_callback", "of_hop", "read_clues"]
