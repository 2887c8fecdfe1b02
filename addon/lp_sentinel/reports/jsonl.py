"""JSON Lines: a line for each finding as it comes, after those of a capture its journeys, then injected faults."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lp_sentinel.reports.files import ReportFile
from lp_sentinel.reports.records import as_json, fault_record, finding_record, journey_record

if TYPE_CHECKING:
    from lp_sentinel.finding import Finding, JourneySummary
    from lp_sentinel.reports.base import CaptureEnd


class JsonLines:
    """Writes each line at once, so that a run that is broken off leaves whole lines."""

    def __init__(self, path: str) -> None:
        """Raise ReportError if the file can't be written."""
        self._file = ReportFile(path)

    def finding(self, finding: Finding) -> None:
        """Write a finding."""
        self._write(finding_record(finding))

    def journey(self, journey: JourneySummary) -> None:
        """Write a journey."""
        self._write(journey_record(journey))

    def capture(self, end: CaptureEnd) -> None:
        """Write how the app took each injected fault. What went wrong with a capture is no finding."""
        for fault in end.faults:
            self._write(fault_record(fault))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def abandon(self) -> None:
        """Close the file with the lines that were written."""
        self._file.abandon()

    def _write(self, record: dict[str, object]) -> None:
        self._file.write(as_json(record) + "\n")
