"""All that is put into mitmproxy."""

from __future__ import annotations

from lp_sentinel.commands import Commands
from lp_sentinel.mitm import Addon


def all_addons() -> list[object]:
    addon = Addon()
    return [addon, Commands(addon), addon.simulated]
