"""Where captures are, and how they are read from there."""

from __future__ import annotations

from pathlib import Path

from lp_sentinel.cluster.sources import Source
from tests.ours import CAPTURES


def test_two_colons_in_a_name_are_no_chain_of_urls(tmp_path: Path) -> None:
    path = tmp_path / "a::b.flow"
    path.write_bytes(content := (CAPTURES / "demo.flow").read_bytes())
    source = Source(str(path), str(path), len(content))
    assert source.looked_at() == (len(content), True)
    assert source.read(3, 9) == content[3:9]
    with source.opened() as file:
        assert file.read(9) == content[:9]
