"""A plan is taken as it is meant, or refused with the place of its mistake."""

from __future__ import annotations

from pathlib import Path

import pytest
from mitmproxy.test import tflow

from lp_sentinel.documents.document import DocumentError
from lp_sentinel.faults.armed import Armed
from lp_sentinel.faults.lineup import Lineup
from lp_sentinel.faults.plan import HOPS, Bounds, Statuses, TargetParts, Times
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
        ("at: token, do: {error: a, redirect: 303}", "error", "a token request can't be answered with a redirect"),
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
)
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
        ("mode: dry", 1, "did you mean 'dry-run'?"),
        ("mode: on", 1, "expected arm, dry-run or off, not true"),
        ("faults:\n- preset: slow\n- preset: slow", 3, "the name 'slow' is taken by an earlier fault"),
        ("redirect_targets: [a.example]\nfaults:\n- {name: x, at: landing, do: {target: {host: b.example}}}", 3,
         "the host 'b.example' is not among redirect_targets"),
        ("faults: [", 1, "did not find expected node content"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_plan_around(text: str, line: int, problem: str) -> None:
    with pytest.raises(DocumentError) as caught:
        plan(text)
    assert caught.value.line == line
    assert problem in caught.value.problem


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


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="cannot be read: No such file"):
        load_plan([str(tmp_path / "none.yaml")])


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


def test_what_a_plan_has_no_more_is_off_for_requests_that_wait_for_their_answer() -> None:
    lineup = Lineup(load_plan(["state-lost"]), lambda _line: None)
    (lost,) = lineup.faults
    lineup.take_over(load_plan(["state-empty"]))
    assert [armed.fault.name for armed in lineup.faults if armed.is_on] == ["state-empty"]
    assert not lost.is_on
