"""The faults in mitmproxy: none, until lp_faults, a command or the live page arms one."""

from __future__ import annotations

import logging
from contextlib import suppress

from mitmproxy import ctx
from mitmproxy.log import ALERT

from lp_sentinel.engine import Verdict
from lp_sentinel.exchange import Exchange
from lp_sentinel.faults import FaultVerdict, Injector, Plan, PlanError
from lp_sentinel.faults.armed import ListedFault
from lp_sentinel.proxy.legacy import Legacy
from lp_sentinel.proxy.settings import Settings
from lp_sentinel.proxy.started import batch_capture
from lp_sentinel.redact import Redactor

_NOT_LIVE = "what is read from a file is not changed"

_logger = logging.getLogger(__name__)


class LiveFaults:
    """What people and settings ask of an injector, whether there is one yet or not."""

    def __init__(self, earlier: Legacy | None = None) -> None:
        """``earlier``: from before a reload of the script; its faults are armed again."""
        self._earlier = earlier
        self._settings: Settings | None = None
        self._redactor: Redactor | None = None
        self.injector: Injector | None = None
        """``None``: no fault was ever armed, so no flow needs to be shown to it."""

    def take_over(self, settings: Settings, redactor: Redactor) -> None:
        """Go on with other settings, or begin with the first."""
        is_first = self._settings is None
        self._settings, self._redactor = settings, redactor
        if self.injector:
            self.injector.take_over(settings.plan, settings.project.config)
        elif settings.plan.sources:
            self.injector = _injector(settings, redactor)
        if is_first and self._earlier:
            self._arm_again(self._earlier)

    def _arm_again(self, earlier: Legacy) -> None:
        for name, is_on in earlier.asked:
            # The plan may not have it any more.
            with suppress(PlanError):
                if is_on:
                    self.arm(name)
                else:
                    self.off(name)

    def arm(self, name: str) -> None:
        """Arm a fault of the plan, or a preset. Raises PlanError."""
        if self._settings is None or self._redactor is None:
            raise PlanError("lp-authorize is not configured")
        if self.injector is None:
            self.injector = _injector(self._settings, self._redactor)
        self.injector.lineup.arm(name)

    def off(self, name: str | None = None) -> None:
        """Inject no more faults; with a name, that one no more. Raises PlanError for one that there is not."""
        if self.injector:
            self.injector.lineup.off(name)

    def rows(self) -> tuple[ListedFault, ...]:
        """Every fault of the plan, and every preset that was armed besides."""
        return self.injector.lineup.rows() if self.injector else ()

    def plan(self) -> Plan | None:
        """The plan in force, which may be another than the settings hold: its files may have changed since."""
        return self.injector.lineup.plan if self.injector else None

    def asked(self) -> tuple[tuple[str, bool], ...]:
        """The faults that somebody has armed (true) or turned off, whatever the plan says."""
        return self.injector.lineup.asked() if self.injector else ()

    def verdicts(self) -> tuple[FaultVerdict, ...]:
        """How the app took what was injected, before a reload of the script, too."""
        now = self.injector.verdicts() if self.injector else ()
        if batch_capture() and not ctx.options.client_replay:
            now = tuple(one if one.injected else one._replace(seen=_NOT_LIVE) for one in now)
        before = self._earlier.faults if self._earlier else ()
        matched = {one.fault for one in before}
        return (*before, *(one for one in now if one.injected or one.fault not in matched))

    def observe(self, exchange: Exchange, verdict: Verdict) -> None:
        """An exchange has been judged: it may be what an app did next."""
        if self.injector:
            self.injector.observe(exchange, verdict)


def _injector(settings: Settings, redactor: Redactor) -> Injector:
    def say(line: str) -> None:
        _logger.log(ALERT, "lp-authorize: %s", line)  # mitmproxy's windows show no more of the log than this

    return Injector(settings.plan, settings.project.config, redactor, say=say)
