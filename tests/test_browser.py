"""A real browser signs in through mitmdump with the addon, at two OAuth servers that were written by others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import oidc_provider_mock  # type: ignore[import-untyped]
import pytest
from selenium.webdriver.common.by import By

from tests.ours import SCRIPT, Proxies, config_for, read_report
from tests.world import names
from tests.world.app import App, Habits, installed
from tests.world.behaviour import Behaviour
from tests.world.browser import Browser
from tests.world.proxy import Mitmdump
from tests.world.sentinel import Sentinel
from tests.world.serving import serving

type Browsers = Callable[..., Browser]


def watched(app: App, proxies: Proxies, folder: Path) -> Mitmdump:
    return proxies("-s", SCRIPT, options={"lp_config": config_for(app, folder), "lp_report": folder / "report.jsonl"})


@pytest.mark.parametrize("library", ["requests-oauthlib", "authlib"])
def test_a_login_at_the_authlib_server_is_complete_and_in_order(
    app: App, library: Any, proxies: Proxies, browsers: Browsers, tmp_path: Path
) -> None:
    proxy = watched(app, proxies, tmp_path)
    app.habits = Habits(library=library, proxy=proxy.url)
    browser = browsers(proxy)
    browser.open(app.origin)
    browser.follow("Sign in")
    browser.sign_in()
    browser.wait_at(app.origin)
    assert "Signed in" in browser.text
    shown = proxy.wait_for("· code ✓")
    for hop in ("authorize GET", "login     GET", "login     POST", "callback  GET", "token     POST"):
        assert hop in shown
    assert proxy.stop().status == 0
    findings, journeys = read_report(tmp_path / "report.jsonl")
    assert findings == []
    assert [(journey["outcome"], journey["findings"]) for journey in journeys] == [("code", 0)]


@pytest.mark.parametrize("behaviour", [Behaviour(lose_state="at-login"), Behaviour(onward="form", lose_state="always")])
def test_a_state_that_is_lost_on_the_way_is_found(
    app: App, behaviour: Behaviour, proxies: Proxies, browsers: Browsers, tmp_path: Path
) -> None:
    """By redirect; and by a form that the last page of the login sends, so that only the callback request shows it."""
    app.sentinel.behaviour = behaviour
    proxy = watched(app, proxies, tmp_path)
    browser = browsers(proxy)
    browser.open(app.origin)
    browser.follow("Sign in")
    browser.sign_in()
    browser.wait_at(app.origin)
    assert "does not belong to a login" in browser.text
    proxy.stop()
    findings, _ = read_report(tmp_path / "report.jsonl")
    assert {(one["rule"], one["hop"]) for one in findings} == {("LPA310", "landing")}


# The server of another project

ACCOUNT = "12345678"
API = f"/sentinel/api/account/{ACCOUNT}"


def at_sentinels_path(server: WSGIApplication, *, loses_state: bool) -> WSGIApplication:
    """A server whose endpoints lie below ``/oauth2``, at Sentinel's path; after an error it may lose the state.

    It asks for the user at its authorize URL; so as to do as Sentinel does, that is made a login page elsewhere.
    """

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        port, path, query = environ["SERVER_PORT"], environ["PATH_INFO"], environ["QUERY_STRING"]
        if path == f"{API}/authorize":
            start_response("302 Found", [("Location", f"http://{names.LOGIN}:{port}/oauth2/authorize?{query}")])
            return []
        if path == f"{API}/token":
            environ["PATH_INFO"] = "/oauth2/token"

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            return start_response(status, [(name, _lost(name, value)) for name, value in headers], *more)

        return server(environ, start if loses_state else start_response)

    return serve


def _lost(name: str, value: str) -> str:
    query = parse_qsl(urlsplit(value).query)
    if name.lower() != "location" or "error" not in dict(query):
        return value
    kept = urlencode([(key, text) for key, text in query if key != "state"])
    return f"{value.partition('?')[0]}?{kept}"


@contextmanager
def _served(*, loses_state: bool) -> Iterator[Sentinel]:
    sentinel = Sentinel()
    with serving(at_sentinels_path(oidc_provider_mock.app(), loses_state=loses_state)) as port:
        sentinel.origin = f"http://{names.SENTINEL}:{port}"
        yield sentinel


@pytest.fixture
def foreign_app(request: pytest.FixtureRequest) -> Iterator[App]:
    """An app that signs in at ``oidc-provider-mock``; the parameter says whether the path rewrite loses the state."""
    with ExitStack() as stack:
        sentinel = stack.enter_context(_served(loses_state=request.param))
        yield stack.enter_context(installed(sentinel, account=ACCOUNT))


def _press(browser: Browser, selector: str) -> None:
    browser.driver.find_element(By.CSS_SELECTOR, selector).click()


@pytest.mark.parametrize("foreign_app", [True], indirect=True)
def test_a_login_at_a_server_of_others_is_complete_and_in_order(
    foreign_app: App, proxies: Proxies, browsers: Browsers, tmp_path: Path
) -> None:
    proxy = watched(foreign_app, proxies, tmp_path)
    foreign_app.habits = Habits(proxy=proxy.url)
    browser = browsers(proxy)
    browser.open(foreign_app.origin + "/login")
    browser.driver.find_element(By.NAME, "sub").send_keys("qa@example.com")
    _press(browser, "fieldset button")
    browser.wait_at(foreign_app.origin)
    assert "Signed in" in browser.text
    proxy.stop()
    findings, journeys = read_report(tmp_path / "report.jsonl")
    assert findings == []
    assert [journey["outcome"] for journey in journeys] == ["code"]


@pytest.mark.parametrize(("foreign_app", "rules"), [(True, ["LPA310"]), (False, [])], indirect=["foreign_app"])
def test_a_deny_button_that_loses_the_state_is_found(
    foreign_app: App, rules: list[str], proxies: Proxies, browsers: Browsers, tmp_path: Path
) -> None:
    """The real Deny button of oidc-provider-mock 0.4.8 keeps the state: it is the path rewrite that loses it.

    Without that loss nothing is found.
    """
    proxy = watched(foreign_app, proxies, tmp_path)
    browser = browsers(proxy)
    browser.open(foreign_app.origin + "/login")
    _press(browser, 'button[value="deny"]')
    browser.wait_at(foreign_app.origin)
    assert ("state=" in browser.url) == (not rules)
    assert ("does not belong to a login" if rules else "access_denied") in browser.text
    ended = proxy.stop()
    findings, journeys = read_report(tmp_path / "report.jsonl")
    found = [(one["rule"], one["hop"], one["method"], one["status"]) for one in findings]
    assert found == [(rule, "landing", "POST", 302) for rule in rules], ended
    assert [journey["outcome"] for journey in journeys] == ["error:access_denied"]
    assert ("✗ login     POST" in ended.stdout) == bool(rules), ended
