"""A browser without a screen: follows redirects, keeps cookies, fills in forms, and runs no script."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urljoin

import requests

from tests.world.names import at_home
from tests.world.proxy import Mitmdump
from tests.world.sentinel import PASSWORD, USER

AGENT = "Visitor/1.0"


class Form(NamedTuple):
    method: str
    action: str
    fields: dict[str, str]


class Page(NamedTuple):
    """Where the browser came to."""

    url: str
    status: int
    text: str
    hops: tuple[str, ...]
    """The URLs on the way, this one's included."""
    response: requests.Response


class Visitor:
    """One browser: cookies, a User-Agent, and the proxy that it goes through."""

    def __init__(self, proxy: Mitmdump | None = None, *, ca: Path | None = None, agent: str = AGENT) -> None:
        self.session = at_home(requests.Session())
        self.session.headers.update({"User-Agent": agent, "Accept": "text/html"})
        if proxy:
            self.session.proxies = {"http": proxy.url, "https": proxy.url}
        if ca or proxy:
            self.session.verify = str(ca or (proxy and proxy.ca))
        self.page: Page | None = None

    def open(self, url: str, **headers: str) -> Page:
        return self._arrive(self.session.get(url, headers=headers, timeout=30))

    def submit(self, **fields: str) -> Page:
        """Fill in and send the page's form."""
        assert self.page, "no page is open"
        form = read_form(self.page)
        filled = form.fields | fields
        headers = {"Referer": self.page.url.partition("#")[0]}
        if form.method == "post":
            return self._arrive(self.session.post(form.action, data=filled, headers=headers, timeout=30))
        return self._arrive(self.session.get(form.action, params=filled, headers=headers, timeout=30))

    def sign_in(self) -> Page:
        return self.submit(user=USER, password=PASSWORD, do="sign-in")

    def deny(self) -> Page:
        return self.submit(do="deny")

    def _arrive(self, response: requests.Response) -> Page:
        hops = tuple(str(one.url) for one in (*response.history, response))
        self.page = Page(hops[-1], response.status_code, response.text, hops, response)
        return self.page


def read_form(page: Page) -> Form:
    """The first form of a page."""
    reader = _FormReader()
    reader.feed(page.text)
    assert reader.method, f"no form at {page.url}:\n{page.text}"
    return Form(reader.method, urljoin(page.url, reader.action), reader.fields)


class _FormReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.method = ""
        self.action = ""
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form" and not self.method:
            self.method, self.action = values.get("method", "get").lower(), values.get("action", "")
        elif tag == "input" and self.method and "name" in values:
            self.fields[values["name"]] = values.get("value", "")
