"""What a shell is told to complete arguments, and the command that sets it up."""

from __future__ import annotations

from collections.abc import Collection

import click
from click.shell_completion import CompletionItem, get_completion_class

from lp_sentinel.project import load_project
from lp_sentinel.rules import Rule, load_rules

_PROGRAM = "lp-authorize"
_VARIABLE = "_LP_AUTHORIZE_COMPLETE"


def complete_rule(context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Ids, and names for those who remember them."""
    wanted = typed.lower()
    return [
        CompletionItem(text, help=rule.summary)
        for rule in _rules(context)
        for text in ((rule.name, rule.id) if wanted and not rule.id.lower().startswith(wanted) else (rule.id,))
        if text.lower().startswith(wanted)
    ]


def complete_ids(context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Ids only. After a comma the next one of a list is completed."""
    before, comma, last = typed.rpartition(",")
    found = [rule for rule in _rules(context) if rule.id.startswith(last.upper())]
    return [CompletionItem(f"{before}{comma}{rule.id}", help=rule.summary) for rule in found]


def _rules(context: click.Context) -> Collection[Rule]:
    """Those of the project, if its config is in order."""
    try:
        return load_project(context.params.get("config")).book.by_id.values()
    except ValueError:
        return load_rules().by_id.values()


def complete_cluster(_context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """The one address that is known beforehand."""
    return [CompletionItem("local", help="on this machine, for this run")] if "local".startswith(typed) else []


@click.command(short_help="Print a script that lets the shell complete what is typed.")
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
@click.pass_context
def completion(context: click.Context, /, shell: str) -> None:
    """Print a script that lets the shell complete commands, options and rule ids.

    For bash, put into ~/.bashrc: eval "$(lp-authorize completion bash)"
    """
    kind = get_completion_class(shell)
    if kind is not None:
        click.echo(kind(context.find_root().command, {}, _PROGRAM, _VARIABLE).source())
