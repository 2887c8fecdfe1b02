"""The command ``lp-authorize redact``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from lp_sentinel.command_line.shell import NamedPath, unusable
from lp_sentinel.project import load_project
from lp_sentinel.sharing.redacting import SharingError, redact_capture
from lp_sentinel.wording import counted, visible

_LARGE = 4_000_000
"""Bytes from which on it takes longer than people like to wait without being told why."""


@click.command(short_help="Write a capture without its secrets, safe to share.")
@click.argument("source", metavar="IN", type=NamedPath(path_type=Path))
@click.argument("target", metavar="OUT", type=NamedPath(path_type=Path))
@click.option(
    "--config",
    metavar="FILE",
    type=NamedPath(),
    help="The project's config: what it registers is not treated as secret; default: lp-authorize.yaml.",
)
@click.option("--force", is_flag=True, help="Overwrite OUT if it exists.")
@click.option("--quiet", is_flag=True, help="Do not say what was replaced.")
def redact(source: Path, target: Path, config: str | None, *, force: bool, quiet: bool) -> None:
    """Write a capture without its secrets, safe to share, that gives the same findings.

    A flow file stays a flow file, a HAR a HAR; OUT is packed if it ends in .gz or .zst. IN is read twice and OUT is
    written as a whole, so neither can be a pipe. Exit status 2: IN could not be used, or not all of it.
    """
    if not quiet and sys.stderr is not None and sys.stderr.isatty() and (size := _size(source)) >= _LARGE:
        told = f"{size / 1e6:,.0f} MB are read twice, which takes a while; Ctrl-C leaves nothing behind"
        click.echo(told, err=True)
    try:
        redacted = redact_capture(source, target, load_project(config).config, may_overwrite=force)
    except (SharingError, ValueError) as error:
        unusable(visible(str(error)) if isinstance(error, SharingError) else str(error))
    if not quiet:
        click.echo(f"{counted(redacted.exchanges, 'exchange')} written to {visible(str(target))}", err=True)
        for line in redacted.lines:
            click.echo(f"  {visible(line)}", err=True)
    if redacted.problem:
        unusable(visible(redacted.problem))


def _size(source: Path) -> int:
    try:
        return source.stat().st_size
    except OSError:  # whoever reads it says so
        return 0
