"""A HAR as a file: where its entries stand, and what is told of one that is broken."""

from __future__ import annotations

import gzip
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lp_sentinel.captures import walk as walk_module
from lp_sentinel.captures.entries import Entries
from lp_sentinel.captures.parts import split_authority
from lp_sentinel.captures.stream import CHUNK, Stream
from tests.captures.hars import JSON, TARGET, har
from tests.captures.reading import read

ENTRY = {"request": {"method": "GET", "url": "https://a.example/", "headers": []}, "response": {"status": 200}}


def test_entries_are_those_of_the_log_wherever_it_stands() -> None:
    decoy = {"log": {"entries": [ENTRY] * 9}, "entries": [ENTRY], "text": '"log":{"entries":[{'}
    data = {
        "x": decoy,
        "log": {"pages": [decoy], "entries": [ENTRY, ENTRY], "creator": decoy, "_x": [1, "]"]},
        "y": [decoy],
    }
    found, problem = read(json.dumps(data).encode())
    assert [exchange.index for exchange in found] == [0, 1]
    assert problem is None


def test_no_entries() -> None:
    assert read(har()) == ([], None)
    for other in (b"{}", b'{"log": []}', b'{"log": {"entries": null}}', b'{"entries": []}'):
        assert read(other) == (
            [],
            "the capture: is neither a flow file nor a HAR file: it is JSON without log.entries",
        )


def test_what_cannot_be_read_is_passed_over() -> None:
    found, problem = read(har(ENTRY, None, {"request": []}, ENTRY))
    assert [exchange.index for exchange in found] == [0, 3]
    assert problem is not None
    assert problem.startswith("the capture: entry 1 cannot be read: ")
    assert problem.endswith("(and 1 more problem)")


@pytest.mark.parametrize("raw", [b"\xff", b"\xff\x01", b"\x01"])
def test_bytes_that_are_not_utf8(raw: bytes) -> None:
    found, problem = read(har({**ENTRY, "request": {"url": "https://a.example/?x=Z"}}).replace(b"Z", raw))
    assert found[0].target == "/?x=" + raw.decode("utf-8", "surrogateescape")
    assert problem is None


@pytest.mark.parametrize("before", range(0, 40, 3))
def test_a_number_goes_on_where_more_is_read(before: int) -> None:
    begin = b'{"log": {"x": '
    data = begin + b" " * (CHUNK - len(begin) - before) + b"1" * 40 + b', "entries": ['
    found, problem = read(data + json.dumps(ENTRY).encode() + b"]}}")
    assert (len(found), problem) == (1, None)


@pytest.mark.parametrize(
    ("size", "length", "body"),
    [
        (0, None, b""),
        (0, "0", b""),
        (None, "0", b""),
        (-1, "00", b""),
        (None, None, None),
        (-1, None, None),
        (1, "0", None),
        (0, "1", None),
        (1, None, None),
    ],
)
def test_no_body_is_one_that_was_taken_out_unless_all_says_that_there_was_none(
    size: int | None, length: str | None, body: bytes | None
) -> None:
    headers = [] if length is None else [{"name": "Content-Length", "value": length}]
    content = {} if size is None else {"size": size}
    asked = {"method": "POST", "url": TARGET, "headers": []}
    [found], _ = read(har({"request": asked, "response": {"status": 200, "headers": headers, "content": content}}))
    assert found.response_body == body


def test_an_answer_without_a_location_has_none_though_no_header_of_the_request_was_recorded() -> None:
    response = {"status": 302, "headers": [{"name": "Server", "value": "x"}]}
    [found], _ = read(har({**ENTRY, "response": response}))
    assert found.response_headers == (("server", "x"),)


def test_the_steps_of_an_exchange_are_summed_however_short() -> None:
    timings = {"blocked": -1, "dns": 0, "send": 0.5, "wait": 2.25}
    [found], _ = read(har({**ENTRY, "startedDateTime": "1970-01-01T00:00:01Z", "time": 900, "timings": timings}))
    assert found.answered == pytest.approx(1.00275)


@pytest.mark.parametrize(
    ("authority", "read_as"),
    [
        ("a.example:65535", ("a.example", 65535)),
        ("a.example:65536", None),
        ("A.example", ("a.example", None)),
        ("a.example/x", None),
        ("", None),
    ],
)
def test_an_authority_is_host_and_port(authority: str, read_as: tuple[str, int | None] | None) -> None:
    assert split_authority(authority) == read_as


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.999])
def test_a_truncated_file_is_read_as_far_as_it_goes(share: float) -> None:
    data = har(*[ENTRY] * 100)
    cut = data[: int(len(data) * share)]
    found, problem = read(cut)
    assert [exchange.index for exchange in found] == list(range(len(found)))
    assert abs(len(found) - 100 * share) < 2
    count, size = len(found), len(cut)
    assert (
        problem == f"the capture: broken after {count} entries, at byte {size}: the file ends in the middle of the JSON"
    )


TRUNCATED = json.dumps(ENTRY).encode()[5:]


@pytest.mark.parametrize(
    "more",
    [
        har(ENTRY),
        b"garbage",
        b", 21 more entries]}}",
        b"}",
        b"\x00",
        b"\xef\xbb\xbf",
        b"," + TRUNCATED,
        b"x" * 3_000_000,
    ],
    ids=["another", "garbage", "more entries", "brace", "NUL", "mark", "truncated", "much"],
)
@pytest.mark.parametrize("space", [b"", b"\n", b" \r\n\t" * 1_000_000], ids=["", "a line", "much space"])
@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf"], ids=["", "with a mark"])
def test_what_follows_the_end_is_told_as_of_flow_files(before: bytes, space: bytes, more: bytes) -> None:
    data = before + har(*[ENTRY] * 3) + space
    assert read(data) == (read(har(*[ENTRY] * 3))[0], None), "white space is nothing"
    found, problem = read(data + more)
    assert len(found) == 3
    assert problem == f"the capture: broken after 3 entries, at byte {len(data)}: the HAR ends there, and more follows"


def test_a_packed_file_that_ends_early_behind_the_har_is_told() -> None:
    packed = gzip.compress(har(ENTRY))
    found, problem = read(packed[:-4])
    assert len(found) == 1
    assert problem is not None
    assert problem.startswith(f"the capture: broken after 1 entry, at byte {len(har(ENTRY))}: ")


@given(st.binary(max_size=30), st.integers(0, 600), st.integers(0, 40))
def test_broken_bytes_raise_nothing_but_capture_error(junk: bytes, place: int, removed: int) -> None:
    data = har(*[ENTRY] * 4)
    read(data[:place] + junk + data[place + removed :])


@given(
    st.lists(JSON, max_size=6),
    st.dictionaries(st.text(), JSON, max_size=3),
    st.sampled_from([{}, {"indent": 2}, {"ensure_ascii": False}, {"separators": (",", ":")}]),
    st.integers(1, 9),
)
def test_the_walk_finds_what_a_parser_finds(
    elements: list[Any],
    around: dict[str, Any],
    style: dict[str, Any],
    step: int,
) -> None:
    others = {name: value for name, value in around.items() if name not in {"log", "entries"}}
    text = json.dumps({"a": others, "log": {**others, "entries": elements}, **others}, **style)
    file = io.BytesIO(text.encode())
    walked = Entries(Stream(lambda size: file.read(min(size, step)))).texts()
    assert [json.loads(found) for found in walked] == elements


@given(JSON)
def test_an_entry_of_any_shape_raises_nothing_but_capture_error(value: Any) -> None:
    read(har(value, {"request": value}, {**ENTRY, "response": value}, {"request": {"url": TARGET, "postData": value}}))


@pytest.mark.parametrize("character", ["x", '"', "\\", "ü"])
def test_very_long_bodies_are_dropped_and_nothing_else(monkeypatch: pytest.MonkeyPatch, character: str) -> None:
    monkeypatch.setattr(walk_module, "_LONGEST_STRING", 20_000)
    monkeypatch.setattr(walk_module, "CHUNK", 1_000)
    url = "https://a.example/?x=" + "y" * 15_000
    entry = {"response": {"content": {"text": character * 100_000}}, "request": {"url": url, "method": "GET"}}
    file = io.BytesIO(har(*[entry] * 3))
    texts = list(Entries(Stream(lambda size: file.read(min(size, 1_000)))).texts())
    assert len(texts) == 3
    assert all(len(text) < 60_000 for text in texts)
    assert all(json.loads(text)["request"] == entry["request"] for text in texts)
