"""What rules must remember across journeys, in bounded memory and without the secrets themselves."""

from __future__ import annotations

from msgspec import Struct

from lp_sentinel.config import Limits
from lp_sentinel.exchange import Browser, elapsed
from lp_sentinel.journey import Journey
from lp_sentinel.loops import Begun, Run
from lp_sentinel.memory import Ageing, Digest, digest
from lp_sentinel.taken_out import is_taken_out, known
from lp_sentinel.target import Key, Target
from lp_sentinel.token import LandedCode
from lp_sentinel.uri import Endpoint


class Repetition(Struct, frozen=True):
    """How a journey that begins, or is continued, follows those before it within ``loop_window``."""

    begun: Begun | None = None
    """The one that begins, which may turn out to be part of a loop; ``None``: none begins, or its app is not known."""
    loop: int | None = None
    """How many there are by now, where this one has just turned them into a loop; ``None``: it has not."""


class StateBefore(Struct, frozen=True):
    """What became earlier of the state that a journey begins with."""

    landed: bool = False
    of_other_browser: bool = False


class _State(Struct):
    """How a ``state`` was used so far."""

    browser: Digest
    of_several: bool = False
    landed: bool = False
    landed_at: float | None = None


class _Token(Struct):
    """From when until when a browser has had a good access token."""

    since: float
    until: float


class _Tally(Struct):
    begun: int = 0
    landed: int = 0


class History:
    """Codes, states, loops and tokens seen so far."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._codes: Ageing[Digest, LandedCode] = Ageing()
        self._states: Ageing[Digest, _State] = Ageing()
        self._called_back: Ageing[Digest, bool] = Ageing()
        self._redeemed: Ageing[Digest, bool] = Ageing()
        self._injected: Ageing[Digest, bool] = Ageing()
        self._redirected: Ageing[Key, bool] = Ageing()
        """Whether what redirected there belongs to a journey."""
        self._endpoints: Ageing[Endpoint, bool] = Ageing()
        self._runs: Ageing[Digest, Run] = Ageing()
        """By browser and app."""
        self._tokens: Ageing[Digest, _Token] = Ageing()
        self._tallies: Ageing[Digest, _Tally] = Ageing()
        self._has_unknown_codes = False
        """Codes landed that a tool took out of the capture."""

    # States

    def begin_state(self, journey: Journey) -> StateBefore:
        """Note the state that a journey begins with."""
        request = journey.request
        if request.state is None or is_taken_out(request.state):
            return StateBefore()
        key = digest(request.account, request.client_id, request.state)
        journey.state_key = key
        browser = digest(journey.browser)
        state = self._states.get(key)
        self._states[key] = state or _State(browser)
        if state is None:
            return StateBefore()
        state.of_several |= state.browser != browser
        early = state.landed_at is not None and journey.started is not None and state.landed_at > journey.started
        return StateBefore(state.landed and not early, state.of_several)

    def land_state(self, journey: Journey, at: float | None) -> None:
        state = self._states.get(journey.state_key) if journey.state_key else None
        if state:
            # The answer that is judged first need not be the one that came first.
            earlier = state.landed_at if state.landed else at
            state.landed, state.landed_at = True, None if earlier is None or at is None else min(earlier, at)

    # Codes

    def landed_code(self, code: str | None) -> LandedCode | None:
        """The journey in which this code landed."""
        return self._codes.get(digest(code)) if code else None

    def note_landed_code(self, code: str, landed: LandedCode) -> None:
        if is_taken_out(code):
            self._has_unknown_codes = True
        else:
            self._codes[digest(code)] = landed

    @property
    def has_codes(self) -> bool:
        return bool(self._codes)

    def note_injected(self, code: str | None) -> None:
        """Note that the answer to this code's redemption was injected."""
        if code:
            self._injected[digest(code)] = True

    def was_injected(self, code: str | None) -> bool:
        return code is not None and digest(code) in self._injected

    def note_callback(self, code: str | None) -> bool:
        """Note a code in a callback request; whether an earlier one had it."""
        return code is not None and not is_taken_out(code) and not self._called_back.note(digest(code))

    def note_redemption(self, code: str | None) -> bool:
        """Note a code in a token request; whether an earlier one had it."""
        return code is not None and not is_taken_out(code) and not self._redeemed.note(digest(code))

    # Redirects and endpoints

    def note_redirect(self, target: Target, *, in_journey: bool) -> None:
        """Note where a response redirected to that does, or does not, belong to a journey."""
        self._redirected[target.key] = in_journey

    def redirected_in_journey(self, target: Target) -> bool | None:
        """Whether the response that redirected there belongs to a journey; ``None``: none did."""
        return self._redirected.get(target.key)

    def expect_callback(self, endpoint: Endpoint | None, *, landed: bool) -> None:
        """Note an endpoint that was requested as redirect URI, or that something landed on."""
        if endpoint:
            self._endpoints[endpoint] = landed or bool(self._endpoints.get(endpoint))

    def callback_endpoint(self, endpoint: Endpoint) -> bool | None:
        """Whether something landed there; ``None`` if it is not known as a callback's endpoint."""
        return self._endpoints.get(endpoint)

    # Clients

    def tally(self, client_id: str | None, *, begun: int = 0, landed: int = 0) -> None:
        """Count journeys of a client that began or landed."""
        if client_id is not None:
            key = digest(client_id)
            tally = self._tallies.get(key) or _Tally()
            tally.begun += begun
            tally.landed += landed
            self._tallies[key] = tally

    def all_landed(self, client_id: str | None) -> bool:
        """Whether journeys of this client were seen, each with a landing, and nothing of that was forgotten."""
        tally = self._tallies.get(digest(client_id)) if client_id is not None else None
        is_all = not (self._codes.forgot or self._has_unknown_codes)
        return tally is not None and 0 < tally.begun == tally.landed and is_all

    # Loops

    def begin(self, journey: Journey, at: float) -> Repetition:
        """Note that a journey begins; so many of one browser and one app may be a loop."""
        if known(journey.request.client_id) is None:
            return Repetition()
        key = self._app_key(journey.browser, journey)
        run, begun = self._runs.get(key) or Run(), Begun(journey.number, at)
        self._runs[key] = run
        return Repetition(begun, run.take(begun, self.limits))

    def note_continuation(self, journey: Journey, at: float) -> Repetition:
        """Note that a journey is continued; so often may be a loop."""
        if known(journey.request.client_id) is None:
            return Repetition()
        loop = journey.continuations.take(Begun(journey.number, at), self.limits)
        run = self._runs.get(self._app_key(journey.browser, journey)) if loop else None
        for member in run.begun if run else ():
            member.in_loop |= member.journey == journey.number
        return Repetition(loop=loop)

    # Tokens

    def note_token(self, journey: Journey, since: float, seconds: float) -> None:
        """Note for how long the access token is good that a journey ended in."""
        key, token = self._app_key(journey.browser, journey), _Token(since, since + seconds)
        earlier = self._tokens.get(key)
        if earlier and earlier.until >= since:
            token = _Token(min(earlier.since, since), max(earlier.until, token.until))
        self._tokens[key] = token

    def token_left(self, browser: Browser, journey: Journey, at: float) -> float | None:
        """For how many seconds the browser's access token for this app is still good; ``None``: it has none."""
        is_known = known(journey.request.client_id) is not None
        token = self._tokens.get(self._app_key(browser, journey)) if is_known else None
        left = elapsed(at, token.until) if token and token.since <= at else 0
        return left if left > 0 else None

    def _app_key(self, browser: Browser, journey: Journey) -> Digest:
        return digest(browser, journey.request.account, journey.request.client_id)
