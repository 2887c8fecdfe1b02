"""``make play``, as a newcomer would use it, in a real browser."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import requests
from play.__main__ import APP_PORT, PROXY_PORT, SENTINEL_PORT
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

from tests.world.browser import Browser
from tests.world.proxy import environment

pytestmark = pytest.mark.alone

ROOT = Path(__file__).parents[2]
APP = f"http://localhost:{APP_PORT}"


@contextmanager
def playing(folder: Path, *arguments: str) -> Iterator[Path]:
    """The playground, until the block ends; gives what it says."""
    said = folder / "said"
    own = ("--set", f"confdir={folder / 'conf'}")
    with said.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "play", *own, *arguments], cwd=ROOT, stdout=out, stderr=out, env=environment()
        )
    try:
        yield said
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0, said.read_text()


def wait_for(said: Path, text: str) -> str:
    deadline = time.monotonic() + 20
    while text not in (now := said.read_text("utf-8")):
        assert time.monotonic() < deadline, f"waited in vain for {text!r}:\n{now}"
        time.sleep(0.05)
    return now


def log_in(browser: Browser, said: Path) -> None:
    wait_for(said, "Ctrl-C ends it.")
    # The browser must not see that nobody listens: it loads a page that it could not load anew when it likes.
    wait_for_port(APP_PORT, said)
    browser.open(APP)
    browser.follow("Log in")


def wait_for_port(port: int, said: Path) -> None:
    deadline = time.monotonic() + 20
    while not is_listened_at(port):
        assert time.monotonic() < deadline, said.read_text("utf-8")
        time.sleep(0.1)


def is_listened_at(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def press(browser: Browser, do: str) -> None:
    browser.driver.find_element(By.CSS_SELECTOR, f'button[value="{do}"]').click()
    browser.wait_at(f"{APP}/callback")


@pytest.mark.parametrize(
    ("port", "role"), [(APP_PORT, "the app"), (SENTINEL_PORT, "the simulated Sentinel"), (PROXY_PORT, "the proxy")]
)
def test_a_port_that_is_taken_is_told_before_anything_else(port: int, role: str) -> None:
    with socket.create_server(("127.0.0.1", port)):
        done = subprocess.run(
            [sys.executable, "-m", "play"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env=environment(),
        )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"play: something else listens on port {port}, for {role}: stop it first\n"


def test_login_and_denial(browsers: Callable[..., Browser], tmp_path: Path) -> None:
    with playing(tmp_path) as said:
        browser = browsers()
        log_in(browser, said)
        assert browser.url.startswith(f"http://localhost:{SENTINEL_PORT}/")
        assert "This is lp-authorize on your machine, for tests." in browser.text
        press(browser, "deny")
        assert "Not logged in: access_denied" in browser.text
        browser.follow("Log in")
        press(browser, "sign-in")
        assert "Logged in" in browser.text
        assert "access_token" in browser.text
        assert [line for line in browser.console() if "403" not in line] == []
        wait_for(said, "j2 ·")
    text = said.read_text("utf-8")
    assert re.search(r"j1 · account 12345678 · playground-app · .*access_denied", text), text
    assert re.search(r"j2 · account 12345678 · playground-app · code ✓", text), text
    assert "0 findings" in text


def test_a_name_that_was_made_to_point_here_is_not_answered(tmp_path: Path) -> None:
    with playing(tmp_path) as said:
        for port in (APP_PORT, SENTINEL_PORT):
            wait_for_port(port, said)
            for host, status in ((f"localhost:{port}", 200), (f"127.0.0.1:{port}", 200), ("rebound.example", 400)):
                answer = requests.get(f"http://127.0.0.1:{port}/", headers={"Host": host}, timeout=10)
                assert answer.status_code == status, (port, host)


def test_a_fault(browsers: Callable[..., Browser], tmp_path: Path) -> None:
    with playing(tmp_path, "--set", "lp_faults=access_denied") as said:
        browser = browsers()
        log_in(browser, said)
        browser.wait_at(f"{APP}/callback")
        assert "Not logged in: access_denied" in browser.text
        wait_for(said, "access_denied")


class Proxy(NamedTuple):
    """All that a browser must know of one."""

    url: str


def test_a_fault_armed_on_the_live_page(browsers: Callable[..., Browser], tmp_path: Path) -> None:
    """The tour: log in, arm a fault on the live page, log in again, and read there how the app took it."""
    with playing(tmp_path) as said:
        browser = browsers()
        log_in(browser, said)
        press(browser, "sign-in")
        page = browsers(Proxy(f"http://127.0.0.1:{PROXY_PORT}"))
        page.open("http://lp.authorize/")
        wait = WebDriverWait(page.driver, 15)
        wait.until(lambda _: "1 of 1 journey, 0 findings" in page.text)
        Select(page.driver.find_element(By.CSS_SELECTOR, "select[name=preset]")).select_by_visible_text("access_denied")
        page.driver.find_element(By.CSS_SELECTOR, "#faults button").click()
        wait.until(lambda _: "1 fault armed" in page.text)
        browser.open(f"{APP}/")
        browser.follow("Log in")
        browser.wait_at(f"{APP}/callback")
        assert "Not logged in: access_denied" in browser.text
        wait.until(lambda _: "error:access_denied" in page.text)
        wait.until(lambda _: "as expected" in page.driver.find_element(By.CSS_SELECTOR, "#faults table").text)
        assert page.console() == []
