from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from lp_sentinel.faults.verdict import Ending, FaultVerdict
from lp_sentinel.finding import Finding, JourneySummary, Severity
from lp_sentinel.reports.overview import counts_of
from lp_sentinel.reports.picture import shortened
from lp_sentinel.reports.tally import Tally
from lp_sentinel.reports.terminal import Terminal
from lp_sentinel.rules import Rule, load_rules
from tests.reports.samples import FINDING, HOPS, JOURNEY, finding, hop, journey


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COLUMNS", "FORCE_COLOR", "NO_COLOR", "TERM", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)


class _Tty(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def shown(summary: JourneySummary, *findings: Finding, least: Severity = "info", **how: Any) -> str:
    out = io.StringIO()
    Terminal(out, least=least).journey(summary, findings, **how)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def test_a_block_shows_the_hops_and_where_they_broke() -> None:
    assert shown(JOURNEY, FINDING) == (
        "j3 · account 12345678 · my-app · code\n"
        "│ authorize GET va.sentinel.liveperson.net/…/authorize?…&state=af0i…(22)#3fae11\n"
        "│           302 → authentication.liveperson.net/login.html\n"
        "✗ login     POST authentication.liveperson.net/api/login\n"
        "│ +14.0 s   302 → app.example/cb?code=Splx…(22)#a1f3c2\n"
        "│ callback  GET app.example/cb?code=Splx…(22)#a1f3c2\n"
        "│ +200 ms   403\n"
        "✗ LPA310 state-lost  landing · LivePerson, RFC 6749 4.1.2\n"
        "  seen     state was sent, and the landing has none\n"
        "  expected the state that was sent\n"
        "  fix      Carry state through the login.\n"
    )


def test_the_worst_comes_first_and_what_is_excused_last() -> None:
    text = shown(
        JOURNEY,
        finding(rule="LPA142", severity="info", index=0),
        finding(rule="LPA311", allowed=True),
        finding(rule="LPA130", severity="warning", index=0),
        finding(rule="LPA309", injected=True),
        FINDING,
    )
    lines = [line for line in text.splitlines() if "LPA" in line]
    assert [line.split()[1] for line in lines] == ["LPA310", "LPA130", "LPA142", "LPA309", "LPA311"]
    assert lines[3].endswith("(injected)")
    assert lines[4].endswith("(allowed)")


@pytest.mark.parametrize(
    ("summary", "header"),
    [
        (journey(findings=0), "j3 · account 12345678 · my-app · code ✓"),
        (journey(findings=0, outcome="login", open=True), "j3 · account 12345678 · my-app · login (open)"),
        (journey(findings=0, outcome="refused:400"), "j3 · account 12345678 · my-app · refused:400"),
        (journey(outcome="refused:400", injected=True), "j3 · account 12345678 · my-app · refused:400 · injected"),
        (journey(account=None, client_id=None, outcome="no-response"), "j3 · no-response"),
    ],
)
def test_the_header_says_what_came_of_it(summary: JourneySummary, header: str) -> None:
    assert shown(summary).splitlines()[0] == header


@pytest.mark.parametrize(
    ("summary", "is_told"),
    [
        (journey(findings=0, outcome="refused:400"), True),
        (journey(findings=1, outcome="refused:400"), False),
        (journey(findings=0, outcome="refused:400", injected=True), False),
        (journey(findings=0, outcome="error:access_denied"), False),
    ],
)
def test_a_refusal_that_no_rule_explains_says_what_is_needed_to_explain_it(
    summary: JourneySummary, *, is_told: bool
) -> None:
    assert ("cause    not found by the rules that apply; those about client_id" in shown(summary)) is is_told


@pytest.mark.parametrize("rule", load_rules().by_id.values(), ids=lambda rule: rule.id)
def test_what_a_rule_says_to_fix_is_shown_whole(rule: Rule) -> None:
    assert "…" not in shown(JOURNEY, finding(fix=str(rule.fix))).partition("  fix ")[2]


def test_what_is_new_on_a_journey_is_shown_alone() -> None:
    text = shown(JOURNEY, finding(rule="LPA408", index=4), hops_shown=2)
    assert text.splitlines()[:3] == [
        "j3 goes on · account 12345678 · my-app · code",
        "✗ callback  GET app.example/cb?code=Splx…(22)#a1f3c2",
        "│ +200 ms   403",
    ]


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("https://app.example/cb", "GET app.example/cb"),
        ("http://login.example/one/two/three?a=" + "b" * 80, "GET http://login.example/…/three?…"),
        ("http://login.example/one?a=" + "b" * 80 + "&state=x&c=d", "GET http://login.example/one?…&state=x"),
        ("https://login.example/" + "b" * 80, f"GET login.example/{'b' * 28}…{'b' * 21}"),
    ],
)
def test_a_long_url_loses_first_what_tells_least(url: str, line: str) -> None:
    assert shown(journey(hops=(hop(url=url),))).splitlines()[1].removeprefix("│ authorize ")[: len(line)] == line


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        ({"status": None, "leads_to": None}, "answer not captured"),
        ({"status": None, "leads_to": None, "error": "reset by peer"}, "no answer: reset by peer"),
        ({"status": 302, "leads_to": "https://app.example/cb", "injected": True}, "302 → app.example/cb  injected"),
        (
            {"status": 302, "leads_to": f"https://app.example/cb?{'x' * 90}&state=Splx…(22)#a1f3c2", "injected": True},
            "302 → app.example/cb?…&state=Splx…(22)#a1f3c2  injected",
        ),
        (
            {"status": 302, "leads_to": f"https://app.example/{'c' * 90}?state=Splx…(22)#a1f3c2", "injected": True},
            "302 → app.example/cccccccccccccccccccccc…=Splx…(22)#a1f3c2  injected",
        ),
    ],
)
def test_a_hop_shows_its_answer(answer: dict[str, Any], line: str) -> None:
    assert shown(journey(hops=(hop(**answer),))).splitlines()[2].removeprefix("│").strip() == line


def test_of_very_many_hops_the_broken_one_is_kept() -> None:
    hops = tuple(hop(index=index, url=f"https://login.example/{index}") for index in range(100))
    text = shown(journey(hops=hops), finding(index=50))
    assert "✗ authorize GET login.example/50" in text
    assert "… 43 hops more …" in text
    assert len(text.splitlines()) < 50


def test_of_very_many_findings_the_rest_is_counted() -> None:
    text = shown(JOURNEY, *(finding(rule=f"LPA3{number}") for number in range(10, 90)))
    assert text.count("✗ LPA3") == 20
    assert "… and 60 findings more" in text


@pytest.mark.parametrize(
    ("least", "rules"),
    [("info", ["LPA142", "LPA130", "LPA310"]), ("warning", ["LPA130", "LPA310"]), ("error", ["LPA310"])],
)
def test_what_is_less_severe_than_asked_for_is_not_shown(least: Severity, rules: list[str]) -> None:
    findings = (
        FINDING,
        finding(rule="LPA130", severity="warning", index=0),
        finding(rule="LPA142", severity="info", index=0),
    )
    text = shown(JOURNEY, *findings, least=least)
    assert {rule for rule in ("LPA142", "LPA130", "LPA310") if rule in text} == set(rules)
    if least != "info":
        assert shown(JOURNEY, findings[2], least=least) == ""


def test_findings_on_no_journey_have_a_block_of_their_own() -> None:
    out = io.StringIO()
    Terminal(out).apart([finding(journey=None, hop="token", rule="LPA601", account=None)])
    assert [line.rstrip() for line in out.getvalue().splitlines()[:2]] == [
        "token · no journey · my-app",
        "  POST authentication.liveperson.net/api/login  302",
    ]


def test_the_summary_counts_what_counts() -> None:
    tally = Tally()
    for one in (FINDING, FINDING, finding(severity="warning", rule="LPA130", name="state-missing")):
        tally.finding(one)
    tally.finding(finding(rule="LPA124", severity="warning", allowed=True))
    tally.finding(finding(rule="LPA201", injected=True))
    for outcome in ("code", "code", "login"):
        tally.journey(journey(outcome=outcome, open=outcome == "login"))
    out = io.StringIO()
    Terminal(out).summary(tally)
    assert [line.rstrip() for line in out.getvalue().splitlines()] == [
        "Summary",
        "3 journeys  2 code · 1 login (1 still open)",
        "3 findings  2 errors · 1 warning",
        "  ✗ LPA310 state-lost  2",
        "  ▲ LPA130 state-missing  1",
        "  ▲ LPA124 state-lost  1  (allowed)",
        "  ✗ LPA201 state-lost  1  (injected)",
        "",
    ]
    assert (tally.at_least("error"), tally.at_least("info")) == (2, 3)


def test_outcomes_that_a_server_makes_up_do_not_grow_the_tally() -> None:
    tally = Tally()
    for number in range(1000):
        tally.journey(journey(outcome=f"error:{number}"))
    assert len(tally.outcomes) < 100
    assert tally.outcomes.total() == 1000


HOSTILE = "\x1b[2J\x1b]0;owned\x07[bold red]x[/bold red][link=https://evil]\r\n\u202e\u200b:smile:" + "y" * 5000


def test_what_was_captured_styles_nothing_and_moves_no_cursor() -> None:
    out = _Tty()
    terminal = Terminal(out)
    terminal.heading(HOSTILE)
    bad = finding(message=HOSTILE, expected=HOSTILE, fix=HOSTILE, name=HOSTILE, cite=(HOSTILE,), url=HOSTILE)
    summary = journey(account=HOSTILE, client_id=HOSTILE, outcome=f"error:{HOSTILE}")
    terminal.journey(
        journey(
            account=HOSTILE,
            client_id=HOSTILE,
            outcome=f"error:{HOSTILE}",
            hops=(hop(url=HOSTILE, method=HOSTILE, leads_to=HOSTILE), hop(status=None, error=HOSTILE)),
        ),
        [bad],
    )
    terminal.apart([bad])
    tally = Tally()
    tally.finding(bad)
    tally.journey(summary)
    terminal.summary(tally)
    text = out.getvalue()
    assert "\x1b[2J" not in text
    assert "\x1b]" not in text
    assert not {"\x07", "\r", "\u202e", "\u200b"} & set(text)
    assert "[bold red]" in text
    assert ":smile:" in text


@pytest.mark.parametrize(
    ("url", "width", "short"),
    [
        ("https://app.example/a/cb?code=a", 40, "app.example/a/cb?code=a"),
        ("http://app.example/a/long/way/to/cb?x=1", 30, "http://app.example/…/cb?x=1"),
        (f"https://app.example/cb?{'x' * 60}&code=a&state=b&error=c", 50, "app.example/cb?…&code=a&state=b&error=c"),
        (f"https://app.example/cb?{'x' * 60}&code={'a' * 40}", 30, "app.example/cb?…&cod…aaaaaaaaa"),
    ],
)
def test_of_a_long_url_what_tells_most_is_kept(url: str, width: int, short: str) -> None:
    assert shortened(url, width) == short


def test_colours_are_for_terminals_that_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    coloured, plain = _Tty(), _Tty()
    Terminal(coloured).journey(JOURNEY, [FINDING])
    monkeypatch.setenv("NO_COLOR", "1")
    Terminal(plain).journey(JOURNEY, [FINDING])
    assert "\x1b[1;31m✗" in coloured.getvalue()
    assert "31m" not in plain.getvalue()


@pytest.mark.parametrize("columns", ["0", "00"])
def test_no_columns_are_columns_that_are_not_known(monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    def printed() -> str:
        out = io.StringIO()
        terminal = Terminal(out)
        terminal.heading("a.flow")
        terminal.journey(JOURNEY, [FINDING])
        terminal.apart([FINDING])
        terminal.overview([counts_of("a.flow", 1, [JOURNEY], [FINDING], is_whole=True)])
        terminal.summary(Tally())
        return out.getvalue()

    expected = printed()
    monkeypatch.setenv("COLUMNS", columns)
    assert printed() == expected
    assert "state-lost" in expected


@given(width=st.integers(20, 160), text=st.text(max_size=80))
def test_nothing_is_wider_than_the_terminal(width: int, text: str) -> None:
    out = io.StringIO()
    terminal = Terminal(out)
    terminal.console.width = width
    bad = finding(message=text, expected=text, name=text)
    terminal.journey(journey(client_id=text, hops=(*HOPS, hop(url=text, leads_to=text))), [bad])
    terminal.apart([bad])
    assert max(cell_len(line) for line in out.getvalue().splitlines()) <= width


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_an_output_that_is_not_unicode_gets_signs_it_can_hold(encoding: str) -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding=encoding)
    Terminal(out).journey(JOURNEY, [finding(message="state 漢…(22)")])
    out.flush()
    text = raw.getvalue().decode(encoding)
    assert "x LPA310 state-lost" in text
    assert "302 -> app.example/cb" in text
    assert "state \\u6f22...(22)" in text


@pytest.mark.parametrize(
    ("verdict", "sign"), [("as expected", "✓"), ("not as expected", "✗"), ("never matched", "▲"), ("not seen", "·")]
)
def test_how_an_app_took_a_fault_is_told_by_its_sign(verdict: Ending, sign: str) -> None:
    out = io.StringIO()
    Terminal(out).summary(Tally(), [FaultVerdict("state-lost", verdict, 1, "loop: no", "nothing followed")])
    assert f"  {sign} fault state-lost: {verdict}" in out.getvalue()
