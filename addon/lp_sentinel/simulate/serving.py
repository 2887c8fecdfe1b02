"""Serving a WSGI app on loopback and nowhere else, over http or https."""

from __future__ import annotations

import ipaddress
import re
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from cheroot.ssl import builtin
from cheroot.wsgi import Server

from lp_sentinel.wording import reason, visible

HERE = "127.0.0.1"

_LOCALHOST = "localhost"
_PORT = re.compile(r":[0-9]*$")
_THREADS = 16
_QUEUE = 128
_ENDING = (signal.SIGINT, signal.SIGTERM)


class NotServedError(ValueError):
    """It can't be served there: not this machine's own address, a port that is taken, no certificate to be made."""


def loopback(host: str) -> str:
    """The address to listen at. Raises NotServedError for any that others could reach."""
    name = host.strip("[]").lower()
    if name == _LOCALHOST:
        return HERE
    try:
        is_own = ipaddress.ip_address(name).is_loopback
    except ValueError:
        is_own = False
    if not is_own:
        raise NotServedError(f"the simulator is for tests and listens on loopback only, not on {visible(host)}")
    return name


class _TLS(builtin.BuiltinSSLAdapter):
    """Cheroot's own, given a context in place of files."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context = context
        self._server_env: dict[str, str] = {}


class _Server(Server):
    @staticmethod
    def bind_socket(socket_: socket.socket, bind_addr: Any) -> socket.socket:
        try:
            bound: socket.socket = Server.bind_socket(socket_, bind_addr)  # type: ignore[no-untyped-call]
        except OSError as error:
            socket_.close()  # cheroot forgets it, and says less of what was wrong
            address, port = bind_addr[:2]
            raise NotServedError(
                f"port {port} of {address} can't be opened: {reason(error)} (--port chooses another)"
            ) from error
        return bound


@contextmanager
def serving(
    wsgi: Callable[..., Any], *, host: str = HERE, port: int = 0, tls: ssl.SSLContext | None = None
) -> Iterator[int]:
    """Serve ``wsgi`` by names of this machine until the block ends; gives the port. Raises NotServedError."""
    address = loopback(host)
    server = _Server(
        (address, port),
        _for_own_names(wsgi, address),
        numthreads=_THREADS,
        server_name=_LOCALHOST,
        request_queue_size=_QUEUE,
        shutdown_timeout=1,
    )
    if tls:
        server.ssl_adapter = _TLS(tls)
    thread = threading.Thread(target=server.serve, daemon=True)
    with ExitStack() as ending:
        with _undisturbed():
            server.prepare()
            thread.start()
            ending.callback(thread.join)
            ending.callback(server.stop)
        yield server.bind_addr[1]


def _for_own_names(wsgi: Callable[..., Any], address: str) -> Callable[..., Any]:
    """A page elsewhere whose host was made to point here is not answered. Flask's TRUSTED_HOSTS knows no IPv6."""
    own = ("", _LOCALHOST, HERE, f"[{address}]" if ":" in address else address)

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        name = _PORT.sub("", environ.get("HTTP_HOST", "").lower())
        if name in own or name.endswith(f".{_LOCALHOST}"):
            answered: Iterable[bytes] = wsgi(environ, start)
            return answered
        start("400 Bad Request", [("Content-Type", "text/plain")])
        return [b"This host is not served here.\n"]

    return answer


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let signals that end the program wait: threads of which nobody knows yet would keep it from ending."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_on_signals() -> None:
    """End on SIGTERM as on Ctrl-C; and on that, too, where a shell started the program with it ignored."""
    for number in _ENDING:
        signal.signal(number, _end)


def _end(*_: object) -> None:
    # A second one would interrupt the ending, and threads that nobody stopped would keep the process for ever.
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def wait_until_interrupted() -> None:
    """Until Ctrl-C, which raises KeyboardInterrupt."""
    reader, writer = socket.socketpair()
    with reader, writer:
        reader.recv(1)
