"""Many logins at once: the tracker keeps them apart, and finds what is wrong on the login where it went wrong."""

from __future__ import annotations

import gc
from collections.abc import Generator, Iterable
from dataclasses import replace

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from lp_sentinel.config import Limits, RuleChoices
from lp_sentinel.engine import Engine
from lp_sentinel.exchange import Exchange
from lp_sentinel.finding import Finding, JourneySummary
from lp_sentinel.journey import Journey
from lp_sentinel.project import Project
from lp_sentinel.redact import Redactor
from lp_sentinel.rules import RuleBook, load_rules
from tests.logins import APPS, CONFIG, FINDS, LOGIN, WAYS, Fault, Login, Step, Way

BOOK: RuleBook = load_rules()
BROWSERS = [("10.0.0.1", "Firefox"), ("10.0.0.1", "Chrome"), ("10.0.0.2", "Firefox")]
OUTCOMES = {"no-description": "error:access_denied"}


class Session:
    """An engine, and all that came out of it."""

    def __init__(self) -> None:
        self.engine = Engine(Project(CONFIG, BOOK), Redactor())
        self.findings: list[Finding] = []
        self.closed: list[JourneySummary] = []
        self.fed = 0
        self.now = 1_790_000_000.0

    def feed(self, step: Step) -> int:
        return self.take(step.at(self.fed, self.now))

    def take(self, exchange: Exchange) -> int:
        verdict = self.engine.feed(exchange)
        self.findings += verdict.findings
        self.closed += verdict.closed
        self.fed += 1
        return self.fed - 1

    def close(self) -> None:
        for verdict in self.engine.close():
            self.findings += verdict.findings
            self.closed += verdict.closed


def possible(way: Way, fault: Fault) -> bool:
    """Whether a fault can be told on this way: a callback that is itself the landing differs from nothing."""
    return not (way == "script" and fault == "code-altered")


def found(steps: Iterable[tuple[Step, float | None]]) -> set[str]:
    """The rules that find something in steps of which the capture says when they started, or does not."""
    session = Session()
    for step, started in steps:
        exchange = step.at(session.fed, started or 0.0)
        session.take(msgspec.structs.replace(exchange, started=None, answered=None) if started is None else exchange)
    session.close()
    return {finding.rule for finding in session.findings}


def test_how_quickly_logins_of_no_known_time_follow_each_other_is_not_known() -> None:
    steps = [step for number in (1, 1001, 2001) for step in Login(number, BROWSERS[0]).steps()]
    assert found((step, None) for step in steps) == set()
    assert found((step, 1.79e9 + 0.1 * place) for place, step in enumerate(steps)) == {"LPA404"}


@pytest.mark.parametrize(
    ("times", "is_found"),
    [
        ((0, 800, 1600), False),
        ((0, 100, 1001), True),
        ((None, 100, 200), False),
        ((None, 100, 1001), True),
        ((0, None, 1600), False),
        ((0, None, None), False),
        ((None, None, None), False),
    ],
)
def test_silence_is_told_only_of_requests_whose_times_are_known(
    times: tuple[float | None, ...], *, is_found: bool
) -> None:
    login, other = Login(1, BROWSERS[0]).steps(), Login(2, BROWSERS[1], "session").steps()
    steps = [*zip(login, (None if time is None else 1.79e9 + time for time in times), strict=False)]
    assert len(steps) == len(times)
    between = (next(other), 1.79e9 + 1000)
    assert ("LPA403" in found([*steps[:2], *([between] if times[-1] is None else []), *steps[2:]])) == is_found


def _one_login_twice() -> list[tuple[Step, float]]:
    first, again = Login(1, BROWSERS[0], redeems=True), Login(1, BROWSERS[0], "session", redeems=True)
    landing, *later = again.steps()
    on_the_way = Step(BROWSERS[0], "GET", f"https://app{again.app}.example/favicon.ico", 200)
    return [(step, 1.79e9 + place) for place, step in enumerate([*first.steps(), landing, on_the_way, *later])]


@pytest.mark.parametrize("untimed", range(len(_one_login_twice())))
def test_little_of_what_is_found_hangs_on_the_time_of_one_request(untimed: int) -> None:
    steps = enumerate(_one_login_twice())
    rules = found((step, None if place == untimed else at) for place, (step, at) in steps)
    # For how long a token is still good is told by the times alone.
    assert rules - {"LPA503"} == {"LPA406", "LPA501", "LPA502", "LPA609"}


@pytest.mark.parametrize("fault", list(FINDS))
@pytest.mark.parametrize("way", WAYS)
def test_each_fault_on_each_way(way: Way, fault: Fault) -> None:
    if not possible(way, fault):
        way = "form"
    session = Session()
    login = Login(1, BROWSERS[0], way, fault)
    for step in login.steps():
        session.now += 1
        login.exchanges.append(session.feed(step))
    session.close()
    assert {finding.rule for finding in session.findings} == login.finds
    assert [journey.outcome for journey in session.closed] == [OUTCOMES.get(fault, "code")]


def test_a_long_login_is_followed_to_its_end() -> None:
    session, login = Session(), Login(1, BROWSERS[0], "back-to-authorize")
    authorize, page, *others = login.steps()
    poll = Step(BROWSERS[0], "GET", f"{LOGIN}/push/status", 200, referer=page.url)
    polls = [replace(poll, url=f"{poll.url}?i={number}") for number in range(3_000)]
    for step in (authorize, page, *polls, *others):
        session.now += 1
        session.feed(step)
    session.close()
    assert not session.findings
    assert [journey.outcome for journey in session.closed] == ["code"]
    assert len(session.closed[0].hops) == 200


def test_of_many_logins_that_wait_the_oldest_still_goes_on() -> None:
    """Its chain tells, without a state."""
    engine, browser = Engine(Project(CONFIG, BOOK), Redactor(on=False)), ("10.0.0.1", "Firefox")
    begun = [Step(browser, "GET", f"{Login(0, browser).sentinel}/authorize", 302, f"{LOGIN}/?{n}") for n in range(300)]
    form = Step(browser, "POST", f"{LOGIN}/", 302, "https://app0.example/cb?code=c0de", referer=f"{LOGIN}/?0")
    verdicts = [engine.feed(step.at(place, float(place))) for place, step in enumerate([*begun, form])]
    assert verdicts[-1].journey == "j1"
    assert verdicts[0].journey == "j1"


_ASKED = [f"{one.sentinel}/authorize?client_id={one.client_id}" for one in (Login(n, ("", "")) for n in (0, 1))]
_AGAIN = f"{_ASKED[1]}&redirect_uri=https%3A%2F%2Fapp1.example%2Fcb"


@pytest.mark.parametrize(
    ("method", "url", "location", "referer"),
    [
        pytest.param("POST", f"{LOGIN}/name", None, f"{LOGIN}/?oldest=1", id="its page"),
        pytest.param("POST", f"{LOGIN}/name?oldest=1", None, None, id="a parameter of its page"),
        pytest.param("POST", f"{LOGIN}/name", "https://app1.example/cb?code=c0de", None, id="a redirect to its app"),
        pytest.param("POST", f"{LOGIN}/name", _AGAIN, None, id="a redirect back to Sentinel"),
        pytest.param("GET", "https://app1.example/cb?code=c0de", None, None, id="a callback of its app"),
    ],
)
def test_of_very_many_logins_that_wait_the_oldest_is_told(
    method: str, url: str, location: str | None, referer: str | None
) -> None:
    engine, browser = Engine(Project(CONFIG, BOOK), Redactor(on=False)), ("10.0.0.1", "Firefox")
    begun = [
        Step(browser, "GET", _AGAIN, 302, f"{LOGIN}/?oldest=1"),
        *(Step(browser, "GET", _ASKED[0], 302, f"{LOGIN}/?n={number}") for number in range(500)),
    ]
    step = Step(browser, method, url, 302 if location else 200, location, referer=referer)
    verdicts = [engine.feed(one.at(place, float(place))) for place, one in enumerate([*begun, step])]
    assert verdicts[-1].journey == "j1"


@pytest.mark.parametrize("way", ["script", "back-to-authorize"])
def test_of_many_logins_with_one_state_each_goes_on_from_its_own_page(way: Way) -> None:
    class OfOneState(Login):
        state = "state-of-all-Zm9vYmFyYmF6cXV4"

    session, logins = Session(), [OfOneState(number, BROWSERS[0], way) for number in range(250)]
    under_way = [(login, login.steps()) for login in logins]
    for login, steps in under_way:
        login.exchanges += session.feed(next(steps)), session.feed(next(steps))
    for login, steps in under_way:
        *hops, _, _ = steps
        for step in hops:
            at = replace(step, referer=step.referer or f"{LOGIN}/login.html?lpcid={login.number}")
            login.exchanges.append(session.feed(at))
    session.close()
    assert sorted(list(journey.exchanges) for journey in session.closed) == [login.exchanges for login in logins]
    assert session.findings == []


def test_of_logins_judged_out_of_order_no_more_are_a_loop() -> None:
    """Live, what took long to answer is judged behind what began later."""
    engine, asked = (
        Engine(Project(CONFIG, BOOK), Redactor(on=False)),
        f"{Login(0, ('', '')).sentinel}/authorize?client_id=app-0",
    )
    steps = [(Step(("10.0.0.1", "Firefox"), "GET", asked, 302, f"{LOGIN}/"), at) for at in (11.0, 0.0, 31.0)]
    found = [engine.feed(step.at(place, at)).findings for place, (step, at) in enumerate(steps)]
    assert "LPA404" not in {finding.rule for findings in found for finding in findings}


@pytest.mark.parametrize(("logins", "is_found"), [(2, True), (20, True), (21, False)])
def test_a_code_of_very_many_clients_may_be_of_any(logins: int, *, is_found: bool) -> None:
    sentinel = Login(0, ("", "")).sentinel
    steps = [
        Step(
            BROWSERS[0],
            "GET",
            f"{sentinel}/authorize?client_id=app-{n}",
            302,
            "https://app.example/cb?code=all-of-them",
        )
        for n in range(logins)
    ]
    body = b"grant_type=authorization_code&code=all-of-them&client_id=another&client_secret=s"
    steps.append(Step(BROWSERS[1], "POST", f"{sentinel}/token?v=2.0", 200, body=body))
    assert ("LPA607" in found((step, 1.79e9 + place) for place, step in enumerate(steps))) is is_found


@pytest.mark.parametrize("is_continued", [False, True])
def test_each_run_of_a_loop_is_reported_once_where_one_request_is_a_run(*, is_continued: bool) -> None:
    project = Project(replace(CONFIG, limits=Limits(loop_requests=1, loop_window=10)), BOOK)
    engine, asked = Engine(project, Redactor()), f"{Login(0, ('', '')).sentinel}/authorize?client_id=app-0"
    step = Step(BROWSERS[0], "GET", asked, 302, asked if is_continued else f"{LOGIN}/")
    times = [0.0, 5.0, 100.0, 110.0, 121.0]
    found = [engine.feed(step.at(place, at)).findings for place, at in enumerate(times)]
    loops = [at for at, findings in zip(times, found, strict=True) if "LPA404" in {one.rule for one in findings}]
    assert loops == ([0.0, 5.0, 100.0, 121.0] if is_continued else [0.0, 100.0, 121.0])


def test_of_logins_in_a_loop_none_is_kept_that_is_over() -> None:
    """A load test's logins all come from one browser, and thousands of them within ``loop_window``."""

    def journeys() -> int:
        gc.collect()
        return sum(isinstance(one, Journey) for one in gc.get_objects())

    session, before = Session(), journeys()
    for number in range(3_000):
        for step in Login(APPS * number, BROWSERS[0], "session", redeems=number == 0).steps():
            session.feed(step)
        session.now += 0.001
    assert {finding.rule for finding in session.findings} == {"LPA404"}
    assert journeys() - before < 2_600


@pytest.mark.parametrize(
    ("status", "location", "outcome"),
    [(400, None, "refused:400"), (302, "https://app0.example/cb?error=e", "error:e"), (302, f"{LOGIN}/", "unknown")],
)
def test_only_a_login_that_may_still_land_is_given_up_to_make_room(
    status: int, location: str | None, outcome: str
) -> None:
    project = Project(replace(CONFIG, limits=Limits(open_journeys=1)), BOOK)
    engine, asked = Engine(project, Redactor()), f"{Login(0, ('', '')).sentinel}/authorize?client_id=app-0"
    steps = [Step((f"10.0.0.{number}", "Firefox"), "GET", asked, status, location) for number in range(2)]
    closed = [one for place, step in enumerate(steps) for one in engine.feed(step.at(place, 1.79e9)).closed]
    assert [(one.journey, one.outcome) for one in closed] == [("j1", outcome)]


def test_nothing_is_found_on_a_login_that_has_made_room() -> None:
    """It began while a token was good, which is judged when ``loop_window`` is over."""
    session = Session()
    session.engine = Engine(Project(replace(CONFIG, limits=Limits(open_journeys=1)), BOOK), Redactor())
    logins = [Login(0, BROWSERS[0], "session", redeems=True), Login(APPS, BROWSERS[0]), Login(1, BROWSERS[2])]
    for step in (step for login in logins for step in login.steps()):
        session.feed(step)
        session.now += 1
    session.now += 60
    session.feed(next(iter(Login(2, BROWSERS[2]).steps())))
    assert session.findings == []
    assert [(journey.journey, journey.findings) for journey in session.closed] == [("j1", 0), ("j2", 0)]


def test_a_state_that_no_html_holds() -> None:
    """Python reads no number of so many digits."""
    engine, number = Engine(Project(CONFIG, BOOK), Redactor(on=False)), f"%26%23{'1' * 5_000};"
    browser, asked = ("10.0.0.1", "Firefox"), f"{Login(0, ('', '')).sentinel}/authorize?state=af0ifjsldkj"
    exchange = Step(browser, "GET", asked, 302, f"https://app0.example/cb?code=c0de&state={number}").at(0, 0.0)
    assert "LPA311" in {finding.rule for finding in engine.feed(exchange).findings}


def test_a_state_counts_as_landed_from_its_first_answer_on() -> None:
    """The request that came first was answered last."""
    session = Session()
    for begun, answered in ((0, 100), (40, 41), (80, 81)):
        [step] = list(Login(1, BROWSERS[0], "session").steps())[:1]
        exchange = msgspec.structs.replace(step.at(session.fed, session.now + begun), answered=session.now + answered)
        session.findings += session.engine.feed(exchange).findings
        session.fed += 1
    assert [finding.index for finding in session.findings if finding.rule == "LPA501"] == [2]


def test_another_config_counts_for_what_comes() -> None:
    session, first, second = Session(), Login(1, BROWSERS[0], "form"), Login(2, BROWSERS[1], "form", "state-lost")
    begun, *others = first.steps()
    session.feed(begun)
    session.engine.change(Project(replace(CONFIG, rules=RuleChoices(severity={"LPA310": "info"})), BOOK))
    for step in (*others, *second.steps()):
        session.now += 1
        session.feed(step)
    session.close()
    assert [(journey.journey, journey.outcome) for journey in session.closed] == [("j1", "code"), ("j2", "code")]
    assert [(one.rule, one.severity, one.journey) for one in session.findings] == [("LPA310", "info", "j2")]


class Logins(RuleBasedStateMachine):
    """Any number of logins, a step at a time, in any order that causality allows."""

    logins = Bundle("logins")

    def __init__(self) -> None:
        super().__init__()
        self.session = Session()
        self.begun: list[Login] = []
        self.running: dict[int, Generator[Step]] = {}
        self.fault: Login | None = None

    @initialize(target=logins)
    def first(self) -> Login:
        return self.start("form", 0, redeems=False, fault=None)

    def start(self, way: Way, browser: int, *, redeems: bool, fault: Fault | None) -> Login:
        login = Login(len(self.begun), BROWSERS[browser], way, fault, redeems)
        self.begun.append(login)
        self.running[login.number] = login.steps()
        self.step(login, 0.0)
        return login

    def step(self, login: Login, wait: float) -> None:
        self.session.now += wait
        if step := next(self.running[login.number], None):
            login.exchanges.append(self.session.feed(step))

    @rule(target=logins, way=st.sampled_from(WAYS), browser=st.integers(0, 2), redeems=st.booleans())
    def begin(self, way: Way, browser: int, redeems: bool) -> Login:
        return self.start(way, browser, redeems=redeems, fault=None)

    @rule(target=logins, way=st.sampled_from(WAYS), browser=st.integers(0, 2), fault=st.sampled_from(list(FINDS)))
    def begin_with_fault(self, way: Way, browser: int, fault: Fault) -> Login:
        if self.fault or not possible(way, fault):
            return self.start(way, browser, redeems=False, fault=None)
        self.fault = self.start(way, browser, redeems=False, fault=fault)
        return self.fault

    @rule(login=logins, wait=st.floats(0.001, 20))
    def go_on(self, login: Login, wait: float) -> None:
        self.step(login, wait)

    @rule(login=logins)
    def reload_the_login_page(self, login: Login) -> None:
        self.session.feed(Step(login.browser, "GET", f"{LOGIN}/login.html?lpcid={login.number}", 200))

    @rule(
        browser=st.integers(0, 2), path=st.sampled_from(["", "search?q=error", "x?state=open&code=1", "authorize?a=b"])
    )
    def other_traffic(self, browser: int, path: str) -> None:
        self.session.feed(Step(BROWSERS[browser], "GET", f"https://news.example/{path}", 200))

    @rule(browser=st.integers(0, 2))
    def another_provider(self, browser: int) -> None:
        query = "state=otherotherother1234567"
        step = Step(BROWSERS[browser], "GET", f"https://accounts.other.example/authorize?client_id=o&{query}", 302)
        self.session.feed(step.to(f"https://news.example/cb?code=o&{query}"))

    @invariant()
    def nothing_is_found_without_a_fault(self) -> None:
        if self.fault is None:
            assert self.session.findings == []

    def teardown(self) -> None:
        for login in self.begun:
            while step := next(self.running[login.number], None):
                self.session.now += 1
                login.exchanges.append(self.session.feed(step))
        self.session.close()
        expected = self.fault.finds if self.fault else frozenset()
        assert {finding.rule for finding in self.session.findings} == expected
        if self.fault:
            assert {finding.client_id for finding in self.session.findings} == {self.fault.client_id}
        assert len(self.session.closed) == len(self.begun)
        for journey in self.session.closed:
            login = next(login for login in self.begun if login.client_id == journey.client_id)
            assert journey.outcome == OUTCOMES.get(login.fault or "", "code")
            assert set(journey.exchanges) <= {*login.exchanges, *range(self.session.fed)}


TestLogins = Logins.TestCase
TestLogins.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
