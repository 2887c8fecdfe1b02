"""As much of S3's interface as it takes to list and read a bucket, on loopback."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

_NOT_FOUND = "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>"


@contextmanager
def bucket(name: str, objects: Mapping[str, bytes]) -> Iterator[str]:
    """A server of one bucket; gives its URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            key = unquote(url.path).removeprefix(f"/{name}").removeprefix("/")
            if not key and "list-type" in url.query:
                asked = {name: values[0] for name, values in parse_qs(url.query).items()}
                self._send(200, _listing(name, objects, asked.get("prefix", ""), asked.get("delimiter", "")).encode())
            elif key not in objects:
                self._send(404, _NOT_FOUND.encode())
            elif asked_range := self.headers.get("Range"):
                begin, _, last = asked_range.removeprefix("bytes=").partition("-")
                self._send(206, objects[key][int(begin) : int(last) + 1 if last else None])
            else:
                self._send(200, objects[key])

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Last-Modified", "Tue, 24 Nov 2026 06:44:34 GMT")
            self.send_header("ETag", '"1"')
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def _listing(bucket_name: str, objects: Mapping[str, bytes], prefix: str, delimiter: str) -> str:
    rests = {key: key[len(prefix) :] for key in sorted(objects) if key.startswith(prefix)}
    folders = {
        prefix + rest.partition(delimiter)[0] + delimiter for rest in rests.values() if delimiter and delimiter in rest
    }
    files = [key for key, rest in rests.items() if not delimiter or delimiter not in rest]
    contents = "".join(
        f"<Contents><Key>{escape(key)}</Key><LastModified>2026-11-24T06:44:34.000Z</LastModified><ETag>1</ETag>"
        f"<Size>{len(objects[key])}</Size><StorageClass>STANDARD</StorageClass></Contents>"
        for key in files
    )
    prefixes = "".join(f"<CommonPrefixes><Prefix>{escape(one)}</Prefix></CommonPrefixes>" for one in sorted(folders))
    return (
        f'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>{bucket_name}</Name>'
        f"<Prefix>{escape(prefix)}</Prefix><KeyCount>{len(files) + len(folders)}</KeyCount><MaxKeys>1000</MaxKeys>"
        f"<IsTruncated>false</IsTruncated>{contents}{prefixes}</ListBucketResult>"
    )
