"""Simulator, proxy, addon, app and browsers at once: 500 logins in parallel groups, a tenth of them faulted."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lp_sentinel.simulate.registry import registry_of
from lp_sentinel.simulate.sentinel import Simulator
from lp_sentinel.simulate.serving import serving
from tests.simulate.apps import requests_oauthlib
from tests.simulate.between import Place, between, place
from tests.world.browser import Browser
from tests.world.visitor import Visitor

LOGINS, IN_CHROMIUM, GROUPS = 500, 10, 8
EVERY = 50
FAULTS = ("access_denied", "server_error", "state-lost", "error-without-description", "code-empty")
"""Each is injected into every fiftieth login: together a tenth."""
GROWTH = 20_000
"""KiB that four fifths of the logins may add to the process."""


def plan(folder: Path) -> Path:
    path = folder / "plan.yaml"
    # One that was injected is counted for none of those behind it.
    entries = "".join(
        f"  - {{preset: {name}, at: landing, times: {{every: {EVERY - place}}}}}\n" for place, name in enumerate(FAULTS)
    )
    path.write_text(f"seed: 7\nfaults:\n{entries}")
    return path


def log_in(chosen: Place, number: int) -> None:
    visitor = Visitor(agent=f"Visitor/{number}")
    visitor.open(f"{chosen.origin}/login")
    visitor.submit(do="sign-in")


def log_in_by_chromium(chosen: Place, browser: Browser, numbers: Iterable[int]) -> None:
    for number in numbers:
        # Another browser, as far as Sentinel and the rules can tell.
        browser.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
        browser.driver.execute_cdp_cmd("Network.setUserAgentOverride", {"userAgent": f"Chromium/{number}"})
        browser.open(f"{chosen.origin}/login")
        browser.driver.find_element("css selector", 'button[value="sign-in"]').click()
        browser.wait_at(f"{chosen.origin}/callback")


def resident(pid: int) -> int:
    return int(subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], check=True, capture_output=True).stdout)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_five_hundred_logins(browsers: Callable[..., Browser], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    with (
        place() as chosen,
        requests_oauthlib(chosen) as app,
        serving(Simulator(registry_of(chosen.config)).wsgi) as sentinel,
        between(chosen, app, sentinel, {"lp_faults": plan(chosen.folder), "lp_show": "error"}) as (proxy, lines),
    ):
        first, rest = range(LOGINS // 5), range(LOGINS // 5, LOGINS - IN_CHROMIUM)
        with ThreadPoolExecutor(GROUPS) as groups:
            list(groups.map(lambda number: log_in(chosen, number), first))
            before = resident(proxy.pid)
            real = groups.submit(log_in_by_chromium, chosen, browsers(), range(LOGINS - IN_CHROMIUM, LOGINS))
            list(groups.map(lambda number: log_in(chosen, number), rest))
            real.result()
        after = resident(proxy.pid)
        said = lines()
        told = proxy.stdout
    journeys = [line for line in said if "outcome" in line]
    outcomes = Counter(line["outcome"] for line in journeys)
    assert len(journeys) == LOGINS, outcomes
    faulted = [line for line in journeys if line["injected"]]
    assert len(faulted) == LOGINS // 10, outcomes
    assert {(one["outcome"], len(one["exchanges"])) for one in journeys if not one["injected"]} == {("code", 5)}
    assert all(len(one["exchanges"]) == 4 for one in faulted), "authorize, login page, login, callback"
    assert all(line["injected"] for line in said if "rule" in line)
    for name in FAULTS:
        assert f"{name}: as expected (injected {LOGINS // EVERY}x)" in told, told[-3000:]
    assert after - before < GROWTH, f"{before} KiB after {LOGINS // 5} logins, {after} KiB at the end"
