"""What the hooks cost: next to nothing on traffic that is none of ours, little on a login."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mitmproxy import http
from mitmproxy.test import taddons, tflow
from pytest_benchmark.fixture import BenchmarkFixture

from lp_sentinel.mitm import Addon

CONFIG = Path(__file__).resolve().parent.parent / "captures" / "lp-authorize.yaml"

# The bounds are seconds on a machine that parses DOCUMENT in REFERENCE seconds; a slower one is allowed more,
# and each some more for what else it does at the same time.
REFERENCE = 10e-6
SLACK = 1.5
DOCUMENT = json.dumps([{"name": f"header-{number}", "value": "x" * 20, "size": number} for number in range(25)])
IRRELEVANT = 3e-6
AUTHORIZE = 1e-3


@pytest.fixture
def addon(tmp_path: Path) -> Iterator[Addon]:
    one = Addon()
    with taddons.context(one) as context:  # type: ignore[no-untyped-call]
        context.configure(one, lp_config=str(CONFIG), lp_show="none", lp_report=[str(tmp_path / "report.jsonl")])
        yield one
        one.done()


def fastest(act: Callable[[], object], rounds: int) -> float:
    """Seconds that ``act`` takes when nothing disturbs it."""
    clock, best = time.perf_counter, float("inf")
    for _ in range(rounds):
        start = clock()
        act()
        best = min(best, clock() - start)
    return best


def pace() -> float:
    """How many times as long as on the machine that the bounds are for something may take here and now."""
    return SLACK * max(1.0, fastest(lambda: json.loads(DOCUMENT), 2_000) / REFERENCE)


def irrelevant() -> http.HTTPFlow:
    """As browsers send them: a dozen headers, some query."""
    flow = tflow.tflow(resp=True)
    flow.request.path = "/assets/app.3f9c1b2a.js?v=20261124&lang=en"
    flow.request.host = "cdn.example"
    names = ("User-Agent", "Accept", "Accept-Language", "Accept-Encoding", "Sec-Fetch-Site", "Sec-Fetch-Mode", "Cookie")
    flow.request.headers = http.Headers([(b"Host", b"cdn.example"), *((name.encode(), b"x" * 60) for name in names)])
    flow.request.headers["Referer"] = "https://www.example/products/index.html?page=3"
    return flow


def test_traffic_that_is_none_of_ours_costs_microseconds(addon: Addon, benchmark: BenchmarkFixture) -> None:
    flows = [irrelevant() for _ in range(200)]

    def pass_all() -> None:
        for flow in flows:
            addon.request(flow)
            addon.response(flow)

    benchmark(pass_all)
    took = fastest(pass_all, 100) / len(flows)
    assert took < IRRELEVANT * pace(), f"{took * 1e6:.2f} microseconds a flow"


_states = itertools.count()


def authorize() -> http.HTTPFlow:
    """A login of its own, in order and answered with the landing."""
    flow = tflow.tflow(resp=True)
    flow.request.host, flow.request.port, flow.request.scheme = "sentinel.localhost", 443, "https"
    state = f"af0ifjsldkjFvB2Xq9ZwTg{next(_states)}"
    callback = "http://reports.localhost:5002/callback"
    query = {"v": "1.0", "response_type": "code", "client_id": "75588e18-0213-4e33-8174-883acac7e3c4"}
    flow.request.path = "/sentinel/api/account/12345678/authorize"
    flow.request.query.update({**query, "redirect_uri": callback, "state": state})
    flow.request.headers = http.Headers(host="sentinel.localhost", user_agent="x" * 100)
    flow.request.timestamp_start = time.time()
    assert flow.response
    flow.response.status_code = 302
    # Half of the state: a finding has to be written.
    flow.response.headers["Location"] = f"{callback}?code=Splx{state}&state={state[:12]}"
    return flow


def test_an_authorize_exchange_is_judged_within_a_millisecond(
    addon: Addon, benchmark: BenchmarkFixture, tmp_path: Path
) -> None:
    """Read, judged and written to a report: with a finding, so that it is not the cheapest case."""
    times: list[float] = []

    def judge(flow: http.HTTPFlow) -> None:
        start = time.perf_counter()
        addon.request(flow)
        addon.response(flow)
        times.append(time.perf_counter() - start)

    benchmark.pedantic(judge, setup=lambda: ((authorize(),), {}), rounds=500)  # type: ignore[no-untyped-call]
    took = sorted(times)[len(times) // 4]  # the others were disturbed, on a busy machine
    assert took < AUTHORIZE * pace(), f"{took * 1e3:.3f} ms"
    lines = (tmp_path / "report.jsonl").read_text("utf-8").splitlines()
    found = [json.loads(line)["rule"] for line in lines]
    assert found.count("LPA311") == len(times), "each was judged and reported at once"
