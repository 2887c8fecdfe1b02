"""What compiled code tells of flows is what Python alone would tell."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from unittest import mock

import pytest
from bench.archive import Traffic
from hypothesis import given, settings
from hypothesis import strategies as st
from mitmproxy import http
from mitmproxy.flow import Flow
from mitmproxy.test import tflow

from lp_sentinel.captures import scan, survey
from lp_sentinel.captures.skip import Skipper
from lp_sentinel.captures.survey import Survey
from tests.captures.making import written


def surveyed(content: bytes, *, skipping: bool = True) -> Survey:
    found = Survey()
    with mock.patch.object(scan, "Skipper", Skipper if skipping else None):
        scan.Surveyor(found).go_through(content, 0, len(content))
    return found


def assert_as_without(content: bytes) -> None:
    """Where it was doubted without that a flow has nothing to do with a login, it may be known with."""
    quick, slow = surveyed(content), surveyed(content, skipping=False)
    assert set(quick.belonging) <= set(slow.belonging)
    for found in (quick, slow):
        for place in slow.belonging:
            found.hosts[place] = found.pages[place] = 0
        found.belonging = slow.belonging
    assert quick == slow


def skipped(content: bytes) -> int:
    """How many flows were not looked at one by one."""
    looked_at = 0

    class Watched(Skipper):
        def skip(self, *arguments: Any) -> tuple[int, bytes, bytes]:
            nonlocal looked_at
            reached = super().skip(*arguments)
            looked_at += reached[0] < arguments[2]
            return reached

    found = Survey()
    with mock.patch.object(scan, "Skipper", Watched):
        scan.Surveyor(found).go_through(content, 0, len(content))
    return len(found.offsets) - looked_at


TRAFFIC = Traffic(11)
OTHERS = [TRAFFIC.other() for _ in range(40)]
LOGIN = TRAFFIC.login()


def test_nearly_all_that_is_none_of_ours_is_skipped() -> None:
    assert skipped(b"".join(OTHERS)) > 0.95 * len(OTHERS)


def test_no_step_of_a_login_is_skipped() -> None:
    once, again = surveyed(b"".join([*LOGIN, *OTHERS])), surveyed(b"".join([*LOGIN, *OTHERS, *LOGIN, *OTHERS]))
    assert len(again.belonging) == 2 * len(once.belonging) >= 2 * len(LOGIN)


@pytest.mark.parametrize("seed", range(4))
def test_archives_are_surveyed_alike(seed: int) -> None:
    traffic = Traffic(seed)
    records = [record for _ in range(20) for record in (*(traffic.other() for _ in range(20)), *traffic.login())]
    assert_as_without(b"".join([*records, *records[::-1]]))


def test_a_cut_flow_is_surveyed_alike() -> None:
    for size in range(1, len(OTHERS[0]), 7):
        assert_as_without(OTHERS[0] + OTHERS[0][:size])


def answer(
    path: str, location: str, *, host: str = "cdn.example", headers: Sequence[tuple[bytes, bytes]] = ()
) -> bytes:
    flow = tflow.tflow(resp=True)
    assert flow.response
    flow.request.data.path, flow.request.data.host = path.encode(), host
    flow.request.headers = http.Headers([(b"Host", host.encode()), *headers])
    flow.request.timestamp_start, flow.request.timestamp_end = 1.7e9 + 0.25, 1.7e9 + 0.5
    flow.response.timestamp_start, flow.response.timestamp_end = 1.7e9 + 0.75, 1.7e9 + 1.25
    flow.response.data.status_code = 302
    flow.response.headers = http.Headers([(b"Location", location.encode())])
    return written(flow)


@pytest.mark.parametrize(("path", "location"), [
    ("/?code=1", "/"), ("/?a=1&state=1", "/"), ("/?a?error=1", "/"), ("/?%63ode=1", "/"), ("/?a%3Fb?c%6Fde=1", "/"),
    ("/?a=1#code=1", "/"), ("/SENTINEL/x", "/"), ("/xsentineL", "/"), ("/a,b?code=1", "/"),
    ("/", "/?code=1"), ("/", "#state=1"), ("/", "/cb?co\tde=1"), ("/", "https://app.example/&error=1"),
])  # fmt: skip
def test_what_may_be_of_a_login_is_not_skipped(path: str, location: str) -> None:
    plain = answer("/", "/")
    assert list(surveyed(b"".join([plain, plain, answer(path, location), plain])).belonging) == [2]


@pytest.mark.parametrize("skipping", [True, False])
@pytest.mark.parametrize("length", [100, 1_000])
def test_a_page_that_comes_again_is_known_again(length: int, *, skipping: bool) -> None:
    flow = answer("/", "/", headers=[(b"Referer", b"https://page.example/?next=".ljust(length, b"x"))])
    found = surveyed(flow * 4, skipping=skipping)
    assert (list(found.asking), list(found.alike)) == ([0, 1, 2, 3], [0] * 4)


@pytest.mark.parametrize("skipping", [True, False])
def test_names_that_are_too_long_to_remember_are_noted(*, skipping: bool) -> None:
    page, host = b"https://%s.example/" % (b"p" * 300), f"{'h' * 300}.example"
    flows = [answer("/", "/", headers=[(b"Referer", page)]), answer("/", "/", host=host)]
    found = surveyed(b"".join(flows), skipping=skipping)
    assert (list(found.crowd), list(found.belonging)) == ([0], [1])


IMITATION = (
    ",9:authority;0:,6:scheme;5:https,6:method;3:GET,4:port;3:443#4:host;5:a.com;13:timestamp_end;12:1900000000.0^"
    "15:timestamp_start;12:1900000000.0^8:trailers;0:~7:content;0:"
)
"""How a request goes on behind its path."""


@pytest.mark.parametrize(
    ("path", "belonging"), [(f"/{IMITATION}", []), (f"/?code=1{IMITATION}", [1]), (f"/{IMITATION}?code=1", [1])]
)
def test_a_path_that_goes_on_as_a_request_does_is_read_to_its_end(path: str, belonging: list[int]) -> None:
    content = b"".join([answer("/", "/"), answer(path, "/"), answer("/", "/")])
    assert_as_without(content)
    found = surveyed(content)
    assert (list(found.belonging), found.latest) == (belonging, 1.7e9 + 0.25)


def test_what_a_request_goes_to_is_not_empty() -> None:
    flow = answer("/?code=1", "/")
    _, goes_to, _ = re.split(rb"9:authority;|;13:timestamp_end", flow[flow.index(b"7:request;") :])
    assert_as_without(answer("/", "/") + flow.replace(goes_to, b";;;;".ljust(len(goes_to), b"x")) + answer("/", "/"))


@pytest.mark.parametrize(
    "path", ["/?codes=1", "/a,b.js?c,d", "/?a=code", "/?acode=1", "/?a=%41", "/code=1", "/?a=1&b=%3D#c", "/sentine"]
)
def test_what_only_looks_like_it_is_skipped(path: str) -> None:
    plain = answer(path, "/home")
    assert skipped(plain * 5) == 5


@pytest.mark.parametrize("length", [0, 200, 400])
def test_more_hosts_and_pages_than_are_kept_at_hand_are_told_apart(length: int) -> None:
    """Those of odd numbers come again at once, and all of them later."""
    flows = []
    for number in (*range(700), *range(700)):
        page = f"https://page-{number}.example/{'p' * length}{'?a=1' * (number % 3 == 0)}"
        flows += [answer("/", "/", host=f"host-{number}.example", headers=[(b"Referer", page.encode())])] * (
            1 + number % 2
        )
    content = b"".join(flows)
    assert skipped(content) == len(flows)
    assert_as_without(content)
    assert len(surveyed(content).host_groups) == len(surveyed(content).page_groups) == 700


@pytest.mark.parametrize("skipping", [True, False])
def test_groups_whose_texts_were_forgotten_are_the_same_again(
    monkeypatch: pytest.MonkeyPatch, *, skipping: bool
) -> None:
    flows = [
        answer("/", "/", host=f"host-{number}.example", headers=[(b"Referer", b"https://page-%d.example/" % number)])
        for number in (*range(600), *range(600))
    ]
    all_kept = surveyed(b"".join(flows), skipping=skipping)
    monkeypatch.setattr(scan, "_MOST_KEPT", 2)
    assert surveyed(b"".join(flows), skipping=skipping) == all_kept
    assert len(set(all_kept.hosts)) == len(set(all_kept.pages)) == 600


@given(st.data())
@settings(max_examples=400, deadline=None)
def test_damaged_flows_are_surveyed_alike(data: st.DataObject) -> None:
    begin, flow = OTHERS[0] + LOGIN[1], bytearray(data.draw(st.sampled_from([*OTHERS[:4], *LOGIN])))
    # What follows a body is looked at; bodies are jumped over.
    places = st.one_of(st.integers(0, 200), st.integers(flow.rfind(b"7:request;") - 500, len(flow) - 1))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(places.filter(lambda place: 0 <= place < len(flow)))
        piece = data.draw(
            st.one_of(st.sampled_from([b"", b"0", b"9", b",", b";", b"]", b":", b"?", b"%"]), st.binary(max_size=3))
        )
        flow[place : place + data.draw(st.integers(0, 2))] = piece
    assert_as_without(begin * 2 + bytes(flow) + bytes(flow) + begin)


@pytest.mark.parametrize("skipping", [True, False])
@pytest.mark.parametrize("others", [[], [tflow.ttcpflow()], [tflow.ttcpflow(), tflow.ttcpflow()]])
def test_the_latest_time_and_the_last_one_are_kept(others: list[Flow], *, skipping: bool) -> None:
    times = 1700000000.5, 1700000003.25, 1700000003.125, 1700000002.75
    flows: list[Flow] = []
    for time in times:
        flow = tflow.tflow(resp=True)
        assert flow.response
        flow.request.timestamp_start = flow.request.timestamp_end = time
        flow.response.timestamp_start = flow.response.timestamp_end = time
        flows.append(flow)
    found = surveyed(written(*flows, *others), skipping=skipping)
    assert (found.latest, found.started) == (times[1], times[-1])


@pytest.mark.parametrize("skipping", [True, False])
def test_of_more_hosts_than_are_told_apart_every_place_is_noted(
    monkeypatch: pytest.MonkeyPatch, *, skipping: bool
) -> None:
    monkeypatch.setattr(survey, "_MOST_GROUPS", 1)
    page = [(b"Referer", b"https://a.example/")], [(b"Referer", b"https://b.example/")]
    content = b"".join([
        answer("/", "/", headers=page[0]), *(answer("/", "/", host="other.example") for _ in range(2)),
        *(answer("/", "/", headers=page[1]) for _ in range(2)),
    ])  # fmt: skip
    assert list(surveyed(content, skipping=skipping).crowd) == [1, 2, 3, 4]
