"""What is judged of a capture does not depend on how much of it was skipped."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator
from itertools import pairwise
from mmap import ACCESS_READ, mmap
from pathlib import Path
from unittest import mock

import pytest
from bench.archive import Traffic
from hypothesis import given, settings
from hypothesis import strategies as st
from mitmproxy import http
from mitmproxy.flow import Flow
from mitmproxy.test import tflow

from lp_sentinel.captures import ranges, survey
from lp_sentinel.captures.extract import first_flow
from lp_sentinel.captures.gather import gather
from lp_sentinel.captures.layout import ENDING
from lp_sentinel.captures.spool import Spool
from lp_sentinel.captures.survey import Survey
from lp_sentinel.exchange import Exchange
from lp_sentinel.project import Project
from tests.captures.judging import KNOWN, RECORDED, ROOT, UNKNOWN, InTurn, quickly, slowly
from tests.captures.making import APPS, AUTHORIZE, LOGIN, SENTINEL, flows, written


@pytest.fixture(scope="module", autouse=True)
def _small_files_are_worth_workers() -> Iterator[None]:
    with mock.patch.object(ranges, "WORTH_SHARING", 0.0):
        yield


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
