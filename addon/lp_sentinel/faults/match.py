"""Whether a fault speaks of an exchange."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase

from lp_sentinel.exchange import Exchange, is_refusal
from lp_sentinel.faults.hops import Seen
from lp_sentinel.faults.plan import Match
from lp_sentinel.faults.raw_url import carried
from lp_sentinel.landing import LeadsTo


def outcome(answer: Exchange, landing: str | None, leads: LeadsTo | None) -> str:
    """What Sentinel really answered, in the words of ``match``."""
    if answer.status is None:
        return "other"
    if is_refusal(answer.status):
        return "refused"
    if landing:
        return next((name for name in ("code", "error") if carried(landing, name)), "other")
    return "login" if leads == "login" else "other"


def matches(match: Match, seen: Seen, passes: Callable[[Callable[..., bool]], bool]) -> bool:
    """Whether a request is as ``match`` says; its outcome is not asked for. ``passes`` applies the filter."""
    wanted = (
        (match.account, seen.account),
        (match.client_id, seen.client_id),
        (match.state, seen.state),
        (match.redirect_uri, seen.redirect_uri),
    )
    if any(pattern is not None and (value is None or not fnmatchcase(value, pattern)) for pattern, value in wanted):
        return False
    return match.passes is None or passes(match.passes)
