"""A login in which secrets stand in many places and forms, among them where nobody expects one."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus

from mitmproxy import connection, http, tcp, websocket
from mitmproxy.flow import Error, Flow
from wsproto.frame_protocol import Opcode

_COUNT = 48
SECRETS = [f"S3cret{place:02d}/Qx=Wv&{place * 7919 % 9973:04d}é+ü\"<z>'Kp{place:02d}" for place in range(0, _COUNT, 2)]
"""With characters that every encoding writes in its own way."""
SECRETS += [f"Tok{place:02d}en{place * 104729 % 99991:05d}aBcDeFgH" for place in range(1, _COUNT, 2)]

CORES = [secret.split("/")[0] for secret in SECRETS]
"""What is the same in every encoding."""

_AUTHORIZE = "/sentinel/api/account/12345678/authorize?v=1.0&response_type=code&client_id=my-app"
_REDIRECT_URI = quote("https://app.example/cb", safe="")


def forms(secret: str) -> set[bytes]:
    """The secret in every form that one might look for."""
    encoded = secret.encode()
    texts = {
        secret,
        quote(secret, safe=""),
        quote(quote(secret, safe=""), safe=""),
        quote_plus(secret),
        html.escape(secret),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        secret.split("/", maxsplit=1)[0],
        secret.lower(),
        secret.upper(),
    }
    packed = base64.b64encode(encoded).decode()
    basic = base64.b64encode(f"my-app:{quote_plus(secret)}".encode())
    return {text.encode() for text in (*texts, packed, quote(packed, safe=""))} | {basic}


def flows() -> list[Flow]:
    """The login's flows; each secret stands in at least one place of its own."""
    left = list(SECRETS)
    take: Callable[[], str] = lambda: left.pop(0)  # noqa: E731
    quoted: Callable[[str], str] = lambda text: quote(text, safe="")  # noqa: E731
    state, code, password = take(), take(), take()
    other = (
        f"https://login.liveperson.net/in?next={quoted(f'https://a.example/?state={quoted(state)}&t={quoted(take())}')}"
    )
    landing = f"https://app.example/cb?code={quoted(code)}&state={quoted(state)}"
    begin = _flow(
        f"https://va.sentinel.liveperson.net{_AUTHORIZE}&redirect_uri={_REDIRECT_URI}&state={quoted(state)}&nonce={quoted(take())}",
        {"Cookie": f"a={quoted(take())}; b={take().split('/')[0]}", "X-Token": quoted(take()), "Referer": other},
        (302, {"Location": other, "Set-Cookie": f"sid={quoted(take())}; Path=/", "ETag": f'"{quoted(take())}"'}, b""),
    )
    begin.comment = f"the password was {password}, the state {state}"
    begin.metadata["note"] = take()
    form = f"user=anna&password={quote_plus(password)}&otp={quoted(take())}&back={quoted(quoted(take()))}"
    page = (
        f"<html><!-- {take()} -->"
        f'<form action="/in?t={quoted(take())}"><input name="csrf" value="{html.escape(take())}">'
        f"</form><p>Hello {html.escape(password)} {html.escape(take())}</p><script>var t={json.dumps(take())}</script>"
        f"<a title='{html.escape(take())}' href={quoted(take())}>x</a></html>"
    )
    login = _flow(
        "https://login.liveperson.net/in",
        {
            "Content-Type": "application/x-www-form-urlencoded",
            "Authorization": f"Bearer {quoted(take())}",
            "Referer": other,
        },
        (200, {"Content-Type": "text/html; charset=utf-8"}, page.encode()),
        form.encode(),
    )
    multipart = (
        f'--zz\r\nContent-Disposition: form-data; name="pin"; filename="{quoted(take())}"\r\n\r\n{take()}\r\n--zz--\r\n'
    )
    finish = _flow(
        f"https://login.liveperson.net/done/{quoted(take())};jsessionid={quoted(take())}",
        {"Content-Type": "multipart/form-data; boundary=zz", "Referer": other},
        (302, {"Location": landing, "Content-Type": "text/plain"}, f"go with {take()} {code}".encode()),
        multipart.encode(),
    )
    callback = _flow(landing, {"Referer": other}, (500, {"Content-Type": "application/json"}, _answer(take, code)))
    basic = base64.b64encode(f"my-app:{quote_plus(take())}".encode()).decode()
    token = _flow(
        "https://va.sentinel.liveperson.net/sentinel/api/account/12345678/token?v=2.0",
        {"Content-Type": "application/x-www-form-urlencoded", "Authorization": f"Basic {basic}"},
        (200, {"Content-Type": "application/json"}, _tokens(take)),
        f"grant_type=authorization_code&code={quote_plus(code)}&redirect_uri={_REDIRECT_URI}".encode(),
    )
    leak = _flow(
        f"https://user:{quoted(take())}@tracker.example/p.gif?u={quoted(landing)}&x={quoted(base64.b64encode(take().encode()).decode())}",
        {"Referer": landing, "User-Agent": f"Agent/1.0 {quoted(take())}", "Accept-Language": quoted(take())},
        (200, {"Content-Type": "image/gif", "Server": quoted(take())}, take().encode()),
    )
    failed = _flow(f"https://api.example/{code.split('/')[0]}#/{quoted(take())}", {quoted(take()): "1"}, None)
    failed.error = Error(f"could not reach {quoted(take())}")
    sockets = _flow("https://ws.example/", {"Proxy-Authorization": f"Digest {quoted(take())}"}, (101, {}, b""))
    message = websocket.WebSocketMessage(Opcode.TEXT, True, take().encode())
    sockets.websocket = websocket.WebSocketData([message])
    plain = tcp.TCPFlow(_client(), connection.Server(address=("mail.example", 25)))
    plain.messages = [tcp.TCPMessage(True, take().encode())]  # type: ignore[no-untyped-call]
    changed = _flow(f"https://api.example/?error=access_denied&error_description={quoted(take())}", {}, (200, {}, b""))
    changed.backup()  # type: ignore[no-untyped-call]
    changed.request.path = f"/?{quoted(take())}"
    while left:
        changed.request.headers.add("X-More", quoted(take()))
    return [begin, login, finish, callback, token, leak, failed, sockets, plain, changed]


def _answer(take: Callable[[], str], code: str) -> bytes:
    return json.dumps({"error": "oops", "detail": {"token": take(), "tried": [code, take()]}, "id": 5}).encode()


def _tokens(take: Callable[[], str]) -> bytes:
    return json.dumps(
        {"access_token": take(), "refresh_token": take(), "token_type": "Bearer", "expires_in": 3600},
        ensure_ascii=False,
    ).encode()


def _client() -> connection.Client:
    return connection.Client(peername=("203.0.113.77", 50000), sockname=("127.0.0.1", 8080), timestamp_start=1.0)


_started = iter(range(1_790_000_000, 1_790_001_000))


def _flow(
    url: str, headers: dict[str, str], answer: tuple[int, dict[str, str], bytes] | None, body: bytes = b""
) -> http.HTTPFlow:
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    host = authority.rpartition("@")[2]
    flow = http.HTTPFlow(_client(), connection.Server(address=(host, 443)))
    flow.request = http.Request.make("POST" if body else "GET", f"{scheme}://{host}/", body, {})
    for name, value in {"Host": host, **headers}.items():
        flow.request.headers.add(name, value)
    # As a client may have sent it, the whole URL with a user in it included.
    flow.request.data.path = (url if authority != host else slash + path).encode()
    flow.request.timestamp_start = flow.request.timestamp_end = next(_started)
    if answer:
        status, sent, content = answer
        flow.response = http.Response.make(status, content, {})
        for name, value in sent.items():
            flow.response.headers.add(name, value)
        flow.response.timestamp_start = flow.response.timestamp_end = flow.request.timestamp_start
    return flow


def found_in(data: bytes) -> list[str]:
    folded = data.lower()
    return [secret for secret in SECRETS if any(form.lower() in folded for form in forms(secret))]
