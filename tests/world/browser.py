"""A real browser: headless Chromium, driven through its ChromeDriver, all of its traffic through the proxy."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from tests.world.proxy import Mitmdump, environment
from tests.world.sentinel import PASSWORD, USER

_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    # Whatever it would ask of the Internet by itself.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-sync",
    "--disable-features=OptimizationHints,MediaRouter,Translate,AutofillServerCommunication,HttpsUpgrades",
    "--no-pings",
)
_PATIENCE = 15.0


class BrowserMissingError(RuntimeError):
    """Chromium or its driver is not installed."""


class Browser:
    """One window, with a profile of its own."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver

    @property
    def url(self) -> str:
        return self.driver.current_url

    @property
    def text(self) -> str:
        return self.driver.find_element(By.TAG_NAME, "body").text

    def open(self, url: str) -> None:
        self.driver.get(url)

    def all(self, selector: str) -> list[WebElement]:
        """Those that can be seen."""
        return [one for one in self.driver.find_elements(By.CSS_SELECTOR, selector) if one.is_displayed()]

    def one(self, selector: str) -> WebElement:
        [found] = self.all(selector)
        return found

    def follow(self, link: str) -> None:
        """Click the link with this text, and wait for the page that it leads to."""
        self._leaving(lambda: self.driver.find_element(By.LINK_TEXT, link).click())

    def sign_in(self) -> None:
        """Fill in the login page, and wait until it is left."""
        self.driver.find_element(By.NAME, "user").send_keys(USER)
        self.driver.find_element(By.NAME, "password").send_keys(PASSWORD)
        self._press("sign-in")

    def deny(self) -> None:
        self._press("deny")

    def wait_at(self, start: str) -> None:
        """Wait until the address begins with ``start``."""
        message = f"the browser is not at {start}"
        WebDriverWait(self.driver, _PATIENCE).until(lambda driver: driver.current_url.startswith(start), message)

    def console(self) -> list[str]:
        """What was logged to the console since the last call, one entry a line."""
        entries: list[dict[str, Any]] = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return [f"{entry['level']} {entry['message']}" for entry in entries]

    def screenshot(self, path: Path) -> Path:
        path.write_bytes(self.driver.get_screenshot_as_png())
        return path

    def _press(self, do: str) -> None:
        self._leaving(lambda: self.driver.find_element(By.CSS_SELECTOR, f'button[value="{do}"]').click())

    def _leaving(self, act: Any) -> None:
        old = self.driver.find_element(By.TAG_NAME, "html")
        act()
        WebDriverWait(self.driver, _PATIENCE).until(
            lambda _: old != self._root() and self.driver.execute_script("return document.readyState") == "complete",
            "the page was not left",
        )

    def _root(self) -> object:
        return self.driver.find_element(By.TAG_NAME, "html")


@contextmanager
def chromium(proxy: Mitmdump | None = None) -> Iterator[Browser]:
    """A browser with an empty profile, through ``proxy`` if given, closed at the end of the block."""
    with TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        options = ChromeOptions()
        options.binary_location = _program("chromium")
        for flag in (*_FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        if proxy:
            options.add_argument(f"--proxy-server={proxy.url}")
            # Chromium passes loopback by its proxy unless told not to.
            options.add_argument("--proxy-bypass-list=<-loopback>")
        options.accept_insecure_certs = True
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        # XDG folders in the profile keep Chromium from writing to the home folder.
        env = environment(XDG_CONFIG_HOME=profile, XDG_CACHE_HOME=profile)
        driver = Chrome(options, Service(_program("chromedriver"), env=env))
        try:
            driver.set_page_load_timeout(_PATIENCE)
            yield Browser(driver)
        finally:
            driver.quit()


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise BrowserMissingError(f"{name} is not installed: the browser tests need Debian's chromium, chromium-driver")
    return found
