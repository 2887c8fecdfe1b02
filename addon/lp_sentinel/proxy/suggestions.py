"""Words that mitmproxy's command line completes, while others may be given: a misspelt one gets a better answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mitmproxy import types
from mitmproxy.command import CommandManager


class Suggested(types.Choice):
    """A text for which a command of ours lists what it most likely is."""

    def __repr__(self) -> str:
        return "str"  # mitmproxy shows it where an argument is missing


class _SuggestedType(types._ChoiceType):  # noqa: SLF001  (there is no public base to extend)
    typ = Suggested
    display = "str"

    def completion(self, manager: CommandManager, t: types.Choice, s: str) -> Sequence[str]:  # noqa: ARG002
        listed: Sequence[str] = manager.call(t.options_command)
        return listed

    def parse(self, manager: CommandManager, t: types.Choice, s: str) -> str:  # noqa: ARG002
        return s

    def is_valid(self, manager: CommandManager, typ: Any, val: Any) -> bool:  # noqa: ARG002
        return isinstance(val, str)


types.CommandTypes.typemap[Suggested] = _SuggestedType()
