"""What is read of an entry of a HAR, in the dialects of browsers and proxies."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from mitmproxy.addons.savehar import SaveHar
from mitmproxy.test import tflow

from lp_sentinel.exchange import header
from lp_sentinel.taken_out import NOT_RECORDED
from tests.captures.hars import AUTHORIZE, CALLBACK, DATA, SENTINEL, TARGET, har
from tests.captures.reading import read, read_capture

if TYPE_CHECKING:
    from lp_sentinel.exchange import Exchange

ANSWER = b'{"access_token":"2YotnFZFEjr1zCsicMWpAA","token_type":"Bearer"}'
NOON = 1_795_428_000.0


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


@pytest.mark.parametrize(
    ("sent", "more", "is_known"),
    [
        ("grant_type=authorization_code&code=c", [], False),
        ("grant_type=authorization_code&code=c&client_id=my-app", [], False),
        ("client_id=my-app&client_secret=s", [], True),
        ("client_secret=&xclient_secret=s", [], False),
        ("grant_type=authorization_code&code=c", [["Cookie", "a=b"]], True),
        ("grant_type=authorization_code&code=c", [["Authorization", "Basic YTpi"]], True),
    ],
)
def test_what_chrome_may_have_left_out(sent: str, more: list[list[str]], *, is_known: bool) -> None:
    form = "application/x-www-form-urlencoded"
    request = {"headers": [["Content-Type", form], *more], "postData": {"mimeType": form, "text": sent}}
    assert (header(one(request, _resourceType="fetch").request_headers, "authorization") != NOT_RECORDED) == is_known
    assert header(one(request).request_headers, "authorization") != NOT_RECORDED, "others leave nothing out"


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
        ({"postData": {"text": ""}, "bodySize": -1}, None),
        ({"postData": {"text": ""}}, None),
        ({"postData": {"text": ""}, "headers": [["Content-Length", "0"]]}, b""),
        ({"postData": {"text": ""}, "bodySize": -1, "headers": [["Content-Length", "0"]]}, b""),
        ({"postData": {"text": "", "_file": "0a.dat"}, "bodySize": 0}, None),
        ({"postData": {"text": "", "_sha1": "0a.dat"}, "bodySize": 0}, None),
        ({"postData": {"text": "a=b", "_file": "0a.dat"}, "bodySize": 0}, b"a=b"),
        ({"postData": {"text": None}, "bodySize": 0}, None),
        ({"bodySize": 0, "headers": [["Content-Type", "a/b"]]}, None),
        ({"bodySize": 0, "headers": [["Content-Type", "a/b"], ["Content-Length", "0"]]}, b""),
        ({"postData": {"mimeType": "a/b"}, "bodySize": 0}, None),
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
    ("response", "location"),
    [
        ({"headers": None}, NOT_RECORDED),
        ({"headers": None, "redirectURL": ""}, NOT_RECORDED),
        ({"headers": None, "redirectURL": "/x"}, "/x"),
        ({"headers": []}, None),
        ({"headers": [], "redirectURL": "/x"}, "/x"),
    ],
)
def test_where_a_redirect_led_is_not_known_without_headers(response: dict[str, Any], location: str | None) -> None:
    answer = one({"url": "https://a.example/"}, {"status": 301, **response}).response_headers
    assert header(answer, "location") == location


@pytest.mark.parametrize(("redirect", "location"), [("", NOT_RECORDED), (None, NOT_RECORDED), ("/x", "/x")])
def test_where_a_redirect_led_is_not_known_without_any_headers(redirect: str | None, location: str) -> None:
    answer = one({"headers": []}, {"status": 302, "headers": [], "redirectURL": redirect}).response_headers
    assert answer == (("location", location),)


@pytest.mark.parametrize("headers", [None, [], [{"name": ":authority", "value": "a.example"}]])
def test_a_request_without_headers_may_have_had_any(headers: object) -> None:
    found = one({"headers": headers}).request_headers
    assert found == (("referer", NOT_RECORDED), ("authorization", NOT_RECORDED))


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ([["Host", "x"]], "a/b"),
        ([{"name": "content-type", "value": "c/d"}], "c/d"),
        ([["Host", "x"], ["Content-Type", "[Content-Type redacted]"]], "a/b"),
    ],
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
        ({"text": ""}, None),
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
    [(302, 302, None), ("302", 302, None), (302.0, 302, None), (0, None, "status 0"), (-1, None, None)]
    + [(value, None, None) for value in (None, "", "many")],
)
def test_statuses(status: object, known: int | None, error: str | None) -> None:
    exchange = one(None, {"status": status})
    assert (exchange.status, exchange.error) == (known, error)


def test_a_failure_as_playwright_tells_it() -> None:
    exchange = one(None, {"status": -1, "_failureText": "net::ERR_CONNECTION_RESET"})
    assert (exchange.status, exchange.error) == (None, "net::ERR_CONNECTION_RESET")
    assert one(None, {"status": -1, "_failureText": ["odd"]}).error is None


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


ODD: dict[str, Any] = {"of": ["another", "kind"]}


@pytest.mark.parametrize(
    ("request_", "body"),
    [
        ({"postData": {"params": [{"name": "a", "value": ODD}, {"name": "c", "value": "d"}]}}, b"a=%5Bremoved%5D&c=d"),
        ({"postData": {"params": "REMOVED", "text": "a=b"}}, b"a=b"),
        ({"postData": {"params": {"a": "b"}}, "bodySize": 3}, None),
        ({"postData": {"text": ODD}, "bodySize": 0}, None),
        ({"postData": "a=b", "bodySize": 0}, None),
        ({"postData": {"text": "a=b", "mimeType": ODD}, "bodySize": ODD}, b"a=b"),
        ({"postData": {"text": "a=b"}, "queryString": ODD}, b"a=b"),
        ({"postData": {"text": "a=b"}, "queryString": "v=2.0"}, b"a=b"),
    ],
)
def test_the_rest_is_read_of_what_holds_an_odd_body(request_: dict[str, Any], body: bytes | None) -> None:
    assert one(request_).request_body == body


def test_the_rest_is_read_of_what_has_odd_headers() -> None:
    listed = {"name": "Location", "value": ["/a", "/b"]}
    odd = [{"name": "A", "value": ODD}, ["B", ODD], {"name": ODD, "value": "c"}, 7, None, ["D", "e"]]
    found = one({"headers": odd}, {"status": 302, "headers": [listed]})
    assert found.request_headers == (("a", NOT_RECORDED), ("b", NOT_RECORDED), ("d", "e"))
    assert found.response_headers == (("location", "/a"), ("location", "/b"))
    unknown = one({"headers": {"Host": "x"}}, {"status": 302, "headers": {"Location": "/a"}})
    assert header(unknown.request_headers, "referer") == NOT_RECORDED
    assert unknown.response_headers == (("location", NOT_RECORDED),)


def test_the_rest_is_read_of_what_has_an_odd_answer() -> None:
    assert one(None, {"content": "{}"}).response_body is None
    assert one(None, {"content": {"text": ODD, "size": 2}}).response_body is None
    assert one(None, {"status": ODD, "_error": ODD, "redirectURL": ODD}).status is None
    timed = one(startedDateTime="2026-11-23T10:00:00Z", time=ODD, timings={"wait": 500, "send": ODD})
    assert timed.answered == pytest.approx(NOON + 0.5)
    assert one(startedDateTime="2026-11-23T10:00:00Z", timings=[ODD], time=ODD).answered is None
    [cut], problem = read(har({"request": {"url": "https://a.example/"}, "response": "none"}))
    assert (cut.status, problem) == (None, None)


def test_a_redirect_url_stands_in_for_a_missing_location_only() -> None:
    given_too = {"status": 302, "redirectURL": "https://x.example/", "headers": [{"name": "location", "value": ""}]}
    assert one(None, {"status": 302, "redirectURL": "/x"}).response_headers == (("location", "/x"),)
    assert one(None, given_too).response_headers == (("location", ""),)
    assert one(None, {"status": 302, "redirectURL": "null"}).response_headers == (), "what Logger++ writes for none"


def test_a_redirect_url_stands_in_for_a_location_that_was_taken_out() -> None:
    taken_out = {"name": "Location", "value": "[Location redacted]"}
    cleaned = {"status": 302, "redirectURL": "/x", "headers": [taken_out, {"name": "a", "value": "b"}, taken_out]}
    assert one(None, cleaned).response_headers == (("location", "/x"), ("a", "b"), ("location", "[Location redacted]"))


def test_injected() -> None:
    assert one(None, {"headers": [{"name": "lp-authorize-fault", "value": "x"}]}).injected
