"""Logins as scripts of exchanges: what a browser, an app's back end, Sentinel and a login page say to each other."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote, urlencode

from lp_sentinel.config import Config, config_from
from lp_sentinel.exchange import Exchange, Headers
from lp_sentinel.uri import parse_uri

type Way = Literal["session", "form", "form-without-referer", "script", "back-to-authorize", "identity-provider"]
type Fault = Literal[
    "state-lost", "state-altered", "other-uri", "code-twice", "code-altered", "no-description", "callback-fails",
    "redirect-uri-left-out", "v-left-out", "code-redeemed-twice", "other-redirect-uri-redeemed",
]  # fmt: skip

WAYS: tuple[Way, ...] = ("session", "form", "form-without-referer", "script", "back-to-authorize", "identity-provider")

FINDS: dict[Fault, frozenset[str]] = {
    "state-lost": frozenset({"LPA310"}),
    "state-altered": frozenset({"LPA311"}),
    "other-uri": frozenset({"LPA301"}),
    "code-twice": frozenset({"LPA406"}),
    "code-altered": frozenset({"LPA402"}),
    "no-description": frozenset({"LPA320"}),
    "callback-fails": frozenset({"LPA408"}),
    "redirect-uri-left-out": frozenset({"LPA120"}),
    "v-left-out": frozenset({"LPA110"}),
    "code-redeemed-twice": frozenset({"LPA609"}),
    "other-redirect-uri-redeemed": frozenset({"LPA606"}),
}
"""The rules that find each fault, whatever way the login takes."""

ALSO: dict[tuple[Fault, Way], frozenset[str]] = {
    # Where authorize itself hands out the code, it is also to blame for taking the request.
    ("redirect-uri-left-out", "session"): frozenset({"LPA208"}),
    ("redirect-uri-left-out", "back-to-authorize"): frozenset({"LPA208"}),
}

APPS = 1000

CONFIG: Config = config_from(
    {
        "accounts": {
            str(10000000 + number): {
                "apps": [
                    {
                        "client_id": f"app-{number}",
                        "redirect_uris": [f"https://app{number}.example/cb", f"https://app{number}.example/other"],
                    }
                ]
            }
            for number in range(APPS)
        }
    }
)

SENTINEL = "https://va.sentinel.liveperson.net"
LOGIN = "https://authentication.liveperson.net"
IDENTITY_PROVIDER = "https://idp.corp.example"


@dataclass(slots=True)
class Login:
    """One login of one app, and the fault in it if there is one."""

    number: int
    browser: tuple[str, str]
    way: Way = "form"
    fault: Fault | None = None
    redeems: bool = False
    exchanges: list[int] = field(default_factory=list)

    @property
    def finds(self) -> frozenset[str]:
        """The rules that must fire on it, and no others."""
        return FINDS[self.fault] | ALSO.get((self.fault, self.way), frozenset()) if self.fault else frozenset()

    @property
    def app(self) -> int:
        return self.number % APPS

    @property
    def account(self) -> str:
        return str(10000000 + self.app)

    @property
    def client_id(self) -> str:
        return f"app-{self.app}"

    @property
    def redirect_uri(self) -> str:
        return f"https://app{self.app}.example/cb"

    @property
    def state(self) -> str:
        return f"state-{self.number:05}-Zm9vYmFyYmF6cXV4"

    @property
    def code(self) -> str:
        return f"code-{self.number:05}-SplxlOBeZQQYbYS6"

    @property
    def sentinel(self) -> str:
        return f"{SENTINEL}/sentinel/api/account/{self.account}"

    def steps(self) -> Generator[Step]:
        """The requests of this login in their order, each with its answer."""
        authorize = f"{self.sentinel}/authorize?{urlencode(self._request())}"
        page = f"{LOGIN}/login.html?lpcid={self.number}"
        landing = self._landing()
        here = Step(self.browser, "GET", authorize, 302)
        if self.way == "session":
            yield here.to(landing)
        else:
            yield here.to(page)
            yield Step(self.browser, "GET", page, 200)
            yield from self._sign_in(page, authorize, landing)
        yield from self._at_the_app(landing)

    def _sign_in(self, page: str, authorize: str, landing: str) -> Generator[Step]:
        form = Step(self.browser, "POST", f"{LOGIN}/api/login?lpcid={self.number}", 302, referer=page)
        if self.way == "form":
            yield form.to(landing)
        elif self.way == "form-without-referer":
            yield Step(self.browser, "POST", f"{LOGIN}/api/login", 302).to(landing)
        elif self.way == "script":
            yield Step(self.browser, "POST", f"{LOGIN}/api/login?lpcid={self.number}", 200)
        elif self.way == "back-to-authorize":
            yield form.to(authorize)
            yield Step(self.browser, "GET", authorize, 302).to(landing)
        else:
            provider = f"{IDENTITY_PROVIDER}/sso?request={self.number}"
            answer = f"{LOGIN}/acs?code=idp-{self.number}&state=idp-{self.number}"
            yield form.to(provider)
            yield Step(self.browser, "GET", provider, 200)
            yield Step(self.browser, "POST", f"{IDENTITY_PROVIDER}/sso/submit", 302, referer=provider).to(answer)
            yield Step(self.browser, "GET", answer, 302, referer=provider).to(landing)

    def _at_the_app(self, landing: str) -> Generator[Step]:
        uri = landing.replace(self.code, f"{self.code}x") if self.fault == "code-altered" else landing
        callback = Step(self.browser, "GET", uri, 500 if self.fault == "callback-fails" else 302)
        yield callback if self.fault == "callback-fails" else callback.to("/")
        if self.fault == "code-twice":
            yield callback.to("/")
        if self.redeems or self.fault in ("code-redeemed-twice", "other-redirect-uri-redeemed"):
            yield self._redemption()
        if self.fault == "code-redeemed-twice":
            yield self._redemption()
        yield Step(self.browser, "GET", f"https://app{self.app}.example/", 200)
        yield Step(self.browser, "GET", "https://cdn.example/app.js", 200, referer=f"https://app{self.app}.example/")

    def _request(self) -> dict[str, str]:
        request = {
            "v": "1.0",
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "state": self.state,
        }
        left_out = {"v-left-out": "v", "redirect-uri-left-out": "redirect_uri"}.get(self.fault or "")
        return {name: value for name, value in request.items() if name != left_out}

    def _landing(self) -> str:
        uri = self.redirect_uri.replace("/cb", "/other") if self.fault == "other-uri" else self.redirect_uri
        if self.fault == "no-description":
            return f"{uri}?{urlencode({'error': 'access_denied', 'state': self.state})}"
        kept = f"&state={self.state}"
        state = {"state-lost": "", "state-altered": f"{kept}x"}.get(self.fault or "", kept)
        return f"{uri}?code={quote(self.code)}{state}"

    def _redemption(self) -> Step:
        other = self.fault == "other-redirect-uri-redeemed"
        form = {
            "grant_type": "authorization_code",
            "code": self.code,
            "client_id": self.client_id,
            "client_secret": "s3cret",
            "redirect_uri": self.redirect_uri.replace("/cb", "/other") if other else self.redirect_uri,
        }
        body = urlencode(form).encode()
        answer = b'{"access_token":"a","token_type":"Bearer","expires_in":3600}'
        return Step(("10.0.0.9", "app-server"), "POST", f"{self.sentinel}/token?v=2.0", 200, body=body, answer=answer)


@dataclass(frozen=True, slots=True)
class Step:
    """One request and its answer, not yet placed in time."""

    browser: tuple[str, str]
    method: str
    url: str
    status: int | None
    location: str | None = None
    referer: str | None = None
    body: bytes = b""
    answer: bytes = b""

    def to(self, location: str) -> Step:
        return Step(self.browser, self.method, self.url, 302, location, self.referer, self.body, self.answer)

    def at(self, index: int, started: float) -> Exchange:
        uri = parse_uri(self.url)
        assert uri is not None
        headers: Headers = (("user-agent", self.browser[1]),)
        if self.referer:
            headers += (("referer", self.referer),)
        if self.body:
            headers += (("content-type", "application/x-www-form-urlencoded"),)
        endpoint = uri.endpoint
        assert endpoint.port is not None
        return Exchange(
            index=index,
            flow=f"flow-{index}",
            started=started,
            answered=started + 0.05,
            client=self.browser[0],
            method=self.method,
            scheme=endpoint.scheme,
            host=endpoint.host,
            port=endpoint.port,
            target=endpoint.path + (f"?{uri.query}" if uri.query else ""),
            request_headers=headers,
            request_body=self.body,
            status=self.status,
            response_headers=(("location", self.location),) if self.location else (),
            response_body=self.answer,
        )
