"""Entries that are read many at once are those that are read one by one by a plain JSON parser."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bench.archive import Traffic
from bench.har import HEAD, TAIL, EntryMaker, indented, write
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from lp_sentinel.captures import walk as walk_module
from lp_sentinel.captures.entries import Entries
from lp_sentinel.captures.har import exchange_of, find_exchanges, pack, unpack
from lp_sentinel.captures.har_types import ENTRIES
from lp_sentinel.captures.stream import Stream
from lp_sentinel.exchange import Exchange
from lp_sentinel.project import Project
from tests.captures.hars import AUTHORIZE, CALLBACK, DATA, JSON, SENTINEL, TARGET
from tests.captures.judging import KNOWN, UNKNOWN, slowly
from tests.captures.judging import quickly as judged_quickly

RECORDED = [entry for name in sorted(DATA.glob("*.har")) for entry in json.loads(name.read_bytes())["log"]["entries"]]
STYLES = st.sampled_from(
    [{"separators": (",", ":")}, {}, {"indent": 2}, {"indent": 0}, {"indent": "\t"}, {"ensure_ascii": False}]
)
_OPENING = re.compile(rb'\A\{\s*"')
VALUES = st.one_of(
    JSON,
    st.sampled_from(
        ["", "302", "Ü\ud800", 'x"\\', "},\n{", "base64", [], {}, [["a", 1]], [{"name": None}], -1, 0, 302]
    ),
)


def stream_of(data: bytes, step: int = 1 << 20) -> Stream:
    file = io.BytesIO(data)
    return Stream(lambda size: file.read(min(size, step)))


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where there are values inside of a value."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from places(one, (*path, key))


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A copy with another value in that place."""
    if not path:
        return new
    inner = dict(value) if isinstance(value, dict) else list(value)
    inner[path[0]] = changed(value[path[0]], path[1:], new)
    return inner


@st.composite
def entries(draw: st.DrawFn) -> Any:
    """An entry as a tool wrote it, mostly with some other values in it."""
    entry: Any = draw(st.sampled_from(RECORDED))
    if draw(st.booleans()):
        url = draw(st.sampled_from([TARGET, SENTINEL + AUTHORIZE, CALLBACK, "data:,x"]))
        entry = changed(entry, ("request",), entry["request"] | {"url": url, "method": "POST"})
    for _ in range(draw(st.integers(0, 3))):
        entry = changed(entry, draw(st.sampled_from(list(places(entry)))), draw(VALUES))
    return entry


def quickly(data: bytes, step: int = 1 << 20) -> tuple[list[Exchange], int]:
    """The exchanges, and how many entries could not be read."""
    stream = stream_of(data, step)
    return list(map(exchange_of, find_exchanges(stream))), stream.problems


def singly(texts: list[bytes]) -> tuple[list[Exchange], int]:
    """The same, each entry alone in a file of its own, where nothing is guessed."""
    found, problems = list[Exchange](), 0
    for place, text in enumerate(texts):
        alone, wrong = quickly(b'{"log":{"entries":[%b]}}' % text)
        found += [replace(one, index=place) for one in alone]
        problems += wrong
    return found, problems


def plainly(texts: list[bytes]) -> tuple[list[Exchange], int]:
    """The same, parsed by Python: a lone surrogate is no JSON to msgspec."""
    return singly([_OPENING.sub(b'{"x":"\\\\ud800","', text, count=1) for text in texts])


def texts_of(data: bytes) -> tuple[list[bytes], bool]:
    """The entries, found by their brackets, and whether that is all there is."""
    stream = stream_of(data)
    return list(Entries(stream).texts()), stream.problem is None


@given(st.lists(entries(), max_size=9), STYLES, st.sampled_from([50, 1000, 1 << 20]), st.integers(1, 5000))
@settings(max_examples=200, deadline=None)
def test_many_at_once_are_read_as_one_by_one(parsed: list[Any], style: dict[str, Any], chunk: int, step: int) -> None:
    parsed = [*RECORDED[:2], *parsed, *RECORDED[-2:]]
    data = json.dumps({"log": {"entries": parsed}}, **style).encode("utf-8", "surrogatepass")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(walk_module, "CHUNK", chunk)
        found = quickly(data, step)
    assert found == plainly([json.dumps(entry, **style).encode("utf-8", "surrogatepass") for entry in parsed])


@given(
    st.lists(st.sampled_from(RECORDED), min_size=3, max_size=9),
    st.sampled_from([{"separators": (",", ":")}, {"indent": 2}]),
    st.floats(0, 1),
    st.binary(max_size=3)
    | st.sampled_from([b"", b'"', b"}", b"{", b",", b"]", b"[", b"\\", b"null,", b"},\n{", b"\xff"]),
    st.sampled_from([0, 0, 1, 7, 400, 100_000]),
)
@settings(max_examples=300, deadline=None)
def test_so_are_broken_ones(parsed: list[Any], style: dict[str, Any], share: float, junk: bytes, removed: int) -> None:
    data = json.dumps({"log": {"entries": parsed}}, **style).encode()
    begin = data.index(b"[") + 1
    place = begin + int(share * (len(data) - begin))
    data = data[:place] + junk + data[place + removed :]
    texts, is_whole = texts_of(data)
    found, problems = singly(texts)
    assert quickly(data) == (found, problems + (not is_whole))


@pytest.mark.parametrize("pretty", [True, False])
def test_nearly_all_are_read_at_once(pretty: bool) -> None:
    file = io.BytesIO()
    count = write(file, 3_000_000, pretty=pretty)
    data = file.getvalue()
    assert count == len(json.loads(data)["log"]["entries"]) == len(list(Entries(stream_of(data)).texts()))
    runs = [len(run.entries) for run in Entries(stream_of(data)).runs(ENTRIES)]
    assert runs.count(0) == 2
    assert sum(runs) == count - 2
    assert len(runs) < 12
    assert quickly(data) == plainly(texts_of(data)[0])


@pytest.mark.parametrize("pretty", [True, False])
@pytest.mark.parametrize("project", [KNOWN, UNKNOWN], ids=["known", "unknown"])
def test_archives_come_to_the_same(project: Project, tmp_path: Path, pretty: bool) -> None:
    traffic, made = Traffic(1), EntryMaker()
    records = [record for _ in range(30) for record in (*(traffic.other() for _ in range(5)), *traffic.login())]
    path = tmp_path / "a.har"
    for order in (records, records[::-1], records[::2] + records[1::2]):
        texts = [made.of(record) for record in order]
        path.write_bytes(
            HEAD + b",\n".join(map(indented, texts)) + TAIL
            if pretty
            else b'{"log":{"entries":[%b]}}' % b",".join(texts)
        )
        found = judged_quickly(path, project)
        assert found == slowly(path, project)
        assert found.lines.count(b'"outcome": "code"') == 30


@given(st.lists(entries(), max_size=9), STYLES, st.sampled_from([KNOWN, UNKNOWN]))
@settings(max_examples=150, deadline=None)
def test_any_entries_come_to_the_same(
    tmp_path_factory: pytest.TempPathFactory, parsed: list[Any], style: dict[str, Any], project: Project
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.har"
    path.write_bytes(json.dumps({"log": {"entries": parsed}}, **style).encode("utf-8", "surrogatepass"))
    assert judged_quickly(path, project) == slowly(path, project)


@given(st.lists(entries(), min_size=1, max_size=4), st.booleans())
@settings(deadline=None)
def test_what_was_packed_is_unpacked(parsed: list[Any], broken: bool) -> None:
    extra = {"x": "\ud800"} if broken else {}
    data = json.dumps({"log": {"entries": [entry | extra if isinstance(entry, dict) else entry for entry in parsed]}})
    for found in find_exchanges(stream_of(data.encode())):
        assert exchange_of(unpack(pack(found), found.place, found.creator)) == exchange_of(found)


def test_of_a_very_long_entry_what_counts_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk_module, "_LONGEST", 20_000)
    monkeypatch.setattr(walk_module, "CHUNK", 1_000)
    messages = [{"type": "send", "time": 1, "opcode": 1, "data": '{"a":[]}'}] * 2_000
    cookies = [{"name": "a", "value": "b"}] * 1_000
    first = RECORDED[0] | {"_webSocketMessages": messages}
    second = changed(RECORDED[1], ("request", "cookies"), cookies)
    for style in ({"indent": 2}, {"separators": (",", ":")}):
        data = json.dumps({"log": {"entries": [first, RECORDED[2], second, RECORDED[0]]}}, **style).encode()
        assert all(len(text) < 50_000 for text in Entries(stream_of(data, 1_000)).texts())
        plain = json.dumps({"log": {"entries": [RECORDED[0], RECORDED[2], RECORDED[1], RECORDED[0]]}}).encode()
        assert quickly(data, 1_000) == quickly(plain)
