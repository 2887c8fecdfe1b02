"""Clients that we did not write, logged in at the simulator through the proxy: no finding but the true ones."""

from __future__ import annotations

import pytest

from lp_sentinel.simulate.registry import registry_of
from lp_sentinel.simulate.sentinel import Simulator
from lp_sentinel.simulate.serving import serving
from tests.simulate.apps import APPS
from tests.simulate.between import between, place
from tests.world.visitor import Visitor

pytestmark = pytest.mark.slow
TRUE: dict[str, set[str]] = {
    "requests-oauthlib": set(),
    "Authlib": set(),
    "passport-oauth2": set(),
    "passport-oauth2 without state": {"LPA130"},
    "openid-client": {"LPA142"},
}
"""LPA142 of openid-client: scope, nonce, code_challenge and its method are not documented."""


@pytest.fixture(autouse=True)
def plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")


@pytest.mark.parametrize("client", APPS)
def test_logs_in_and_nothing_false_is_found(client: str) -> None:
    with (
        place() as chosen,
        APPS[client](chosen) as app,
        serving(Simulator(registry_of(chosen.config)).wsgi) as sentinel,
        between(chosen, app, sentinel) as (_, lines),
    ):
        visitor = Visitor()
        visitor.open(f"{chosen.origin}/login")
        page = visitor.submit(do="sign-in")
        assert (page.status, "Bearer" in page.text.replace("bearer", "Bearer")) == (200, True), page.text
        visitor.open(f"{chosen.origin}/login")
        said = lines()
    found = {line["rule"] for line in said if "rule" in line}
    journeys = [line for line in said if "outcome" in line]
    assert found == {*TRUE[client], "LPA503"}, "the second login comes while the first one's token is valid"
    assert [(one["outcome"], len(one["exchanges"])) for one in journeys] == [("code", 5), ("code", 3)], said


@pytest.mark.parametrize("client", APPS)
def test_a_denial_is_told_to_the_app(client: str) -> None:
    with (
        place() as chosen,
        APPS[client](chosen) as app,
        serving(Simulator(registry_of(chosen.config)).wsgi) as sentinel,
        between(chosen, app, sentinel) as (_, lines),
    ):
        visitor = Visitor()
        visitor.open(f"{chosen.origin}/login")
        page = visitor.submit(do="deny")
        assert page.status in {403, 502}, page.text
        said = lines()
    assert {line["rule"] for line in said if "rule" in line} == TRUE[client], said
    assert [line["outcome"] for line in said if "outcome" in line] == ["error:access_denied"]
