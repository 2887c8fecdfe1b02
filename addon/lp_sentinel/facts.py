"""The named facts that rules may speak of. Rules judge; these only say what happened.

``None`` in a field that can be absent means "absent" (a parameter) or "not known" (all else), as its text says. In an
expression an attribute of ``None`` is not known either, and no rule fires on what is not known. A text that a tool took
out of the capture (``[code redacted]``) is there, but what it says is not known.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from msgspec import Struct

from lp_sentinel.texts import AName, ARedirectUri, ARegistered, ATemplate, AUrl, AWord, Secret, Url


class Placeholder(NamedTuple):
    """A parameter that was never filled in."""

    parameter: str
    text: ATemplate
    """The template or word that stands there, such as ``{accountid}`` or ``undefined``."""


class Misspelt(NamedTuple):
    """An undocumented name that stands for a documented parameter."""

    name: str
    """Letters of a documented name, so no secret."""
    parameter: str


class UriFacts(Struct, frozen=True):
    """An absolute URI."""

    scheme: str
    host: str
    origin: str
    endpoint: AUrl
    """Scheme, host, port and path, as text."""
    is_loopback: bool


class RequestFacts(Struct, frozen=True):
    """The authorize request. Parameters are ``None`` when absent or without a value."""

    method: str
    scheme: str
    host: str
    path: AUrl
    path_form: Literal["documented", "trailing-slash", "near-miss"]
    is_loopback: bool
    host_is_sentinel: bool
    """The host matches one of ``sentinel_hosts``."""
    account: str | None
    """``None`` when the path has none or an empty one."""
    v: AWord | None
    v_number: float | None
    """``None`` when ``v`` is absent or not a number. For projects' own rules."""
    response_type: AWord | None
    client_id: str | None
    redirect_uri: ARedirectUri | None
    redirect: UriFacts | None
    """``redirect_uri`` in its parts; ``None`` when it is absent or not an absolute URI."""
    redirect_uri_has_scheme: bool | None
    """``None``: it was taken out of the capture."""
    redirect_uri_is_insecure: bool
    """``redirect_uri`` is http on a host that is not loopback, whether or not the rest of it is in order."""
    redirect_uri_without_value: bool
    """``redirect_uri`` was sent, but without a value."""
    state: Secret | None
    state_bits: float | None
    """The most bits that ``state`` can hold: its length times log2 of the alphabet it draws from."""
    code_challenge: Secret | None
    nonce: Secret | None
    fetch_mode: str | None
    """The header Sec-Fetch-Mode."""
    fetch_dest: str | None
    """The header Sec-Fetch-Dest."""
    requested_with: str | None
    """The header X-Requested-With."""
    placeholders: tuple[Placeholder, ...]
    """The account and the documented parameters that still hold a template or a stringified nothing."""
    misspelt: tuple[Misspelt, ...]
    """Undocumented names that stand for a documented parameter which is absent or without a value."""
    repeated: tuple[AName, ...]
    """Parameter names that occur more than once."""
    secrets: tuple[str, ...]
    """Names of parameters with a value that do not belong in a URI."""
    with_stray_whitespace: tuple[str, ...]
    """Documented parameters whose value begins or ends with white space or holds a control character."""
    spilled: tuple[AName, ...]
    """Undocumented names that follow a ``redirect_uri`` whose ``?`` was not encoded."""
    cut_off: tuple[AName, ...]
    """Those of ``spilled`` that are neither misspelt nor secrets; all, if each of them is."""
    undocumented: tuple[AName, ...]
    """Undocumented names that are neither spilled nor misspelt nor secrets."""
    taken_out: tuple[str, ...]
    """Documented parameters whose value was taken out of the capture: no rule can say whether that is in order."""


class AppFacts(Struct, frozen=True):
    """What the config registered for the account and the ``client_id`` of the request."""

    account_known: bool
    """The config lists apps for this account."""
    known: bool
    """The config has this ``client_id`` under this account."""
    of_other_account: bool
    """The config has this ``client_id``, but under other accounts only."""
    redirect_uris: tuple[ARegistered, ...]
    registers_redirect_uri: bool | None
    """Whether the requested ``redirect_uri`` is one of those, RFC 8252 section 7.3 included; ``None``: not known."""
    nearest_redirect_uri: ARegistered | None
    """The registered URI that is nearest to the requested one."""
    difference: str | None
    """In what the requested one differs from the nearest: ``trailing slash``, ``letter case``, ``port``, …"""


class AnswerFacts(Struct, frozen=True):
    """The authorize exchange's own response. All ``None`` or false when there is none."""

    status: int | None
    """``None``, too, where the browser answered by itself."""
    no_answer: bool
    """The connection failed or closed before a response."""
    error: AWord | None
    is_redirect: bool
    """The status is 301, 302, 303, 307 or 308."""
    locations: int
    """How many ``Location`` headers there are."""
    location: Url | None
    """The first of them; ``None`` when absent or empty."""
    location_has_scheme: bool | None
    """``None``, too, where it was taken out of the capture."""
    leads_to: Literal["app", "login", "elsewhere"] | None
    target: UriFacts | None
    """Where it redirects to, resolved."""
    lands_on_requested: bool | None
    """Whether it lands on the endpoint of the requested ``redirect_uri``; ``None`` when it is no landing."""
    hands_out_code: bool


class LandingFacts(Struct, frozen=True):
    """What the app is handed at the end: parameters of the query, ``None`` when absent or without a value."""

    via: Literal["location", "callback"]
    """Read from a ``Location``, or from the callback request itself. For projects' own rules."""
    target: UriFacts | None
    code: Secret | None
    code_without_value: bool
    """``code`` is there, but without a value."""
    state: Secret | None
    error: str | None
    error_description: AWord | None
    on_requested: bool | None
    """Whether its endpoint is the requested one's; ``None``: none was requested, or one of them is no absolute URI."""
    on_registered: bool | None
    """Whether its endpoint is one of the known app's; ``None``: the app is not known, or registered none.

    ``None``, too, where it is none of them, but perhaps the requested one's, which was taken out of the capture.
    """
    lost_query: tuple[AName, ...]
    """Query parameters of the requested ``redirect_uri`` that are gone or changed."""
    state_is_own_query: bool
    """The requested ``redirect_uri`` has this ``state`` in its own query."""
    state_change: str | None
    """How ``state`` came to differ from the one sent: ``truncated``, ``letter case``; ``None``: not, or not known."""
    repeated: tuple[str, ...]
    """Those of ``code``, ``state``, ``error``, ``error_description``, ``error_uri`` that occur more than once."""
    in_fragment: tuple[str, ...]
    """Those of ``code``, ``error``, ``state`` that stand in the fragment."""
    tokens: tuple[str, ...]
    """Those of ``access_token``, ``id_token``, ``refresh_token`` in query or fragment."""
    descriptions: tuple[str, ...]
    """Those of ``error_description``, ``error_code``, ``error_message`` that stand without ``error``."""
    error_registered: bool | None
    """Whether ``error`` is one of the codes of RFC 6749 4.1.2.1 or OpenID Connect Core 3.1.2.6; ``None``: not known."""
    undocumented: tuple[AName, ...]
    """Names that neither the documentation, the redirect URI's own query, ``tokens`` nor ``descriptions`` explain."""
    code_landed_before: bool
    """The same ``code`` landed in another journey."""


class CallbackFacts(Struct, frozen=True):
    """A callback request."""

    code: Secret | None
    state: Secret | None
    error: str | None
    status: int | None
    no_answer: bool
    in_journey: bool
    """It belongs to a journey that was seen."""
    explained: bool
    """It is the ``Location`` of an earlier response, or may come from a login or Sentinel: not forged, it seems."""
    altered: tuple[str, ...]
    """Those of ``code``, ``state``, ``error`` that differ from the landing's ``Location``."""
    repeats_code: bool
    """The same ``code`` arrived in an earlier callback request."""


class LateFacts(Struct, frozen=True):
    """The first time that a landed code is used after its landing."""

    seconds: float
    """From the landing's response to the start of the request."""
    request: Literal["callback", "token"]


class LeakFacts(Struct, frozen=True):
    """A landed code in the ``Referer`` of a request to another origin than the callback's."""

    code: Secret
    parameter: AName
    """The name it stands under in the ``Referer``."""
    origin: str
    """To whom it went."""
    callback_origin: str


class BegunFacts(Struct, frozen=True):
    """A journey that begins, or is continued by another authorize request."""

    continued: bool
    state_landed_before: bool
    """Its ``state`` had begun an earlier journey of the same app that has landed since."""
    state_of_other_browser: bool
    """Its ``state`` had begun an earlier journey of the same app in another browser."""
    loop: int | None
    """How many such requests the run holds that this one has just turned into a loop; ``None``: it has not."""
    loop_window: float
    """Seconds."""


class RenewalFacts(Struct, frozen=True):
    """A journey that a browser began although it has signed in to the same app before."""

    token_left: float
    """Seconds that the access token from the earlier journey was still good for."""


class ClosedFacts(Struct, frozen=True):
    """A journey of which no more is expected: the capture has ended, or it had to make room."""

    login_begun: bool
    """A redirect led to a login."""
    last_answer_refused: bool
    """The last authorize answer was 400 or above."""
    last_answer_led_elsewhere: bool
    landed_in_time: bool
    """Something landed, and no more than ``journey_timeout`` passed between two exchanges before that."""
    landed_by_location: bool
    in_fragment: bool
    """The landing's parameters stand in the fragment, which a browser does not send."""
    callback_seen: bool
    app_visited_later: bool
    """The same browser made later requests, other than callback requests, to the callback's host and port."""


class TokenFacts(Struct, frozen=True):
    """A token exchange. Parameters are those of the form body, ``None`` when absent, without a value, or not known."""

    method: str
    has_body: bool | None
    """``None``: the capture does not say."""
    content_type: str | None
    is_form: bool | None
    """Content-Type is application/x-www-form-urlencoded; ``None``: it was taken out of the capture."""
    grant_type: AWord | None
    grant_type_known: bool
    """The capture holds the body: a ``grant_type`` of ``None`` is absent."""
    code: Secret | None
    redirect_uri: ARedirectUri | None
    client_id: str | None
    """From the body, else from HTTP Basic."""
    missing: tuple[str, ...]
    """What the grant needs and neither the body nor HTTP Basic holds."""
    in_url: tuple[str, ...]
    """Those of ``client_secret``, ``code``, ``refresh_token`` that stand in the query."""
    v: AWord | None
    status: int | None
    access_token_missing: bool | None
    """The body is a JSON object whose ``access_token`` is absent or empty; ``None``: it is no JSON object."""
    token_type: AWord | None
    """``token_type`` of the JSON body; ``None``: absent, or not known."""
    issued: bool
    """A journey was seen in which this ``code`` landed. For projects' own rules."""
    issued_redirect_uri: ARedirectUri | None
    """The ``redirect_uri`` of that journey's authorize request."""
    issued_client_id: str | None
    code_unknown: bool
    """Journeys of this ``client_id`` were seen, all with a landing, and none landed this ``code``."""
    redeemed_before: bool
    """The same ``code`` stood in an earlier token request."""


type Facts = (
    RequestFacts
    | AppFacts
    | AnswerFacts
    | LandingFacts
    | CallbackFacts
    | LateFacts
    | LeakFacts
    | BegunFacts
    | RenewalFacts
    | ClosedFacts
    | TokenFacts
)

MOMENTS: dict[str, dict[str, type]] = {
    "request": {"request": RequestFacts, "app": AppFacts},
    "answer": {"request": RequestFacts, "app": AppFacts, "answer": AnswerFacts},
    "landing": {"request": RequestFacts, "app": AppFacts, "landing": LandingFacts},
    "begun": {"request": RequestFacts, "app": AppFacts, "begun": BegunFacts},
    "renewal": {"request": RequestFacts, "app": AppFacts, "renewal": RenewalFacts},
    "callback": {"request": RequestFacts, "app": AppFacts, "landing": LandingFacts, "callback": CallbackFacts},
    "late": {"late": LateFacts},
    "leak": {"leak": LeakFacts},
    "closed": {"request": RequestFacts, "app": AppFacts, "closed": ClosedFacts},
    "token": {"token": TokenFacts},
}
"""What a rule's ``given`` may name, and the facts that it may then speak of. In ``callback`` all but ``callback`` are
not known when the request belongs to no journey."""
