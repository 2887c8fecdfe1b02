"""Secrets put into each captured text that a finding or a journey shows: of the examples in the rules."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from urllib.parse import quote

from msgspec.structs import replace

from lp_sentinel.config import Config
from lp_sentinel.exchange import Exchange, header
from lp_sentinel.rules import load_rules
from lp_sentinel.rules.examples import example_config
from tests.labelled import in_turn

BOOK = load_rules()
SECRET = "Tr3asur3Q7YbmK9xWzVd2A"
SHORT = "hunt3r2"
BEGIN = f"{SECRET[:4]}…"
PLANTED = (SECRET[6:], SHORT)
type Plant = Callable[[str], str]
"""From a URL, a query, a fragment or a form to the same with secrets."""


def joined(separator: str) -> Plant:
    """Secrets joined to the values of harmless parameters."""
    more = quote(f"{separator}client_secret={SHORT}{separator}state={SECRET}", safe="")
    names = "v|response_type|client_id|error|error_description|grant_type|token_type|scope"
    return lambda text: re.sub(rf"((?:\A|[?&#])(?:{names})=[^&#]*)", rf"\g<1>{more}", text)


def in_redirect_uri(change: Callable[[str], str], times: int = 1) -> Plant:
    def plant(text: str) -> str:
        def planted(found: re.Match[str]) -> str:
            uri = change("https://app.example/cb?tenant=7")
            for _ in range(times):
                uri = quote(uri, safe="")
            return f"redirect_uri={uri}"

        return re.sub(r"redirect_uri=[^&#]*", planted, text)

    return plant


def in_path(segment: str) -> Plant:
    return lambda text: re.sub(r"\A(https?://[^/?#]+/cb)(?=[?#]|\Z)", rf"\g<1>{segment}", text)


PLANTS: Mapping[str, Plant] = {
    "joined by ;": joined(";"),
    "joined by ,": joined(","),
    "joined by a line break": joined("\n"),
    "joined by &": joined("&"),
    "joined by an encoded &": joined("%26"),
    "a token as its type": lambda text: re.sub(r"(\"token_type\":\")[^\"]*", rf"\g<1>{SECRET}", text),
    "a token as what is asked for": lambda text: re.sub(r"((?:grant|response)_type=)[^&]*", rf"\g<1>{SECRET}", text),
    "landing path": in_path(f"/{SECRET}"),
    "landing path parameter": in_path(f";sid={SECRET};pin={SHORT}"),
    "request path": lambda text: re.sub(r"/sentinel/api/account/[^/?]*/authorize", f"/sentinel/v1/{SECRET}/auth", text),
    "rest of a state": lambda text: re.sub(r"(state=[^&#]*)", rf"\g<1>&{SECRET}&{SHORT}", text),
    "rest of a state, with padding": lambda text: re.sub(r"(state=[^&#]*)", rf"\g<1>&{SECRET}==&{SECRET}=x", text),
    "redirect URI's query": in_redirect_uri(lambda uri: f"{uri}&code={SECRET}&password={SHORT}&x={SECRET}"),
    "redirect URI's fragment": in_redirect_uri(lambda uri: f"{uri}#access_token={SECRET}&pwd={SHORT}"),
    "redirect URI's user": in_redirect_uri(lambda uri: uri.replace("//", f"//user:{SECRET}@")),
    "redirect URI's user, no slashes": in_redirect_uri(lambda uri: uri.replace("https://", f"user:{SHORT}@")),
    "redirect URI's path": in_redirect_uri(lambda uri: uri.replace("/cb", f"/cb;sid={SECRET};token={SHORT}")),
    "redirect URI, encoded twice": in_redirect_uri(
        lambda uri: uri.replace("//", f"//user:{SHORT}@") + f"&token={SECRET}", times=2
    ),
    "redirect URI, not encoded": in_redirect_uri(lambda uri: f"{uri}&{SECRET}&token={SHORT}", times=0),
    "redirect URI in a redirect URI": in_redirect_uri(lambda uri: f"{uri}&next={uri}%26code={SECRET}"),
    "a failure as a tool tells it": lambda text: re.sub(
        r"\A(timed out|connection reset)\Z", rf"\g<1> (Bearer {SECRET}; code: {SECRET})", text
    ),
    "a description that quotes what was sent": lambda text: re.sub(
        r"((?:\A|[?&#])error_(?:description|message)=[^&#]*)", rf"\g<1>+Code+{SECRET}+of+'{SECRET}'+was+used.", text
    ),
    "redirect URI over http": in_redirect_uri(lambda uri: f"{uri.replace('https', 'http')}&token={SECRET}"),
}


def planted(exchange: Exchange, plant: Plant) -> Exchange:
    path, mark, query = exchange.target.partition("?")
    headers = exchange.response_headers
    location = header(headers, "location")
    if location is not None:
        changed = plant(location)
        headers = tuple((name, changed if name == "location" else value) for name, value in headers)
    bodies = {
        name: plant(body.decode()).encode()
        for name in ("request_body", "response_body")
        if (body := getattr(exchange, name))
    }
    return replace(
        exchange,
        target=plant(path) + mark + plant(query),
        response_headers=headers,
        error=exchange.error and plant(exchange.error),
        **bodies,
    )


@cache
def captures() -> list[tuple[Config, list[Exchange]]]:
    """The bad examples of all rules."""
    return [(example_config(example), in_turn(example)) for rule in BOOK.by_id.values() for example in rule.bad]
