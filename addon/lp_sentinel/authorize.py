"""Reading an authorize request into facts."""

from __future__ import annotations

import math
import re

from lp_sentinel.config import Config
from lp_sentinel.exchange import Exchange, header
from lp_sentinel.facts import Misspelt, Placeholder, RequestFacts, UriFacts
from lp_sentinel.names import names_or_rests
from lp_sentinel.paths import PathForm
from lp_sentinel.taken_out import is_taken_out
from lp_sentinel.texts import secret
from lp_sentinel.uri import (
    Parameters,
    form_decode,
    host_matches,
    is_loopback,
    parse_parameters,
    scheme_of,
)
from lp_sentinel.uri_facts import uri_facts

DOCUMENTED = ("v", "response_type", "client_id", "redirect_uri", "state")

_STRIPPED = {re.sub("[_.-]", "", name): name for name in DOCUMENTED}
_ALIASES = _STRIPPED | {
    "redirecturl": "redirect_uri",
    "callback": "redirect_uri",
    "callbackurl": "redirect_uri",
    "callbackuri": "redirect_uri",
    "returnurl": "redirect_uri",
    "appid": "client_id",
    "appinstallid": "client_id",
    "clientkey": "client_id",
    "version": "v",
    "apiversion": "v",
    "granttype": "response_type",
}
_SECRET_NAMES = frozenset(
    {"client_secret", "password", "access_token", "refresh_token", "id_token", "api_key", "apikey"}
)
_STRINGIFIED_NOTHING = frozenset({"undefined", "null", "None", "NaN", "[object Object]"})
_STATE_TEMPLATE = re.compile(r"\{\{N\}\}|\$?\{N\}".replace("N", r"[A-Za-z_][A-Za-z0-9_ .-]*"))
_BRACED = re.compile(r"\$?\{[^{}]+\}")
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_HTTP_HOST = re.compile(r"(?i)http://(?:[^/\\?#]*@)?(\[[^\]/\\?#]*\]?|[^:/\\?#]*)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ALPHABETS = (
    (re.compile(r"[0-9]*"), 10),
    (re.compile(r"[0-9a-f]*"), 16),
    (re.compile(r"[0-9a-z]*|[0-9A-Z]*"), 36),
    (re.compile(r"[0-9A-Za-z]*"), 62),
)
_OTHER_ALPHABET = 94
_SHOWN_PLACEHOLDER = 60


def read_request(exchange: Exchange, form: PathForm, account: str | None, config: Config) -> RequestFacts:
    """The facts of an authorize request (LivePerson's authorize page; RFC 6749 section 4.1.1)."""
    parameters = parse_parameters(exchange.query)
    names = parameters.names()
    values = {name: parameters.get(name) for name in DOCUMENTED}
    state, redirect_uri = values["state"], values["redirect_uri"]
    redirect = uri_facts(redirect_uri)
    others = [name for name in names if name not in DOCUMENTED]
    misspelt = tuple([Misspelt(name, meant) for name in others if (meant := _meant_by(name)) and not values[meant]])
    secrets = tuple([name for name in others if name in _SECRET_NAMES and parameters.get(name)])
    explained = {*secrets, *[name for name, _ in misspelt]}
    spilled = [name for name in _after_open_question_mark(exchange.query) if name not in DOCUMENTED]
    told_of = explained.union(spilled)
    taken_out = tuple([name for name, value in values.items() if is_taken_out(value)])
    headers = exchange.request_headers
    return RequestFacts(
        method=exchange.method.upper(),
        scheme=exchange.scheme,
        host=exchange.host,
        path=exchange.path,
        path_form=form,
        is_loopback=is_loopback(exchange.host),
        host_is_sentinel=host_matches(exchange.host, config.sentinel_hosts),
        account=account,
        v=values["v"],
        v_number=float(values["v"]) if values["v"] and _NUMBER.fullmatch(values["v"]) else None,
        response_type=values["response_type"],
        client_id=values["client_id"],
        redirect_uri=redirect_uri,
        redirect=redirect,
        redirect_uri_has_scheme=None if "redirect_uri" in taken_out else scheme_of(redirect_uri or "") is not None,
        redirect_uri_is_insecure=_is_insecure(redirect, redirect_uri or ""),
        redirect_uri_without_value=redirect_uri is None and "redirect_uri" in names,
        state=secret(state),
        state_bits=_bits(state) if state and "state" not in taken_out else None,
        code_challenge=secret(parameters.get("code_challenge")),
        nonce=secret(parameters.get("nonce")),
        fetch_mode=header(headers, "sec-fetch-mode"),
        fetch_dest=header(headers, "sec-fetch-dest"),
        requested_with=header(headers, "x-requested-with"),
        placeholders=tuple(_placeholders({"account": account, **values})),
        misspelt=misspelt,
        repeated=names_or_rests(parameters.repeated(), exchange.query),
        secrets=secrets,
        with_stray_whitespace=tuple([name for name, value in values.items() if value and _is_stray(value)]),
        spilled=names_or_rests(spilled, exchange.query),
        cut_off=names_or_rests([name for name in spilled if name not in explained] or spilled, exchange.query),
        undocumented=names_or_rests([name for name in others if name not in told_of], exchange.query),
        taken_out=taken_out,
    )


def _meant_by(name: str) -> str | None:
    """The documented parameter that another name stands for."""
    return _ALIASES.get(re.sub("[_.-]", "", name.lower()))


def _after_open_question_mark(query: str) -> tuple[str, ...]:
    """The names that follow a ``redirect_uri`` whose own ``?`` was sent unencoded."""
    if "?" not in query:
        return ()
    pieces = query.split("&")
    for place, piece in enumerate(pieces):
        name, _, value = piece.partition("=")
        if value and form_decode(name) == "redirect_uri":
            following = parse_parameters("&".join(pieces[place + 1 :])) if "?" in value else Parameters()
            valued = {name for name, value in following.pairs if value}
            return tuple(name for name in following.names() if name in valued)
    return ()


def _is_stray(value: str) -> bool:
    """Whether it begins or ends with a space, or holds a control character, such as a tab."""
    return value != value.strip(" ") or _CONTROL.search(value) is not None


def _bits(value: str) -> float:
    size = next((size for alphabet, size in _ALPHABETS if alphabet.fullmatch(value)), _OTHER_ALPHABET)
    return len(value) * math.log2(size)


def _placeholders(values: dict[str, str | None]) -> list[Placeholder]:
    found = []
    for name, value in values.items():
        if not value:
            continue
        if value in _STRINGIFIED_NOTHING or (name == "state" and _STATE_TEMPLATE.fullmatch(value)):
            found.append(Placeholder(name, value))
        elif name != "state" and _holds_template(value):
            braced = _BRACED.search(value)
            found.append(Placeholder(name, (braced[0] if braced else value)[:_SHOWN_PLACEHOLDER]))
    return found


def _holds_template(value: str) -> bool:
    """``{`` and ``}`` around text."""
    opening, closing = value.find("{"), value.rfind("}")
    return 0 <= opening < closing and bool(value[opening + 1 : closing].strip("{} \t"))


def _is_insecure(redirect: UriFacts | None, redirect_uri: str) -> bool:
    """Whether it is http and its host not loopback, also where its port or its host can't be parsed."""
    if redirect:
        return redirect.scheme == "http" and not redirect.is_loopback
    found = _HTTP_HOST.match(redirect_uri)
    host = found[1].strip().lower() if found else ""
    return bool(host) and not is_loopback(host)
