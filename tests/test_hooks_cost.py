"""What the hooks cost: next to nothing on traffic that is none of ours, little on a login."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.test import taddons, tflow
from pytest_benchmark.fixture import BenchmarkFixture

from lp_sentinel.mitm import Addon

pytestmark = pytest.mark.alone

CONFIG = Path(__file__).resolve().parent.parent / "captures" / "lp-authorize.yaml"

# The bounds are seconds on a machine that parses DOCUMENT in REFERENCE seconds; a slower one is allowed more,
# and each some more for what else it does at the same time.
REFERENCE = 16e-6
SLACK = 1.5
_ATTEMPTS = 10
DOCUMENT = json.dumps([{"name": f"header-{number}", "value": "x" * 20, "size": number} for number in range(25)])
IRRELEVANT = 1e-6
IRRELEVANT_ONCE_A_CODE_LANDED = 1.3e-6
AUTHORIZE, AUTHORIZE_WITH_LANDING = 0.3e-3, 0.55e-3

EVENTS = ("requestheaders", "request", "responseheaders", "response")
"""What mitmproxy calls for a flow, each followed by ``update``."""
ASKED = (
    "Host", "Connection", "sec-ch-ua", "sec-ch-ua-mobile", "User-Agent", "Accept", "Sec-Fetch-Site", "Sec-Fetch-Mode",
    "Sec-Fetch-Dest", "Referer", "Accept-Encoding", "Accept-Language", "Cookie",
)  # fmt: skip
ANSWERED = (
    "Date", "Content-Type", "Content-Length", "Connection", "Server", "ETag", "Last-Modified", "Cache-Control", "Vary",
    "Strict-Transport-Security", "X-Content-Type-Options", "Accept-Ranges",
)  # fmt: skip


class Hooks:
    """All that we put into mitmproxy, and what of it a flow passes."""

    def __init__(self, context: Any, addons: list[Any], report: Path) -> None:
        context.configure(addons[0], lp_config=str(CONFIG), lp_show="none", lp_report=[str(report)])
        events = [name for event in EVENTS for name in (event, "update")]
        self.passed: list[Callable[..., object]] = [
            getattr(addon, event) for event in events for addon in addons if hasattr(addon, event)
        ]

    def pass_through(self, flow: http.HTTPFlow) -> None:
        for hook in self.passed:
            assert hook(flow) is None


@pytest.fixture
def hooks(tmp_path: Path) -> Iterator[Hooks]:
    addons: list[Any] = [Addon()]
    with asyncio.Runner() as runner, taddons.context(*addons) as context:  # type: ignore[no-untyped-call]
        # What waits is looked at by the loop, which is there but does not run.
        asyncio._set_running_loop(runner.get_loop())  # noqa: SLF001
        yield Hooks(context, addons, tmp_path / "report.jsonl")
        addons[0].done()
        asyncio._set_running_loop(None)  # noqa: SLF001


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


def assert_takes(measure: Callable[[], float], bound: float) -> None:
    """What else a machine does makes things slower, never faster: so it is enough that the bound is kept once."""
    took = []
    for _ in range(_ATTEMPTS):
        took.append(measure())
        if took[-1] < bound * pace():
            return
        time.sleep(1)
    pytest.fail(f"{', '.join(f'{one * 1e6:.2f}' for one in took)} microseconds")


def irrelevant(number: int) -> http.HTTPFlow:
    """As browsers send them, each with bytes of its own."""
    flow = tflow.tflow(resp=True)
    flow.client_conn.peername = (f"10.0.1.{number % 20}", 50_000)
    flow.request.data.path = b"/assets/app.%d.js?v=20261124&lang=en" % number
    flow.request.data.host = "cdn.example"
    values = {"Host": "cdn.example", "Referer": f"https://www.example/products/{number % 20}.html?page=3"}
    flow.request.headers = http.Headers([(name.encode(), values.get(name, "x" * 60).encode()) for name in ASKED])
    assert flow.response
    flow.response.headers = http.Headers([(name.encode(), b"x" * 20) for name in ANSWERED])
    return flow


@pytest.mark.parametrize("has_code", [False, True])
def test_traffic_that_is_none_of_ours_costs_about_a_microsecond(
    hooks: Hooks, benchmark: BenchmarkFixture, *, has_code: bool
) -> None:
    """Until a code has landed only answers' headers are looked at; from then on any Referer may tell it."""
    if has_code:
        hooks.pass_through(landed())
    flows = [irrelevant(number) for number in range(200)]
    request, response = hooks.passed

    def pass_all() -> None:
        for flow in flows:
            request(flow)
            response(flow)

    benchmark(pass_all)
    bound = IRRELEVANT_ONCE_A_CODE_LANDED if has_code else IRRELEVANT
    assert_takes(lambda: fastest(pass_all, 100) / len(flows), bound)


_numbers = itertools.count()


def landed() -> http.HTTPFlow:
    """The beginning of a login that is its end, too: of a user who was logged in. Half of the state is lost."""
    flow = authorize()
    assert flow.response
    callback, state = flow.request.query["redirect_uri"], flow.request.query["state"]
    flow.response.headers["Location"] = f"{callback}?code=Splx{state}&state={state[:12]}"
    return flow


def authorize() -> http.HTTPFlow:
    """The beginning of a login in order, by a browser of its own."""
    flow, number = tflow.tflow(resp=True), next(_numbers)
    flow.client_conn.peername = (f"10.0.0.{number % 250}", 50_000)
    flow.request.host, flow.request.port, flow.request.scheme = "sentinel.localhost", 443, "https"
    state = f"af0ifjsldkjFvB2Xq9ZwTg{number}"
    callback = "http://reports.localhost:5002/callback"
    query = {"v": "1.0", "response_type": "code", "client_id": "75588e18-0213-4e33-8174-883acac7e3c4"}
    flow.request.path = "/sentinel/api/account/12345678/authorize"
    flow.request.query.update({**query, "redirect_uri": callback, "state": state})
    flow.request.headers = http.Headers(host="sentinel.localhost", user_agent=f"{'x' * 100}{number}")
    flow.request.timestamp_start = time.time()
    assert flow.response
    flow.response.status_code = 302
    flow.response.headers["Location"] = f"https://login.localhost/login?next={number}"
    return flow


@pytest.mark.parametrize(("made", "bound", "found"), [(authorize, AUTHORIZE, 0), (landed, AUTHORIZE_WITH_LANDING, 1)])
def test_an_authorize_exchange_is_judged_in_less_than_a_millisecond(
    hooks: Hooks,
    benchmark: BenchmarkFixture,
    tmp_path: Path,
    made: Callable[[], http.HTTPFlow],
    bound: float,
    found: int,
) -> None:
    """Read, judged and, where there is a finding, written to a report."""
    times: list[float] = []

    def judge(flow: http.HTTPFlow) -> None:
        start = time.perf_counter()
        hooks.pass_through(flow)
        times.append(time.perf_counter() - start)

    def quarter() -> float:
        """What a quarter of the exchanges took at most: the others were disturbed, on a busy machine."""
        begin = len(times)
        for _ in range(500):
            judge(made())
        return sorted(times[begin:])[125]

    benchmark.pedantic(judge, setup=lambda: ((made(),), {}), rounds=500)  # type: ignore[no-untyped-call]
    assert_takes(quarter, bound)
    lines = (tmp_path / "report.jsonl").read_text("utf-8").splitlines()
    rules = [json.loads(line)["rule"] for line in lines]
    assert rules.count("LPA311") == found * len(times), "each was judged and reported at once"
