"""The injector's hooks in mitmproxy: before those that judge, so that a fault is judged like any other answer."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mitmproxy.http import HTTPFlow

    from lp_sentinel.faults.injector import Injector

_logger = logging.getLogger(__name__)


class Injecting:
    """Hands live flows to the injector, if there is one; without one no flow costs more than the question.

    The hooks give something to await only where there is: a delay holds up its own flow and no other.
    """

    name = "lp-authorize-faults"

    def __init__(self, injector: Callable[[], Injector | None]) -> None:
        self._injector = injector

    def request(self, flow: HTTPFlow) -> Awaitable[None] | None:
        injector = self._injector()
        return None if injector is None else _guarded(injector.request(flow))

    def response(self, flow: HTTPFlow) -> Awaitable[None] | None:
        injector = self._injector()
        return None if injector is None else _guarded(injector.response(flow))


async def _guarded(act: Awaitable[None]) -> None:
    """A mistake in here is logged, and the flow passes."""
    try:
        await act
    except Exception as error:  # noqa: BLE001
        _logger.error("lp-authorize failed to inject a fault, and the traffic passes: %s", type(error).__name__)  # noqa: TRY400
