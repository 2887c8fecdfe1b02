"""What is done when the package is built makes things faster, and changes nothing else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lp_sentinel import fields
from lp_sentinel.captures import skip
from lp_sentinel.relevance import carries_login

ROOT = Path(__file__).resolve().parents[1]
WITHOUT = (
    "import sys; sys.modules['lp_sentinel.fields'] = sys.modules['lp_sentinel.captures.skip'] = None; "
    "from lp_sentinel.rules import tried; tried.FILE = tried.FILE.with_name('none'); "
)
CHECK = "from lp_sentinel.cli import main; main(sys.argv[1:])"
MITMDUMP = "from mitmproxy.tools.main import mitmdump; mitmdump(sys.argv[1:])"


@pytest.mark.parametrize("module", [fields, skip], ids=lambda module: module.__name__)
def test_it_is_compiled(module: object) -> None:
    assert Path(getattr(module, "__file__", "")).suffix in {".so", ".pyd"}


def said(program: str, *arguments: str) -> str:
    command = [sys.executable, "-c", program, *arguments]
    run = subprocess.run(command, cwd=ROOT, env={"PYTHONPATH": "addon", "PATH": ""}, capture_output=True, check=False)
    assert not run.stderr, run.stderr
    return run.stdout.decode()


@pytest.mark.parametrize(("program", "arguments"), [
    (CHECK, ("check", "captures", "--config", "captures/lp-authorize.yaml", "--no-redact", "--jobs", "1")),
    (MITMDUMP, ("-q", "-nr", "captures/demo.flow", "-s", "addon/lp_authorize.py",
                "--set", "lp_config=captures/lp-authorize.yaml", "--set", "lp_redact=off")),
], ids=["check", "mitmdump"])  # fmt: skip
def test_without_it_the_same_is_found(program: str, arguments: Sequence[str]) -> None:
    with_it = said(f"import sys; {program}", *arguments)
    assert "LPA" in with_it
    assert said(WITHOUT + program, *arguments) == with_it


@pytest.mark.parametrize(("held", "expected"), [
    ((), ()),
    (((b"hosts", b"a"), (b"host", b"b")), [b"b"]),
    (((b"Host", b"a"), (b"x", b""), (b"hOST", b"b")), [b"a", b"b"]),
    ([[b"host", b"a"], (b"host", b"b")], [b"a", b"b"]),
])  # fmt: skip
def test_fields_are_found_by_name(held: tuple[tuple[bytes, bytes], ...], expected: Sequence[bytes]) -> None:
    assert list(fields.values(held, b"host")) == list(expected)
    assert fields.first(held, b"host") == next(iter(expected), None)


@pytest.mark.parametrize("find", [fields.values, fields.first])
def test_fields_that_are_none_are_refused(find: Callable[[Any, bytes], object]) -> None:
    with pytest.raises(TypeError):
        find(((1, 2),), b"host")


PIECES = st.sampled_from(
    [b"/", b"?", b"&", b"=", b"#", b"%", b"%63", b"code", b"state", b"error", b"a", b"Sentinel", b"senti", b"\xff"]
)


@given(st.lists(PIECES, max_size=12).map(b"".join))
def test_no_path_that_names_a_login_is_let_by(path: bytes) -> None:
    """Where there is no query, nothing stands in it."""
    text = path.decode("utf-8", "surrogateescape")
    names = "sentinel" in text.lower() or ("?" in text and carries_login(text[text.index("?") :]))
    assert fields.may_name_login(path) or not names


@pytest.mark.parametrize(
    "path", [b"", b"/", b"/app.js?v=1&lang=en", b"/code=1", b"/?codes=1&acode=2&a=code", b"/sentine"]
)
def test_a_path_that_plainly_names_none_is(path: bytes) -> None:
    assert not fields.may_name_login(path)
