"""What a fault does to one flow: worked out first, so that nothing is counted or changed if it is not possible."""

from __future__ import annotations

from typing import NamedTuple

from mitmproxy import http

from lp_sentinel.exchange import REDIRECTS, Exchange, as_bytes, header_values
from lp_sentinel.faults.answers import Answer, answer, did, edited_token, login_page, redirection
from lp_sentinel.faults.hops import Seen
from lp_sentinel.faults.landings import Known, NotPossibleError, redirect
from lp_sentinel.faults.plan import Fault
from lp_sentinel.faults.raw_url import carried
from lp_sentinel.uri import resolve

LOOP_LEG = "/lp-authorize-login"
"""Stands for ``/authorize`` in the URL of the login that a redirect loop is made with."""

_FOUND = 302
_OK = 200


class Act(NamedTuple):
    """What will be done, in words, and how."""

    did: str
    answer: Answer | None = None
    """Takes the real answer's place."""
    locations: tuple[str, ...] | None = None
    """The real answer gets these."""
    status: int | None = None
    body: bytes | None = None
    """The real answer gets it."""
    cut: int | None = None
    """So many bytes of the body are left."""
    kills: bool = False
    lands_on: str | None = None
    """Where the browser should land."""
    spends: bool = False
    """A real code is thrown away."""

    def apply(self, flow: http.HTTPFlow) -> None:
        """Change the flow's response."""
        if self.answer is not None:
            flow.response = response_of(self.answer)
        response = flow.response
        if response is None:
            return
        if self.locations is not None:
            # The name as it was spelt: in HTTP/2 that is in lower case.
            spelt = next((name for name, _ in response.headers.fields if name.lower() == b"location"), b"Location")
            fields = [field for field in response.headers.fields if field[0].lower() != b"location"]
            fields += ((spelt, as_bytes(location)) for location in self.locations)
            response.headers = http.Headers(fields)
        if self.status:
            response.status_code = self.status
            response.reason = http.Response.make(self.status).reason
        if self.body is not None:
            response.content = self.body
        if self.cut is not None:
            _cut(response, self.cut, closes=not (flow.request.is_http2 or flow.request.is_http3))


def response_of(made: Answer) -> http.Response:
    headers = [(name.encode(), as_bytes(value)) for name, value in made.headers]
    return http.Response.make(made.status, made.body, http.Headers(headers))


def _cut(response: http.Response, left: int, *, closes: bool) -> None:
    """Announce more than comes: the whole body, or one byte more than is left of it."""
    body = response.raw_content or b""
    response.headers.pop("transfer-encoding", None)
    response.headers["content-length"] = str(max(len(body), left + 1))
    if closes:
        response.headers["connection"] = "close"
    response.raw_content = body[:left]


def at_request(fault: Fault, seen: Seen, known: Known) -> Act:
    """The act that needs no real answer. Raises NotPossibleError."""
    do = fault.do
    match fault.family:
        case "landing":
            made = redirect(do, None, known)
            return Act(made.did, redirection(do.redirect or _FOUND, made.locations), lands_on=made.lands_on)
        case "answer":
            return Act(did(do), answer(do, is_token=seen.hop == "token"))
        case "login":
            return Act("a login page", login_page())
        case "loop":
            return Act("a redirect loop", redirection(_FOUND, (_loop(seen),)))
        case "hang":
            return Act(f"no answer for {do.hang:g} s", kills=True)
    return Act("connection closed", kills=True)


def _loop(seen: Seen) -> str:
    exchange = seen.exchange
    if seen.hop == "login":
        if seen.login is None:
            raise NotPossibleError("it is not known which login this belongs to")
        return seen.login.url
    base, question, query = exchange.url.partition("?")
    return f"{base.rstrip('/').rpartition('/')[0]}{LOOP_LEG}{question}{query}"


def back_from_loop(exchange: Exchange) -> Answer:
    """The other half of a redirect loop."""
    return redirection(_FOUND, (exchange.url.replace(LOOP_LEG, "/authorize", 1),))


def at_response(fault: Fault, seen: Seen, known: Known, answered: Exchange, landing: str | None) -> Act:
    """The act on a real answer, which lands at ``landing`` if it does. Raises NotPossibleError."""
    act = _on_answer(fault, seen, known, answered, landing)
    if seen.hop == "token":
        thrown = act.answer is not None or act.kills
        return act._replace(spends=thrown and answered.status == _OK)
    code = carried(landing, "code")
    return act._replace(spends=code is not None and code != carried(act.lands_on, "code"))


def _on_answer(fault: Fault, seen: Seen, known: Known, answered: Exchange, landing: str | None) -> Act:
    do = fault.do
    match fault.family:
        case "landing":
            return _redirected(fault, known, answered, landing)
        case "truncate":
            return Act(f"cut after {do.truncate} bytes", cut=do.truncate, lands_on=landing)
        case "delay":
            return Act("delayed", lands_on=landing)
        case "token":
            edited = edited_token(do, answered.response_body or b"") if answered.status == _OK else None
            if edited is None:
                raise NotPossibleError("the answer is not a token answer, or would not change")
            what = [*(f"without {name}" for name in do.without), *(f"{name} set" for name in do.set)]
            return Act(", ".join(what), body=edited)
    return at_request(fault, seen, known)


def _redirected(fault: Fault, known: Known, answered: Exchange, landing: str | None) -> Act:
    do = fault.do
    if landing is None and do.edits_landing and not do.makes_landing:
        raise NotPossibleError("this answer does not land")
    location = landing
    if location is None and not do.makes_landing and answered.status in REDIRECTS:
        real = header_values(answered.response_headers, "location")
        location = resolve(answered.url, real[0]) if real else None
    made = redirect(do, location, known)
    if answered.status not in REDIRECTS:
        return Act(made.did, redirection(do.redirect or _FOUND, made.locations), lands_on=made.lands_on)
    return Act(made.did, locations=made.locations, status=do.redirect, lands_on=made.lands_on)
