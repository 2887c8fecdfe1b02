"""The simulator inside a real mitmdump that reaches nothing but loopback."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from mitmproxy import http
from mitmproxy.test import taddons, tflow

from lp_sentinel.config import App, Config
from lp_sentinel.mitm import Addon
from lp_sentinel.proxy.settings import OPTIONS, read_settings
from lp_sentinel.simulate import inside
from lp_sentinel.simulate.inside import Simulated
from lp_sentinel.simulate.registry import APPS, USER, registry_of
from lp_sentinel.simulate.sentinel import Simulator
from tests.ours import SCRIPT
from tests.world.names import at_home
from tests.world.proxy import Mitmdump
from tests.world.visitor import Visitor

SENTINEL = "https://va.sentinel.liveperson.net"
ONE: App = APPS[0]
API = "/sentinel/api/account/12345678"
ASKED = f"{API}/authorize?v=1.0&response_type=code&client_id={ONE.client_id}&state=af0ifjsldkjFvB2Xq9ZwTg"


@pytest.fixture
def proxy(proxies: Callable[..., Mitmdump]) -> Iterator[Mitmdump]:
    return proxies("-s", SCRIPT, options={"lp_simulate": "on"})  # type: ignore[return-value]


def is_dialled(visitor: Visitor, url: str) -> bool:
    """The world lets no connection leave loopback: where one is tried, there is no answer."""
    try:
        return visitor.open(url).status == 502
    except requests.exceptions.ProxyError:
        return True


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_answers_for_the_real_host_and_dials_nothing(proxy: Mitmdump, scheme: str) -> None:
    visitor = Visitor(proxy)
    sentinel = SENTINEL.replace("https", scheme)
    page = visitor.open(sentinel + ASKED)
    assert page.url.startswith(f"{sentinel}{API}/login?")
    answer = visitor.session.post(
        page.url, data={"user": USER.name, "password": USER.password}, allow_redirects=False, timeout=30
    )
    assert answer.headers["Location"].startswith(f"{ONE.redirect_uris[0]}?code=")
    assert (
        "code="
        in visitor.session.get(sentinel + ASKED.replace("af0", "bf1"), allow_redirects=False, timeout=30).headers[
            "Location"
        ]
    )
    ended = proxy.stop()
    assert "server connect" not in ended.stdout, ended
    assert "2 journeys  2 code" in ended.stdout, ended
    found = set(re.findall("LPA[0-9]+", ended.stdout))
    assert found == ({"LPA103", "LPA214"} if scheme == "http" else set()), ended


@pytest.mark.parametrize("strategy", ["eager", "lazy"])
def test_in_reverse_mode_it_says_what_it_takes(proxies: Callable[..., Mitmdump], strategy: str) -> None:
    options = {"lp_simulate": "on", "connection_strategy": strategy}
    proxy = proxies("-s", SCRIPT, "--mode", "reverse:http://va.sentinel.liveperson.net", options=options)
    with at_home(requests.Session()) as client:
        try:
            status = client.get(f"http://127.0.0.1:{proxy.port}{ASKED}", allow_redirects=False, timeout=30).status_code
        except requests.exceptions.ConnectionError:
            status = 0
    assert status == (302 if strategy == "lazy" else 0)
    assert ("set connection_strategy=lazy" in proxy.stop().stdout) == (strategy == "eager")


def test_answers_the_domain_api_for_sentinel_only(proxy: Mitmdump) -> None:
    visitor = Visitor(proxy)
    api = "https://api.liveperson.net/api/account/12345678/service"
    assert visitor.session.get(f"{api}/sentinel/baseURI.json?version=1.0", timeout=30).json()["baseURI"] == SENTINEL[8:]
    assert visitor.session.get(f"{api}/msgHist/baseURI.json?version=1.0", timeout=30).status_code == 502
    assert is_dialled(visitor, "https://other.liveperson.net/")


def test_is_off_by_default(proxies: Callable[..., Mitmdump]) -> None:
    assert is_dialled(Visitor(proxies("-s", SCRIPT)), SENTINEL + ASKED)


def test_takes_the_apps_of_the_config_and_of_a_later_one(proxies: Callable[..., Mitmdump], tmp_path: Path) -> None:
    config = tmp_path / "lp.yaml"
    config.write_text(
        "sentinel_hosts: [sso.example]\n"
        "accounts: {'1': {apps: [{client_id: a, redirect_uris: [https://a.example/cb]}]}}\n"
    )
    proxy = proxies("-s", SCRIPT, options={"lp_simulate": "on", "lp_config": config})
    visitor = Visitor(proxy)
    asked = "/sentinel/api/account/1/authorize?v=1.0&response_type=code&client_id={}&state=af0ifjsldkjFvB2Xq9ZwTg"
    assert "/login?" in visitor.open("https://sso.example" + asked.format("a")).url
    assert visitor.open("https://sso.example" + asked.format("b")).status == 401
    assert is_dialled(visitor, SENTINEL + asked.format("a"))


def test_a_login_goes_on_when_the_config_is_set_again() -> None:
    given = {option.name: option.default for option in OPTIONS} | {"lp_simulate": "on"}
    simulated = Simulated(lambda: read_settings(SimpleNamespace(**given), None))  # another config each time

    def asked(path: str, **form: str) -> http.Response:
        request = http.Request.make("POST" if form else "GET", SENTINEL + path)
        if form:
            request.urlencoded_form = list(form.items())
        flow = tflow.tflow(req=request)
        flow.live = True
        asyncio.run(simulated.answer(flow))
        assert flow.response
        return flow.response

    keys = asked(f"{API}/keys").json()
    landed = asked(ASKED.replace("/authorize", "/login"), user=USER.name, password=USER.password)
    code = parse_qs(urlsplit(landed.headers["Location"]).query)["code"][0]
    redeems = {"grant_type": "authorization_code", "code": code, "client_id": ONE.client_id}
    token = asked(f"{API}/token?v=2.0", **redeems, client_secret=ONE.client_secret or "")
    assert token.status_code == 200, token.text
    assert asked(f"{API}/keys").json() == keys


def test_while_the_simulator_is_made_other_traffic_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {option.name: option.default for option in OPTIONS} | {"lp_simulate": "on"}
    settings = read_settings(SimpleNamespace(**given), None)
    simulated, made, make, passed = Simulated(lambda: settings), [], inside._simulator, 0  # noqa: SLF001

    def slowly(config: Config, earlier: Simulator | None) -> Simulator:
        time.sleep(0.3)
        made.append(make(config, earlier))
        return made[-1]

    async def answered() -> list[http.HTTPFlow]:
        nonlocal passed
        flows = [tflow.tflow(req=http.Request.make("GET", f"{SENTINEL}{API}/keys")) for _ in range(3)]
        for flow in flows:
            flow.live = True
        answers = asyncio.gather(*map(simulated.answer, flows))
        while not answers.done():
            await asyncio.sleep(0.01)
            passed += not made
        return flows

    monkeypatch.setattr(inside, "_simulator", slowly)
    flows = asyncio.run(answered())
    assert [flow.response and flow.response.status_code for flow in flows] == [200] * 3
    assert len(made) == 1
    assert passed > 3


@pytest.mark.parametrize(("query", "status"), [(b"\xff", 400), ("é".encode(), 302)])
def test_bytes_that_a_query_may_not_have(query: bytes, status: int) -> None:
    simulator, request = Simulator(registry_of(Config())), tflow.tflow().request
    request.data.path = f"{ASKED}&x=".encode() + query
    assert inside.answer(simulator.wsgi, request).status_code == status


def test_refuses_a_value_that_is_none(proxies: Callable[..., Mitmdump]) -> None:
    with pytest.raises(AssertionError, match="lp_simulate"):
        proxies("-s", SCRIPT, options={"lp_simulate": "yes"})


def test_is_there_as_long_as_it_is_on(caplog: pytest.LogCaptureFixture) -> None:
    addon = Addon()
    there: list[bool] = []
    with taddons.context(addon) as context:  # type: ignore[no-untyped-call]
        for change in ({"lp_simulate": "on"}, {"lp_show": "error"}, {"lp_simulate": "off"}, {"lp_simulate": "on"}):
            context.configure(addon, **change)
            there.append(context.master.addons.get(Simulated.name) is not None)
        addon.done()
        there.append(context.master.addons.get(Simulated.name) is not None)
    assert there == [True, True, False, True, False]
    assert not caplog.records
