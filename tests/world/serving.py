"""Serving a WSGI app on loopback with threads, over http or https."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import trustme
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.world.names import APP, HERE, LOGIN, SENTINEL


class Authority:
    """A certificate authority of one's own, and the certificate it issued for the local names."""

    def __init__(self, *names: str) -> None:
        self._ca = trustme.CA()
        self._certificate = self._ca.issue_cert(*(names or (SENTINEL, LOGIN, APP, "localhost", HERE)))

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._certificate.configure_cert(context)
        return context

    def write(self, path: Path) -> Path:
        """The authority's own certificate as PEM, for those who shall trust it."""
        self._ca.cert_pem.write_to_path(path)
        return path


class PortTakenError(RuntimeError):
    """Another process listens where a fixed port was asked for."""


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing: what matters of the traffic is seen by the proxy."""


@contextmanager
def serving(wsgi: Callable[..., Any], *, port: int = 0, authority: Authority | None = None) -> Iterator[int]:
    """Serve ``wsgi`` until the block ends; gives the port. Raises PortTakenError."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HERE, port))
        except OSError as error:
            raise PortTakenError(f"port {port} of {HERE} is taken: {error.strerror}") from error
        listener.listen(64)
        server = make_server(
            HERE,
            listener.getsockname()[1],
            wsgi,
            threaded=True,
            request_handler=_Handler,
            ssl_context=authority.server_context() if authority else None,
            fd=listener.fileno(),
        )
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server.port
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
