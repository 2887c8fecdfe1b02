from __future__ import annotations

import gc
import weakref

import pytest
from mitmproxy.test import tflow
from msgspec.structs import replace

from lp_sentinel.exchange import FAULT_KEY
from lp_sentinel.faults.notes import forget, note
from lp_sentinel.finding import Finding
from lp_sentinel.marks import METADATA, Marks
from tests.faults.making import fault
from tests.reports.samples import HOPS, JOURNEY, finding


def marked(*findings: Finding, marked: str = "", comment: str = "") -> tuple[str, str]:
    flow = tflow.tflow()
    flow.marked, flow.comment = marked, comment
    marks = Marks()
    marks.begin(flow)
    marks.tell(flow.id, "login", replace(JOURNEY, hops=tuple(replace(hop, flow=flow.id) for hop in HOPS[:2])))
    for one in findings:
        marks.finding(replace(one, flow=flow.id))
    assert marks.apply() == [flow]
    assert marks.apply() == [], "nothing is new"
    return flow.marked, flow.comment


STORY = "login (j3): 302 to https://app.example/cb?code=Splx…(22)#a1f3c2; "


@pytest.mark.parametrize(
    ("findings", "mark", "comment"),
    [
        ([], ":white_check_mark:", "in order"),
        ([finding()], ":red_circle:", "LPA310 state-lost"),
        ([finding(severity="warning")], ":large_orange_diamond:", "LPA310 state-lost"),
        ([finding(severity="info")], ":large_blue_circle:", "LPA310 state-lost"),
        ([finding(severity="info"), finding(rule="LPA311")], ":red_circle:", "LPA310 state-lost, LPA311 state-lost"),
        ([finding(), finding()], ":red_circle:", "LPA310 state-lost"),
        ([finding(allowed=True)], ":white_check_mark:", "LPA310 state-lost (allowed)"),
        ([finding(injected=True)], ":white_check_mark:", "LPA310 state-lost (injected)"),
    ],
)
def test_the_worst_that_counts_marks_a_flow(findings: list[Finding], mark: str, comment: str) -> None:
    assert marked(*findings) == (mark, STORY + comment)


def test_a_flow_is_told_as_its_own_hop_was() -> None:
    flow, marks = tflow.tflow(), Marks()
    marks.begin(flow)
    hops = (replace(HOPS[0], flow=flow.id, status=303), *HOPS[1:])
    marks.tell(flow.id, "authorize", replace(JOURNEY, hops=hops))
    marks.apply()
    assert flow.comment.startswith("authorize (j3): 303")


@pytest.mark.parametrize(("found", "told"), [([], "cause not found"), ([finding(rule="LPA123", name="x")], "LPA123 x")])
def test_a_refusal_that_no_rule_explains_is_not_told_as_in_order(found: list[Finding], told: str) -> None:
    flow, marks = tflow.tflow(), Marks()
    marks.begin(flow)
    hop = replace(HOPS[0], flow=flow.id, status=400, leads_to=None)
    marks.tell(flow.id, "authorize", replace(JOURNEY, hops=(hop,), outcome="refused:400"))
    for one in found:
        marks.finding(replace(one, flow=flow.id))
    marks.apply()
    assert flow.comment == f"authorize (j3): 400; {told}"


def test_a_flow_that_is_of_no_login_is_left_as_it_is() -> None:
    flow, marks = tflow.tflow(), Marks()
    marks.begin(flow)
    marks.judged(flow.id)
    assert marks.apply() == []
    assert METADATA not in flow.metadata


def test_what_a_person_put_there_stays() -> None:
    assert marked(finding(), marked=":star:") == (":star:", STORY + "LPA310 state-lost")
    assert marked(finding(), comment="look at this") == (":red_circle:", "look at this")


def test_what_is_found_later_is_added() -> None:
    flow = tflow.tflow()
    marks = Marks()
    marks.begin(flow)
    marks.tell(flow.id, "authorize", None)
    marks.apply()
    assert (flow.marked, flow.comment) == (":white_check_mark:", "authorize; in order")
    marks.finding(finding(flow=flow.id))
    assert marks.apply() == [flow]
    assert (flow.marked, flow.comment) == (":red_circle:", "authorize; LPA310 state-lost")


def test_our_marks_are_known_as_ours_when_the_flow_is_loaded_again() -> None:
    flow = tflow.tflow()
    for comment in ("callback; in order", "callback; LPA310 state-lost"):
        marks = Marks()
        marks.begin(flow)
        marks.tell(flow.id, "callback", None)
        if "LPA310" in comment:
            marks.finding(finding(flow=flow.id))
        marks.apply()
        assert flow.comment == comment
    assert flow.metadata[METADATA] == {"marked": ":red_circle:", "comment": comment}


def test_no_flow_is_kept_alive_and_none_is_missed() -> None:
    flow = tflow.tflow()
    marks = Marks()
    marks.begin(flow)
    marks.tell(flow.id, "callback", None)
    gone = weakref.ref(flow)
    del flow
    gc.collect()
    assert gone() is None
    marks.finding(finding(flow="never seen"))
    assert marks.apply() == []


INJECTED = "injected state-lost; n=1: state removed"


@pytest.mark.parametrize(
    ("by_person", "shown"),
    [
        (("", ""), (":syringe:", f"{INJECTED}; authorize; LPA310 state-lost (injected)")),
        ((":star:", "look at this"), (":star:", "look at this")),
    ],
)
def test_what_a_fault_did_stands_before_what_was_found(by_person: tuple[str, str], shown: tuple[str, str]) -> None:
    flow = tflow.tflow()
    flow.marked, flow.comment = by_person
    note(flow, fault("preset: state-lost"), 1, "state removed")
    assert (flow.marked, flow.comment) == (by_person if any(by_person) else (":syringe:", INJECTED))
    marks = Marks()
    marks.begin(flow)
    marks.tell(flow.id, "authorize", None)
    marks.finding(finding(flow=flow.id, injected=True))
    assert marks.apply() == [flow]
    assert (flow.marked, flow.comment) == shown


def test_a_flow_that_is_sent_again_says_no_more_of_its_fault() -> None:
    flow = tflow.tflow()
    note(flow, fault("preset: state-lost"), 1, "state removed")
    forget(flow)
    marks = Marks()
    marks.begin(flow)
    marks.tell(flow.id, "authorize", None)
    marks.apply()
    assert (flow.marked, flow.comment) == (":white_check_mark:", "authorize; in order")


def test_a_flow_that_is_sent_again_says_no_more_of_what_was_found() -> None:
    flow, marks = tflow.tflow(), Marks()
    for found, comment in ((True, "authorize; LPA310 state-lost"), (False, "authorize; in order")):
        marks.begin(flow)
        marks.tell(flow.id, "authorize", None)
        if found:
            marks.finding(finding(flow=flow.id))
        marks.apply()
        assert flow.comment == comment


def test_what_was_of_a_login_only_so_far_is_marked_no_more_in_the_end() -> None:
    marks, flows = Marks(), [tflow.tflow(), tflow.tflow()]
    for flow in flows:
        marks.begin(flow)
        marks.mark_for_now(flow, "callback", None, [])
        assert (flow.marked, flow.comment) == (":white_check_mark:", "callback; in order so far")
    for flow in flows:
        marks.judged(flow.id)
    marks.tell(flows[0].id, "callback", None)
    assert set(marks.apply()) == set(flows)
    assert [(flow.marked, flow.comment) for flow in flows] == [(":white_check_mark:", "callback; in order"), ("", "")]


def test_a_fault_that_does_not_say_what_it_did_is_marked_all_the_same() -> None:
    flow = tflow.tflow()
    flow.metadata[FAULT_KEY] = True  # as in a file that was made safe to share
    marks = Marks()
    marks.begin(flow)
    marks.tell(flow.id, "authorize", None)
    marks.apply()
    assert (flow.marked, flow.comment) == (":syringe:", "authorize; in order")
