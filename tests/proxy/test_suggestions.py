from __future__ import annotations

from collections.abc import Iterator

import pytest
from mitmproxy import exceptions, types
from mitmproxy.command import CommandManager
from mitmproxy.test import taddons

from lp_sentinel.mitm import Addon


@pytest.fixture
def commands() -> Iterator[CommandManager]:
    addon = Addon()
    with taddons.context(addon) as context:  # type: ignore[no-untyped-call]
        context.configure(addon, lp_show="none")
        yield context.master.commands
        addon.done()


@pytest.mark.parametrize(("name", "word"), [("lp.explain", "LPA310"), ("lp.faults.arm", "access_denied")])
def test_a_word_is_completed(commands: CommandManager, name: str, word: str) -> None:
    [parameter] = commands.commands[name].parameters
    completes = types.CommandTypes.get(parameter.type)
    assert completes is not None
    assert word in completes.completion(commands, parameter.type, "")
    assert completes.display == "str"


def test_other_words_may_be_given(commands: CommandManager) -> None:
    assert commands.execute("lp.explain state-lost")[0] == "LPA310 state-lost (error)"
    with pytest.raises(exceptions.CommandError, match="unknown rule 'state-los', did you mean 'state-lost'"):
        commands.execute("lp.explain state-los")
    with pytest.raises(exceptions.CommandError, match="did you mean 'access_denied'"):
        commands.execute("lp.faults.arm acces_denied")
