"""The faults that stand in the proxy: those of the plan, and the presets that were armed besides."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from lp_sentinel.documents.document import DocumentError
from lp_sentinel.faults.armed import Armed, ListedFault
from lp_sentinel.faults.plan import Fault, Plan
from lp_sentinel.faults.reading import PlanError, load_plan, preset_index
from lp_sentinel.faults.reload import PlanFiles
from lp_sentinel.wording import unknown

_logger = logging.getLogger(__name__)


class Lineup:
    """Arms faults and turns them off, and goes with the plan when that changes."""

    def __init__(self, plan: Plan, say: Callable[[str], None]) -> None:
        """``say`` gets a line for each change."""
        self._say = say
        self.faults: tuple[Armed, ...] = ()
        """Those of the plan in its order, then the presets."""
        self._besides: tuple[Armed, ...] = ()
        """The presets."""
        self._former: dict[str, Armed] = {}
        """Those of earlier plans that were injected: they have a verdict, too."""
        self._given = plan
        self._files = PlanFiles(plan)
        self._take(plan)

    @property
    def plan(self) -> Plan:
        """As its files said it last."""
        return self._files.plan

    def take_over(self, plan: Plan) -> None:
        """Go on with another plan, and no preset besides.

        The plan that was given before is no other one, even if its files have changed since.
        """
        if plan is not self._given:
            self._given, self._besides = plan, ()
            self._files = PlanFiles(plan)
            self._take(plan)

    def look_at_files(self, *, at_once: bool = False) -> None:
        """Take over a changed plan file as a whole, or not at all; ``at_once``, even if there was a look just now."""
        try:
            plan = self._files.changed(at_once=at_once)
        except (DocumentError, PlanError) as error:
            _logger.error(  # noqa: TRY400
                "lp-authorize: the changed fault plan can't be used, the old one stays in force: %s", error
            )
            return
        if plan is not None:
            self._take(plan)

    def _take(self, plan: Plan) -> None:
        """A fault that is in both plans unchanged keeps its counters, and whether it is armed."""
        old = {armed.fault.name: armed for armed in self.faults}
        self._former |= {name: armed for name, armed in old.items() if armed.injected.total()}
        of_plan = {fault.name: _armed(fault, old.get(fault.name)) for fault in plan.faults}
        self._besides = tuple(armed for armed in self._besides if armed.fault.name not in of_plan)
        self.faults = (*of_plan.values(), *self._besides)
        on = ", ".join(f"{armed.row.name} ({armed.row.state})" for armed in self.faults)
        seeds = ", ".join(dict.fromkeys(str(armed.fault.seed) for armed in self.faults))
        self._say(f"fault plan with seed {seeds}: {on}" if on else "fault plan: no faults")
        names = {armed.fault.name for armed in self.faults}
        for name, armed in old.items():
            if armed.is_on and name not in names:
                self._say(f"fault {name} is no longer armed: it is not in the plan any more")
            if armed not in self.faults:
                armed.is_on = False  # requests that wait for their answer still know it

    def arm(self, name: str) -> None:
        """Arm a fault of the plan, or a preset besides. Raises PlanError."""
        self.look_at_files(at_once=True)
        armed = next((armed for armed in self.faults if armed.fault.name == name), None)
        if armed is None:
            if name not in preset_index():
                known = [*(other.fault.name for other in self.faults), *preset_index()]
                raise PlanError(unknown("fault", name, known, listed="docs/faults.md lists the presets"))
            armed = Armed(load_plan([name]).faults[0])
            self._besides, self.faults = (*self._besides, armed), (*self.faults, armed)
        armed.arm()
        self._say(f"fault {name} is armed (seed {armed.fault.seed})")

    def off(self, name: str | None = None) -> None:
        """Inject no more faults; with a name, that one no more. Raises PlanError for one that it does not have."""
        self.look_at_files(at_once=True)
        chosen = [armed for armed in self.faults if name in (None, armed.fault.name)]
        if name is not None and not chosen:
            raise PlanError(unknown("fault", name, [armed.fault.name for armed in self.faults]))
        for armed in chosen:
            armed.disarm()
        self._say("all faults are off" if name is None else f"fault {name} is off")

    def rows(self) -> tuple[ListedFault, ...]:
        """Every fault of the plan, and every preset that was armed besides."""
        self.look_at_files(at_once=True)
        return tuple(armed.row for armed in self.faults)

    def asked(self) -> tuple[tuple[str, bool], ...]:
        """The faults that somebody has armed (true) or turned off, whatever the plan says."""
        return tuple((armed.fault.name, armed.is_on) for armed in self.faults if armed.is_asked)

    def known(self) -> Iterable[Armed]:
        """Those that were injected, or may yet be; of each name the newest."""
        return (self._former | {armed.fault.name: armed for armed in self.faults}).values()


def _armed(fault: Fault, old: Armed | None) -> Armed:
    return old if old and old.fault == fault else Armed(fault, old)
