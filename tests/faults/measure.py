"""What widespread clients do under each preset: measured from real runs, and written into docs/faults.md.

Run it from the project's folder: ``python -m tests.faults.measure``. It takes some minutes.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import flask
import requests
import yaml
from bench.tables import put
from oauthlib.oauth2 import OAuth2Error
from requests_oauthlib import OAuth2Session

from lp_sentinel.faults import preset_index
from lp_sentinel.faults.reading import presets
from lp_sentinel.simulate.registry import registry_of
from lp_sentinel.simulate.sentinel import Simulator
from lp_sentinel.simulate.serving import serving
from tests.simulate.apps import authlib, passport, passport_without_state
from tests.simulate.between import ACCOUNT, Place, between, place
from tests.world.visitor import Visitor

PAGE = Path(__file__).resolve().parents[2] / "docs" / "faults.md"
SHORTENED = {"hang": {"hang": "2s"}, "slow": {"delay": "1s"}, "token-slow": {"delay": "1s"}}
"""Nobody learns more from waiting longer."""
_UNTIL_SEEN = 1.2
"""Seconds until a changed plan is looked at."""
_MOST_REDIRECTS = 12

type Verdicts = Mapping[str, Mapping[str, Any]]


@contextmanager
def requests_oauthlib(place: Place) -> Iterator[int]:
    """An app that leaves to the library all that it can do: it reads the callback, and compares the state."""
    app = flask.Flask("requests-oauthlib-app")
    app.secret_key = secrets.token_bytes(16)
    app.config["SESSION_COOKIE_NAME"] = "requests_oauthlib_session"
    api = f"{place.sentinel}/sentinel/api/account/{ACCOUNT}"

    def session() -> OAuth2Session:
        state = flask.session.get("state")
        return OAuth2Session(place.app.client_id, redirect_uri=f"{place.origin}/callback", state=state)

    @app.get("/login")
    def login() -> flask.Response:
        location, flask.session["state"] = session().authorization_url(f"{api}/authorize", v="1.0")
        return flask.Response(status=302, headers={"Location": location})

    @app.get("/callback")
    def callback() -> tuple[dict[str, Any], int]:
        try:
            with session() as client:
                client.trust_env = False
                came = flask.request.url
                secret = place.app.client_secret
                token = client.fetch_token(
                    f"{api}/token?v=2.0", authorization_response=came, client_secret=secret, include_client_id=True
                )
        except OAuth2Error as error:
            return {"problem": type(error).__name__}, 403
        return dict(token), 200

    with serving(app) as port:
        yield port


CLIENTS: Mapping[str, Callable[[Place], AbstractContextManager[int]]] = {
    "requests-oauthlib": requests_oauthlib,
    "Authlib": authlib,
    "passport-oauth2, `state: true`": passport,
    "passport-oauth2, no state": passport_without_state,
}


def measure(client: str) -> Verdicts:
    """The verdict of each preset on this client."""
    with place() as chosen:
        config = chosen.folder / "lp-authorize.yaml"
        one = f'"{chosen.origin}/callback"'
        config.write_text(config.read_text().replace(one, f'{one}, "{chosen.origin}/callback2"'))
        plan = chosen.folder / "plan.yaml"
        plan.write_text("mode: off\nfaults: [{preset: slow}]\n")
        with (
            CLIENTS[client](chosen) as app,
            serving(Simulator(registry_of(chosen.config)).wsgi) as sentinel,
            between(chosen, app, sentinel, {"lp_faults": [plan], "flow_detail": "0"}) as (_, lines),
        ):
            # Some presets take something from an earlier login.
            _log_in(chosen, "before")
            for name in preset_index():
                change = {"do": SHORTENED[name]} if name in SHORTENED else {}
                plan.write_text(yaml.safe_dump({"seed": 1, "faults": [{"preset": name, **change}]}))
                time.sleep(_UNTIL_SEEN)
                _log_in(chosen, name)
            return {line["fault"]: line for line in lines() if "fault" in line}


def _log_in(chosen: Place, agent: str) -> None:
    visitor = Visitor(agent=agent)
    visitor.session.max_redirects = _MOST_REDIRECTS
    with suppress(requests.RequestException, ValueError):  # a malformed Location is no URL to the browser either
        page = visitor.open(f"{chosen.origin}/login")
        if 'value="sign-in"' in page.text:
            visitor.submit(do="sign-in")


def _cell(verdict: Mapping[str, Any] | None) -> str:
    if verdict is None or verdict["verdict"] == "never matched":
        return "–"  # noqa: RUF001
    sign = {"as expected": "✓", "not as expected": "✗", "not seen": "·"}[verdict["verdict"]]
    seen = str(verdict["seen"]).replace(", 0 token requests", "").replace("callback ", "").replace("no 302", "302")
    return f"{sign} {seen}"


def table(found: Mapping[str, Verdicts]) -> str:
    """The table in Markdown."""
    lines = ["| preset | what the app meets | " + " | ".join(found) + " |", "| --- " * (2 + len(found)) + "|"]
    for entry in presets().data["faults"]:
        cells = [_cell(verdicts.get(entry["name"])) for verdicts in found.values()]
        lines.append(f"| `{entry['name']}` | {entry['summary']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, and write the page anew."""
    os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
    with ThreadPoolExecutor(len(CLIENTS)) as pool:
        found = dict(zip(CLIENTS, pool.map(measure, CLIENTS), strict=True))
    put(PAGE, "measured", table(found))


if __name__ == "__main__":
    main()
