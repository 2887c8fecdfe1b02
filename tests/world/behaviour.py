"""How a Sentinel may depart from what is documented, and what that does to a landing."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl, quote, unquote_plus, urlencode, urlsplit

type Alteration = Literal["plus-to-space", "truncated", "upper-case", "html-escaped", "encoded-again"]

ALTERATIONS: Mapping[Alteration, Callable[[str], str]] = {
    "plus-to-space": unquote_plus,
    "truncated": lambda state: state[: len(state) // 2],
    "upper-case": str.upper,
    "html-escaped": html.escape,
    "encoded-again": lambda state: quote(state, safe=""),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """By default as documented: a login page where there is no session, else straight back to the app."""

    signed_in_as: str | None = None
    """Everybody has this user's session, so that no login page is needed."""
    onward: Literal["app", "authorize", "form"] = "app"
    """Where the login goes on to: the app; the authorize request once more; the app, by a form that sends itself."""
    login_by_script: bool = False
    """The login page sends its form by script, and goes on by script."""
    denies: bool = False
    """The user may not use the app: ``access_denied``."""
    answers: int | None = None
    """This status without further ado, as in an outage."""
    redirects_with: int = 302
    lose_state: Literal["never", "at-login", "on-error", "always"] = "never"
    alter_state: Alteration | None = None
    land_on: str | None = None
    """Another redirect URI than the requested one."""
    both_code_and_error: bool = False
    no_description: bool = False
    parameters_in_fragment: bool = False
    token_in_fragment: bool = False
    """The answer of the implicit grant, which nobody asked for."""
    adds: Mapping[str, str] | None = None
    """More parameters for the landing."""
    repeats_code: bool = False
    """The code that was handed out before is handed out again."""
    token_answer: Mapping[str, object] | None = None
    """Changes to the token answer; ``None`` leaves a name out."""


def landing(location: str, behaviour: Behaviour) -> str:
    """What becomes of a correct redirect to the app."""
    base, _, query = location.partition("?")
    own = dict(parse_qsl(urlsplit(location).query, keep_blank_values=True))
    if behaviour.land_on:
        base, query = behaviour.land_on, ""
    changed = _changed(own, behaviour)
    if behaviour.token_in_fragment:
        token = {"access_token": changed.pop("code", ""), "token_type": "Bearer", "expires_in": "3600"}
        return f"{base}#{urlencode(token | changed)}"
    if changed == own and not (behaviour.land_on or behaviour.parameters_in_fragment):
        return f"{base}?{query}"
    return f"{base}{'#' if behaviour.parameters_in_fragment else '?'}{urlencode(changed)}"


def _changed(own: Mapping[str, str], behaviour: Behaviour) -> dict[str, str]:
    changed = dict(own)
    lost = behaviour.lose_state
    if lost == "always" or (lost == "on-error" and "error" in changed):
        changed.pop("state", None)
    if behaviour.alter_state and "state" in changed:
        changed["state"] = ALTERATIONS[behaviour.alter_state](changed["state"])
    if behaviour.both_code_and_error and "code" in changed:
        changed |= {"error": "server_error", "error_description": "The session could not be kept"}
    if behaviour.no_description:
        changed.pop("error_description", None)
    return changed | dict(behaviour.adds or {})
