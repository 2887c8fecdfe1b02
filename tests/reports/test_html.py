"""The page in a real browser: what is seen, clicked and filtered, and that nothing captured runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait

from lp_sentinel.reports import CaptureEnd
from lp_sentinel.reports.html import MOST_JOURNEYS, parameters
from tests.reports.runs import HOSTILE, Run, hostile, judged, report, varied
from tests.reports.samples import finding, hop, journey
from tests.world.browser import Browser, chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as one:
        one.driver.set_window_rect(0, 0, 1360, 1000)
        yield one


class Page:
    """A report in the browser."""

    def __init__(self, browser: Browser, path: Path, *runs: Run) -> None:
        self.path = path
        self.text = report(path, *runs)
        self.driver, self.all, self.one = browser.driver, browser.all, browser.one
        self._console = browser.console
        self._console()
        browser.open(path.as_uri())

    def journeys(self) -> list[str]:
        return [one.get_attribute("id") or "" for one in self.all(".journey")]

    def shows(self, status: str) -> None:
        WebDriverWait(self.driver, 5).until(lambda _: self.one("#shown").text == status, f"not {status}")

    def quiet(self) -> None:
        assert self._console() == []


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    pages: list[Page] = []

    def opened(*runs: Run) -> Page:
        pages.append(Page(browser, tmp_path / "report.html", *runs))
        return pages[-1]

    yield opened
    for page in pages:
        page.quiet()


def run_of(*findings: Any, **changes: Any) -> Run:
    return Run(findings, [journey(**changes)], CaptureEnd("captures/demo.har", 9))


def test_a_finding_beside_its_journey(open_page: Callable[..., Page]) -> None:
    page = open_page(run_of(finding(why="A lost state fails the login.")))
    assert page.driver.title == "lp-authorize: 1 error"
    summary = page.one(".journey > details > summary").text
    for part in ("Journey j3", "code", "account 12345678", "my-app", "captures/demo.har", "LPA310"):
        assert part in summary
    told = page.one(".finding").text
    for part in ("LPA310 state-lost", "state was sent, and the landing has none", "the state that was sent",
                 "A lost state fails the login.", "Carry state through the login.", "af0i…(22)#3fae11"):  # fmt: skip
        assert part in told
    assert page.one(".finding a[rel]").get_attribute("href") == "https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2"
    diagram, findings = page.one("svg").rect, page.one(".finding").rect
    assert findings["x"] > diagram["x"] + diagram["width"] - 1, "beside, not below"


def test_the_diagram_marks_the_answer_that_broke(open_page: Callable[..., Page]) -> None:
    page = open_page(run_of(finding()))
    assert [one.text for one in page.all("svg text.head")] == ["Browser", "App", "Sentinel", "Login page"]
    assert [one.text for one in page.all("svg .kind")] == ["authorize", "login", "callback"]
    assert [one.text for one in page.all("svg .gap")] == ["+14.0 s", "+200 ms"]
    broken = page.one("svg .hop.broken")
    assert broken.find_element(By.CSS_SELECTOR, ".kind").text == "login"
    assert broken.get_attribute("aria-label") == "2. login: POST, answered 302, broken here"
    assert page.one("svg path.broken").get_attribute("class") == "answer broken error"
    assert len(page.all("svg .mark")) == 1


def test_a_hop_shows_its_request_and_response(open_page: Callable[..., Page]) -> None:
    page = open_page(run_of(finding()))
    assert page.all(".exchange") == []
    page.all("svg .hop")[0].find_element(By.CSS_SELECTOR, ".kind").click()
    shown = page.one(".exchange").text
    for part in ("response_type\ncode", "client_id\nmy-app", "state\naf0i…(22)#3fae11", "302, leads on:",
                 "https://authentication.liveperson.net/login.html", "exchange 0"):  # fmt: skip
        assert part in shown.replace(" code", "\ncode").replace(" my-app", "\nmy-app").replace(" af0i", "\naf0i")
    page.one(".finding a.to-hop").click()
    assert [one.get_attribute("id") for one in page.all(".hops > .chosen")] == ["j1-2"]
    assert len(page.all(".exchange")) == 2


def test_the_keyboard_reaches_a_hop(open_page: Callable[..., Page]) -> None:
    page = open_page(run_of(finding()))
    page.driver.execute_script("document.querySelector('.canvas').focus()")
    for key in (Keys.TAB, Keys.TAB, Keys.ENTER):
        page.driver.switch_to.active_element.send_keys(key)
    assert page.driver.switch_to.active_element.text.startswith("login POST")
    assert page.one(".hops > .chosen").get_attribute("id") == "j1-2"


def test_filters(open_page: Callable[..., Page]) -> None:
    page = open_page(varied(judged()))
    page.shows("17 of 17 journeys, 11 findings")
    page.one("input[value=none]").click()
    page.shows("11 of 17 journeys, 11 findings")
    page.one("input[value=error]").click()
    page.shows("3 of 17 journeys, 3 findings")
    assert {one.get_attribute("data-severity") for one in page.all(".finding")} == {"warning"}
    page.one("input[value=error]").click()
    Select(page.one("select[name=rule]")).select_by_visible_text("LPA311")
    page.shows("1 of 17 journeys, 1 finding")
    assert "LPA311" in page.one(".journey").text
    Select(page.one("select[name=account]")).select_by_visible_text("10000003")
    page.shows("0 of 17 journeys, 0 findings")
    assert page.one("#nothing").text.startswith("Nothing matches.")
    page.one("#reset").click()
    page.shows("17 of 17 journeys, 11 findings")
    page.one("input[name=text]").send_keys("LANDED app3.example")
    page.shows("1 of 17 journeys, 1 finding")
    assert "landed on https://app3.example/other" in page.one(".journey").text


def test_a_rule_of_the_overview_filters(open_page: Callable[..., Page]) -> None:
    page = open_page(judged())
    page.one(".overview > summary").click()
    assert page.one(".overview tbody tr:first-child").text.startswith("✗ LPA110 v-missing")
    page.one("[data-choose=LPA301]").click()
    page.shows("1 of 17 journeys, 1 finding")


def test_fold_and_unfold(open_page: Callable[..., Page]) -> None:
    page = open_page(judged())
    assert len(page.all(".body")) == 11, "what is in order is folded"
    page.one("#unfold").click()
    assert len(page.all(".body")) == 17
    page.one("#fold").click()
    assert page.all(".body") == []


def test_nothing_captured_runs_and_all_of_it_is_shown(open_page: Callable[..., Page]) -> None:
    page = open_page(hostile())
    page.one("#unfold").click()
    for selector in ("svg .hop", ".to-hop"):
        page.driver.execute_script(
            f"document.querySelector('{selector}').dispatchEvent(new MouseEvent('click', {{bubbles: true}}))"
        )
    assert page.driver.title == "lp-authorize: 20 errors, 10 warnings, 1 capture not read to the end"
    assert page.driver.find_elements(By.CSS_SELECTOR, "img, iframe, object, embed, [onerror], [onfocus]") == []
    assert len(page.driver.find_elements(By.TAG_NAME, "script")) == 1
    body = page.driver.find_element(By.TAG_NAME, "body").text
    for text in HOSTILE[:6]:
        assert text in body
    assert "\\u202egnp.exe" in body
    assert "nul\\x00" in body
    assert "&lt;&amp;" in body


def test_the_policy_lets_nothing_else_run(browser: Browser, tmp_path: Path) -> None:
    page = Page(browser, tmp_path / "report.html", run_of(finding()))
    smuggled = page.text.replace(
        "<h1>", "<script>document.title = 'run'</script><img src=x onerror='document.title = 1'><h1>"
    )
    (tmp_path / "smuggled.html").write_text(smuggled, encoding="utf-8")
    browser.open((tmp_path / "smuggled.html").as_uri())
    assert browser.driver.title == "lp-authorize: 1 error"
    assert len([entry for entry in browser.console() if "Content Security Policy" in entry]) >= 2


def test_needs_nothing_from_outside(open_page: Callable[..., Page]) -> None:
    page = open_page(judged())
    loaded = page.driver.execute_script("return performance.getEntriesByType('resource').map((one) => one.name)")
    assert [name for name in loaded if not name.startswith("data:")] == []
    assert re.findall(r"(?:src|href)=\"(?!#|data:|https://www\.rfc-editor\.org/)([^\"]*)\"", page.text) == []


@pytest.mark.parametrize(("scheme", "is_light"), [("light", True), ("dark", False)])
@pytest.mark.parametrize("width", [390, 1360])
def test_light_and_dark_wide_and_narrow(
    open_page: Callable[..., Page], scheme: str, is_light: bool, width: int
) -> None:
    page = open_page(judged())
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        background = page.driver.execute_script("return getComputedStyle(document.body).backgroundColor")
        assert (int(re.findall(r"\d+", background)[0]) > 128) is is_light
        assert page.driver.execute_script("return document.documentElement.scrollWidth") <= width
    finally:
        page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


@pytest.mark.parametrize("width", [800, 1000, 1220, 1221, 1280])
def test_no_diagram_is_cut_where_there_is_room_for_it(open_page: Callable[..., Page], width: int) -> None:
    page = open_page(judged())
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        cut = "const one = document.querySelector('.canvas'); return one.scrollWidth - one.clientWidth"
        assert page.driver.execute_script(cut) == 0
    finally:
        page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_printed_with_everything_unfolded_and_no_filter(open_page: Callable[..., Page]) -> None:
    page = open_page(judged())
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert page.all("#filter") == []
        script = "return [...document.querySelectorAll('.exchange')].map((one) => one.getBoundingClientRect().height)"
        heights = page.driver.execute_script(script)
        assert len(heights) == page.text.count('class="exchange"')
        assert all(heights)
    finally:
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


@pytest.mark.parametrize(
    ("changes", "kind", "answer"),
    [
        ({"status": None, "error": "connection refused"}, "mark error", "no answer: connection refused"),
        ({"status": None}, None, None),
        ({"injected": True, "status": 500}, None, "500"),
    ],
)
def test_answers(open_page: Callable[..., Page], changes: dict[str, Any], kind: str | None, answer: str | None) -> None:
    page = open_page(Run([], [journey(hops=(hop(leads_to=None, **changes),))], CaptureEnd("a.har", 1)))
    page.one("#unfold").click()
    assert [one.text for one in page.all("svg .label")][1:] == ([answer] if answer else [])
    assert [one.get_attribute("class") for one in page.all("svg .mark")] == ([kind] if kind else [])
    assert page.one(".fine").text == "✓ In order: no rule found anything."


def test_a_refusal_that_no_rule_explains_is_not_in_order(open_page: Callable[..., Page]) -> None:
    page = open_page(Run([], [journey(outcome="refused:400", findings=0)], CaptureEnd("a.har", 1)))
    page.one("#unfold").click()
    assert page.one(".tiles .zero:last-child").text == "0 in order"
    assert page.one("summary .sign").get_attribute("title") == "cause not found"
    assert page.one(".findings .muted").text.startswith("Cause not found by the rules that apply")
    page.one("[name=severity][value=none]").click()
    page.shows("1 of 1 journey, 0 findings")


def test_an_exchange_outside_any_journey(open_page: Callable[..., Page]) -> None:
    page = open_page(Run([finding(journey=None, rule="LPA405", hop="callback")], [], CaptureEnd("a.har", 1)))
    assert "Outside any journey" in page.one(".journey > details > summary").text
    assert page.one("svg .kind").text == "callback"


def test_nothing_at_all(open_page: Callable[..., Page]) -> None:
    page = open_page()
    assert "No login was seen" in page.one("main").text
    page = open_page(Run([], [], CaptureEnd("broken.har", 3, "broken.har: cut off in entry 3")))
    assert page.one("[role=alert]").text == "broken.har: cut off in entry 3"


def test_many_journeys_stay_usable(open_page: Callable[..., Page]) -> None:
    many = judged("many.har", [("form", "state-lost" if number % 100 == 99 else None) for number in range(1000)])
    more = [
        many._replace(findings=[], journeys=[journey(capture=name, journey=f"j{number}") for number in range(700)])
        for name in ("b.har", "c.har")
    ]
    page = open_page(many, *more)
    assert len(page.text) < 25_000_000
    page.shows(f"{MOST_JOURNEYS:,} of {MOST_JOURNEYS:,} journeys, 10 findings")
    assert "400 more journeys did not fit on this page" in page.text
    # Asking the driver which of thousands are displayed would take minutes; the page itself takes milliseconds.
    took, shown = page.driver.execute_async_script("""
        const done = arguments[0], start = performance.now(), text = document.querySelector("[name=text]");
        text.value = "app-77 ";
        text.dispatchEvent(new Event("input", {bubbles: true}));
        const count = () => document.querySelectorAll(".journey:not([hidden])").length;
        setTimeout(() => requestAnimationFrame(() => done([performance.now() - start, count()])), 130);
    """)
    assert took < 3000
    assert 0 < shown < 20


@pytest.mark.parametrize(
    ("url", "pairs"),
    [
        ("https://a.example/cb", []),
        (
            "https://a.example/cb?code=Splx…(22)#a1f3c2&state=…(8)#00aaff",
            [("code", "Splx…(22)#a1f3c2"), ("state", "…(8)#00aaff")],
        ),
        (
            "/cb?a=1&redirect_uri=https%3A%2F%2Fx.example%2F%3Fy&b#error=x",
            [("a", "1"), ("redirect_uri", "https://x.example/?y"), ("b", ""), ("error", "x")],
        ),
        ("?d=%00%E2%80%AE+%FF", [("d", "\\x00\\u202e \ufffd")]),
    ],
)
def test_parameters(url: str, pairs: list[tuple[str, str]]) -> None:
    assert parameters(url) == pairs
