"""Whether an authorize or token request is as documented, and who is told if it is not."""

from __future__ import annotations

import base64
import re
from collections.abc import Collection

from authlib.oauth2.rfc6749.errors import InvalidClientError, InvalidRequestError, UnsupportedResponseTypeError
from werkzeug.datastructures import MultiDict

from lp_sentinel.simulate.registry import Installation, Registry
from lp_sentinel.uri import parse_parameters

_WHOLE = re.compile(r"0*([0-9]+)(?:\.0+)?")
_PRINTABLE = re.compile(r"[\x20-\x7E]*")


def check_authorize(
    registry: Registry, account: str, asked: MultiDict[str, str], query: str
) -> tuple[Installation, str]:
    """The app and the redirect URI of an authorize request. ``query`` is what it asked, as it was sent.

    Account, client and redirect URI come first: until they are known to be right, nothing is sent to the app. What is
    wrong besides goes back to it (LivePerson's authorize page, Notes; RFC 6749 section 4.1.2.1). A parameter without
    a value counts as left out (section 3.1). Raises OAuth2Error, with ``redirect_uri`` where the app is to be told.
    """
    client = _client(registry, account, asked)
    redirect_uri = _redirect_uri(client, asked)
    problem = _problem(asked, query)
    if problem:
        raise InvalidRequestError(problem, redirect_uri=redirect_uri)
    if asked["response_type"] != "code":
        raise UnsupportedResponseTypeError(None, "response_type must be code", redirect_uri=redirect_uri)
    return client, redirect_uri


def _client(registry: Registry, account: str, asked: MultiDict[str, str]) -> Installation:
    if account not in registry.accounts:
        raise InvalidClientError("invalid site id", status_code=401)
    if not asked.get("client_id"):
        raise InvalidRequestError("client_id is missing")
    if len(asked.getlist("client_id")) > 1:
        raise InvalidRequestError("client_id is repeated")
    client = registry.installation(account, asked["client_id"])
    if client is None:
        raise InvalidClientError("invalid application id", status_code=401)
    return client


def _redirect_uri(client: Installation, asked: MultiDict[str, str]) -> str:
    if len(asked.getlist("redirect_uri")) > 1:
        raise InvalidRequestError("redirect_uri is repeated")
    wanted = asked.get("redirect_uri") or client.get_default_redirect_uri()
    if not wanted:
        raise InvalidRequestError("redirect_uri is missing, and the application did not register exactly one")
    if not client.check_redirect_uri(wanted):
        raise InvalidRequestError("redirect_uri is not registered for the application")
    if "#" in wanted:
        raise InvalidRequestError("redirect_uri has a fragment")
    return wanted


def _problem(asked: MultiDict[str, str], query: str) -> str | None:
    repeated = ", ".join(name for name, values in asked.lists() if len(values) > 1 and _is_plain(name))
    if any(len(values) > 1 for _, values in asked.lists()):
        return f"repeated: {repeated or 'a parameter'}"
    if not asked.get("v"):
        return "v is missing"
    if not is_version(asked["v"], {"1"}):
        return "v must be 1.0"
    if not asked.get("response_type"):
        return "response_type is missing"
    # Werkzeug leaves bytes that are not UTF-8 encoded, as if they had been sent so.
    if not _PRINTABLE.fullmatch(parse_parameters(query).get("state") or ""):
        return "state has characters outside x20-7E"
    return None


def check_token(
    method: str,
    asked: MultiDict[str, str],
    form: MultiDict[str, str],
    authorization: str,
    versions: Collection[str],
    *,
    is_known: bool,
) -> None:
    """Raises OAuth2Error if a token or revoke request is not as documented (RFC 6749 sections 2.3.1, 3.2).

    ``authorization`` is the header of that name, ``is_known`` whether the account is.
    """
    if method != "POST":
        raise InvalidRequestError(f"{method} is not documented, only POST is")
    if not is_known:
        raise InvalidClientError("invalid site id")
    if not is_version(asked.get("v", ""), versions):
        raise InvalidRequestError("v is missing or not documented")
    if any(name != "v" for name in asked):
        raise InvalidRequestError("everything but v belongs in the body")
    if not form:
        raise InvalidRequestError("the body must be application/x-www-form-urlencoded")
    if any(len(values) > 1 for _, values in form.lists()):
        raise InvalidRequestError("a parameter is repeated")
    if not _is_readable(authorization):
        raise InvalidClientError("nobody can read the credentials of HTTP Basic")


def _is_readable(authorization: str) -> bool:
    """Whether it is something else than HTTP Basic, or base64 of text: Authlib fails on what is not."""
    scheme, _, credentials = authorization.partition(" ")
    try:
        return scheme.lower() != "basic" or bool(base64.b64decode(credentials).decode())
    except ValueError:
        return False


def is_version(value: str, versions: Collection[str]) -> bool:
    """Whether it is one of these whole numbers; as text, since 1.0000000000000000000001 is another version."""
    found = _WHOLE.fullmatch(value)
    return found is not None and found[1] in versions


def _is_plain(name: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9_.-]{1,40}", name) is not None
