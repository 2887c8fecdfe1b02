"""The command ``lp-authorize``: captures judged, rules shown and tried."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import click

from lp_sentinel.captures.opening import find_captures
from lp_sentinel.check import Judged, judge_all, size_of
from lp_sentinel.command_line.completion import complete_cluster, complete_ids, complete_rule, completion
from lp_sentinel.command_line.progress import tracked
from lp_sentinel.command_line.shell import FAILED, UNUSABLE, CommandGroup, NamedPath, unusable
from lp_sentinel.finding import WORST_FIRST, Severity
from lp_sentinel.judgement import utc_today
from lp_sentinel.nowhere import send_nowhere
from lp_sentinel.project import Project, load_project
from lp_sentinel.redact import Redactor
from lp_sentinel.reports import CaptureEnd, Criteria, Report, ReportError, open_reports, protect_captures
from lp_sentinel.reports.base import STANDARD_OUTPUT, hand_to
from lp_sentinel.reports.tally import Tally
from lp_sentinel.rules import load_rules
from lp_sentinel.wording import counted, visible
from lp_sentinel.workers import Advance, WorkerError, cores

if TYPE_CHECKING:
    from lp_sentinel.command_line.screen import Screen

_NEVER = "never"


class _Work(NamedTuple):
    captures: list[Path]
    sizes: list[int]
    """In bytes; 0 where that is not known."""
    judge: Callable[[Advance | None], Iterable[Judged]]


class _Options(NamedTuple):
    config: str | None
    reports: tuple[str, ...]
    fail_on: str
    select: tuple[str, ...]
    ignore: tuple[str, ...]
    no_redact: bool
    jobs: int
    cluster: str | None
    quiet: bool


def _prefixes(_context: click.Context, _option: click.Parameter, values: Sequence[str]) -> tuple[str, ...]:
    return tuple(piece for value in values for piece in value.replace(",", " ").split())


def _tell_version(context: click.Context, _option: click.Parameter, is_wanted: bool) -> None:  # noqa: FBT001  (click's)
    if is_wanted:
        from lp_sentinel.version import TOOL, tool_version  # noqa: PLC0415

        click.echo(f"{TOOL}, version {tool_version()}")
        context.exit()


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_tell_version,
    help="Show the version and exit.",
)
def main() -> None:
    """Judge the authorize requests that apps send to LivePerson's Sentinel, and the logins that follow."""


main.add_command(completion)


@main.command(short_help="Judge captures: flow files, HAR files, or folders of both.")
@click.argument("captures", nargs=-1, required=True, metavar="CAPTURE...", type=NamedPath(allow_dash=True))
@click.option(
    "--config",
    metavar="FILE",
    type=NamedPath(),
    help="The project's config; default: lp-authorize.yaml, if it exists here.",
)
@click.option(
    "--report",
    "reports",
    metavar="FILE",
    type=NamedPath(allow_dash=True),
    multiple=True,
    help="Write a report; its ending selects the format: .html, .md, .json, .jsonl, .sarif, .xml (JUnit) or"
    " .annotations (GitHub). - is JSON Lines on standard output.",
)
@click.option(
    "--fail-on",
    type=click.Choice((*WORST_FIRST, _NEVER)),
    default="error",
    show_default=True,
    help="Lowest severity that makes the exit status 1 and fails a JUnit test case.",
)
@click.option(
    "--select",
    metavar="IDS",
    multiple=True,
    callback=_prefixes,
    shell_complete=complete_ids,
    help="Apply only these rules: ids or prefixes, with commas between them.",
)
@click.option(
    "--ignore",
    metavar="IDS",
    multiple=True,
    callback=_prefixes,
    shell_complete=complete_ids,
    help="Skip these rules: ids or prefixes, with commas between them.",
)
@click.option("--no-redact", is_flag=True, help="Show codes, states and other secrets as they are.")
@click.option(
    "--jobs",
    type=click.IntRange(1),
    default=cores,
    metavar="N",
    help="Processes for several captures, or for a large one; default: one per core.",
)
@click.option(
    "--cluster",
    metavar="ADDRESS",
    shell_complete=complete_cluster,
    help="Judge on the Dask cluster whose scheduler is at ADDRESS; 'local' starts one here with --jobs processes.",
)
@click.option("--quiet", is_flag=True, help="Print no findings, only problems with files and the config.")
@click.pass_context
def check(context: click.Context, /, captures: tuple[str, ...], **given: Any) -> None:
    """Judge captures: flow files, HAR files, folders of both, or - for standard input; with --cluster URLs, too.

    Exit status 0: no finding at or above --fail-on. 1: at least one finding at or above it. 2: something could not be
    used or written.
    """
    options = _Options(**given)
    redactor = Redactor(on=not options.no_redact)
    fail_on = None if options.fail_on == _NEVER else cast("Severity", options.fail_on)
    try:
        project = load_project(options.config).choosing(options.select, options.ignore)
        with ExitStack() as closing:
            if options.cluster:
                work = closing.enter_context(_on_cluster(captures, project, redactor, options))
            else:
                work = _here(captures, project, redactor, options)
            protect_captures(options.reports, work.captures)
            reports = closing.enter_context(open_reports(options.reports, Criteria(project, fail_on)))
            tally, is_sound = _judge(work, project, reports, options)
    except (ReportError, WorkerError, ValueError) as error:
        unusable(str(error))
    fails = fail_on is not None and tally.at_least(fail_on) > 0
    context.exit(UNUSABLE if not is_sound else FAILED if fails else 0)


def _here(names: Sequence[str], project: Project, redactor: Redactor, options: _Options) -> _Work:
    captures = find_captures(names)
    sizes = [size_of(path) for path in captures]
    return _Work(captures, sizes, partial(judge_all, captures, project, redactor, options.jobs))


@contextmanager
def _on_cluster(names: Sequence[str], project: Project, redactor: Redactor, options: _Options) -> Iterator[_Work]:
    try:
        from lp_sentinel.cluster.foreman import on_cluster  # noqa: PLC0415  (an extra brings what it needs)
    except ModuleNotFoundError as error:
        unusable(f"{error.name} is not installed: --cluster needs pip install '.[cluster]' in a checkout")
    with on_cluster(options.cluster or "", names, project, redactor, options.jobs) as (sources, judge):
        yield _Work([source.path for source in sources], [source.size for source in sources], judge)


def _judge(work: _Work, project: Project, reports: list[Report], options: _Options) -> tuple[Tally, bool]:
    """What the captures came to, and whether all of them could be read, and all reports written."""
    tally, is_sound = Tally(), True
    screen = None if options.quiet else _screen(options, several=len(work.captures) > 1)
    for note in project.expired(utc_today()):
        click.echo(f"lp-authorize: {note}", err=True)
    # All that is there now stays to the end: nothing of it need be looked at for garbage, least of all when we exit.
    gc.freeze()
    for judged in work.judge(None) if options.quiet else tracked(work.judge, work.sizes):
        is_sound &= judged.problem is None
        is_sound &= _report(judged, reports, tally)
        if screen:
            screen.capture(judged)
        if judged.problem:
            click.echo(f"lp-authorize: {visible(judged.problem)}", err=True)
    if screen:
        screen.end(tally)
    return tally, is_sound


def _screen(options: _Options, *, several: bool) -> Screen:
    from lp_sentinel.command_line.screen import Screen  # noqa: PLC0415  (not needed with --quiet, nor by most commands)

    return Screen(sys.stderr if STANDARD_OUTPUT in options.reports else sys.stdout, several=several)


def _report(judged: Judged, reports: list[Report], tally: Tally) -> bool:
    """Whether all of the reports could be written on; those that can't be any more leave the list."""
    tally.exchanges += judged.exchanges
    hand_to(tally, judged.findings, judged.journeys)
    before = len(reports)
    for report in reports.copy():
        try:
            hand_to(report, judged.findings, judged.journeys)
            report.capture(CaptureEnd(judged.capture, judged.exchanges, judged.problem))
        except BrokenPipeError:
            # Nobody reads this one any more, but there are others to write.
            if len(reports) == 1:
                raise
            send_nowhere(sys.stdout)
            reports.remove(report)
    return len(reports) == before


@main.command(short_help="List the rules, or show one in full.")
@click.argument("rule", required=False, metavar="[ID]", shell_complete=complete_rule)
@click.option(
    "--config",
    metavar="FILE",
    type=NamedPath(),
    help="The project's config, for its own rules; default: lp-authorize.yaml.",
)
@click.option("--markdown", is_flag=True, hidden=True, help="Write the page on the built-in rules.")
def rules(rule: str | None, config: str | None, *, markdown: bool) -> None:
    """List all rules or those whose ids begin with ID, or show one in full, by its id or name."""
    from lp_sentinel.rules.explain import list_or_explain  # noqa: PLC0415  (not needed to judge)

    if markdown:
        from lp_sentinel.command_line.rules_page import rules_page  # noqa: PLC0415  (likewise)

        click.echo(rules_page(load_rules()), nl=False)
        return
    try:
        project = load_project(config)
        click.echo(list_or_explain(project.book, project.config.rules, rule))
    except ValueError as error:
        unusable(str(error))


@main.command("test-rules", short_help="Run the good and bad examples in the rules.")
@click.argument("paths", nargs=-1, metavar="[PATH...]", type=NamedPath(path_type=Path))
@click.option(
    "--config",
    metavar="FILE",
    type=NamedPath(),
    help="The project's config, for its own rules; default: lp-authorize.yaml.",
)
@click.pass_context
def test_rules(context: click.Context, paths: tuple[Path, ...], config: str | None) -> None:
    """Run the good and bad examples of all rules, and of those in other rule files or folders of them."""
    from lp_sentinel.rules.examples import run_examples  # noqa: PLC0415  (not needed to judge)

    try:
        project = load_project(config)
        book = load_rules((*project.config.rules.paths, *paths)) if paths else project.book
        failures = run_examples(book)
    except ValueError as error:
        unusable(str(error))
    for failure in failures:
        click.echo(str(failure))
    examples = sum(len(rule.good) + len(rule.bad) for rule in book.by_id.values())
    click.echo(f"{len(book.by_id)} rules, {examples} examples, {counted(len(failures), 'failure')}")
    context.exit(FAILED if failures else 0)


@main.command(short_help="Run a Sentinel to test against, on this machine only.")
@click.option("--port", type=click.IntRange(0, 65535), default=5001, show_default=True, help="0 picks a free one.")
@click.option("--host", default="localhost", show_default=True, help="A loopback address; any other is refused.")
@click.option("--tls", is_flag=True, help="Serve https, with a certificate of mitmproxy's authority.")
@click.option(
    "--confdir",
    metavar="DIR",
    type=NamedPath(),
    default="~/.mitmproxy",
    show_default=True,
    help="The folder of that authority.",
)
@click.option("--down", is_flag=True, help="Answer every authorize request with 500, as in an outage.")
@click.option(
    "--config", metavar="FILE", type=NamedPath(), help="Apps and users; default: lp-authorize.yaml, else made-up ones."
)
def simulate(config: str | None, **how: Any) -> None:
    """Run a Sentinel to test against, on this machine only, that answers as LivePerson's pages say."""
    try:
        from lp_sentinel.simulate.command import run  # noqa: PLC0415  (an extra brings what it needs)
    except ModuleNotFoundError as error:
        unusable(f"{error.name} is not installed: the simulator needs pip install '.[simulate]' in a checkout")
    try:
        run(load_project(config).config, **how, say=click.echo)
    except ValueError as error:
        unusable(str(error))
