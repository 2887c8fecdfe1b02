"""What a shell is told to complete arguments, and the command that sets it up."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem, get_completion_class

from lp_sentinel.rules import load_rules

_PROGRAM = "lp-authorize"
_VARIABLE = "_LP_AUTHORIZE_COMPLETE"


def complete_rule(_context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Ids, and names for those who remember them. After a comma the next one of a list is completed."""
    before, comma, last = typed.rpartition(",")
    wanted = last.lower()
    return [
        CompletionItem(f"{before}{comma}{text}", help=rule.summary)
        for rule in load_rules().by_id.values()
        for text in ((rule.id, rule.name) if wanted and not wanted.startswith("lpa") else (rule.id,))
        if text.lower().startswith(wanted)
    ]


def complete_cluster(_context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """The one address that is known beforehand."""
    return [CompletionItem("local", help="on this machine, for this run")] if "local".startswith(typed) else []


@click.command()
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
@click.pass_context
def completion(context: click.Context, /, shell: str) -> None:
    """Print what makes a shell complete this command's arguments.

    For bash, put into ~/.bashrc: eval "$(lp-authorize completion bash)"
    """
    kind = get_completion_class(shell)
    if kind is not None:
        click.echo(kind(context.find_root().command, {}, _PROGRAM, _VARIABLE).source())
