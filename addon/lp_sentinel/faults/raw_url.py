"""A URL in its raw pieces: what a fault leaves alone stays spelt as it was."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple
from urllib.parse import quote

from lp_sentinel.uri import form_decode


class RawUrl(NamedTuple):
    """Parameters are looked for, and changed, in query and fragment alike. ``pieces`` are raw ``name=value``."""

    base: str
    pieces: tuple[str, ...]
    fragment: str = ""

    @classmethod
    def read(cls, text: str) -> RawUrl:
        rest, _, fragment = text.partition("#")
        base, _, query = rest.partition("?")
        return cls(base, tuple(query.split("&")) if query else (), fragment)

    @property
    def parameters(self) -> str:
        """Query and fragment, with what begins them."""
        query = "?" + "&".join(self.pieces) if self.pieces else ""
        return query + ("#" + self.fragment if self.fragment else "")

    def has(self, name: str) -> bool:
        return any(name_of(piece) == name for piece in self._all_pieces)

    def value(self, name: str) -> str | None:
        """The first value of a parameter that is not empty, form-decoded."""
        values = (piece.partition("=")[2] for piece in self._all_pieces if name_of(piece) == name)
        return next((form_decode(value) for value in values if value), None)

    def added(self, name: str, value: str) -> RawUrl:
        return self._replace(pieces=(*self.pieces, pair(name, value)))

    def without(self, name: str) -> RawUrl:
        return self._mapped(name, lambda _: ())

    def doubled(self, name: str) -> RawUrl:
        return self._mapped(name, lambda piece: (piece, piece))

    def replaced(self, name: str, value: str) -> RawUrl:
        return self._mapped(name, lambda _: (pair(name, value),))

    @property
    def _all_pieces(self) -> tuple[str, ...]:
        return (*self.pieces, *self._pieces_of_fragment)

    @property
    def _pieces_of_fragment(self) -> Sequence[str]:
        return self.fragment.split("&") if self.fragment else ()

    def _mapped(self, name: str, change: Callable[[str], Sequence[str]]) -> RawUrl:
        def mapped(pieces: Sequence[str]) -> tuple[str, ...]:
            return tuple(new for piece in pieces for new in (change(piece) if name_of(piece) == name else (piece,)))

        return self._replace(pieces=mapped(self.pieces), fragment="&".join(mapped(self._pieces_of_fragment)))


def name_of(piece: str) -> str:
    return form_decode(piece.partition("=")[0])


def pair(name: str, value: str) -> str:
    return f"{quote(name, safe='')}={quote(value, safe='', errors='surrogateescape')}"


def carried(location: str | None, name: str) -> str | None:
    """The value of a parameter that a redirect carries, in query or fragment; ``None`` if it leads nowhere."""
    return RawUrl.read(location).value(name) if location else None
