"""What the commands of ``lp-authorize`` have in common: how they are found, and how they end."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from functools import partial
from importlib import import_module
from typing import Any, NoReturn

import click

from lp_sentinel.nowhere import send_nowhere
from lp_sentinel.wording import os_problem, visible

FAILED = 1
UNUSABLE = 2
INTERRUPTED = 130
"""By Ctrl-C: what a shell says of a program that this signal has ended."""

_SIGNALLED = 128
"""What a shell adds to a signal's number for the status of a program that it has ended."""

_ELSEWHERE = {"redact": "lp_sentinel.sharing.command"}
"""Commands in modules that take long to load: they are when they are called, or listed."""


class NamedPath(click.Path):
    """A path that has a name: an empty one would be the working directory, and comes of a variable that is not set.

    Where a dash is not allowed, none is taken for a file of that name, which is ``./-``.
    """

    def __init__(self, **how: Any) -> None:
        # Whoever opens it says in a line why it can't be read, and goes on with the others.
        super().__init__(readable=False, **how)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail("the name is empty", param, ctx)
        if value == "-" and not self.allow_dash:
            self.fail("expected a file, not a stream", param, ctx)
        return super().convert(value, param, ctx)


class CommandGroup(click.Group):
    """The commands. What ends one is told in a line."""

    def main(self, *arguments: Any, **how: Any) -> Any:
        """Whatever is printed, by click too: it may be to a disk that is full."""
        # Who asks a program to end (a CI job's time is over) wants nothing left behind.
        signal.signal(signal.SIGTERM, partial(_end, os.getpid()))
        try:
            return super().main(*arguments, **how)
        except OSError as error:
            unusable(os_problem(error))

    def invoke(self, ctx: click.Context) -> Any:
        """What the command gives. Click would end with 1 what is broken off: that says that something was found."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            # The line before is the one in which a terminal shows ^C.
            with suppress(OSError):
                click.echo("\nlp-authorize: interrupted", err=True)
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:
            # Whoever read it has what they wanted: that is nothing to complain of.
            send_nowhere(sys.stdout)
            send_nowhere(sys.stderr)
            ctx.exit(UNUSABLE)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is asked for. A capture in its place is the first thing that many people try."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            # After -- it has taken what looks like an option out of the list.
            if not args or not os.path.exists(args[0]):  # noqa: PTH110  (Path's raises where it may not look)
                raise
            import shlex  # noqa: PLC0415  (only a mistake needs it)

            name = visible(args[0])
            told = f"{name} is no command; to judge it: lp-authorize check {shlex.quote(name)}"
            raise click.UsageError(told, ctx) from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names."""
        return sorted((*super().list_commands(ctx), *_ELSEWHERE))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, if there is one."""
        if cmd_name in _ELSEWHERE:
            command: click.Command = getattr(import_module(_ELSEWHERE[cmd_name]), cmd_name)
            return command
        return super().get_command(ctx, cmd_name)


def _end(process: int, number: int, _frame: object) -> NoReturn:
    if os.getpid() != process:  # one that was forked from it has nothing to clean up
        os._exit(_SIGNALLED + number)
    sys.exit(_SIGNALLED + number)


def unusable(message: str) -> NoReturn:
    """End with status 2, and say why."""
    with suppress(OSError):
        click.echo(f"lp-authorize: {message}", err=True)
    sys.exit(UNUSABLE)
