"""What the labelled cases come to does not depend on how much of the traffic around them was skipped."""

from __future__ import annotations

from pathlib import Path

import pytest
from mitmproxy import http
from mitmproxy.flow import Flow
from mitmproxy.test import tflow

from lp_sentinel.check import judge_capture
from lp_sentinel.engine import Engine
from lp_sentinel.finding import by_place
from lp_sentinel.project import Project
from lp_sentinel.rules.book import Example
from lp_sentinel.rules.examples import example_config, example_exchanges
from tests.captures.judging import BOOK, PLAIN
from tests.captures.making import written
from tests.captures.reading import in_order, read_capture
from tests.captures.writing import flow_of
from tests.labelled import CASES, EXAMPLES


def other(at: float) -> Flow:
    """What has nothing to do with any login."""
    flow = tflow.tflow(resp=True)
    assert flow.response
    flow.request.host, flow.request.path, flow.request.timestamp_start = "cdn.example", "/x.js", at
    flow.request.headers = http.Headers([(b"Host", b"cdn.example"), (b"Referer", b"https://shop.example/")])
    flow.request.timestamp_end = flow.response.timestamp_start = flow.response.timestamp_end = at + 0.25
    return flow


@pytest.mark.parametrize("example", [*CASES, *EXAMPLES])
def test_a_case_among_other_traffic_comes_to_the_same(example: Example, tmp_path: Path) -> None:
    project = Project(example_config(example), BOOK)
    recorded = [flow_of(exchange) for exchange in example_exchanges(example)]
    begin, end = recorded[0].request.timestamp_start, recorded[-1].request.timestamp_start
    path = tmp_path / "a.flow"
    # A flow file lists them in the order in which they ended, if not in any.
    path.write_bytes(written(other(begin), *reversed(recorded), other(end)))
    engine = Engine(project, PLAIN, str(path))
    verdicts = [*map(engine.feed, in_order(read_capture(path))), *engine.close()]
    judged = judge_capture(path, project, PLAIN)
    assert [*judged.findings] == by_place(finding for verdict in verdicts for finding in verdict.findings)
    assert [*judged.journeys] == [journey for verdict in verdicts for journey in verdict.closed]
