"""All that is put into mitmproxy, in the order in which each flow passes it."""

from __future__ import annotations

from lp_sentinel.faults.addon import Injecting
from lp_sentinel.mitm import Addon
from lp_sentinel.page import Page
from lp_sentinel.simulate.inside import Simulated


def all_addons() -> list[object]:
    judging = Addon()
    return [Page(judging), Injecting(judging.injector), judging, Simulated(judging.settings)]
