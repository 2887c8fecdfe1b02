"""What is judged of a capture does not depend on how much of it was skipped."""

from __future__ import annotations

import gzip
import io
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from itertools import pairwise, starmap
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import pytest
from bench.archive import Traffic
from hypothesis import given, settings
from hypothesis import strategies as st
from mitmproxy import http
from mitmproxy.flow import Error, Flow
from mitmproxy.test import tflow
from mitmproxy.websocket import WebSocketData

from lp_sentinel.captures import ranges, scan, survey
from lp_sentinel.captures.extract import first_flow
from lp_sentinel.captures.gather import gather
from lp_sentinel.captures.layout import ENDING, Unusual, flow_end, read_exchange
from lp_sentinel.captures.skip import Skipper
from lp_sentinel.captures.spool import Spool
from lp_sentinel.captures.stream import CaptureError
from lp_sentinel.captures.survey import Survey
from lp_sentinel.check import _announced, judge_capture
from lp_sentinel.config import config_from
from lp_sentinel.engine import Engine
from lp_sentinel.exchange import Exchange
from lp_sentinel.finding import Finding, JourneySummary, by_place
from lp_sentinel.project import Project, load_project
from lp_sentinel.redact import Redactor
from lp_sentinel.reports.base import CaptureEnd
from lp_sentinel.reports.jsonl import JsonLines
from lp_sentinel.rules import load_rules
from lp_sentinel.workers import Workers
from tests.captures.reading import in_order, read_capture
from tests.captures.test_flows import written

ROOT = Path(__file__).resolve().parents[2]
RECORDED = load_project(str(ROOT / "captures" / "lp-authorize.yaml"))
BOOK = load_rules()
PLAIN = Redactor(on=False)
APP = {"client_id": "my-app", "redirect_uris": ["https://app.example/cb"]}
KNOWN = Project(config_from({"accounts": {"12345678": {"apps": [APP]}}}), BOOK)
UNKNOWN = Project(config_from({}), BOOK)

SENTINEL, LOGIN, APPS, OTHER = "va.sentinel.liveperson.net", "login.liveperson.net", "app.example", "cdn.example"
HOSTS = st.sampled_from(
    [SENTINEL, LOGIN, APPS, "new.example", "idp.example", "gate.example", OTHER, "xn--bcher-kva.example"]
)
AUTHORIZE = "/sentinel/api/account/12345678/authorize?v=1.0&response_type=code&client_id=my-app"
TARGETS = st.sampled_from([
    f"{AUTHORIZE}&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&state=s1",
    f"{AUTHORIZE}&redirect_uri=https%3A%2F%2Fnew.example%2Fcb&state=s2",
    AUTHORIZE,
    "/sentinel/api/account/12345678/token?v=2.0",
    "/", "/login", "/login?next=1", "/cb", "/cb?code=c1&state=s1", "/cb?code=c2", "/cb?st%61te=s2&c%6Fde=c1",
    "/cb?error=access_denied&state=s1", "/a,b;c?x=c1", "/x?y=1",
])  # fmt: skip
URLS = st.builds(lambda host, target: f"https://{host}{target}", HOSTS, TARGETS)
REFERERS = st.one_of(
    st.none(), URLS, HOSTS.map(lambda host: f"https://{host}/"), URLS.map(lambda url: f" {url}\t"),
    st.sampled_from(["", "about:blank", "/x?c1"])
)  # fmt: skip
LOCATIONS = st.one_of(URLS, TARGETS, st.sampled_from([
    "", "?code=c1", "#state=s1", "/cb?co\tde=c2", "app:/cb?code=c1", "///app.example/cb", "/\\login.example/", "http://[x/"
]))  # fmt: skip


@st.composite
def flows(draw: st.DrawFn) -> Flow:
    """A flow of any kind, of which many have to do with a login."""
    kind = draw(st.sampled_from(["http"] * 12 + ["error", "websocket", "tcp", "marked"]))
    if kind == "tcp":
        return tflow.ttcpflow()
    host = draw(HOSTS)
    flow = tflow.tflow(resp=kind != "error")
    flow.client_conn.peername = (draw(st.sampled_from(["10.0.0.1", "10.0.0.2", "::1"])), 1234)
    request = flow.request.data
    request.http_version = draw(st.sampled_from([b"HTTP/1.1", b"HTTP/2.0"]))
    request.host, request.port, request.scheme = draw(st.sampled_from([host, "192.0.2.1"])), 443, b"https"
    request.authority = host.encode() if request.http_version == b"HTTP/2.0" else b""
    request.path, request.method = (
        draw(TARGETS).encode(),
        draw(st.sampled_from([b"GET", b"GET", b"GET", b"POST", b"OPTIONS"])),
    )
    request.content = draw(st.sampled_from([b"", b"", b"code=c1&grant_type=authorization_code", None]))
    request.timestamp_start = draw(st.one_of(
        st.floats(1.7e9, 1.7e9 + 3000), st.sampled_from([1.7e9, 1.7e9 + 5, 1.7e9 + 950, 17.0, float("nan")])
    ))  # fmt: skip
    # What tflow has here are whole numbers, which mitmproxy itself never writes.
    request.timestamp_end = draw(st.sampled_from([request.timestamp_start + 0.25, None]))
    fields = [(draw(st.sampled_from([b"Host", b"host", b"HOST"])), host.encode())] if not request.authority else []
    if (referer := draw(REFERERS)) is not None:
        fields.append((draw(st.sampled_from([b"Referer", b"referer", b"REFERER"])), referer.encode()))
    fields += draw(st.lists(st.sampled_from([
        (b"user-agent", b"a"), (b"cookie", b"x=4:host,3:a.b,]"), (b"cookie", b"7:referer,2:x,,]9:"), (b"x", b""),
        (b"referer", b"https://cdn.example/?x=c2"), (b"sec-fetch-dest", b"image"),
        (b"content-length", b"44"), (b"Content-Encoding", b""),
    ]), max_size=3))  # fmt: skip
    request.headers = http.Headers(draw(st.permutations(fields)))
    if kind == "error":
        flow.error = Error("broken", timestamp=request.timestamp_start + 1)
        return flow
    assert flow.response
    answer = flow.response.data
    answer.status_code = draw(st.sampled_from([200, 302, 302, 303, 404]))
    answer.content = draw(st.sampled_from([b"", b"7:request;1:", None, b'{"access_token": "t", "expires_in": 60}']))
    answer.timestamp_start, answer.timestamp_end = request.timestamp_start + 1, request.timestamp_start + 1.5
    locations = draw(st.lists(LOCATIONS, min_size=answer.status_code in (302, 303), max_size=2))
    about_body = draw(st.sampled_from([[], [], [(b"Content-Length", b"46")], [(b"content-encoding", b"gzip")]]))
    answer.headers = http.Headers([*((b"Location", location.encode()) for location in locations), *about_body])
    if kind == "marked":
        flow.marked, flow.comment = ":star:", "}9:websocket;0:~"
    elif kind == "websocket":
        flow.websocket = WebSocketData()
    return flow


class InTurn(Workers):
    """Does the tasks of other processes in this one, and counts them."""

    def __init__(self) -> None:
        super().__init__(2, print)
        self.done = 0

    def map[R](self, task: Callable[..., R], each: Iterable[tuple[object, ...]]) -> Iterator[R]:
        for result in starmap(task, each):
            self.done += 1
            yield result


@pytest.fixture(scope="module", autouse=True)
def _small_files_are_worth_workers() -> Iterator[None]:
    with mock.patch.object(ranges, "WORTH_SHARING", 0.0):
        yield


class Report(NamedTuple):
    """What a run leaves."""

    exchanges: int
    problem: str | None
    lines: bytes
    """The JSON Lines, as they are written."""


def reported(path: Path, exchanges: int, findings: Iterable[Finding], journeys: Iterable[JourneySummary],
             problem: str | None) -> Report:  # fmt: skip
    file = path.with_suffix(".jsonl")
    report = JsonLines(str(file))
    for finding in findings:
        report.finding(finding)
    for journey in journeys:
        report.journey(journey)
    report.capture(CaptureEnd(str(path), exchanges, problem))
    report.close()
    return Report(exchanges, problem, file.read_bytes())


def slowly(path: Path, project: Project, at: Path | None = None) -> Report:
    """All that a capture holds, judged without leaving anything out. The report is written beside it, or ``at``."""
    exchanges: list[Exchange] = []
    problem = None
    try:
        exchanges.extend(read_capture(path))
    except CaptureError as error:
        problem = str(error)
    engine = Engine(project.config, project.book, PLAIN, str(path))
    announced = (one for one in _announced(in_order(exchanges), engine) if isinstance(one, Exchange))
    verdicts = [*map(engine.feed, announced), *engine.close()]
    findings = by_place(finding for verdict in verdicts for finding in verdict.findings)
    journeys = (one for verdict in verdicts for one in verdict.closed)
    return reported(at or path, len(exchanges), findings, journeys, problem)


def quickly(path: Path, project: Project, at: Path | None = None, workers: Workers | None = None) -> Report:
    """The same by the quick road, with what is compiled and without."""
    reports = []
    with workers or nullcontext():
        for skipper in (Skipper, None):
            with mock.patch.object(scan, "Skipper", skipper):
                judged = judge_capture(path, project, PLAIN, workers)
            reports.append(reported(at or path, judged.exchanges, judged.findings, judged.journeys, judged.problem))
    assert reports[0] == reports[1]
    return reports[0]


@pytest.mark.parametrize("path", sorted((ROOT / "captures").glob("*.[fh][la]*")), ids=lambda path: path.name)
def test_recorded_captures_come_to_the_same(path: Path, tmp_path: Path) -> None:
    at = tmp_path / "report"
    report = slowly(path, RECORDED, at)
    assert report.lines
    assert quickly(path, RECORDED, at) == report


@pytest.mark.parametrize("path", sorted((ROOT / "captures").glob("*.flow")), ids=lambda path: path.name)
def test_flows_of_any_version_come_to_the_same(path: Path, tmp_path: Path) -> None:
    older = tmp_path / "older.flow"
    # What mitmproxy 10 wrote differs in fields that an exchange has no use for.
    older.write_bytes(path.read_bytes().replace(b"7:version;2:21#}", b"7:version;2:20#}"))
    assert quickly(older, RECORDED).lines == slowly(older, RECORDED).lines


@pytest.mark.parametrize("size", [1 << 30, 3_000])
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("project", [KNOWN, UNKNOWN], ids=["known", "unknown"])
def test_archives_come_to_the_same(
    seed: int, project: Project, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranges, "RANGE", size)
    traffic = Traffic(seed)
    records = [record for _ in range(30) for record in (*(traffic.other() for _ in range(5)), *traffic.login())]
    path = tmp_path / "a.flow"
    for order in (records, records[::-1], records[::2] + records[1::2]):
        path.write_bytes(b"".join(order))
        report = slowly(path, project)
        assert quickly(path, project) == report
        assert quickly(path, project, workers=InTurn()) == report


@pytest.mark.parametrize("worth_it", [True, False])
def test_a_file_is_shared_out_among_all_workers(
    worth_it: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    traffic = Traffic(4)
    path = tmp_path / "a.flow"
    path.write_bytes(b"".join(record for _ in range(40) for record in (traffic.other(), *traffic.login())))
    monkeypatch.setattr(ranges, "_LEAST", 1_000)
    monkeypatch.setattr(ranges, "WORTH_SHARING", 0.0 if worth_it else float("inf"))
    workers = InTurn()
    with (
        workers,
        path.open("rb") as file,
        mmap(file.fileno(), 0, access=ACCESS_READ) as buffer,
        Spool() as one,
        Spool() as other,
    ):
        alone = [*ranges.go_through(buffer, path, Survey(), one)]
        shared = [*ranges.go_through(buffer, path, Survey(), other, workers)]
    assert (len(alone), len(shared)) == (1, workers.ahead)
    assert workers.done == (workers.ahead - 1 if worth_it else 0)
    assert [sum(part) for part in zip(*shared, strict=True)] == [*alone[0]]
    report = slowly(path, KNOWN)
    assert quickly(path, KNOWN, workers=InTurn()) == report


@pytest.mark.parametrize("size", [1 << 30, 9_000, 50])
def test_packed_and_broken_archives_come_to_the_same(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranges, "RANGE", size)
    traffic = Traffic(9)
    whole = b"".join(record for _ in range(10) for record in (traffic.other(), *traffic.login()))
    contents = (
        gzip.compress(whole), whole[:-1], whole[:-40], whole[: len(whole) // 2], whole + b"3:abc,", whole + b"12",
        whole + b"x", whole + b"2:{}}", whole + b"0:}" + whole, b"", b"12:", b"no capture",
    )  # fmt: skip
    for content in contents:
        path = tmp_path / "a.flow"
        path.write_bytes(content)
        report = slowly(path, KNOWN)
        assert quickly(path, KNOWN) == report
        assert quickly(path, KNOWN, workers=InTurn()) == report


def test_what_looks_like_a_flow_in_a_body_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    traffic = Traffic(7)
    flow = tflow.tflow(resp=True)
    assert flow.response
    flow.response.content = b"".join([ENDING, *traffic.login(), *traffic.login()])
    inside = written(flow)
    path = tmp_path / "a.flow"
    path.write_bytes(b"".join([inside, *traffic.login(), inside, traffic.other()]))
    report = slowly(path, KNOWN)
    assert report.exchanges == 8
    for size in (5_000, 20_000, 50_000):
        monkeypatch.setattr(ranges, "RANGE", size)
        assert first_flow(path.read_bytes(), 5_000) < len(inside)
        assert quickly(path, KNOWN, workers=InTurn()) == report


@given(st.data(), st.lists(flows(), min_size=1, max_size=14), st.sampled_from([KNOWN, UNKNOWN]))
@settings(max_examples=300, deadline=None)
def test_any_flows_come_to_the_same(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, held: list[Flow], project: Project
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.flow"
    content = written(*data.draw(st.permutations(held)))
    path.write_bytes(content)
    report = slowly(path, project)
    with (
        mock.patch.object(ranges, "RANGE", data.draw(st.integers(len(content) // 20, len(content)))),
        mock.patch.object(survey, "_MOST_GROUPS", data.draw(st.sampled_from([1 << 16, 2]))),
    ):
        assert quickly(path, project) == report
        assert quickly(path, project, workers=InTurn()) == report


def hop(host: str, target: str, location: str, *, at: int = 0, method: str = "GET", referer: str = "") -> Flow:
    """A redirect, laid out as mitmproxy does it."""
    flow = tflow.tflow(resp=True)
    request, response = flow.request, flow.response
    assert response
    request.scheme, request.port, request.method = "https", 443, method
    request.host, request.path = host, target
    request.headers = http.Headers([(b"Host", host.encode()), (b"Referer", referer.encode())])
    request.timestamp_start = 1.7e9 + at
    request.timestamp_end = response.timestamp_start = response.timestamp_end = 1.7e9 + at + 0.25
    response.status_code, response.headers = 302, http.Headers([(b"Location", location.encode())])
    return flow


def test_a_hop_whose_referer_has_blanks_around_it(tmp_path: Path) -> None:
    page = f"https://{LOGIN}/x"
    path = tmp_path / "a.flow"
    path.write_bytes(written(
        hop(SENTINEL, AUTHORIZE, page),
        hop("idp.example", "/", f"https://{APPS}/cb", at=1, method="POST", referer=f" {page}\t"),
    ))  # fmt: skip
    report = slowly(path, KNOWN)
    assert b"LPA304" in report.lines
    assert quickly(path, KNOWN) == report


@pytest.mark.alone
def test_a_login_that_goes_from_host_to_host_takes_no_longer_than_one_that_stays(tmp_path: Path) -> None:
    def took(*hosts: str) -> float:
        path = tmp_path / "a.flow"
        on = [hop(host, f"/{at}", f"https://{to}/{at + 1}", at=at) for at, (host, to) in enumerate(pairwise(hosts))]
        path.write_bytes(written(hop(SENTINEL, AUTHORIZE, f"https://{hosts[0]}/0"), *on))
        begin = time.process_time()
        with gather(path, UNKNOWN.config) as gathered:
            assert sum(isinstance(one, Exchange) for one in gathered.exchanges) == len(hosts)
        return time.process_time() - begin

    assert took(*(f"h{number}.example" for number in range(2_000))) < 5 * took(*[LOGIN] * 2_000)


def test_most_flows_are_skipped(tmp_path: Path) -> None:
    traffic = Traffic(4)
    path = tmp_path / "a.flow"
    path.write_bytes(b"".join((*(traffic.other() for _ in range(500)), *traffic.login())))
    with gather(path, KNOWN.config) as gathered:
        assert gathered.held == 505
        assert sum(isinstance(one, Exchange) for one in gathered.exchanges) < 20


@given(flows().filter(lambda flow: isinstance(flow, http.HTTPFlow)))
@settings(max_examples=500, deadline=None)
def test_any_exchange_read_in_place_is_the_one_that_mitmproxy_reads(flow: Flow) -> None:
    record = written(flow)
    try:
        exchange = read_exchange(record, 0, 0)
    except Unusual:
        return
    [expected] = read_capture(io.BytesIO(record))
    assert exchange == expected


def test_a_token_exchange_is_read_without_mitmproxy() -> None:
    record = (ROOT / "captures" / "demo.flow").read_bytes()
    read: list[Exchange] = []
    at = 0
    while at < len(record):
        read.append(read_exchange(record, at, len(read)))
        at = flow_end(record, at)
    assert any(one.request_body and one.response_body for one in read)


def test_an_exchange_read_in_place_is_the_one_that_mitmproxy_reads(tmp_path: Path) -> None:
    path = tmp_path / "a.flow"
    for record in Traffic(5).login():
        path.write_bytes(record)
        assert [read_exchange(record, 0, 0)] == list(read_capture(path))


@pytest.mark.parametrize("where", ["first", "last", "in a body"])
def test_a_flow_that_only_looks_sound_is_reported(where: str, tmp_path: Path) -> None:
    traffic = Traffic(3)
    login = b"".join(traffic.login())
    broken, sound = login.replace(b"7:headers;", b"7:headerz;"), b"".join(traffic.login())
    path = tmp_path / "a.flow"
    path.write_bytes(broken + sound if where == "first" else sound + broken)
    if where == "in a body":
        flow = tflow.tflow(resp=True)
        assert flow.response
        flow.response.raw_content = broken
        path.write_bytes(written(flow) + sound)
    report = slowly(path, KNOWN)
    assert (report.exchanges, report.problem is None) == ((6, True) if where == "in a body" else (5, False))
    assert quickly(path, KNOWN) == report
