"""The world's fixtures: servers that outlive a test keep no behaviour from it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.world.app import App, Habits, installed
from tests.world.behaviour import Behaviour
from tests.world.browser import Browser, chromium
from tests.world.proxy import Mitmdump, mitmdump
from tests.world.sentinel import Sentinel
from tests.world.serving import Authority

# How long one example takes says more of the machine than of the code; pytest's time limit holds for all of them.
# In CI examples are the same each time, so that no change is refused for what an earlier one broke; else they are new.
settings.register_profile("ours", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("ours")


@pytest.fixture(scope="session")
def authority() -> Authority:
    """Who issued the servers' certificates."""
    return Authority()


@pytest.fixture(scope="session")
def authority_file(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The authority's certificate: what a client that speaks to the servers directly must trust."""
    return authority.write(tmp_path_factory.mktemp("authority") / "ca.pem")


@pytest.fixture(scope="session")
def _http_sentinel() -> Iterator[Sentinel]:
    with Sentinel().serve() as sentinel:
        yield sentinel


@pytest.fixture(scope="session")
def _https_sentinel(authority: Authority) -> Iterator[Sentinel]:
    with Sentinel().serve(authority=authority) as sentinel:
        yield sentinel


def _as_new(sentinel: Sentinel) -> Sentinel:
    sentinel.behaviour = Behaviour()
    sentinel.installations.clear()
    sentinel.sign_out()
    return sentinel


@pytest.fixture
def sentinel(_http_sentinel: Sentinel) -> Sentinel:
    """A Sentinel over http, with no apps and no sessions, that behaves as documented."""
    return _as_new(_http_sentinel)


@pytest.fixture
def secure_sentinel(_https_sentinel: Sentinel) -> Sentinel:
    """The same over https."""
    return _as_new(_https_sentinel)


@pytest.fixture
def app(sentinel: Sentinel) -> Iterator[App]:
    """An app installed at ``sentinel``."""
    with installed(sentinel) as one:
        yield one


@pytest.fixture
def secure_app(secure_sentinel: Sentinel, authority: Authority, authority_file: Path) -> Iterator[App]:
    """An app installed at ``secure_sentinel``, itself over https."""
    with installed(secure_sentinel, Habits(trusts=str(authority_file)), authority=authority) as one:
        yield one


@pytest.fixture
def proxies() -> Iterator[Callable[..., Mitmdump]]:
    """Starts proxies, with the arguments of ``mitmdump()``, that are stopped after the test."""
    yield from _starting(mitmdump)


@pytest.fixture
def browsers() -> Iterator[Callable[..., Browser]]:
    """Starts real browsers, with the arguments of ``chromium()``, that are closed after the test."""
    yield from _starting(chromium)


def _starting[T](start: Callable[..., AbstractContextManager[T]]) -> Iterator[Callable[..., T]]:
    with ExitStack() as stack:

        def started(*arguments: Any, **how: Any) -> T:
            return stack.enter_context(start(*arguments, **how))

        yield started
