"""How fast captures are judged, and what the addon costs a proxy: all competitors in one run, as tables."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import click

from bench import archive, har
from bench.competitors import check, measure, of_flows, of_har
from bench.tables import comparison, machine, put, scaling

_ROOT = Path(__file__).resolve().parent.parent
DOCUMENTED = {
    _ROOT / "docs" / "performance.md": ("machine", "realistic", "worst", "scaling", "har", "live"),
    _ROOT / "docs" / "cluster.md": ("cluster",),
    _ROOT / "README.md": ("machine", "realistic"),
}
"""Which tables go where."""


class Sizes(NamedTuple):
    """How much is measured. Sizes are MB."""

    realistic: int
    worst: int
    har: int
    rounds: int
    patience: float


def _realistic(sizes: Sizes, folder: Path) -> Iterator[str]:
    path = folder / "realistic.flow"
    flows = archive.write(path, sizes.realistic * 1_000_000)
    results = measure(of_flows(path), folder, sizes.rounds, sizes.patience)
    yield from comparison("Realistic archive", results, path.stat().st_size, flows, "flows")


def _worst(sizes: Sizes, folder: Path) -> Iterator[str]:
    path = folder / "worst.flow"
    flows = archive.write(path, sizes.worst * 1_000_000, worst=True)
    results = measure(of_flows(path), folder, sizes.rounds, sizes.patience)
    yield from comparison("Worst case, nothing but small flows of logins", results, path.stat().st_size, flows, "flows")


def _scaling(sizes: Sizes, folder: Path) -> Iterator[str]:
    paths = [folder / f"{times}.flow" for times in range(3)]
    for times, path in enumerate(paths):
        archive.write(path, times * sizes.realistic * 1_000_000)
    rounds = 3 * sizes.rounds  # what takes a second is disturbed most
    start, *seconds = (one.seconds for one in measure([check(path, 1) for path in paths], folder, rounds, 1e9))
    yield from scaling(start, [path.stat().st_size for path in paths[1:]], seconds)


def _har(sizes: Sizes, folder: Path) -> Iterator[str]:
    path = folder / "session.har"
    with path.open("wb", buffering=1 << 20) as file:
        entries = har.write(file, sizes.har * 1_000_000)
    results = measure(of_har(path), folder, sizes.rounds, sizes.patience)
    yield from comparison("HAR as Chrome writes it", results, path.stat().st_size, entries, "entries")


def _live(sizes: Sizes, _folder: Path) -> Iterator[str]:
    from bench import live  # noqa: PLC0415  (mitmproxy is not wanted in the process that starts the others)

    yield f"{live.table(2 * sizes.rounds)}\n"  # what is to be told from noise is a hundredth


def _cluster(sizes: Sizes, folder: Path) -> Iterator[str]:
    from bench import cluster  # noqa: PLC0415  (Dask is not wanted there either)

    realistic, worst = folder / "realistic.flow", folder / "worst.flow"
    archive.write(realistic, sizes.realistic * 1_000_000)
    archive.write(worst, sizes.worst * 1_000_000, worst=True)
    logins, mix = cluster.measure(worst), cluster.measure(realistic)  # what comes first loads what both need
    yield f"{machine()}:\n\n"
    yield from cluster.table(mix, logins)
    yield "\n"
    yield from cluster.ten_terabytes(mix, logins)


PARTS: Mapping[str, Callable[[Sizes, Path], Iterator[str]]] = {
    "realistic": _realistic,
    "worst": _worst,
    "scaling": _scaling,
    "har": _har,
    "live": _live,
    "cluster": _cluster,
}


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.argument("parts", nargs=-1, type=click.Choice(list(PARTS)), metavar="[PART]...")
@click.option("--size", default=600, type=click.IntRange(1), metavar="MB", help="Of the realistic archive.")
@click.option("--worst", default=60, type=click.IntRange(1), metavar="MB", help="Of the archive with logins only.")
@click.option("--har", "har_size", default=200, type=click.IntRange(1), metavar="MB", help="Of the HAR.")
@click.option("--rounds", default=5, type=click.IntRange(1), metavar="N", help="How often each competitor runs.")
@click.option(
    "--patience", default=30.0, metavar="SECONDS", help="A competitor that has run so long in all does not run again."
)
@click.option("--folder", type=click.Path(exists=True, file_okay=False), help="Where the archives are made.")
@click.option("--write", is_flag=True, help="Put the tables into the documentation, too.")
def main(
    parts: tuple[str, ...],
    size: int,
    worst: int,
    har_size: int,
    rounds: int,
    patience: float,
    folder: str | None,
    *,
    write: bool,
) -> None:
    """Measure, and print tables of Markdown. PART: realistic, worst, scaling, har, live, cluster; all if none is named.

    The archives are made first, and go away in the end. Other work on the machine spoils the times, less so the ratios.
    """
    sizes = Sizes(size, worst, har_size, rounds, patience)
    click.echo(f"{machine()}\n")
    for name in parts or PARTS:
        text = ""
        with tempfile.TemporaryDirectory(prefix="lp-bench-", dir=folder) as inside:
            for piece in PARTS[name](sizes, Path(inside)):
                click.echo(piece, nl=False)
                text += piece
        click.echo()
        if write:
            _document(name, text)
    if write:
        _document("machine", f"{machine()}\n")


def _document(name: str, text: str) -> None:
    for path, names in DOCUMENTED.items():
        if name in names:
            put(path, name, text)


if __name__ == "__main__":
    main()
