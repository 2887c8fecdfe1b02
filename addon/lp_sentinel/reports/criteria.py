"""What a report is told of the run: which rules were asked, how severe the project calls them, and what fails it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lp_sentinel.finding import is_at_least

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lp_sentinel.faults.verdict import FaultVerdict
    from lp_sentinel.finding import Finding, Severity
    from lp_sentinel.project import Project
    from lp_sentinel.rules import Rule


class Criteria(NamedTuple):
    """What a run judges by: its project, and what fails it."""

    project: Project
    fail_on: Severity | None
    """The least severity that fails the run; ``None``: nothing does."""

    @property
    def rules(self) -> list[Rule]:
        """Those that were asked, by id."""
        rules = self.project.book.by_id
        return [rules[rule] for rule in sorted(rules) if self.project.config.rules.asks(rule)]

    @property
    def severity(self) -> Mapping[str, Severity]:
        """What the config says of rules' severities, by id."""
        return self.project.config.rules.severity

    def fails(self, finding: Finding) -> bool:
        """Whether this finding alone fails the run."""
        return self.fail_on is not None and finding.counts and is_at_least(finding.severity, self.fail_on)

    def fault_fails(self, fault: FaultVerdict) -> bool:
        """Whether the way in which the app took this fault alone fails the run."""
        return self.fail_on is not None and fault.fails(self.fail_on)
