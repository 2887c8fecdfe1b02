"""A journey and its findings, to be shown."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from lp_sentinel.finding import Finding, JourneyHop, JourneySummary

START = 1_790_000_000.0
SENTINEL = "https://va.sentinel.liveperson.net/sentinel/api/account/12345678"

_HOP = JourneyHop(
    index=0,
    flow=None,
    hop="authorize",
    method="GET",
    url=f"{SENTINEL}/authorize?v=1.0&response_type=code&client_id=my-app&state=af0i…(22)#3fae11",
    status=302,
    error=None,
    started=START,
    answered=START + 0.1,
    leads_to="https://authentication.liveperson.net/login.html",
)

HOPS = (
    _HOP,
    replace(
        _HOP,
        index=3,
        hop="login",
        method="POST",
        url="https://authentication.liveperson.net/api/login",
        started=START + 14,
        leads_to="https://app.example/cb?code=Splx…(22)#a1f3c2",
    ),
    replace(
        _HOP,
        index=4,
        hop="callback",
        url="https://app.example/cb?code=Splx…(22)#a1f3c2",
        status=403,
        started=START + 14.2,
        leads_to=None,
    ),
)

JOURNEY = JourneySummary(
    journey="j3",
    capture="captures/demo.har",
    account="12345678",
    client_id="my-app",
    outcome="code",
    findings=1,
    started=START,
    hops=HOPS,
)

FINDING = Finding(
    rule="LPA310",
    name="state-lost",
    severity="error",
    message="state was sent, and the landing has none",
    account="12345678",
    client_id="my-app",
    journey="j3",
    hop="landing",
    flow="7a0c",
    index=3,
    capture="captures/demo.har",
    time="2026-09-21T13:33:34.000Z",
    method="POST",
    url="https://authentication.liveperson.net/api/login",
    status=302,
    evidence={"sent": "af0i…(22)#3fae11", "received": None},
    cite=("lp-authorize", "RFC 6749 4.1.2"),
    expected="the state that was sent",
    fix="Carry state through the login.",
)


def finding(**changes: Any) -> Finding:
    return replace(FINDING, **changes)


def journey(**changes: Any) -> JourneySummary:
    return replace(JOURNEY, **changes)


def hop(**changes: Any) -> JourneyHop:
    return replace(_HOP, **changes)
