"""Report files: one format a file, behind one small interface."""

from __future__ import annotations

from lp_sentinel.reports.base import CaptureEnd, Report, ReportError
from lp_sentinel.reports.criteria import Criteria
from lp_sentinel.reports.files import distinct, protect_captures
from lp_sentinel.reports.formats import open_report, open_reports, protect_lines

__all__ = [
    "CaptureEnd",
    "Criteria",
    "Report",
    "ReportError",
    "distinct",
    "open_report",
    "open_reports",
    "protect_captures",
    "protect_lines",
]
