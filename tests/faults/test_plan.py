"""A plan is taken as it is meant, or refused with the place of its mistake."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from mitmproxy.test import tflow

from lp_sentinel.documents.document import DocumentError
from lp_sentinel.faults.armed import Armed
from lp_sentinel.faults.lineup import Lineup
from lp_sentinel.faults.plan import HOPS, Bounds, Plan, Statuses, TargetParts, Times
from lp_sentinel.faults.reading import PlanError, load_plan, preset_index
from tests.faults.making import fault, plan

EXAMPLE = """
seed: 20261123
mode: arm
faults:
  - name: deny-once
    at: authorize
    match: {account: "12345678", client_id: my-app, state: "qa-*", outcome: code, filter: '~hq "X-QA: 1"'}
    times: {first: 1}
    do: {error: access_denied, description: "The user said no"}
    expect: {callback: 2xx-4xx, token: none, authorize_again: at most 1}
"""


def test_reads_the_documented_example() -> None:
    (one,) = plan(EXAMPLE)
    assert (one.name, one.at, one.seed, one.mode) == ("deny-once", "authorize", 20261123, "arm")
    assert (one.match.account, one.match.state, one.match.outcome) == ("12345678", "qa-*", "code")
    assert one.times == Times(first=1)
    assert one.expect.callback == Statuses(((200, 499),))
    assert (one.expect.token, one.expect.authorize_again) == (Bounds(0, 0), Bounds(0, 1))
    assert one.needs_answer, "its outcome is the real answer's"


def test_the_documented_filter_is_one_that_matches() -> None:
    (one,) = plan(EXAMPLE)
    assert one.match.passes
    flow = tflow.tflow()
    assert not one.match.passes(flow)
    flow.request.headers["X-QA"] = "1"
    assert one.match.passes(flow)


@pytest.mark.parametrize("name", preset_index())
def test_every_preset_loads(name: str) -> None:
    (one,) = load_plan([name]).faults
    assert one.name == name
    assert one.at in HOPS[one.family]
    assert one.expect.text, "a preset knows what an app should do"


def test_an_entry_takes_from_a_preset_what_it_does_not_say() -> None:
    one = fault("preset: state-lost, match: {client_id: 0123}, expect: {token: sent}")
    assert (one.name, one.at, one.do.state) == ("state-lost", "landing", "removed")
    assert one.match.client_id == "0123", "as the file spells it"
    assert (one.expect.token, one.expect.loop) == (Bounds(1, None), None)


@pytest.mark.parametrize(
    "times", ["first: 1", "nth: [9, 2], first: 2", "nth: 6, every: 3", "first: 3, every: 3", "max: 1"]
)
def test_times_that_agree_at_one_match_at_least(times: str) -> None:
    assert fault(f"preset: slow, times: {{{times}}}").family == "delay"


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("5s", 5), ("10m", 600), ("1.5h", 5400), ("3", 3), ("0.25", 0.25)]
)
def test_durations(text: str, seconds: float) -> None:
    assert fault(f"at: token, do: {{delay: {text}}}").do.delay == seconds


@pytest.mark.parametrize(
    ("text", "ranges"),
    [
        ("none", ()),
        ("2xx", ((200, 299),)),
        ("2xx-4xx", ((200, 499),)),
        ("302", ((302, 302),)),
        ("200-399", ((200, 399),)),
        ('"2xx, 404"', ((200, 299), (404, 404))),
    ],
)
def test_statuses(text: str, ranges: tuple[tuple[int, int], ...]) -> None:
    found = fault(f"preset: slow, expect: {{callback: {text}}}").expect.callback
    assert found == Statuses(ranges)


@pytest.mark.parametrize(("status", "holds"), [(199, False), (200, True), (299, True), (300, False)])
def test_a_range_of_statuses_holds_its_ends(status: int, holds: bool) -> None:
    assert Statuses(((200, 299), (404, 404))).holds(status) is holds


def test_an_error_of_a_token_request_has_a_status_of_its_own() -> None:
    assert fault("at: token, do: {error: slow_down, retry_after: 3}").do.status is None


def test_parts_of_a_target() -> None:
    do = fault("at: landing, do: {target: {host: B.example, port: 8443}}").do
    assert do.target == TargetParts(None, "b.example", 8443, None)


@pytest.mark.parametrize(
    ("entry", "mark", "problem"),
    [
        ("at: authorise, do: {close: true}", "authorise", "did you mean 'authorize'?"),
        ("at: token, doo: {close: true}", "doo", "unknown key 'doo', did you mean 'do'?"),
        ("at: token", "{name", "missing key 'do' (or a preset)"),
        ("do: {close: true}", "{name", "missing key 'at' (or a preset)"),
        ("preset: zzz", "zzz", "unknown preset 'zzz'; docs/faults.md lists them"),
        ("preset: acess_denied", "acess_denied", "unknown preset 'acess_denied', did you mean 'access_denied'?"),
        ("at: token, do: {state: removed}", "state", "'state' makes no sense at token, only at authorize, login"),
        ("at: callback, do: {error: a}", "error", "makes no sense at callback"),
        ("at: authorize, do: {without: [id_token]}", "without", "'without' makes no sense at authorize, only at token"),
        ("at: authorize, do: {error: a, hang: 3s}", "hang", "'error' and 'hang' do not go together"),
        ("at: authorize, do: {hang: 3s, delay: 1s}", "hang", "hang and delay can't be combined"),
        ("at: authorize, do: {close: true, jitter: 1s}", "jitter", "jitter needs a delay to be added to"),
        ("at: authorize, do: {body: html}", "body", "missing key 'status'"),
        ("at: landing, do: {code: kept}", "code", "a code can only be kept beside an error"),
        *(
            (f"at: token, do: {{error: a, {more}}}", "error", "a token request can't be answered with a redirect")
            for more in ("redirect: 303", "state: removed", "code: kept", "add: {a: b}", "fragment: true",
                         "target: other-path", "location: twice")
        ),
        ("at: landing, do: {target: other-pth}", "other-pth", "did you mean 'other-path'?"),
        ("at: landing, do: {target: {prot: 1}}", "prot", "did you mean 'port'?"),
        ('at: landing, do: {target: {host: "*.x"}}', '"*.x"', "expected one host, not a pattern"),
        ("at: landing, do: {login: false}", "false", "expected true, or no such key, not false"),
        ("at: landing, do: {login: [1]}", "[1]", "expected true, or no such key, not a list"),
        (f"at: landing, do: {{error: {'x' * 300}}}", "xx", "expected 200 characters or fewer, not 300"),
        (
            'at: token, do: {status: 200, body: {text: a, type: "text/ü"}}',
            '"text/ü"',
            "expected a media type such as text/html, not 'text/ü'",
        ),
        ("at: landing, do: {delay: 5 s}", "5 s", "expected a duration such as 500ms, 5s, 10m or 1h, not '5 s'"),
        ("at: token, do: {close: true}, times: {first: 0}", "0}", "expected 1 or more, not 0"),
        ("at: token, do: {close: true}, times: {percent: 120}", "120", "expected 100 or less, not 120"),
        ('at: token, do: {close: true}, match: {filter: "~q & ("}', "", "not a mitmproxy filter: '~q & ('"),
        ("at: token, do: {close: true}, match: {outcome: codes}", "codes", "did you mean 'code'?"),
        ("preset: token-401, match: {state: x}", "state: x", "a token request has no state"),
        (
            "at: token, do: {close: true}, match: {outcome: code}",
            "outcome",
            "the outcome 'code' makes no sense at token, only refused, other",
        ),
        (
            "at: callback, do: {close: true}, match: {outcome: login}",
            "outcome",
            "the outcome 'login' makes no sense at callback",
        ),
        ("at: landing, do: {code: empty}, match: {outcome: refused}", "outcome", "at landing, only code, error, other"),
        ("preset: slow, times: {first: 1, nth: [2, 3]}", "times", "first and nth never agree"),
        ("preset: slow, times: {nth: 5, every: 2}", "times", "nth and every never agree"),
        ("preset: slow, times: {first: 2, every: 3}", "times", "first and every never agree"),
        ("preset: slow, times: {first: 5, nth: [3, 9], every: 9}", "times", "first and nth and every never agree"),
        ("preset: slow, expect: {callback: '2xx, 5xx-3xx'}", "5xx-3xx", "the range '5xx-3xx' is empty"),
        ("preset: slow, expect: {callback: 6xx}", "6xx", "expected none, or statuses such as 2xx-4xx or 302"),
        (
            "preset: slow, expect: {token: at least 1}",
            "at least",
            "expected none, sent, or at most N, not 'at least 1'",
        ),
        ("preset: slow, expect: {authorize_again: sent}", "sent", "expected none, or at most N, not 'sent'"),
        ("preset: slow, expect: {loop: maybe}", "maybe", "expected true or false"),
    ],
)  # fmt: skip
def test_a_mistake_is_refused_where_it_stands(entry: str, mark: str, problem: str) -> None:
    text = f"faults:\n  - {{name: it, {entry}}}\n"
    with pytest.raises(DocumentError) as caught:
        plan(text)
    assert problem in caught.value.problem
    assert str(caught.value).startswith(f"plan.yaml:2:{caught.value.column}: ")
    if mark:
        assert text.splitlines()[1][caught.value.column - 1 :].startswith(mark)


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("sed: 1", 1, "unknown key 'sed', did you mean 'seed'?"),
        (
            "faults:\n- preset: state-lost\n  at: token",
            3,
            "preset 'state-lost': 'state' makes no sense at token, only at authorize, login, landing",
        ),
        ("faults:\n- preset: slow\n  do:\n    code: kept", 4, "a code can only be kept beside an error"),
        ("mode: dry", 1, "did you mean 'dry-run'?"),
        ("mode: on", 1, "expected arm, dry-run or off, not true"),
        ("faults:\n- preset: slow\n- preset: slow", 3, "the name 'slow' is taken by an earlier fault"),
        ("faults:\n- {name: x, preset: slow}\n- preset: slow\n  name: x", 4, "the name 'x' is taken by an earlier"),
        ("redirect_targets: [a.example]\nfaults:\n- {name: x, at: landing, do: {target: {host: b.example}}}", 3,
         "the host 'b.example' is not among redirect_targets"),
        ("faults: [", 1, "expected a value here"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_plan_around(text: str, line: int, problem: str) -> None:
    with pytest.raises(DocumentError) as caught:
        plan(text)
    assert caught.value.line == line
    assert problem in caught.value.problem


@pytest.mark.parametrize(
    ("at", "outcome"),
    [
        *(("landing", outcome) for outcome in ("code", "error", "other")),
        *((at, outcome) for at in ("callback", "token") for outcome in ("refused", "other")),
        *(("authorize", outcome) for outcome in ("code", "error", "login", "refused", "other")),
    ],
)
def test_an_outcome_that_there_can_be(at: str, outcome: str) -> None:
    one = fault(f"at: {at}, do: {{close: true}}, match: {{outcome: {outcome}}}")
    assert one.match.outcome == outcome
    assert one.needs_answer


def test_sources_are_files_and_presets_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.yaml").write_text(EXAMPLE)
    monkeypatch.chdir(tmp_path)
    loaded = load_plan(["state-lost", "mine.yaml"])
    assert [one.name for one in loaded.faults] == ["state-lost", "deny-once"]
    assert loaded.faults[0].seed == loaded.seed
    assert loaded.files == (Path("mine.yaml"),)


@pytest.mark.parametrize(
    ("sources", "problem"),
    [
        (["state_lst"], "unknown preset 'state_lst', did you mean 'state-lost'?"),
        (
            ["zzz"],
            r"^unknown preset 'zzz'; docs/faults\.md lists them, and the name of a plan file ends in \.yaml$",
        ),
        (["slow", "slow"], "two faults are named 'slow', in slow and in slow: a name tells them apart"),
    ],
)
def test_refuses_sources(sources: list[str], problem: str) -> None:
    with pytest.raises(PlanError, match=problem):
        load_plan(sources)


@pytest.mark.parametrize("name", ["none.yaml", "none.YML", "./none", "folder\\none"])
def test_a_missing_file_is_named(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DocumentError, match="cannot be read: No such file"):
        load_plan([name])


@pytest.mark.parametrize("mode", ["off", '"off"', "arm", "dry-run"])
def test_modes(mode: str) -> None:
    (one,) = plan(f"mode: {mode}\nfaults: [{{preset: slow}}]")
    assert one.mode == mode.strip('"')


def test_what_a_dry_run_only_told_of_has_no_number() -> None:
    (told_of,) = plan("mode: dry-run\nfaults:\n  - {name: it, at: authorize, do: {status: 500}}\n")
    dry = Armed(told_of)
    assert dry.is_turn("my-app", 1)
    assert Armed(dry.fault, dry).row.injected == 1, "it is still a dry run"
    armed = Armed(fault("at: authorize, do: {status: 500}"), dry)
    assert (armed.row.state, armed.row.injected) == ("armed", 0)


def test_numbers_go_on_after_a_dry_run() -> None:
    entry = "faults:\n  - {name: it, at: authorize, do: {status: 500}, times: {max: 2}}\n"
    (armed_one,), (dry_one,) = plan(f"mode: arm\n{entry}"), plan(f"mode: dry-run\n{entry}")
    first = Armed(armed_one)
    assert [first.is_turn("a", place) for place in (1, 2, 3)] == [True, True, False]
    dry = Armed(dry_one, first)
    assert [dry.is_turn("a", place) for place in (4, 5, 6)] == [True, True, False], "its times begin anew"
    assert dry.row.injected == 2, "so often it was told of"
    dry.arm()
    assert [dry.is_turn("a", place) for place in (7, 8, 9)] == [True, True, False]
    assert (dry.row.injected, dry.injected["a"]) == (4, 4)


def test_what_somebody_asked_for_goes_on_unless_the_plan_has_another_mode() -> None:
    entry = "faults:\n  - {name: it, at: authorize, do: {status: 500}}\n"
    first, same, dry = (plan(f"mode: {mode}\n{entry}")[0] for mode in ("arm", "arm", "dry-run"))
    armed = Armed(first)
    assert not Armed(same, armed).is_asked
    armed.disarm()
    after = Armed(same, armed)
    assert (after.row.state, after.is_asked) == ("off", True)
    assert (Armed(dry, after).row.state, Armed(dry, after).is_asked) == ("dry-run", False)
    after.arm()
    assert (after.row.state, after.is_asked) == ("armed", True)


def test_a_preset_besides_that_comes_into_the_plan_stands_there_once(tmp_path: Path) -> None:
    path, said = tmp_path / "mine.yaml", list[str]()
    path.write_text("faults:\n  - preset: slow\n")
    lineup = Lineup(load_plan([str(path)], seed=1), said.append)
    lineup.arm("state-lost")
    path.write_text("faults:\n  - preset: state-lost\n    times: {first: 1}\n")
    said.clear()
    assert [row.name for row in lineup.rows()] == ["state-lost"]
    assert lineup.faults[0].fault.times == Times(first=1)
    assert said == [
        "fault plan with seed 1: state-lost (armed)",
        "fault slow is no longer armed: it is not in the plan any more",
    ]
    assert lineup.asked() == (("state-lost", True),)


def test_a_changed_plan_whose_names_are_taken_is_not_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("faults:\n  - preset: state-lost\n")
    lineup = Lineup(load_plan(["slow", str(path)]), lambda _line: None)
    path.write_text("faults:\n  - preset: slow\n")
    assert [row.name for row in lineup.rows()] == ["slow", "state-lost"]


def test_what_is_written_while_a_plan_is_read_is_read_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("faults:\n  - preset: slow\n")
    lineup = Lineup(load_plan([str(path)]), lambda _line: None)
    path.write_text("faults: []\n")

    def read(sources: Sequence[str], *, seed: int) -> Plan:
        """As an editor does that saves twice: its own formatter comes after it."""
        found = load_plan(sources, seed=seed)
        path.write_text("faults:\n  - preset: state-lost\n")
        return found

    with monkeypatch.context() as patch:
        patch.setattr("lp_sentinel.faults.reload.load_plan", read)
        assert lineup.rows() == ()
    assert [row.name for row in lineup.rows()] == ["state-lost"]


def test_what_a_plan_has_no_more_is_off_for_requests_that_wait_for_their_answer() -> None:
    lineup = Lineup(load_plan(["state-lost"]), lambda _line: None)
    (lost,) = lineup.faults
    lineup.take_over(load_plan(["state-empty"]))
    assert [armed.fault.name for armed in lineup.faults if armed.is_on] == ["state-empty"]
    assert not lost.is_on
