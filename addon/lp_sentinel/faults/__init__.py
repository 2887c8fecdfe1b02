"""Fault plans: answers of Sentinel replaced or altered on their way, and how the app takes it."""

from __future__ import annotations

from lp_sentinel.faults.injector import Injector
from lp_sentinel.faults.plan import Plan
from lp_sentinel.faults.reading import PlanError, load_plan, preset_index
from lp_sentinel.faults.verdict import FaultVerdict

__all__ = ["FaultVerdict", "Injector", "Plan", "PlanError", "load_plan", "preset_index"]
