"""Archives to measure with: flow files as a proxy leaves them, with a share of Sentinel logins among other traffic."""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from mitmproxy.io import tnetstring

MEAN_SIZE = 30_000
"""Bytes of a flow of the realistic mix on average: bodies are log-normal, and what is beside them is added."""
_SPREAD = 1.6
_OVERHEAD = 4_700
"""Bytes of a flow besides its body."""
_WITH_BODY = 0.88
"""The share of responses that have one."""
_MEAN_BODY = (MEAN_SIZE - _OVERHEAD) / _WITH_BODY
_LOGIN_SHARE = 0.01
_LOGIN_FLOWS = 5
_BEGIN = 1_790_000_000.0
_SENTINEL = "va.sentinel.liveperson.net"
_LOGIN = "authentication.liveperson.net"
_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Safari/537.36"
_KINDS = (
    ("script", "*/*", "application/javascript", 0.22),
    ("image", "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8", "image/webp", 0.38),
    ("style", "text/css,*/*;q=0.1", "text/css", 0.08),
    ("empty", "application/json, text/plain, */*", "application/json", 0.25),
    ("document", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html; charset=utf-8", 0.07),
)


class Traffic:
    """Makes flows, in the order in which a proxy would have written them."""

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)  # noqa: S311  (no secrets, and the same again each time)
        self._noise = self._random.randbytes(8 << 20)
        self._now = _BEGIN
        self._hosts = [f"{self._word()}.{self._word()}.example" for _ in range(300)]
        self._chains = {host: _chain(host) for host in (*self._hosts[:40], _SENTINEL, _LOGIN, "app.example")}
        self._browsers = [(f"10.0.{n // 250}.{n % 250 + 1}", _AGENT.format(n % 40 + 100)) for n in range(200)]

    def realistic(self) -> Iterator[bytes]:
        """Flows of all kinds; one in a hundred is of a login."""
        between = round(_LOGIN_FLOWS / _LOGIN_SHARE) - _LOGIN_FLOWS
        while True:
            for _ in range(self._random.randrange(2 * between + 1)):
                yield self.other()
            yield from self.login()

    def logins(self) -> Iterator[bytes]:
        """Nothing but logins: the worst that there can be."""
        while True:
            yield from self.login()

    def other(self) -> bytes:
        """A flow that has nothing to do with a login."""
        pick = self._random
        (dest, accept, kind, _), host = pick.choices(_KINDS, [k[3] for k in _KINDS])[0], pick.choice(self._hosts)
        page = pick.choice(self._hosts[:60])
        path = "/" + "/".join(self._word() for _ in range(pick.randint(1, 4)))
        if pick.random() < 0.4:
            path += "?" + urlencode({self._word(): self._word() for _ in range(pick.randint(1, 4))})
        referer = f"https://{page}/" if page != host else f"https://{page}/{self._word()}?page={self._word()}"
        size = int(pick.lognormvariate(math.log(_MEAN_BODY) - _SPREAD**2 / 2, _SPREAD))
        headers: tuple[tuple[bytes, bytes], ...]
        status, headers = pick.choices(((200, ()), (304, ()), (204, ()), (302, ())), (100 * _WITH_BODY, 6, 3, 3))[0]
        if status == 302:
            headers = ((b"location", f"https://{pick.choice(self._hosts)}/{self._word()}".encode()),)
        start = pick.randrange(len(self._noise) // 2)
        while size > len(self._noise) // 2:
            size //= 2
        body = self._noise[start : start + size] if status == 200 else b""
        return self._flow(
            pick.choice(self._browsers), "GET", host, path, status,
            asked=((b"accept", accept.encode()), (b"sec-fetch-dest", dest.encode()), (b"referer", referer.encode())),
            answered=((b"content-type", kind.encode()), *headers), body=body,
            certificates=self._chains.get(host, self._chains[self._hosts[0]]),
        )  # fmt: skip

    def login(self) -> list[bytes]:
        """The five flows of a login, now and then with the state lost."""
        pick, browser = self._random, self._random.choice(self._browsers)
        state, code = self._token(22), self._token(32)
        back = "https://app.example/cb"
        authorize = "/sentinel/api/account/12345678/authorize?" + urlencode(
            {"v": "1.0", "response_type": "code", "client_id": "my-app", "redirect_uri": back, "state": state}
        )
        form = f"https://{_LOGIN}/login?next=" + quote(f"https://{_SENTINEL}{authorize}", safe="")
        landed = f"{back}?code={code}" + ("" if pick.random() < 0.1 else f"&state={state}")
        page = b"<!doctype html><title>Sign in</title>" + b" " * 300
        steps = (
            ("GET", "app.example", "/login", 302, f"https://{_SENTINEL}{authorize}", b"", None),
            ("GET", _SENTINEL, authorize, 302, form, b"", "https://app.example/"),
            ("GET", _LOGIN, form.removeprefix(f"https://{_LOGIN}"), 200, None, page, "https://app.example/"),
            ("POST", _LOGIN, "/login", 302, landed, b"", form),
            ("GET", "app.example", landed.removeprefix("https://app.example"), 200, None, page, f"https://{_LOGIN}/"),
        )
        return [self._step(browser, *step) for step in steps]

    def _step(self, browser: tuple[str, str], method: str, host: str, path: str, status: int,
              location: str | None, body: bytes, referer: str | None) -> bytes:  # fmt: skip
        return self._flow(
            browser, method, host, path, status,
            asked=((b"accept", b"text/html"), (b"sec-fetch-dest", b"document"),
                   *(((b"referer", referer.encode()),) if referer else ())),
            answered=((b"content-type", b"text/html"), *(((b"location", location.encode()),) if location else ())),
            body=body, certificates=self._chains[host],
        )  # fmt: skip

    def _flow(self, browser: tuple[str, str], method: str, host: str, path: str, status: int, *,
              asked: tuple[tuple[bytes, bytes], ...], answered: tuple[tuple[bytes, bytes], ...], body: bytes,
              certificates: list[bytes]) -> bytes:  # fmt: skip
        pick = self._random
        self._now = start = self._now + pick.expovariate(40)
        end = start + pick.expovariate(1 / 0.03)
        http2 = hash(host) % 3 > 0
        named = () if http2 else ((b"Host", host.encode()),)
        request = {
            "http_version": b"HTTP/2.0" if http2 else b"HTTP/1.1",
            "headers": (*named, (b"user-agent", browser[1].encode()), *asked,
                        (b"accept-encoding", b"gzip, deflate, br, zstd"), (b"accept-language", b"en-US,en;q=0.9"),
                        (b"sec-ch-ua", b'"Chromium";v="130", "Not?A_Brand";v="99"'), (b"sec-ch-ua-mobile", b"?0"),
                        (b"sec-fetch-site", b"same-site"), (b"sec-fetch-mode", b"navigate"),
                        (b"cookie", b"session=" + self._token(60).encode())),
            "content": b"user=a&password=b" if method == "POST" else b"", "trailers": None,
            "timestamp_start": start, "timestamp_end": start + 0.001, "host": host, "port": 443,
            "method": method.encode(), "scheme": b"https", "authority": host.encode() if http2 else b"",
            "path": path.encode(),
        }  # fmt: skip
        response = {
            "http_version": request["http_version"],
            "headers": ((b"date", b"Tue, 24 Nov 2026 06:44:34 GMT"), *answered,
                        (b"content-length", str(len(body)).encode()), (b"cache-control", b"max-age=600"),
                        (b"server", b"nginx"), (b"x-request-id", self._token(24).encode()),
                        (b"strict-transport-security", b"max-age=31536000"), (b"vary", b"Accept-Encoding")),
            "content": body, "trailers": None, "timestamp_start": end, "timestamp_end": end + 0.004,
            "status_code": status, "reason": b"" if http2 else b"OK",
        }  # fmt: skip
        state = {
            "version": 21, "type": "http", "id": self._uuid(), "error": None,
            "client_conn": self._client(browser[0], start, host), "server_conn": self._server(host, start, certificates),  # noqa: E501
            "intercepted": False, "is_replay": None, "marked": "", "metadata": {}, "comment": "",
            "timestamp_created": start, "backup": None, "request": request, "response": response, "websocket": None,
        }  # fmt: skip
        return tnetstring.dumps(state)

    def _client(self, address: str, start: float, host: str) -> dict[str, Any]:
        return _connection(self._uuid(), (address, self._random.randint(20000, 60000)), ("10.0.0.1", 8080), start, host) | {  # noqa: E501
            "mitmcert": None, "proxy_mode": "regular",
        }  # fmt: skip

    def _server(self, host: str, start: float, certificates: list[bytes]) -> dict[str, Any]:
        state = _connection(self._uuid(), ("192.0.2.7", 443), ("10.0.0.1", 50000), start, host)
        return state | {
            "certificate_list": certificates,
            "address": (host, 443),
            "timestamp_tcp_setup": start,
            "via": None,
        }

    def _uuid(self) -> str:
        digits = f"{self._random.getrandbits(128):032x}"
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

    def _word(self) -> str:
        return "".join(self._random.choices("abcdefghijklmnopqrstuvwxyz", k=self._random.randint(3, 11)))

    def _token(self, length: int) -> str:
        return "".join(self._random.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", k=length))


def _connection(name: str, peer: tuple[str, int], own: tuple[str, int], start: float, host: str) -> dict[str, Any]:
    return {
        "peername": peer, "sockname": own, "id": name, "transport_protocol": "tcp", "error": None, "tls": True,
        "certificate_list": [], "alpn": b"h2", "alpn_offers": [b"h2", b"http/1.1"],
        "cipher": "TLS_AES_128_GCM_SHA256", "cipher_list": [], "tls_version": "TLSv1.3", "sni": host,
        "timestamp_start": start, "timestamp_end": None, "timestamp_tls_setup": start + 0.02,
    }  # fmt: skip


def _chain(host: str) -> list[bytes]:
    """A server's certificate and its issuer's, as PEM."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder(
            name, name, key.public_key(), x509.random_serial_number(), begin, begin + timedelta(365)
        )
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(f"{n}.{host}") for n in range(12)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return [certificate.public_bytes(Encoding.PEM)] * 2


def write(path: Path, size: int, *, worst: bool = False) -> int:
    """Write an archive of about ``size`` bytes; how many flows it has."""
    traffic = Traffic()
    written = count = 0
    with path.open("wb", buffering=1 << 20) as file:
        for record in traffic.logins() if worst else traffic.realistic():
            written += file.write(record)
            count += 1
            if written >= size:
                break
    return count


if __name__ == "__main__":
    sys.stdout.write(f"{write(Path(sys.argv[1]), int(float(sys.argv[2]) * 1e6), worst='worst' in sys.argv[3:])}\n")
