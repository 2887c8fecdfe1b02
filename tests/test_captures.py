"""Every recorded session on every road: as flow file and as HAR, through mitmdump and through lp-authorize check."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from copy import deepcopy
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import pytest
from mitmproxy.io import tnetstring

from tests.ours import CAPTURES, SCRIPT
from tests.world.proxy import MITMDUMP, Options, arguments_of, environment, replay

CONFIG = CAPTURES / "lp-authorize.yaml"
NAMES = sorted(path.stem for path in CAPTURES.glob("*.expected"))

type Road = Literal["mitmdump", "check"]
type Format = Literal["flow", "har"]
ROADS: tuple[Road, ...] = get_args(Road.__value__)
FORMATS: tuple[Format, ...] = get_args(Format.__value__)


class Judged(NamedTuple):
    """What became of a capture."""

    status: int
    said: str
    lines: list[str]
    """The report, unredacted."""

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]

    @property
    def findings(self) -> list[dict[str, Any]]:
        return [record for record in self.records if "rule" in record]


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Mapping[Path, Judged]:
    """Each capture through a ``mitmdump -nr`` of its own.

    Each is a process forked from one that has imported mitmproxy, which is most of what a start of mitmdump takes.
    """
    folder = tmp_path_factory.mktemp("replayed")
    captures = [CAPTURES / f"{name}.{format_}" for name in NAMES for format_ in FORMATS]
    forking = get_context("forkserver")
    forking.set_forkserver_preload(["mitmproxy.tools.main", "mitmproxy.tools.dump", "pytest", __name__])
    with ProcessPoolExecutor(os.cpu_count(), forking, max_tasks_per_child=1) as pool:
        return dict(zip(captures, pool.map(_replay, captures, [folder] * len(captures)), strict=True))


def _replay(capture: Path, folder: Path) -> Judged:
    """In a process of its own: what the command ``mitmdump`` does."""
    from mitmproxy.tools.main import mitmdump  # noqa: PLC0415  (not in the process that runs the tests)

    report, said = folder / f"{capture.name}.jsonl", folder / f"{capture.name}.txt"
    with said.open("wb") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    options: Options = {
        "lp_config": CONFIG,
        "lp_report": report,
        "lp_redact": "off",
        "lp_fail_on": "error",
        "confdir": folder,
    }
    status = 0
    try:
        mitmdump(["-q", "-n", "-s", str(SCRIPT), "-r", str(capture), *arguments_of(options)])
    except SystemExit as ending:
        status = int(ending.code or 0)
    return Judged(status, said.read_text("utf-8"), report.read_text("utf-8").splitlines())


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Mapping[Path, Judged]:
    """The whole folder through one ``lp-authorize check``, which judges each capture by itself."""
    report = tmp_path_factory.mktemp("checked") / "report.jsonl"
    ended = _check("--report", report, "--no-redact", "--jobs", "2", CAPTURES)
    lines: dict[Path, list[str]] = {CAPTURES / f"{name}.{format_}": [] for name in NAMES for format_ in FORMATS}
    for line in report.read_text("utf-8").splitlines():
        lines[Path(json.loads(line)["capture"])].append(line)
    return {capture: Judged(ended.returncode, ended.stdout + ended.stderr, of) for capture, of in lines.items()}


def _check(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [MITMDUMP.with_name("lp-authorize"), "check", "--config", CONFIG, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment())


@pytest.fixture
def roads(replayed: Mapping[Path, Judged], checked: Mapping[Path, Judged]) -> Mapping[Road, Mapping[Path, Judged]]:
    return {"mitmdump": replayed, "check": checked}


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("name", NAMES)
def test_a_capture_gives_exactly_what_is_expected(
    name: str, road: Road, format_: Format, roads: Mapping[Road, Mapping[Path, Judged]]
) -> None:
    judged = roads[road][CAPTURES / f"{name}.{format_}"]
    assert {finding["rule"] for finding in judged.findings} == expected(name), judged.said


def expected(name: str) -> set[str]:
    lines = (CAPTURES / f"{name}.expected").read_text("utf-8").splitlines()
    return {line for line in lines if line and not line.startswith("#")}


@pytest.mark.parametrize("name", NAMES)
def test_both_roads_write_the_same_report(
    name: str, replayed: Mapping[Path, Judged], checked: Mapping[Path, Judged]
) -> None:
    capture = CAPTURES / f"{name}.flow"
    assert replayed[capture].lines == checked[capture].lines


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("name", NAMES)
def test_a_har_says_what_the_flow_file_says(name: str, road: Road, roads: Mapping[Road, Mapping[Path, Judged]]) -> None:
    flow, har = (roads[road][CAPTURES / f"{name}.{format_}"].records for format_ in FORMATS)
    assert _without(flow, "flow", "capture") == _without(har, "flow", "capture")


def test_a_har_may_list_its_entries_in_any_order(tmp_path: Path) -> None:
    har = json.loads((CAPTURES / "in-order.har").read_text("utf-8"))
    entries: list[dict[str, Any]] = har["log"]["entries"]
    called_back = next(one for one in entries if "?code=" in one["request"]["url"])
    told = deepcopy(called_back)
    told["startedDateTime"] = entries[-1]["startedDateTime"]
    told["request"] |= {"url": "https://tracker.example/", "queryString": []}
    told["request"]["headers"] = [{"name": "Referer", "value": called_back["request"]["url"]}]
    capture, on_roads = tmp_path / "reversed.har", []
    # With a byte order mark, as Fiddler writes one.
    capture.write_text(json.dumps({"log": {**har["log"], "entries": [told, *reversed(entries)]}}), "utf-8-sig")
    for road in ROADS:
        report = tmp_path / f"{road}.jsonl"
        if road == "check":
            _check("--quiet", "--no-redact", "--report", report, capture)
        else:
            options: Options = {"lp_config": CONFIG, "lp_report": report, "lp_redact": "off"}
            replay(capture, "-s", SCRIPT, options=options)
        on_roads.append([json.loads(line) for line in report.read_text("utf-8").splitlines()])
    assert _without(on_roads[0], "flow") == _without(on_roads[1], "flow")
    assert [record["rule"] for record in on_roads[0] if "rule" in record] == ["LPA407"]


def _without(records: Sequence[Mapping[str, Any]], *names: str) -> list[dict[str, Any]]:
    """Without what a HAR names otherwise: the capture itself, and flows, which have no id there."""
    return [{name: value for name, value in record.items() if name not in names} for record in records]


@pytest.mark.parametrize("name", NAMES)
def test_the_exit_status_of_a_replay_tells_of_errors(name: str, replayed: Mapping[Path, Judged]) -> None:
    for format_ in FORMATS:
        judged = replayed[CAPTURES / f"{name}.{format_}"]
        assert judged.status == any(finding["severity"] == "error" for finding in judged.findings), judged.said


@pytest.mark.parametrize(("name", "status"), [("in-order", 0), ("state-lost-at-login", 1), ("server-error", 0)])
@pytest.mark.parametrize("format_", FORMATS)
def test_so_does_that_of_check(name: str, status: int, format_: Format) -> None:
    ended = _check("--quiet", CAPTURES / f"{name}.{format_}")
    assert (ended.returncode, ended.stdout, ended.stderr) == (status, "", "")


@pytest.mark.parametrize("name", NAMES)
def test_every_journey_comes_to_what_happened(name: str, replayed: Mapping[Path, Judged]) -> None:
    """What a report says of a journey agrees with what it says of its findings."""
    judged = replayed[CAPTURES / f"{name}.flow"]
    journeys = [record for record in judged.records if "outcome" in record]
    assert journeys, judged.said
    for journey in journeys:
        own = [finding for finding in judged.findings if finding["journey"] == journey["journey"]]
        assert journey["findings"] == len(own)
        assert {finding["index"] for finding in own} <= set(journey["exchanges"])
    assert sum(journey["findings"] for journey in journeys) == len(judged.findings)


def test_what_a_newer_mitmproxy_wrote_is_named_and_the_rest_is_judged(tmp_path: Path) -> None:
    capture = tmp_path / "newer.flow"
    newer = bytes(tnetstring.dumps({"version": 999, "type": "http"}))
    capture.write_bytes((CAPTURES / "demo.flow").read_bytes() + newer)
    ended = _check("--quiet", "--report", "-", capture)
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"lp-authorize: {capture}: flow 26 cannot be read: mitmproxy ")
    assert "version 999" in line
    found = [json.loads(line) for line in ended.stdout.splitlines()]
    assert {record["rule"] for record in found if "rule" in record} == expected("demo")
