"""What the world puts into mitmdump: local names reach loopback, nothing else is reached, and the port is told."""

from __future__ import annotations

from pathlib import Path

from mitmproxy import ctx
from mitmproxy.addonmanager import Loader
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.proxy.server_hooks import ServerConnectionHookData

HERE = "127.0.0.1"


def load(loader: Loader) -> None:
    loader.add_option("world_listening", str, "", "The file that is given the port which the proxy listens at.")


def running() -> None:
    if not (ctx.options.world_listening and ctx.options.server):
        return
    server: Proxyserver = ctx.master.addons.get("proxyserver")  # type: ignore[no-untyped-call]
    told = Path(ctx.options.world_listening)
    unfinished = told.with_suffix(".part")
    unfinished.write_text(str(server.listen_addrs()[0][1]))
    unfinished.rename(told)


def server_connect(data: ServerConnectionHookData) -> None:
    if data.server.address is None:
        return
    host, port = data.server.address[:2]
    if host == "localhost" or host.endswith(".localhost"):
        data.server.address = (HERE, port)
    elif not host.startswith("127."):
        data.server.error = "the tests stay on loopback"
