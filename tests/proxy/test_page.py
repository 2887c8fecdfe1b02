"""The live page in a real browser behind a real mitmdump: what it shows, does and refuses."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests
from selenium.common.exceptions import StaleElementReferenceException, TimeoutException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait

from tests.ours import Proxies, config_for, saved_flows, sign_in, watched
from tests.world.app import App, Habits
from tests.world.behaviour import Behaviour
from tests.world.browser import Browser
from tests.world.names import at_home
from tests.world.proxy import Mitmdump
from tests.world.sentinel import Sentinel
from tests.world.visitor import Visitor

PAGE = "http://lp.authorize/"
HOSTILE = ("<script>document.title='run'</script>", "</svg><img src=x onerror=\"document.title='run'\">")


def asked(
    proxy: Mitmdump, path: str = "/", method: str = "GET", body: str = "", host: str = "lp.authorize", **headers: str
) -> tuple[int, dict[str, str], str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with closing(http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=30)) as connection:
        connection.request(method, f"http://{host}{path}", body or None, named)
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read().decode()


def wish(proxy: Mitmdump, token: str, origin: str = "http://lp.authorize", **what: Any) -> tuple[int, str]:
    body = json.dumps({"token": token, **what})
    status, _, text = asked(proxy, "/faults", "POST", body, content_type="application/json", origin=origin)
    return status, text


def token_of(page: str) -> str:
    found = re.search(r'data-token="([^"]+)"', page)
    assert found
    return found[1]


class Live:
    """The page in a browser."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.driver, self.all, self.one = browser.driver, browser.all, browser.one
        browser.open(PAGE)

    def click(self, selector: str) -> None:
        """Click the first one that is shown, once it holds still."""

        def clicks() -> bool:
            self.all(selector)[0].click()
            return True

        self.until(clicks, f"{selector} can't be clicked")

    def until(self, holds: Callable[[], object], what: str) -> None:
        """Wait for it; what is looked at may be drawn anew at any time."""
        drawn_anew = (StaleElementReferenceException, ValueError, IndexError)
        try:
            WebDriverWait(self.driver, 15, ignored_exceptions=drawn_anew).until(lambda _: holds(), what)
        except TimeoutException:
            pytest.fail(f"{what}: {self.browser.text}")


@pytest.fixture
def live(
    app: App, proxies: Proxies, browsers: Callable[..., Browser], tmp_path: Path
) -> Iterator[tuple[Live, Mitmdump]]:
    proxy = watched(proxies, config_for(app, tmp_path))
    page = Live(browsers(proxy))
    page.browser.console()
    yield page, proxy
    assert page.browser.console() == []


def test_journeys_show_up_by_themselves(live: tuple[Live, Mitmdump], app: App, sentinel: Sentinel) -> None:
    page, proxy = live
    assert "No login has passed yet." in page.browser.text
    sign_in(app, proxy)
    page.until(lambda: len(page.all(".journey")) == 1, "the login is not shown")
    page.until(lambda: page.one(".outcome").text == "code", "it does not come to its end")
    page.until(lambda: page.one("#shown").text == "1 of 1 journey, 0 findings", "it is not counted")
    page.click(".journey > details > summary")
    page.click(".hops > li > details > summary")
    page.until(lambda: [one.text for one in page.all("svg .kind")][:1] == ["authorize"], "its diagram is not shown")
    sentinel.behaviour = Behaviour(lose_state="always")
    sentinel.sign_out()
    sign_in(app, proxy)
    page.until(lambda: "LPA310" in page.browser.text, "the finding is not shown")
    page.until(lambda: page.driver.title == "lp-authorize: 1 error", "the title stays")

    def newest_first() -> bool:
        first, second = page.all(".journey")
        unfolded = second.find_element(By.CSS_SELECTOR, ".exchange")
        texts = ("Journey j2", "state was sent, but none came back")
        return all(text in first.text for text in texts) and unfolded.is_displayed()

    page.until(newest_first, "the newest is not first, or what was unfolded does not stay unfolded")
    page.click("input[value=none]")
    page.until(lambda: page.one("#shown").text == "1 of 2 journeys, 1 finding", "the filter does nothing")
    app.habits = Habits(proxy=proxy.url)
    Visitor(proxy).open(app.origin + "/login")
    page.until(lambda: page.one("#shown").text == "2 of 3 journeys, 2 findings", "the filter was forgotten")
    page.click("#unfold")
    page.driver.execute_script("document.querySelector('.to-hop').click()")
    page.until(lambda: page.one(".hops > .chosen"), "the hop of a finding is not shown")


def test_an_unfolded_journey_stays_so_while_it_goes_on(live: tuple[Live, Mitmdump], app: App) -> None:
    page, proxy = live
    visitor = Visitor(proxy)
    app.habits = Habits(proxy=proxy.url)
    visitor.open(app.origin + "/login")
    page.until(lambda: page.all(".journey"), "the login is not shown")
    page.click(".journey > details > summary")
    page.click(".hops > li > details > summary")
    page.driver.execute_script("document.querySelector('.hops summary').focus()")
    visitor.sign_in()
    page.until(lambda: page.one(".outcome").text == "code", "it does not go on")
    page.until(lambda: page.one(".exchange").text.startswith("Request"), "it was folded")

    def is_focused() -> bool:
        return page.driver.switch_to.active_element.text.startswith(("1. authorize", "authorize"))

    page.until(is_focused, "it has lost the focus")


@pytest.mark.parametrize("state", HOSTILE)
def test_nothing_captured_runs(live: tuple[Live, Mitmdump], app: App, state: str) -> None:
    page, proxy = live
    app.habits = Habits(proxy=proxy.url, asks={"state": state, "lang": state, "v": state, "response_type": state})
    Visitor(proxy).open(app.origin + "/login")
    page.until(lambda: page.all(".journey.error"), "the login is not shown")
    page.one("#unfold").click()
    for summary in page.all(".hops > li > details > summary"):
        summary.click()
    assert HOSTILE[0][:8] in page.browser.text or "onerror" in page.browser.text
    assert page.driver.title.startswith("lp-authorize: ")
    page.browser.open(PAGE)
    assert page.driver.title.startswith("lp-authorize: ")
    assert page.driver.find_elements(By.CSS_SELECTOR, "main script, main img") == []


def test_a_fault_is_armed_and_judged(live: tuple[Live, Mitmdump], app: App) -> None:
    page, proxy = live
    assert "none armed" in page.one("#faults").text
    Select(page.one("select[name=preset]")).select_by_visible_text("access_denied")
    page.one("#faults button").click()
    page.until(lambda: "1 fault armed" in page.one("#faults").text, "it is not armed")
    assert page.one("#faults .took").text == "not injected yet", "nobody has logged in"
    app.habits = Habits(proxy=proxy.url)
    Visitor(proxy).open(app.origin + "/login")
    page.until(lambda: page.all(".badge.injected"), "it was not injected")
    page.until(lambda: page.one(".outcome").text == "error:access_denied", "it had no effect")
    page.until(lambda: "as expected" in page.one("#faults table").text, "it is not judged")
    phone = {"width": 400, "height": 850, "deviceScaleFactor": 1, "mobile": True}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    assert page.driver.execute_script("return document.documentElement.scrollWidth") == 400, "it fits a phone"
    page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    page.one("#faults [data-do=off]").click()
    page.until(lambda: "none armed" in page.one("#faults").text, "it is not off")
    page.one("#faults [data-name=access_denied]").click()
    page.until(lambda: "1 fault armed" in page.one("#faults").text, "it is not armed again")


def test_faults_are_turned_off_one_by_one_or_together(live: tuple[Live, Mitmdump], app: App) -> None:
    page, proxy = live

    def offs() -> list[str]:
        return [button.accessible_name for button in page.all("#faults [data-do=off]")]

    for place, name in enumerate(("state-lost", "access_denied", "server_error"), start=1):
        Select(page.one("select[name=preset]")).select_by_visible_text(name)
        page.one("#faults [data-do=arm]:not([data-name])").click()
        page.until(lambda: f"{place} fault" in page.one("#faults h2").text, "it is not armed")  # noqa: B023
    assert offs() == ["Off state-lost", "Off access_denied", "Off server_error", "All off"]
    page.one("#faults [data-do=off][data-name=access_denied]").send_keys(Keys.ENTER)
    page.until(lambda: "2 faults armed" in page.one("#faults h2").text, "not one of them is off")
    assert page.driver.switch_to.active_element.accessible_name == "Arm access_denied"
    rows = {row.text.split()[0]: row.text.split()[2] for row in page.all("#faults tbody tr")}
    assert rows == {"state-lost": "armed", "access_denied": "off", "server_error": "armed"}
    page.one("#faults [data-do=off][data-name=state-lost]").click()
    page.until(lambda: "1 fault armed" in page.one("#faults h2").text, "the second is not off")
    assert offs() == ["Off server_error"]
    page.one("#faults [data-do=off]").click()
    page.until(lambda: "none armed" in page.one("#faults h2").text, "the last is not off")
    app.habits = Habits(proxy=proxy.url)
    sign_in(app, proxy)
    page.until(lambda: page.all(".outcome") and page.one(".outcome").text == "code", "a fault was injected")
    assert page.all(".badge.injected") == []


def test_only_the_page_itself_may_arm(app: App, proxies: Proxies, tmp_path: Path) -> None:
    proxy = watched(proxies, config_for(app, tmp_path))
    token = token_of(asked(proxy)[2])
    assert wish(proxy, token, origin="http://evil.example", arm="access_denied")[0] == 403
    assert wish(proxy, token, origin="null", arm="access_denied")[0] == 403
    assert wish(proxy, token + "x", arm="access_denied")[0] == 403
    assert wish(proxy, "\ud800", arm="access_denied")[0] == 403
    body = json.dumps({"token": token, "arm": "access_denied"})
    assert asked(proxy, "/faults", "POST", body, origin="http://lp.authorize", content_type="text/plain")[0] == 403
    assert asked(proxy, "/faults", "POST", body, content_type="application/json")[0] == 403
    assert asked(proxy, "/faults")[0] == 405
    status, text = wish(proxy, token, arm="acces_denied")
    assert (status, "did you mean 'access_denied'?" in text) == (400, True)
    assert wish(proxy, token)[0] == 400
    assert "none armed" in asked(proxy)[2]
    assert wish(proxy, token, arm="access_denied")[0] == 204
    assert "1 fault armed" in asked(proxy)[2]
    assert wish(proxy, token, origin="http://evil.example", off="access_denied")[0] == 403
    assert wish(proxy, token + "x", off="access_denied")[0] == 403
    status, text = wish(proxy, token, off="acces_denied")
    assert (status, "did you mean 'access_denied'?" in text) == (400, True)
    assert wish(proxy, token, off=False)[0] == 400
    assert "1 fault armed" in asked(proxy)[2]
    assert wish(proxy, token, off="access_denied")[0] == 204
    assert "none armed" in asked(proxy)[2]
    assert wish(proxy, token, off=True)[0] == 204


def test_over_https_it_may_arm_too(app: App, proxies: Proxies, tmp_path: Path) -> None:
    proxy = watched(proxies, config_for(app, tmp_path), connection_strategy="lazy")
    with at_home(requests.Session()) as client:
        client.proxies, client.verify = {"https": proxy.url}, str(proxy.ca)
        wanted = {"token": token_of(client.get("https://lp.authorize/").text), "arm": "access_denied"}
        for origin, status in (("http://lp.authorize", 403), ("https://lp.authorize", 204)):
            answer = client.post("https://lp.authorize/faults", json=wanted, headers={"Origin": origin})
            assert answer.status_code == status


def test_headers_and_addresses(app: App, proxies: Proxies, tmp_path: Path) -> None:
    proxy = watched(proxies, config_for(app, tmp_path))
    status, headers, page = asked(proxy)
    assert (status, headers["cache-control"], headers["x-content-type-options"]) == (200, "no-store", "nosniff")
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert policy.endswith("connect-src 'self'; frame-ancestors 'none'")
    assert "unsafe" not in policy
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page), "nothing is fetched from elsewhere"
    assert asked(proxy, "/x")[0] == 404
    assert asked(proxy, "/", "POST", "x")[0] == 405
    after = re.search(r'data-after="([^"]+)"', page)
    assert after
    for old in ("0.0.0", "", "x", f"{after[1].partition('.')[0]}.99999999999.1"):
        assert asked(proxy, f"/journeys?after={old}")[0] == 200


@pytest.mark.parametrize("name", ["", "logins.test"])
def test_its_host_is_an_option(app: App, proxies: Proxies, tmp_path: Path, name: str) -> None:
    proxy = watched(proxies, config_for(app, tmp_path), lp_page=name, connection_strategy="lazy")
    assert asked(proxy)[0] == 502
    if name:
        assert asked(proxy, host=name)[0] == 200


def test_it_is_no_traffic(app: App, proxies: Proxies, tmp_path: Path) -> None:
    saved = tmp_path / "saved.flow"
    report = tmp_path / "report.jsonl"
    proxy = watched(proxies, config_for(app, tmp_path), save_stream_file=saved, lp_report=report)
    asked(proxy, "/sentinel/api/account/1/authorize?state=1")
    asked(proxy, "/?code=1&state=2")
    sign_in(app, proxy)
    proxy.wait_for(" · code ✓")
    ended = proxy.stop()
    assert "1 journey   1 code" in ended.stdout
    flows = saved_flows(saved)
    own = [flow for flow in flows if flow.request.host == "lp.authorize"]
    assert [(flow.marked, flow.comment) for flow in own] == [("", "")] * 2
    first = json.loads(report.read_text("utf-8").splitlines()[0])
    assert first["exchanges"][0] == next(
        place for place, flow in enumerate(flows) if "/authorize?" in flow.request.path and flow not in own
    )
