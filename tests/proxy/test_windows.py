"""mitmproxy's own windows: mitmweb in a real browser, the curses UI in a pseudo-terminal."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pexpect
import pyte
import pytest
from mitmproxy import flowfilter
from mitmproxy.io import FlowWriter
from mitmproxy.test import tflow
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from tests.ours import CAPTURES, ROOT, SCRIPT
from tests.world.browser import Browser
from tests.world.ports import free_ports
from tests.world.proxy import MITMDUMP, Options, arguments_of, environment

DOCUMENTED = (ROOT / "docs" / "mitmproxy.md").read_text("utf-8")
F2, F3, F4 = "\x1bOQ", "\x1bOR", "\x1bOS"
_PATIENCE = 30.0


DEMO = CAPTURES / "demo.flow"
HOSTILE = ("<script>document.title='run'</script>", "</svg><img src=x onerror=\"document.title='run'\">")


def arguments(folder: Path, script: Path = SCRIPT, capture: Path = DEMO, /, **options: str) -> list[str | Path]:
    given: Options = {"confdir": folder, "lp_config": CAPTURES / "lp-authorize.yaml", **options}
    return ["-n", "-r", capture, "-s", script, *arguments_of(given)]


def until(holds: Callable[[], object], what: Callable[[], str]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not holds():
        assert time.monotonic() < deadline, what()
        time.sleep(0.1)


# mitmweb


@pytest.fixture
def mitmweb(tmp_path: Path) -> Iterator[str]:
    """Its address, with what is asked for to be let in."""
    with serving(tmp_path) as (address, output):
        until(lambda: "LPA408 callback-failed" in output.read_text("utf-8"), lambda: output.read_text("utf-8"))
        yield address


@contextmanager
def serving(folder: Path, script: Path = SCRIPT, capture: Path = DEMO, /, **more: str) -> Iterator[tuple[str, Path]]:
    """The address of mitmweb, and the file that it prints to."""
    [port] = free_ports(1)
    options = {"web_open_browser": "false", "web_port": str(port), "web_password": "look", **more}
    output = folder / "output"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [MITMDUMP.with_name("mitmweb"), *arguments(folder, script, capture, **options)],
            stdout=file,
            stderr=subprocess.STDOUT,
            env=environment(),
        )
    try:
        until(lambda: "Web server listening" in output.read_text("utf-8"), lambda: output.read_text("utf-8"))
        yield f"http://127.0.0.1:{port}/?token=look", output
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(_PATIENCE)


class Web:
    """mitmweb in the browser."""

    def __init__(self, browser: Browser, address: str, flows: int = 4) -> None:
        self.driver = browser.driver
        self.driver.set_window_rect(0, 0, 1500, 1100)
        self.browser = browser
        browser.open(address)
        self.until(lambda: len(self.rows()) >= flows, "there are no flows")

    def rows(self) -> list[WebElement]:
        return [row for row in self.driver.find_elements(By.CSS_SELECTOR, "tbody tr") if "http" in row.text]

    def until(self, holds: Callable[[], object], what: str) -> None:
        WebDriverWait(self.driver, _PATIENCE).until(lambda _: holds(), f"{what}\n{self.browser.text}")

    def tells(self, text: str) -> bool:
        return text in self.browser.text.replace("\xa0", " ")

    def search(self, text: str) -> None:
        field = self.driver.find_element(By.CSS_SELECTOR, "input[placeholder=Search]")
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(text)

    def views(self) -> list[str]:
        """Those that can be chosen for what is shown."""
        self.driver.find_element(By.XPATH, "//a[contains(., 'View:')]").click()
        self.until(lambda: self.driver.find_elements(By.CSS_SELECTOR, ".dropdown-menu.show li"), "no choice of views")
        return [one.text for one in self.driver.find_elements(By.CSS_SELECTOR, ".dropdown-menu.show li")]

    def tab(self, name: str) -> None:
        self.driver.find_element(By.LINK_TEXT, name).click()


def test_mitmweb(mitmweb: str, browsers: Callable[..., Browser]) -> None:
    web = Web(browsers(), mitmweb)
    web.search("~marker red_circle")
    web.until(lambda: len(web.rows()) == 3, "~marker does not find the flows with errors")
    web.search("~comment LPA310")
    web.until(lambda: len(web.rows()) == 1, "~comment does not find the flow")
    [row] = web.rows()
    assert "🔴" in row.text
    row.click()
    web.until(lambda: "login of journey j3: answered 302; LPA310" in web.browser.text, "no content view")
    told = web.browser.text
    for part in ("wrong (LPA310)  (absent)", "> 4. login", "✗ LPA310 state-lost (error)", "fix       LivePerson"):
        assert part in told.replace("\xa0", " "), told
    web.tab("Comment")
    web.until(lambda: "LPA310 state-lost" in web.browser.text, "no comment")
    assert [line for line in web.browser.console() if "SEVERE" in line and "favicon" not in line] == []


def test_nothing_captured_runs_in_mitmweb(tmp_path: Path, browsers: Callable[..., Browser]) -> None:
    capture = tmp_path / "hostile.flow"
    with capture.open("wb") as file:
        for state in HOSTILE:
            query = urlencode({"v": "1.0", "response_type": state, "client_id": "x", "state": state})
            flow = tflow.tflow(resp=True)
            flow.request.url = f"https://va.sentinel.liveperson.net/sentinel/api/account/12345678/authorize?{query}"
            FlowWriter(file).add(flow)  # type: ignore[no-untyped-call]
    with serving(tmp_path, SCRIPT, capture, lp_redact="off") as (address, _):
        web = Web(browsers(), address, 2)
        title = web.driver.title
        for row, state in zip(web.rows(), HOSTILE, strict=True):
            row.click()
            web.until(partial(web.tells, f"state          in order        {state}"), "the state is not shown")
            assert web.driver.title == title
            assert web.driver.find_elements(By.CSS_SELECTOR, ".contentview script, .contentview img") == []
        assert [line for line in web.browser.console() if "SEVERE" in line and "favicon" not in line] == []


def test_the_content_view_is_there_once_after_a_reload(tmp_path: Path, browsers: Callable[..., Browser]) -> None:
    addon = tmp_path / "addon"
    addon.mkdir()
    script = Path(shutil.copy(SCRIPT, addon))
    (addon / "lp_sentinel").symlink_to(SCRIPT.parent / "lp_sentinel")
    with serving(tmp_path, script) as (address, output):
        _look(Web(browsers(), address))
        time.sleep(1.1)  # mitmproxy looks at the second in which a script was changed
        script.touch()
        printed = partial(output.read_text, "utf-8")
        until(lambda: printed().count("Loading script") == 2, printed)
        _look(Web(browsers(), address))
        assert "Error" not in printed()


def _look(web: Web) -> None:
    web.search("~comment LPA120")
    web.until(lambda: len(web.rows()) == 1, "~comment does not find the flow")
    web.rows()[0].click()
    web.until(lambda: "wrong (LPA120)" in web.browser.text, "no content view")
    assert web.views().count("lp authorize") == 1


# The console


class Console:
    """The curses UI and what stands on its screen."""

    def __init__(self, folder: Path, **options: str) -> None:
        self.screen = pyte.Screen(140, 60)
        self._stream = pyte.ByteStream(self.screen)
        command = [str(one) for one in arguments(folder, **options)]
        env = {**environment(), "TERM": "xterm-256color"}
        self._process: Any = pexpect.spawn(
            str(MITMDUMP.with_name("mitmproxy")), command, dimensions=(60, 140), env=env, timeout=_PATIENCE
        )

    @property
    def text(self) -> str:
        try:
            while True:
                self._stream.feed(self._process.read_nonblocking(1 << 16, timeout=0.1))
        except pexpect.TIMEOUT:
            pass
        return "\n".join(self.screen.display)

    def shows(self, *parts: str) -> str:
        until(lambda: all(part in self.text for part in parts), lambda: f"no {parts}:\n{self.text}")
        return self.text

    def press(self, keys: str) -> None:
        self._process.send(keys)

    def type(self, command: str) -> None:
        self.press(":")
        self.shows(": ")
        self.press(command)
        self.shows(command)
        self.press("\r")

    def close(self) -> None:
        self._process.terminate(force=True)


@pytest.fixture
def consoles(tmp_path: Path) -> Iterator[Callable[..., Console]]:
    started: list[Console] = []

    def start(**options: str) -> Console:
        started.append(Console(tmp_path, **options))
        return started[-1]

    yield start
    for console in started:
        console.close()


def test_the_console(consoles: Callable[..., Console]) -> None:
    console = consoles(view_filter="~comment LPA310")
    console.shows("session?ticket=")
    console.press("\r")
    console.shows(
        "login of journey j3: answered 302; LPA310",
        "wrong (LPA310)  (absent)",
        "> 4. login     GET http://sentinel.localhost:5001/sentinel/session",
        "✗ LPA310 state-lost (error)",
        "see       LivePerson, Login Service API: the authorize request; RFC 6749 4.1.2",
        "LP authorize",
    )
    console.type("lp.report -")
    console.shows("report -: mitmproxy's windows use standard output; name a file")
    console.type("lp.explain LPA310")
    console.shows("A state that was sent comes back.", "Why it matters:", "What to do instead:", "RFC 6749 4.1.2")


def test_a_command_that_was_obeyed_says_so(consoles: Callable[..., Console], tmp_path: Path) -> None:
    console = consoles()
    console.shows("/callback?code=", "[scripts:1]")
    for command, says in (
        ("lp.faults.arm state-lost", "fault state-lost is armed"),
        ("lp.faults.off", "all faults are off"),
        (f"lp.report {tmp_path}/findings.md", "report written to"),
        (f"lp.redact @all {tmp_path}/safe.flow", "flows written to"),
    ):
        console.type(command)
        console.shows(says)


@pytest.mark.parametrize(
    ("command", "says"), [("lp.faults.list", "no faults: nothing is changed"), ("lp.findings @focus", "no findings")]
)
def test_a_command_that_has_nothing_to_tell(consoles: Callable[..., Console], command: str, says: str) -> None:
    console = consoles(view_filter="~comment '[(]j1[)]'")
    console.shows("/callback?code=", "[scripts:1]")
    console.type(command)
    console.shows(says)


def test_documented_keys(consoles: Callable[..., Console], tmp_path: Path) -> None:
    keys = DOCUMENTED.partition("```yaml\n")[2].partition("```")[0]
    (tmp_path / "keys.yaml").write_text(keys)
    console = consoles()
    console.shows("/callback?code=", "[scripts:1]")
    console.press(F4)
    console.shows("[f:~marker red_circle]")
    console.press(F2)
    console.shows("error: LPA120 redirect-uri-missing: no redirect_uri was sent, although client")
    console.press("q")
    console.press(F3)
    console.shows(": lp.explain ")
    console.press("state-lost")
    console.shows(": lp.explain state-lost")
    console.press("\r")
    console.shows("A state that was sent comes back.")


def test_documented_filters() -> None:
    filters = [line.split("`")[1] for line in DOCUMENTED.splitlines() if line.startswith("| `~")]
    assert len(filters) == 5
    flow = tflow.tflow()
    flow.marked, flow.comment = ":red_circle:", "login (j3): 302; LPA310 state-lost"
    assert [bool(flowfilter.parse(one)(flow)) for one in filters] == [True] * 5
    flow.marked = flow.comment = ""
    assert [bool(flowfilter.parse(one)(flow)) for one in filters] == [False] * 5
