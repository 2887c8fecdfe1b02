"""Servers that we did not write, at Sentinel's path: every finding is explained in docs/servers.md."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import oidc_provider_mock  # type: ignore[import-untyped]
import pytest

from lp_sentinel.simulate.serving import serving
from tests.simulate.apps import requests_oauthlib
from tests.simulate.between import ACCOUNT, Place, between, node, place
from tests.world.visitor import Visitor

pytestmark = pytest.mark.slow
DOCUMENT = Path(__file__).parents[2] / "docs" / "servers.md"
API = f"/sentinel/api/account/{ACCOUNT}"


@contextmanager
def oidc_mock(chosen: Place) -> Iterator[int]:
    own = oidc_provider_mock.app()
    paths = {f"{API}/authorize": "/oauth2/authorize", f"{API}/token": "/oauth2/token"}

    def at_sentinels_path(environ: dict[str, Any], start: Any) -> Any:
        environ["PATH_INFO"] = paths.get(environ["PATH_INFO"], environ["PATH_INFO"])
        return own(environ, start)

    with serving(at_sentinels_path) as port:
        yield port


def oauth2_mock_server(chosen: Place) -> AbstractContextManager[int]:
    return node("servers.mjs", {**chosen.env, "SERVER": "oauth2-mock-server"})


def oidc_provider(chosen: Place) -> AbstractContextManager[int]:
    return node("servers.mjs", {**chosen.env, "SERVER": "oidc-provider"})


SERVERS: Mapping[str, Callable[[Place], AbstractContextManager[int]]] = {
    "oidc-provider-mock": oidc_mock,
    "oauth2-mock-server": oauth2_mock_server,
    "oidc-provider": oidc_provider,
}
FORMS: Mapping[str, tuple[dict[str, str], ...]] = {
    "oidc-provider-mock": ({"sub": "qa"},),
    "oauth2-mock-server": (),
    "oidc-provider": ({"login": "qa", "password": "made-up"}, {}),
}
"""What its pages are filled in with on the way to the app."""

ASKS: Mapping[str, Mapping[str, str | None]] = {
    "in order": {},
    "response_type token": {"response_type": "token"},
    "response_type left out": {"response_type": None},
    "redirect URI not registered": {"redirect_uri": "{origin}/other"},
    "client unknown": {"client_id": "unknown"},
    "client_id left out": {"client_id": None},
    "v left out": {"v": None},
}


def asked(chosen: Place, changes: Mapping[str, str | None]) -> str:
    query = {"v": "1.0", "response_type": "code", "client_id": chosen.app.client_id, "state": "bf1ifjsldkjFvB2Xq9ZwTg"}
    query |= {"redirect_uri": f"{chosen.origin}/callback", "scope": "openid"}
    merged = {
        name: value.format(origin=chosen.origin) for name, value in {**query, **changes}.items() if value is not None
    }
    return f"{chosen.sentinel}{API}/authorize?" + "&".join(f"{name}={value}" for name, value in merged.items())


def found(server: str, ask: str) -> set[str]:
    """The findings on a login at this server: the app's own, or with a request of ours."""
    scope = "openid" if server == "oidc-provider" else None  # without a scope it grants nothing
    with (
        place() as chosen,
        SERVERS[server](chosen) as sentinel,
        requests_oauthlib(chosen, scope) as app,
        between(chosen, app, sentinel) as (_, lines),
    ):
        visitor = Visitor()
        page = visitor.open(f"{chosen.origin}/login" if ask == "in order" else asked(chosen, ASKS[ask]))
        if ask in {"in order", "v left out"}:
            for fields in FORMS[server]:
                page = visitor.submit(**fields)
            assert page.url.startswith(f"{chosen.origin}/callback?"), page
        said = lines()
    return {line["rule"] for line in said if "rule" in line}


def documented() -> dict[tuple[str, str], set[str]]:
    """The table's findings by server and request."""
    rows = re.findall(r"^\| ([\w.-]+) \| ([\w ]+) \| ([^|]*) \|", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    table: dict[tuple[str, str], set[str]] = {}
    for server, ask, rules in rows:
        table.setdefault((server, ask), set()).update(re.findall(r"LPA\d+", rules))
    return table


@pytest.mark.parametrize("ask", ASKS)
@pytest.mark.parametrize("server", SERVERS)
def test_every_finding_is_explained(server: str, ask: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    assert found(server, ask) == documented()[server, ask]
