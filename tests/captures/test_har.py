"""HAR files become exchanges, in every tool's dialect."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy.addons.savehar import SaveHar
from mitmproxy.test import tflow

from lp_sentinel.captures import CaptureError, read_capture
from lp_sentinel.captures import walk as walk_module
from lp_sentinel.captures.entries import entry_texts
from lp_sentinel.captures.stream import Stream

if TYPE_CHECKING:
    from lp_sentinel.exchange import Exchange

DATA = Path(__file__).parent / "data"
AUTHORIZE = (
    "/sentinel/api/account/12345678/authorize?v=1.0&response_type=code&client_id=my-app"
    "&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&state=af0ifjsldkj"
)
CALLBACK = "https://app.example/cb?code=SplxlOBeZQQYbYS6WxSbIA&state=af0ifjsldkj"
SENTINEL = "https://va.sentinel.liveperson.net"
TARGET = "https://va.sentinel.liveperson.net/sentinel/api/account/1/token?v=2.0"
ANSWER = b'{"access_token":"2YotnFZFEjr1zCsicMWpAA","token_type":"Bearer"}'
NOON = 1_795_428_000.0


def read(data: bytes) -> tuple[list[Exchange], str | None]:
    """What can be read of ``data``, and what was wrong with it."""
    found: list[Exchange] = []
    try:
        found.extend(read_capture(io.BytesIO(data)))
    except CaptureError as error:
        return found, str(error)
    return found, None


def har(*entries: object) -> bytes:
    return json.dumps({"log": {"version": "1.2", "entries": entries}}).encode()


def one(request: dict[str, Any] | None = None, response: dict[str, Any] | None = None, **entry: Any) -> Exchange:
    """The exchange of an entry with these fields."""
    asked = {"method": "POST", "url": TARGET, "headers": [["Host", "sentinel.example"]], **(request or {})}
    answered = {"status": 200, "headers": [], **(response or {})}
    found, problem = read(har({"request": asked, "response": answered, **entry}))
    assert problem is None
    return found[0]


def named(name: str) -> list[Exchange]:
    return list(read_capture(DATA / name))


def test_chrome() -> None:
    authorize, refused, socket = named("chrome.har")
    assert (authorize.index, authorize.url, authorize.status) == (0, SENTINEL + AUTHORIZE, 302)
    assert authorize.request_headers == (("sec-fetch-mode", "navigate"), ("user-agent", "Mozilla/5.0 Chrome/142.0.0.0"))
    assert authorize.response_headers == (("location", CALLBACK), ("content-length", "0"))
    assert authorize.started == pytest.approx(NOON + 0.123)
    assert authorize.answered == pytest.approx(NOON + 0.268)
    assert (refused.index, refused.url, refused.status) == (2, CALLBACK, None)
    assert refused.error == "net::ERR_CONNECTION_REFUSED"
    assert (socket.index, socket.url, socket.status) == (3, "wss://app.example:443/live?x=1", 101)


def test_firefox() -> None:
    authorize, token = named("firefox.har")
    assert (authorize.url, authorize.status) == (SENTINEL + AUTHORIZE, 302)
    assert authorize.started == pytest.approx(NOON + 0.123)
    assert authorize.browser[1] == "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    assert token.request_body is not None
    assert token.request_body.startswith(b"grant_type=authorization_code&code=")
    assert token.response_body == ANSWER


def test_safari() -> None:
    authorize, unanswered = named("safari.har")
    assert authorize.response_headers == (("location", CALLBACK),)
    assert authorize.answered == pytest.approx(NOON + 0.2032)
    assert (unanswered.url, unanswered.status, unanswered.error, unanswered.answered) == (CALLBACK, None, None, None)


def test_charles() -> None:
    authorize, token, failed = named("charles.har")
    assert authorize.response_headers == (("location", CALLBACK), ("location", "https://other.example/"))
    assert token.request_body == b"grant_type=authorization_code&code=a%2Bb%2Fc%3D%26d&empty="
    assert token.response_body == ANSWER
    assert (failed.status, failed.error, failed.no_answer) == (None, "status 0", True)


def test_insomnia() -> None:
    authorize, local = named("insomnia.har")
    assert (authorize.method, authorize.url, authorize.status) == ("get", f"https://localhost:8443{AUTHORIZE}", 400)
    assert authorize.request_headers == (("x-number", "7"), ("x-null", ""), ("x-flag", "true"))
    assert authorize.started == pytest.approx(NOON + 0.123456)
    assert (local.index, local.url, local.started) == (2, "http://[::1]/", None)


def test_mitmproxy() -> None:
    answered, failed, socket = tflow.tflow(resp=True), tflow.tflow(err=True), tflow.twebsocketflow()
    answered.request.method = "POST"
    answered.request.data.path = b"/sentinel/api/account/1/token?x=\xff"
    answered.request.content = b"a=b"
    dumped = json.dumps(SaveHar().make_har([answered, failed, socket, tflow.ttcpflow()]), indent=4)
    first, second, third = read(dumped.encode())[0]
    assert first.url == "http://address:22/sentinel/api/account/1/token?x=\udcff"
    assert (first.request_body, first.response_body, first.started) == (b"a=b", b"message", 946681200)
    assert (second.status, second.error) == (None, "error")
    assert (third.status, third.url) == (101, "http://example.com/ws")


@pytest.mark.parametrize(
    ("request_", "body"),
    [
        ({"bodySize": 0}, b""),
        ({"bodySize": -1}, None),
        ({"bodySize": 5}, None),
        ({}, None),
        ({"postData": {"text": "a=b"}}, b"a=b"),
        ({"postData": {"text": "YT1i", "encoding": "base64"}}, b"a=b"),
        ({"postData": {"text": "\u00fc"}}, b"\xc3\xbc"),
        ({"postData": {"text": ""}, "bodySize": 0}, b""),
        ({"postData": {"text": ""}, "bodySize": 5}, None),
        ({"postData": {"text": None}, "bodySize": 0}, None),
        ({"postData": {"params": [{"name": "a b", "value": "c&d"}]}}, b"a+b=c%26d"),
        ({"postData": {"params": [{"name": "a", "value": "b"}], "text": ""}}, b"a=b"),
        ({"postData": {"params": [{"name": "u%5B%5D", "value": "https%3A%2F%2Fa"}]}}, b"u%5B%5D=https%3A%2F%2Fa"),
        ({"postData": {"params": [{"name": "u", "value": "100%25 of https://a"}]}}, b"u=100%2525+of+https%3A%2F%2Fa"),
        ({"postData": {"params": []}, "bodySize": 7}, None),
        ({"postData": None, "bodySize": 0}, b""),
        ({"bodySize": 0, "headers": [{"name": "Content-Length", "value": "9"}]}, None),
        ({"bodySize": 0, "method": "GET"}, None),
        ({"postData": {"mimeType": "application/x-www-form-urlencoded", "text": "a=b"}, "headers": []}, b"a=b"),
        ({"postData": {"text": "a=b"}, "headers": None}, None),
    ],
)
def test_request_bodies(request_: dict[str, Any], body: bytes | None) -> None:
    assert one(request_).request_body == body


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://a.example/x", "/x?a=b+c&d=%2F"),
        ("https://a.example/x?", "/x?"),
        ("https://a.example/x?y=z", "/x?y=z"),
    ],
)
def test_a_query_that_is_kept_apart(url: str, target: str) -> None:
    fields = [{"name": "a", "value": "b c"}, {"name": "d", "value": "/"}]
    assert one({"url": url, "queryString": fields}).target == target


@pytest.mark.parametrize(
    ("response", "status"),
    [
        ({"headers": None}, None),
        ({"headers": []}, 302),
        ({"headers": None, "redirectURL": "/x"}, 302),
        ({"headers": None, "status": 400}, 400),
    ],
)
def test_a_redirect_of_which_nothing_was_recorded_says_nothing(response: dict[str, Any], status: int | None) -> None:
    assert one({"url": "https://a.example/"}, {"status": 302, **response}).status == status
    assert one(None, {"status": 302, **response}).status == (status or 302), "a token exchange redirects nobody"


@pytest.mark.parametrize(
    ("headers", "kind"),
    [([["Host", "x"]], "a/b"), ([{"name": "content-type", "value": "c/d"}], "c/d")],
)
def test_the_kind_of_what_was_posted_stands_in_for_a_header_that_was_left_out(headers: list[object], kind: str) -> None:
    found = one({"headers": headers, "postData": {"mimeType": "a/b", "text": "x"}})
    assert [value for name, value in found.request_headers if name.lower() == "content-type"] == [kind]


@pytest.mark.parametrize(
    ("content", "body"),
    [
        (None, None),
        ({}, None),
        ({"size": 0}, b""),
        ({"size": 10}, None),
        ({"size": 10, "text": ""}, None),
        ({"size": 0, "text": ""}, b""),
        ({"size": 2, "text": "{}"}, b"{}"),
        ({"size": 2, "text": "e30=", "encoding": "base64"}, b"{}"),
        ({"size": 2, "text": "e", "encoding": "base64"}, None),
        ({"size": 2, "text": "\u00fc\u00fc", "encoding": "base64"}, None),
    ],
)
def test_response_bodies(content: object, body: bytes | None) -> None:
    assert one(None, {"content": content}).response_body == body


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-11-23T10:00:00Z", NOON),
        ("2026-11-23T10:00:00.5Z", NOON + 0.5),
        ("2026-11-23T10:00:00.1234567Z", NOON + 0.123456),
        ("2026-11-23T12:00:00+02:00", NOON),
        ("2026-11-23T02:00:00.000-0800", NOON),
        ("2026-11-23 10:00:00", NOON),
        ("", None),
        ("soon", None),
        ("9999-99-99T00:00:00Z", None),
        (None, None),
        (17, None),
    ],
)
def test_start_times(text: object, seconds: float | None) -> None:
    assert one(startedDateTime=text).started == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("entry", "after"),
    [
        (
            {"time": 100, "timings": {"blocked": 1, "dns": -1, "connect": 9, "send": 10, "wait": 30, "receive": 50}},
            0.05,
        ),
        ({"time": 100, "timings": {}}, 0.1),
        ({"time": 100}, 0.1),
        ({"time": -1}, 0),
        ({}, None),
    ],
)
def test_answer_times(entry: dict[str, Any], after: float | None) -> None:
    answered = one(startedDateTime="2026-11-23T10:00:00Z", **entry).answered
    assert answered == (None if after is None else pytest.approx(NOON + after))


@pytest.mark.parametrize(
    ("status", "known", "error"),
    [(302, 302, None), ("302", 302, None), (302.0, 302, None), (0, None, "status 0"), (-1, None, "status 0")]
    + [(value, None, None) for value in (None, "", "many")],
)
def test_statuses(status: object, known: int | None, error: str | None) -> None:
    exchange = one(None, {"status": status})
    assert (exchange.status, exchange.error) == (known, error)


@pytest.mark.parametrize(
    ("url", "read_as"),
    [
        ("https://a.example/b?c=d#e", "https://a.example/b?c=d"),
        ("HTTPS://A.Example:443", "https://a.example/"),
        ("https://a.example?b", "https://a.example/?b"),
        ("https://user:pass@a.example/b", "https://a.example/b"),
        ("http://bücher.example:81/ü", "http://xn--bcher-kva.example:81/ü"),
        ("https://[2001:DB8::1]:8443/x", "https://[2001:db8::1]:8443/x"),
        ("https://a.example/\ud800", "https://a.example/\ud800"),
    ]
    + [
        (url, None)
        for url in (
            *("", "about:blank", "data:,x", "chrome-extension://abc/x", "blob:https://a.example/1", "file:///x"),
            *("http://[::1", "http://", "https://a.example:x/", "https://a.example:99999/", "//a.example/", None, 7),
        )
    ],
)
def test_urls(url: object, read_as: str | None) -> None:
    found, problem = read(har({"request": {"method": "GET", "url": url}, "response": {"status": 200}}))
    assert [exchange.url for exchange in found] == ([] if read_as is None else [read_as])
    assert problem is None


def test_connect_has_no_target() -> None:
    assert one({"method": "CONNECT", "url": "https://a.example:443/"}).target == ""


def test_headers_as_pairs() -> None:
    assert one({"headers": [["A", "b"], ["C"], [], {"value": "x"}]}).request_headers == (("a", "b"), ("c", ""))


def test_a_redirect_url_stands_in_for_a_missing_location_only() -> None:
    given_too = {"status": 302, "redirectURL": "https://x.example/", "headers": [{"name": "location", "value": ""}]}
    assert one(None, {"status": 302, "redirectURL": "/x"}).response_headers == (("location", "/x"),)
    assert one(None, given_too).response_headers == (("location", ""),)


def test_injected() -> None:
    assert one(None, {"headers": [{"name": "lp-authorize-fault", "value": "x"}]}).injected


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
    assert problem.startswith(f"the capture: broken after 1 entries, at byte {len(har(ENTRY))}: ")


@given(st.binary(max_size=30), st.integers(0, 600), st.integers(0, 40))
def test_broken_bytes_raise_nothing_but_capture_error(junk: bytes, place: int, removed: int) -> None:
    data = har(*[ENTRY] * 4)
    read(data[:place] + junk + data[place + removed :])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.just("entries"), inner, max_size=4),
    max_leaves=20,
)


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
    walked = entry_texts(Stream(lambda size: file.read(min(size, step))))
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
    texts = list(entry_texts(Stream(lambda size: file.read(min(size, 1_000)))))
    assert len(texts) == 3
    assert all(len(text) < 60_000 for text in texts)
    assert all(json.loads(text)["request"] == entry["request"] for text in texts)
