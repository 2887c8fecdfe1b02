"""The world itself: a login works from end to end, with nothing of ours in the proxy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.world.app import App, Habits
from tests.world.behaviour import Behaviour, landing
from tests.world.browser import Browser
from tests.world.proxy import Mitmdump, MitmdumpError, run_mitmdump
from tests.world.record import CAPTURES
from tests.world.sentinel import Sentinel
from tests.world.serving import Authority, PortTakenError, serving
from tests.world.stage import SCENES, config
from tests.world.visitor import Visitor

CORRECT = "http://app.localhost/callback?x=1&code=c0de&state=a%2Bb"


@pytest.mark.parametrize("library", ["requests-oauthlib", "authlib"])
@pytest.mark.parametrize("onward", ["app", "authorize", "form"])
def test_signs_in(sentinel: Sentinel, app: App, library: str, onward: str) -> None:
    app.habits = Habits(library=library)  # type: ignore[arg-type]
    sentinel.behaviour = Behaviour(onward=onward)  # type: ignore[arg-type]
    visitor = Visitor()
    assert visitor.open(app.origin + "/login").url.startswith(sentinel.login_origin)
    page = visitor.sign_in()
    if onward == "form":
        page = visitor.submit()
    assert page.url == app.origin + "/"
    assert "Signed in" in page.text
    assert app.tokens[0]["token_type"] == "Bearer"
    assert sentinel.origin in visitor.open(app.origin + "/login").hops[1], "the session spares the second login"
    assert len(app.tokens) == 2


@pytest.mark.parametrize(
    ("behaviour", "status", "says"),
    [
        (Behaviour(denies=True), 403, "access_denied"),
        (Behaviour(signed_in_as="qa", lose_state="always"), 400, "state"),
        (Behaviour(answers=500), 500, "Internal server error"),
        (Behaviour(signed_in_as="qa", token_answer={"access_token": None}), 502, "MissingToken"),
    ],
)
def test_goes_wrong_where_told(sentinel: Sentinel, app: App, behaviour: Behaviour, status: int, says: str) -> None:
    sentinel.behaviour = behaviour
    page = Visitor().open(app.origin + "/login")
    assert (page.status, says in page.text) == (status, True), page.text


@pytest.mark.parametrize(
    ("asks", "status"),
    [
        ({"client_id": "unknown"}, 401),
        ({"v": None}, 400),
        ({"redirect_uri": "http://app.localhost/other"}, 400),
    ],
)
def test_refuses_as_documented(app: App, asks: dict[str, str | None], status: int) -> None:
    app.habits = Habits(asks=asks)
    page = Visitor().open(app.origin + "/login")
    assert (page.status, len(page.hops)) == (status, 2)


def test_sends_request_errors_back_to_the_app(app: App) -> None:
    app.habits = Habits(asks={"response_type": "token"})
    landed = parse_qs(urlsplit(Visitor().open(app.origin + "/login").url).query)
    assert landed["error"] == ["unsupported_response_type"]
    assert landed["error_description"]
    assert landed["state"]


def test_denies_at_the_login(sentinel: Sentinel, app: App) -> None:
    visitor = Visitor()
    visitor.open(app.origin + "/login")
    page = visitor.deny()
    assert "error=access_denied&error_description=" in page.url
    assert "state=" in page.url


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (Behaviour(), CORRECT),
        (Behaviour(lose_state="on-error"), CORRECT),
        (Behaviour(lose_state="always"), "http://app.localhost/callback?x=1&code=c0de"),
        (Behaviour(alter_state="plus-to-space"), "http://app.localhost/callback?x=1&code=c0de&state=a+b"),
        (Behaviour(land_on="http://app.localhost/b"), "http://app.localhost/b?x=1&code=c0de&state=a%2Bb"),
        (Behaviour(parameters_in_fragment=True), "http://app.localhost/callback#x=1&code=c0de&state=a%2Bb"),
        (
            Behaviour(token_in_fragment=True),
            "http://app.localhost/callback#access_token=c0de&token_type=Bearer&expires_in=3600&x=1&state=a%2Bb",
        ),
        (Behaviour(adds={"scope": "all"}), CORRECT + "&scope=all"),
    ],
)
def test_changes_a_landing(behaviour: Behaviour, expected: str) -> None:
    assert landing(CORRECT, behaviour) == expected


def test_through_the_proxy(app: App, proxies: Callable[..., Mitmdump]) -> None:
    proxy = proxies(options={"termlog_verbosity": "warn"})
    visitor = Visitor(proxy)
    app.habits = Habits(proxy=proxy.url)
    visitor.open(app.origin + "/login")
    assert "Signed in" in visitor.sign_in().text
    ended = proxy.stop()
    assert ended.status == 0, ended
    assert ended.stdout.index("/token?v=2.0") < ended.stdout.index("/callback?code="), "what ended first is told first"


def test_through_the_proxy_over_https(secure_app: App, authority_file: Path, proxies: Callable[..., Mitmdump]) -> None:
    proxy = proxies(options={"ssl_verify_upstream_trusted_ca": authority_file})
    visitor = Visitor(proxy)
    secure_app.habits = Habits(proxy=proxy.url, trusts=str(proxy.ca))
    visitor.open(secure_app.origin + "/login")
    assert "Signed in" in visitor.sign_in().text
    assert proxy.stop().status == 0


@pytest.mark.parametrize(
    "behaviour", [Behaviour(), Behaviour(onward="form"), Behaviour(onward="authorize", login_by_script=True)]
)
def test_in_a_real_browser(
    sentinel: Sentinel,
    app: App,
    behaviour: Behaviour,
    proxies: Callable[..., Mitmdump],
    browsers: Callable[..., Browser],
    tmp_path: Path,
) -> None:
    sentinel.behaviour = behaviour
    proxy = proxies()
    browser = browsers(proxy)
    browser.open(app.origin)
    browser.follow("Sign in")
    browser.sign_in()
    browser.wait_at(app.origin)
    assert "Signed in" in browser.text
    assert browser.console() == []
    assert browser.screenshot(tmp_path / "there.png").stat().st_size > 1000
    assert "/callback?code=" in proxy.stop().stdout


def test_says_why_the_proxy_did_not_start(proxies: Callable[..., Mitmdump]) -> None:
    with pytest.raises(MitmdumpError, match=r"over before it listens\nmitmdump ended with status 1(.|\n)*no-such.py"):
        proxies("-s", "no-such.py")


def test_runs_a_proxy_that_ends_by_itself() -> None:
    assert run_mitmdump("--version").stdout.startswith("Mitmproxy: ")


def test_says_that_a_port_is_taken() -> None:
    with serving(lambda *_: []) as port, pytest.raises(PortTakenError, match=str(port)), serving(print, port=port):
        pass


def test_the_captures_are_those_of_the_scenes() -> None:
    """What is not recorded anew after a change of its scene would show here."""
    assert (CAPTURES / "lp-authorize.yaml").read_text("utf-8") == config()
    assert {path.name for path in CAPTURES.glob("*.expected")} == {f"{name}.expected" for name in SCENES}
    for scene in SCENES.values():
        assert (CAPTURES / f"{scene.name}.expected").read_text("utf-8") == scene.listing
        assert (CAPTURES / f"{scene.name}.flow").stat().st_size < 100_000
        assert (CAPTURES / f"{scene.name}.har").stat().st_size < 100_000


def test_serves_with_a_certificate(secure_app: App, authority: Authority, tmp_path: Path) -> None:
    visitor = Visitor(ca=authority.write(tmp_path / "ca.pem"))
    assert visitor.open(secure_app.origin).status == 200
