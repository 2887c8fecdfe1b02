"""A cluster comes to what one process comes to, whatever ranges and pieces it makes of the captures."""

from __future__ import annotations

import gzip
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bench.archive import Traffic
from distributed import Client, LocalCluster
from fsspec.implementations.memory import MemoryFileSystem
from mitmproxy.io import tnetstring

from lp_sentinel.captures.opening import find_captures
from lp_sentinel.check import Judged, judge_capture
from lp_sentinel.cluster import foreman, standard, work
from lp_sentinel.cluster.connect import connected
from lp_sentinel.cluster.errors import ClusterError
from lp_sentinel.cluster.foreman import judge_all
from lp_sentinel.cluster.sources import Source, find_sources
from lp_sentinel.cluster.standard import Standard
from lp_sentinel.config import config_from
from lp_sentinel.project import Project, load_project
from lp_sentinel.redact import Redactor
from lp_sentinel.rules import load_rules

CAPTURES = Path(__file__).resolve().parents[2] / "captures"
DEMO = CAPTURES / "demo.flow"
RECORDED = load_project(str(CAPTURES / "lp-authorize.yaml"))
UNKNOWN = Project(config_from({}), load_rules())
PLAIN = Redactor(on=False)

type Judge = Callable[..., list[Judged]]


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """Of a cluster whose workers are threads of this process."""
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster) as one,
    ):
        yield one


@pytest.fixture
def on_cluster(client: Client) -> Judge:
    def judge(*names: str | Path, project: Project = RECORDED) -> list[Judged]:
        return list(judge_all(client, find_sources(map(str, names)), project, PLAIN))

    return judge


def here(*names: str | Path, project: Project = RECORDED) -> list[Judged]:
    return [judge_capture(path, project, PLAIN) for path in find_captures(names)]


def plain(judged: list[Judged]) -> list[object]:
    """To be compared: findings may be kept in one way or another."""
    return [(one.capture, one.exchanges, list(one.findings), list(one.journeys), one.problem) for one in judged]


def archive(path: Path, logins: int, seed: int = 1) -> Path:
    traffic = Traffic(seed)
    path.write_bytes(b"".join(record for _ in range(logins) for record in (traffic.other(), *traffic.login())))
    return path


def test_recorded_captures_come_to_the_same(on_cluster: Judge) -> None:
    assert plain(on_cluster(CAPTURES)) == plain(here(CAPTURES))


@pytest.mark.parametrize("project", [RECORDED, UNKNOWN], ids=["known", "unknown"])
@pytest.mark.parametrize(("range_", "piece"), [(20_000, 1 << 30), (150_000, 40), (1 << 30, 25)])
def test_ranges_and_pieces_come_to_the_same(
    range_: int, piece: int, project: Project, on_cluster: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foreman, "RANGE", range_)
    monkeypatch.setattr(foreman, "PIECE", piece)
    path = archive(tmp_path / "a.flow", 60)
    assert path.stat().st_size > 500_000
    assert plain(on_cluster(path, project=project)) == plain(here(path, project=project))


@pytest.mark.slow
def test_ranges_and_pieces_outlive_a_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreman, "RANGE", 300_000)
    monkeypatch.setattr(foreman, "PIECE", 400)
    path = archive(tmp_path / "a.flow", 200)
    size, done, killed = path.stat().st_size, 0.0, 0
    with connected("local", 2) as client:
        workers = list(client.run(os.getpid).values())

        def advance(more: float) -> None:
            nonlocal done, killed
            done += more
            if done >= size / 2 and not killed:
                killed = workers[0]
                os.kill(killed, signal.SIGKILL)

        judged = list(judge_all(client, find_sources([str(path)]), RECORDED, PLAIN, advance))
        assert killed
        assert killed not in client.run(os.getpid).values()
    assert plain(judged) == plain(here(path))


def test_other_versions_are_refused(on_cluster: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = iter(("lp-authorize 1 on Python 3.12", "lp-authorize 2 on Python 3.12"))
    monkeypatch.setattr(standard, "_versions", lambda: next(versions, "lp-authorize 2 on Python 3.12"))
    with pytest.raises(ClusterError, match=r"the workers run lp-authorize 2 .*, but this machine runs lp-authorize 1 "):
        on_cluster(DEMO)


@pytest.mark.parametrize("broken", [(b"", b""), (b"7:headers;", b"7:headerz;"), (b"8:location,", b"9:location,")])
@pytest.mark.parametrize("range_", [1_000, 9_999, 30_000])
def test_a_body_that_looks_like_flows_is_none(
    range_: int, broken: tuple[bytes, bytes], on_cluster: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foreman, "RANGE", range_)
    traffic = Traffic(3)
    state = tnetstring.loads(traffic.other())
    assert isinstance(state, dict)
    state["response"]["content"] = b"x" * 700 + b"".join(traffic.login()).replace(*broken) * 2
    hostile = tnetstring.dumps(state)
    path = tmp_path / "a.flow"
    path.write_bytes(b"".join((*traffic.login(), hostile, *traffic.login(), hostile)))
    expected = here(path)
    assert expected[0].exchanges == 12
    assert plain(on_cluster(path)) == plain(expected)


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole[:-1],
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole + b"3:abc,",
        lambda whole: whole + b"12",
        lambda whole: whole + b"0:}" + whole,
        lambda _: b"",
        lambda _: b"no capture",
        lambda whole: whole.replace(b"7:version;2:21#}", b"7:version;2:20#}"),
        lambda whole: whole.replace(b"7:headers;", b"7:headerz;", 9),
        gzip.compress,
        lambda whole: gzip.compress(whole)[:-20],
    ],
)
def test_damaged_old_and_packed_files_come_to_the_same(
    damage: Callable[[bytes], bytes], on_cluster: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foreman, "RANGE", 40_000)
    path = archive(tmp_path / "a.flow", 12)
    path.write_bytes(damage(path.read_bytes()))
    assert plain(on_cluster(path)) == plain(here(path))


def test_what_only_another_range_tells_is_fetched(
    on_cluster: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foreman, "RANGE", 4_000)
    traffic = Traffic(2)
    login = traffic.login()
    code = login[-1].partition(b"code=")[2][:32]
    leak, callback = tnetstring.loads(traffic.other()), tnetstring.loads(login[-1])
    assert isinstance(leak, dict)
    assert isinstance(callback, dict)
    leak["client_conn"] = callback["client_conn"]
    request = leak["request"]
    others = [header for header in request["headers"] if header[0].lower() != b"referer"]
    request["headers"] = (*others, (b"referer", b"https://app.example/cb?x=" + code))
    request["timestamp_start"] = 4e9  # later, though it stands first
    path = tmp_path / "a.flow"
    path.write_bytes(b"".join((tnetstring.dumps(leak), *(traffic.other() for _ in range(5)), *login)))
    expected = here(path, project=UNKNOWN)
    assert "LPA407" in {finding.rule for finding in expected[0].findings}
    assert plain(on_cluster(path, project=UNKNOWN)) == plain(expected)


def test_urls_with_globs_and_folders(on_cluster: Judge) -> None:
    files = MemoryFileSystem()
    for name in ("2026-11-01/a.flow", "2026-11-02/deep/er/b.flow", "2026-12-01/c.flow", "2026-11-01/.hidden/d.flow"):
        files.pipe_file(f"/bucket/{name}", DEMO.read_bytes())
    files.pipe_file("/bucket/2026-11-01/notes.txt", b"no capture")
    found = ["memory:///bucket/2026-11-01/a.flow", "memory:///bucket/2026-11-02/deep/er/b.flow"]
    assert [one.name for one in find_sources(["memory://bucket/2026-11-*/**.flow"])] == found
    assert [one.name for one in find_sources(["memory://bucket/2026-11-*"])] == found
    assert [one.name for one in find_sources(["memory://bucket/2026-11-01", "memory://bucket/2026-11-01"])] == found[:1]
    judged, expected = on_cluster(*found), here(DEMO)[0]
    assert [one.capture for one in judged] == found
    for one in judged:
        assert [finding.message for finding in one.findings] == [finding.message for finding in expected.findings]
        assert {journey.capture for journey in one.journeys} == {one.capture}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("memory://bucket/nowhere.flow", "No such file or directory"),
        ("memory://bucket/nothing-*.flow", "No such file or directory"),
        ("unheard://of", "Protocol not known: unheard"),
        ("nowhere.flow", "No such file or directory"),
    ],
)
def test_what_cannot_be_read_is_told_and_the_others_are_judged(name: str, why: str, on_cluster: Judge) -> None:
    unreadable, judged = on_cluster(name, DEMO)
    assert unreadable == Judged(name, 0, (), (), f"{name}: cannot be read: {why}")
    assert plain([judged]) == plain(here(DEMO))


def test_a_folder_without_captures_is_told(on_cluster: Judge, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no capture")
    assert [one.problem for one in on_cluster(tmp_path)] == [f"{tmp_path}: no captures in this folder"]
    assert plain(on_cluster(tmp_path)) == plain(here(tmp_path))


def test_what_tasks_are_given_and_give_shows_nothing() -> None:
    source = Source(str(DEMO), str(DEMO), size=DEMO.stat().st_size)
    judged_by = Standard(RECORDED, PLAIN)
    sealed = work.extract_range(judged_by, source, 0, source.size)
    assert sealed.value.extract.packed
    assert (repr(sealed), repr(judged_by)) == ("<sealed>", "<standard>")


def test_where_a_capture_is_on_this_machine_is_known(tmp_path: Path) -> None:
    """So that no report is written over it, however it is named."""
    capture = tmp_path / "a.flow"
    capture.write_bytes(DEMO.read_bytes())
    for name in (str(capture), f"file://{capture}", f"file://{tmp_path}/*.flow", f"local://{tmp_path}"):
        assert [one.path for one in find_sources([name])] == [capture], name
    assert [one.path for one in find_sources(["-"])] == [Path("-")]
    assert not any(one.path.exists() for one in find_sources(["memory://bucket/x.flow"]))
