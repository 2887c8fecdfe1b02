"""Where the recorded sessions take place: apps and a Sentinel at fixed ports, so that the captures read well."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.world import names
from tests.world.app import App
from tests.world.behaviour import Behaviour
from tests.world.browser import Browser, chromium
from tests.world.oauth import Installation
from tests.world.proxy import Mitmdump, Options, mitmdump
from tests.world.sentinel import Sentinel

SENTINEL_PORT = 5001

REPORTS = Installation(
    client_id="75588e18-0213-4e33-8174-883acac7e3c4",
    client_name="com.example.Reports",
    client_secret="only-for-the-recording-1",
    redirect_uris=("http://reports.localhost:5002/callback",),
)
TICKETS = Installation(
    client_id="0c1f5f0a-6d0e-4f4e-9a53-2f8d3b1c7e90",
    client_name="com.example.Tickets",
    client_secret="only-for-the-recording-2",
    redirect_uris=("http://tickets.localhost:5003/callback", "http://tickets.localhost:5003/agent/callback"),
)
SURVEYS = Installation(
    client_id="e3b7a4c2-91d8-4b0f-8c7d-5a6f2e1d0b94",
    client_name="com.example.Surveys",
    client_secret="only-for-the-recording-3",
    redirect_uris=("http://surveys.localhost:5004/callback",),
)
PAYROLL = Installation(
    account="87654321",
    client_id="b2d1c0e9-8f7a-4d6c-b5e4-3a2918f7e6d5",
    client_name="com.example.Payroll",
    client_secret="only-for-the-recording-4",
    redirect_uris=("http://payroll.localhost:5005/callback",),
)
INSTALLED = (REPORTS, TICKETS, SURVEYS, PAYROLL)


@dataclass(frozen=True, slots=True)
class Stage:
    """What a scene may use. The browsers' traffic is recorded."""

    sentinel: Sentinel
    reports: App
    tickets: App
    surveys: App
    proxy: Mitmdump
    browser: Callable[[], Browser]
    """A new browser, closed after the scene."""

    def behave(self, **how: Any) -> None:
        """From now on Sentinel behaves as documented, but for this."""
        self.sentinel.behaviour = Behaviour(**how)


@dataclass(frozen=True, slots=True)
class Scene:
    """A session to record, and what it must be found to be."""

    name: str
    says: str
    expected: tuple[str, ...]
    """Rule ids."""
    play: Callable[[Stage], None]

    @property
    def listing(self) -> str:
        """The text of ``name.expected``: a comment that says what happens, then the ids, one a line."""
        return "\n".join([f"# {self.says}", *self.expected]) + "\n"


SCENES: dict[str, Scene] = {}


def scene(*expected: str) -> Callable[[Callable[[Stage], None]], Callable[[Stage], None]]:
    """Make a scene of a function: its name names the capture, its docstring says what happens."""

    def register(play: Callable[[Stage], None]) -> Callable[[Stage], None]:
        name = play.__name__.replace("_", "-")
        SCENES[name] = Scene(name, re.sub(r"\s+", " ", play.__doc__ or "").strip(), tuple(sorted(expected)), play)
        return play

    return register


def record(scene: Scene, folder: Path) -> None:
    """Play a scene, and write ``name.flow``, ``name.har`` and ``name.expected``. Raises PortTakenError."""
    with TemporaryDirectory() as temporary:
        flow, har = Path(temporary, "capture.flow"), Path(temporary, "capture.har")
        # The filter keeps out what a browser asks the Internet for by itself.
        options: Options = {"save_stream_file": flow, "hardump": har, "save_stream_filter": r"~d '\.localhost$'"}
        with mitmdump(options=options) as proxy, staged(proxy) as stage:
            scene.play(stage)
            if (ended := proxy.stop()).status:
                raise RuntimeError(f"{scene.name}: {ended}")
        folder.joinpath(f"{scene.name}.flow").write_bytes(flow.read_bytes())
        # Without hardump's indentation it is less than half as long.
        compact = json.dumps(json.loads(har.read_bytes()), separators=(",", ":"))
        folder.joinpath(f"{scene.name}.har").write_text(compact + "\n", "utf-8")
    folder.joinpath(f"{scene.name}.expected").write_text(scene.listing, "utf-8")


@contextmanager
def staged(proxy: Mitmdump) -> Iterator[Stage]:
    """Everything served anew, with browsers that go through ``proxy``."""
    with ExitStack() as stack:
        sentinel = stack.enter_context(Sentinel(INSTALLED).serve(port=SENTINEL_PORT))
        reports, tickets, surveys = (
            stack.enter_context(App(installation, sentinel).serve()) for installation in (REPORTS, TICKETS, SURVEYS)
        )
        yield Stage(sentinel, reports, tickets, surveys, proxy, lambda: stack.enter_context(chromium(proxy)))


def config() -> str:
    """``lp-authorize.yaml`` for the recorded sessions."""
    lines = [
        "# yaml-language-server: $schema=../rules/config.schema.json",
        "# What is registered in the recorded sessions; written by python -m tests.world.record",
        f"login_hosts: [{names.LOGIN}]",
        "accounts:",
    ]
    for account in sorted({one.account for one in INSTALLED}):
        lines += [f'  "{account}":', "    apps:"]
        for one in INSTALLED:
            if one.account == account:
                lines += [
                    f"      - client_id: {one.client_id}",
                    f"        client_name: {one.client_name}",
                    "        redirect_uris:",
                    *(f"          - {uri}" for uri in one.redirect_uris),
                ]
    return "\n".join(lines) + "\n"


def changed(app: App, **habits: Any) -> None:
    """Let an app change some of its habits."""
    app.habits = replace(app.habits, **habits)
