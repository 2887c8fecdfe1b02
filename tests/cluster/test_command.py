"""``lp-authorize check --cluster`` as real processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.archive import Traffic
from click.testing import CliRunner

from lp_sentinel.cli import main
from tests.cluster.storage import bucket
from tests.world.ports import free_ports

ROOT = Path(__file__).resolve().parents[2]
CONFIG = str(ROOT / "captures" / "lp-authorize.yaml")
DEMO = str(ROOT / "captures" / "demo.flow")
COMMAND = [sys.executable, "-c", "from lp_sentinel.cli import main\nif __name__ == '__main__': main()"]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT / "addon")}


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Some seconds' work for two workers."""
    folder = tmp_path_factory.mktemp("archives")
    traffic, paths = Traffic(7), [folder / f"{number}.flow" for number in range(6)]
    for path in paths:
        path.write_bytes(b"".join(record for _ in range(250) for record in (traffic.other(), *traffic.login())))
    return paths


def run(report: Path, *arguments: str | Path) -> subprocess.Popen[str]:
    command = [*COMMAND, "check", "--config", CONFIG, "--no-redact", "--quiet", "--report", str(report)]
    return subprocess.Popen(
        [*command, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    )


def workers(process: subprocess.Popen[str]) -> Iterator[int]:
    """The processes that do a cluster's work, of that which started it."""
    for children in Path(f"/proc/{process.pid}/task").glob("*/children"):
        for child in children.read_text().split():
            if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                yield int(child)


def listening(pid: int) -> set[str]:
    """The addresses that a process listens at, as the kernel writes them."""
    files = [str(file.readlink()) for file in Path(f"/proc/{pid}/fd").iterdir() if file.is_symlink()]
    return {
        fields[1].partition(":")[0]
        for table in ("tcp", "tcp6")
        for fields in map(str.split, Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:])
        if fields[3] == "0A" and f"socket:[{fields[9]}]" in files
    }


@pytest.mark.slow
def test_a_worker_that_is_killed_loses_nothing_and_doubles_nothing(archives: list[Path], tmp_path: Path) -> None:
    alone, together = tmp_path / "alone.jsonl", tmp_path / "together.jsonl"
    expected = run(alone, *archives)
    said = expected.communicate()
    process = run(together, "--cluster", "local", "--jobs", "2", *archives)
    while process.poll() is None and not (together.exists() and together.stat().st_size):
        time.sleep(0.01)
    assert process.poll() is None, "it was done before a worker could be killed"
    assert together.stat().st_size < alone.stat().st_size / 2, "some captures are still to be judged"
    both = list(workers(process))
    assert len(both) == 2
    assert set().union(*map(listening, (process.pid, *both))) == {"0100007F"}, "127.0.0.1 and nowhere else"
    os.kill(both[0], signal.SIGKILL)
    assert (process.communicate(), process.returncode) == (said, expected.returncode)
    assert said == ("", "")
    assert together.read_bytes() == alone.read_bytes()


@pytest.mark.slow
def test_a_cluster_that_runs_elsewhere_reads_urls_and_keeps_the_exit_status(tmp_path: Path) -> None:
    """A scheduler and a worker that know nothing of this project's config, and work in another folder."""
    [port] = free_ports(1)
    address = f"127.0.0.1:{port}"
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--no-dashboard"]
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--host", "127.0.0.1", "--no-dashboard"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "cwd": tmp_path, "env": ENVIRONMENT}
    running = [
        subprocess.Popen([*dask, "--port", str(port)], **quiet),  # type: ignore[call-overload]
        subprocess.Popen([*worker, "--nthreads", "1", "--no-nanny"], **quiet),  # type: ignore[call-overload]
    ]
    try:
        alone, together = tmp_path / "alone.jsonl", tmp_path / "together.jsonl"
        expected = run(alone, DEMO)
        expected.communicate()
        process = run(together, "--cluster", address, f"file://{DEMO}")
        assert (process.communicate(timeout=60), process.returncode) == (("", ""), expected.returncode)
        assert together.read_text().replace(f"file://{DEMO}", DEMO) == alone.read_text()
    finally:
        logged = b""
        for one in running[::-1]:
            one.terminate()
            logged += one.communicate()[1]
    assert b"SplxlOBeZQQYbYS6" not in logged
    assert b"Traceback" not in logged


@pytest.mark.slow
def test_a_bucket_is_read(archives: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = ("2026-11-01/a.flow", "2026-11-02/deep/er/b.flow", "2026-12-01/c.flow")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setitem(ENVIRONMENT, name, "made-up")
    alone, together = tmp_path / "alone.jsonl", tmp_path / "together.jsonl"
    run(alone, *archives[:2]).communicate()
    objects = {key: path.read_bytes() for key, path in zip(keys, archives, strict=False)}
    with bucket("captures", objects | {"empty.flow": b""}) as url:
        monkeypatch.setitem(ENVIRONMENT, "FSSPEC_S3_ENDPOINT_URL", url)
        asked = [f"s3://captures/{key}" for key in ("2026-11-*/**.flow", "no", "empty.flow")]
        process = run(together, "--cluster", "local", "--jobs", "1", *asked)
        said = process.communicate()
    problems = ["s3://captures/no: cannot be read: No such file or directory", "s3://captures/empty.flow: is empty"]
    assert said == ("", "".join(f"lp-authorize: {problem}\n" for problem in problems))
    expected = alone.read_text()
    for key, path in zip(keys, archives[:2], strict=False):
        expected = expected.replace(str(path), f"s3://captures/{key}")
    assert together.read_text() == expected


@pytest.mark.parametrize("address", ["127.0.0.1:1", "tcp://127.0.0.1:1", "nonsense", "foo://x:1"])
def test_a_cluster_that_is_not_there_is_told(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lp_sentinel.cluster.connect._PATIENCE", 0.5)
    done = CliRunner().invoke(main, ["check", "--config", CONFIG, "--cluster", address, DEMO])
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"lp-authorize: no cluster at {address}: ")
    assert done.stderr.count("\n") == 1


def test_a_server_that_is_no_scheduler_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lp_sentinel.cluster.connect._PATIENCE", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        done = CliRunner().invoke(main, ["check", "--config", CONFIG, "--cluster", address, DEMO])
    assert done.exit_code == 2
    assert "does not answer as a Dask scheduler" in done.stderr


def test_a_missing_extra_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "lp_sentinel.cluster.foreman", raising=False)
    monkeypatch.setitem(sys.modules, "distributed", None)
    done = CliRunner().invoke(main, ["check", "--config", CONFIG, "--cluster", "local", DEMO])
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == (
        "lp-authorize: distributed is not installed: --cluster needs pip install '.[cluster]' in a checkout\n"
    )
