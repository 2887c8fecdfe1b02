"""What LivePerson's authorize page says, line by line, with the request that shows it and the simulator's answer.

``python -m tests.simulate.conformance`` writes the table into ``docs/simulator.md``; a test holds it to the truth.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from bench.tables import replaced

from lp_sentinel.config import App
from lp_sentinel.simulate.registry import APPS, USER, Registry
from lp_sentinel.simulate.sentinel import Simulator

DOCUMENT = Path(__file__).parents[2] / "docs" / "simulator.md"
ACCOUNT = "12345678"
API = f"/sentinel/api/account/{ACCOUNT}"
ONE, TWO = APPS
STATE = "af0ifjsldkj"
CODE = "{code}"

Query = Mapping[str, str | list[str] | None]


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the page, a request and its answer."""

    says: str
    answer: str
    asks: Query = field(default_factory=dict)
    """Changes to a well-formed request for the app with one redirect URI; ``None`` leaves a parameter out."""
    account: str = ACCOUNT
    method: str = "GET"
    session: bool = True
    signs_in: bool = False
    """The login page is filled in and sent, and its answer counts."""
    down: bool = False


def _back(pairs: str) -> str:
    return f"302 → {ONE.redirect_uris[0]}?{pairs}"


def _error(code: str, description: str) -> str:
    return _back(f"error={code}&error_description={description}&state={STATE}")


_OK = _back(f"code={CODE}&state={STATE}")
_LOGIN = "302 → the login page"
_INVALID = "400 Problem with query parameters"

ROWS: tuple[Row, ...] = (
    Row("Method GET", _OK),
    Row("Method GET: another one", _INVALID.replace("query parameters", "the request"), method="POST"),
    Row("domain: Sentinel hostname", _OK),
    Row("accountid, required: left out", "401 Bad Authentication", account=""),
    Row("accountid: not LivePerson's", "401 Bad Authentication", account="87654321"),
    Row("v, required", _OK, {"v": "1.0"}),
    Row("v, required: left out", _error("invalid_request", "v is missing"), {"v": None}),
    Row("v, number: no number", _error("invalid_request", "v must be 1.0"), {"v": "one"}),
    Row("v, default 1.0: another one", _error("invalid_request", "v must be 1.0"), {"v": "3.0"}),
    Row(
        "response_type, required: left out",
        _error("invalid_request", "response_type is missing"),
        {"response_type": None},
    ),
    Row(
        'response_type, must be "code": another',
        _error("unsupported_response_type", "response_type must be code"),
        {"response_type": "token"},
    ),
    Row("client_id, required: left out", _INVALID, {"client_id": None}),
    Row("redirect_uri, optional: left out, one registered", _OK, {"redirect_uri": None}),
    Row("redirect_uri: left out, several registered", _INVALID, {"client_id": TWO.client_id, "redirect_uri": None}),
    Row(
        "redirect_uri: one of several",
        f"302 → {TWO.redirect_uris[1]}?code={CODE}&state={STATE}",
        {"client_id": TWO.client_id, "redirect_uri": TWO.redirect_uris[1]},
    ),
    Row("state, optional: left out", _back(f"code={CODE}"), {"state": None}),
    Row("state, arbitrary", _back(f"code={CODE}&state=a+b/c=&d"), {"state": "a+b/c=&d"}),
    Row("302, to a login page, without a session", _LOGIN, session=False),
    Row("302, back to the application with code", _OK),
    Row(
        "302, back to the application with error code",
        _error("invalid_request", "repeated: state"),
        {"state": [STATE, "other"]},
    ),
    Row("400, problem with query parameters", _INVALID, {"redirect_uri": "http://localhost:8080/other"}),
    Row("401, invalid site id", "401 Bad Authentication", account="87654321"),
    Row("401, invalid application id", "401 Bad Authentication", {"client_id": "unknown"}),
    Row("500, internal server error", "500 Internal server error", down=True),
    Row("Note 1: no active session, so to the login page", _LOGIN, session=False),
    Row("Note 1: after the login back with code and state", _OK, session=False, signs_in=True),
    Row("Note 1: after the login, without state", _back(f"code={CODE}"), {"state": None}, session=False, signs_in=True),
    Row("Note 1: authenticated already, so directly back", _OK),
    Row(
        "Note 2: an error; account, client and redirect URI valid",
        _error("invalid_request", "v is missing"),
        {"v": None},
    ),
    Row("Note 2: an error; redirect URI not valid", _INVALID, {"v": None, "redirect_uri": "http://localhost:1/"}),
    Row("Note 2: an error; client not valid", "401 Bad Authentication", {"v": None, "client_id": "unknown"}),
    Row("Example: code appended, state behind it", _back(f"code={CODE}&state=xyz"), {"state": "xyz"}),
)


def registry() -> Registry:
    apps: dict[str, App] = {app.client_id: app for app in APPS}
    return Registry({ACCOUNT: apps}, (USER,), is_made_up=True)


def request_of(row: Row) -> str:
    """Path and query of the row's request."""
    asked: dict[str, Any] = {"v": "1.0", "response_type": "code", "client_id": ONE.client_id}
    asked |= {"redirect_uri": ONE.redirect_uris[0], "state": STATE, **row.asks}
    query = urlencode({name: value for name, value in asked.items() if value is not None}, doseq=True)
    return f"/sentinel/api/account/{row.account}/authorize?{query}"


def answer_of(row: Row) -> str:
    """The simulator's answer in short, a code that was handed out replaced."""
    simulator = Simulator(registry())
    client = simulator.wsgi.test_client()
    path = request_of(row)
    signing_in = path.replace("/authorize?", "/login?")
    credentials = {"user": USER.name, "password": USER.password, "do": "sign-in"}
    if row.session:
        client.post(f"{API}/login?v=1.0&response_type=code&client_id={ONE.client_id}", data=credentials)
    simulator.is_down = row.down
    answer = client.post(signing_in, data=credentials) if row.signs_in else client.open(path, method=row.method)
    location = answer.headers.get("Location")
    if location is None:
        detail = re.search(r"<p>([^<:.]*)[.:]", answer.text.partition("<h1>")[2])
        return f"{answer.status_code} {detail[1] if detail else ''}"
    if urlsplit(location).path.endswith("/login"):
        return f"{answer.status_code} → the login page"
    base, _, query = location.partition("?")
    came = {name: CODE if name == "code" else value[0] for name, value in parse_qs(query).items()}
    return f"{answer.status_code} → {base}?{'&'.join(f'{name}={value}' for name, value in came.items())}"


def table() -> Iterator[str]:
    yield "| the page says | request | answer |"
    yield "| --- | --- | --- |"
    for row in ROWS:
        path = request_of(row).replace("/sentinel/api/account/", "…/").replace("|", "%7C")
        how = f"{'' if row.session else 'without a session: '}{row.method} `{path}`"
        how += "; then signs in" if row.signs_in else "; `--down`" if row.down else ""
        yield f"| {row.says} | {how} | `{row.answer}` |"


def written(text: str) -> str:
    """The document with the table as it is now."""
    return replaced(text, "conformance", "".join(f"{line}\n" for line in table()))


if __name__ == "__main__":
    DOCUMENT.write_text(written(DOCUMENT.read_text("utf-8")), "utf-8")
