from __future__ import annotations

import json
import re
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lp_sentinel.config import config_from
from lp_sentinel.facts import Placeholder
from lp_sentinel.redact import Redactor, printable
from lp_sentinel.texts import Joined, Name, RedirectUri, Registered, Rest, Secret, Template, Url, Word

MASK = r"…\(\d+\)#[0-9a-f]{6}"
HARMLESS = (
    "v", "version", "response_type", "response_mode", "client_id", "account", "error", "error_description",
    "error_code", "error_message", "scope", "grant_type", "token_type", "expires_in", "code_challenge_method", "prompt",
    "display", "max_age", "ui_locales", "lang", "locale", "hl",
)  # fmt: skip
AUTHORIZE = "https://va.sentinel.liveperson.net/sentinel/api/account/12345678/authorize"


@pytest.fixture
def redactor() -> Redactor:
    return Redactor()


@pytest.mark.parametrize(
    ("secret", "shown"),
    [
        ("SplxlOBeZQQYbYS6WxSbIA", r"Splx…\(22\)#[0-9a-f]{6}"),
        ("exactly12chr", r"exac…\(12\)#[0-9a-f]{6}"),
        ("elevenchars", r"…\(11\)#[0-9a-f]{6}"),
        ("", r"…\(0\)#[0-9a-f]{6}"),
        ("\x1b[2J" + "x" * 20, r"\\x1b\[2J…\(24\)#[0-9a-f]{6}"),
        ("a\udc80" + "x" * 20, r"a\\udc80xx…\(22\)#[0-9a-f]{6}"),
    ],
)
def test_a_secret_shows_how_it_begins_its_length_and_a_fingerprint(redactor: Redactor, secret: str, shown: str) -> None:
    assert re.fullmatch(shown, redactor.mask(secret))


def test_equal_values_look_equal_within_a_run_only(redactor: Redactor) -> None:
    state = "af0ifjsldkjFvB2Xq9ZwTg"
    assert redactor.mask(state) == redactor.show(Secret(state))
    assert redactor.mask(state) in redactor.url(f"/cb?state={state}")
    assert redactor.mask(state) != redactor.mask(state[:-1] + "G")
    assert len({Redactor().mask(state) for _ in range(8)}) > 1


def test_a_secret_that_is_quoted_looks_as_it_does_elsewhere() -> None:
    redactor, code = Redactor(), "SplxlOBeZQQYbYS6WxSbIA"
    for text in ("code '{}' is used", 'code "{}".', "code ({}) is used", "used: {}.", "used: <{}>"):
        assert redactor.show(Word(text.format(code))) == text.format(redactor.mask(code))


def test_what_is_registered_is_shown_where_a_server_quotes_it() -> None:
    redactor, client_id = Redactor(), "75588e18-0213-4e33-8174-883acac7e3c4"
    redactor.spare(frozenset({client_id}))
    assert redactor.show(Word(f"client '{client_id}' is blocked")) == f"client '{client_id}' is blocked"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (AUTHORIZE, re.escape(AUTHORIZE)),
        (
            f"{AUTHORIZE}?v=1.0&response_type=code&client_id=my-app&state=af0ifjsldkjFvB2Xq9ZwTg",
            re.escape(f"{AUTHORIZE}?v=1.0&response_type=code&client_id=my-app&state=af0i") + MASK,
        ),
        ("/cb?redirect_uri=https%3A%2F%2Fapp.example%2Fcb", r"/cb\?redirect_uri=https%3A%2F%2Fapp\.example%2Fcb"),
        (
            "/a?redirect_uri=https%3A%2F%2Fapp.example%2Fcb%3Fticket%3Dabc",
            rf"/a\?redirect_uri=https%3A%2F%2Fapp\.example%2Fcb%3Fticket%3D{MASK}",
        ),
        ("https://user:pass@app.example/cb", rf"https://{MASK}@app\.example/cb"),
        ("//user:pass@app.example", rf"//{MASK}@app\.example"),
        ("https:\\\\user:pass@app.example", rf"https:\\\\{MASK}@app\.example"),
        ("/cb;jsessionid=1234?x", rf"/cb;jsessionid={MASK}\?{MASK}"),
        ("https%3A%2F%2Fapp%2Fcb%3Fcode%3Dabc", rf"https%3A%2F%2Fapp%2Fcb%3F{MASK}"),
        ("https%253A%252F%252Fapp%252Fcb%253fcode", rf"https%253A%252F%252Fapp%252Fcb%253f{MASK}"),
        ("/cb?error=access_denied&error_description=No+way", r"/cb\?error=access_denied&error_description=No\+way"),
        (
            "/cb?error=access_denied&error_description=The+code+SplxlOBeZQQYbYS6WxSbIA+was+used+(E1042)",
            rf"/cb\?error=access_denied&error_description=The%20code%20Splx{MASK}%20was%20used%20\(E1042\)",
        ),
        ("/cb?code=&state", r"/cb\?code=&state"),
        ("/cb#access_token=abc", rf"/cb#access_token={MASK}"),
        ("/cb#_=_", "/cb#_=_"),
        ("/cb#_", "/cb#_"),
        ("/cb?c%6Fde=abc", rf"/cb\?c%6Fde={MASK}"),
        ("/cb?code%3Dabc", rf"/cb\?{MASK}"),
        ("/cb?dG9rZW4tdG9rZW4tdG9rZW4tdG9rZW4=", rf"/cb\?dG9r{MASK}"),
        ("/cb?dG9rZW4tdG9rZW4==", rf"/cb\?dG9r{MASK}"),
        ("/cb?state={state}", r"/cb\?state=\{state\}"),
        ("http://[::1", r"http://\[::1"),
        ("/cb?my_state=&dG9rZW4tdG9rZW4=", rf"/cb\?my_state=&dG9r{MASK}"),
        ("/cb?a1b2c3d4e5=&d41d8cd98f00=", rf"/cb\?{MASK}&d41d{MASK}"),
        ("/cb?appInstallI=&appInstallId=", rf"/cb\?appInstallI=&appI{MASK}"),
        (
            "/cb?access_token&id_token&refresh_token&client_secret&nonce&code&state",
            r"/cb\?access_token&id_token&refresh_token&client_secret&nonce&code&state",
        ),
        (
            "https://app.example/reset/SplxlOBeZQQYbYS6WxSbIA/now",
            rf"https://app\.example/reset/Splx{MASK}/now",
        ),
        ("/t/SplxlOBeZQQ%2FYbYS6WxSbIA;b=c?state", rf"/t/Splx{MASK};b={MASK}\?state"),
        (r"\in\d41d8cd98f00b204e9800998ecf8427e", rf"\\in\\d41d{MASK}"),
        ("/cb;SplxlOBeZQQYbYS6WxSbIA;x", rf"/cb;Splx{MASK};x"),
        ("/cb%3Bsid%3DSplxlOBeZQQ/x", rf"/cb%3Bsid%3D{MASK}/x"),
        ("https:/user:longer-password@app.example/cb", rf"https:/{MASK}@app\.example/cb"),
        ("https%3A%2F%2Ftoken%40app.example", rf"https%3A%2F%2F{MASK}%40app\.example"),
        ("/cb?account=12345678&v=1.0", r"/cb\?account=12345678&v=1\.0"),
        ("/cb?v=1.0;state=abc;lang=en", rf"/cb\?v=1\.0%3Bstate%3D{MASK}%3Blang%3Den"),
        ("/cb?error=access_denied%0Acode=SplxlOBeZQQYbYS6WxSbIA", rf"/cb\?error=access_denied%0Acode%3DSplx{MASK}"),
        ("/cb?client_id=my-app%2526client_secret%253Dabc", rf"/cb\?client_id=my-app%2526client_secret%253D{MASK}"),
        (
            f"/cb?{'&'.join(f'{name}=word' for name in HARMLESS)}",
            f"/cb\\?{'&'.join(f'{name}=word' for name in HARMLESS)}",
        ),
        ("/cb?iss=https%3A%2F%2Fa.example&error_uri=%2Fno", r"/cb\?iss=https%3A%2F%2Fa\.example&error_uri=%2Fno"),
        ("/cb?prompt=Ab3dE6gH&display=Ab3dE6g", rf"/cb\?prompt={MASK}&display=Ab3dE6g"),
        ("/cb?token_type=SplxlOBeZQQYbYS6WxSbIA", rf"/cb\?token_type=Splx{MASK}"),
        ("/cb?SplxlOBeZQQYbYS6WxSbI=x&appInstallId=x", rf"/cb\?Splx{MASK}={MASK}&appInstallId={MASK}"),
        (
            "/a?redirect_uri=https%3A%2F%2Fapp.example%2Fcb%3Ftenant%3D7%26csrf%3D7%23%2Fin",
            rf"/a\?redirect_uri=https%3A%2F%2Fapp\.example%2Fcb%3Ftenant%3D7%26csrf%3D{MASK}#%2Fin",
        ),
        ("0123456789/", rf"{MASK}/"),
        ("/sentinel/api/account/0123456789/token", "/sentinel/api/account/0123456789/token"),
        ("/account/0123456789/token", "/account/0123456789/token"),
        ("/sentinel/api/Accounts/0123456789/authorise", "/sentinel/api/Accounts/0123456789/authorise"),
        ("/oauth2-callback-v2/index.html", r"/oauth2-callback-v2/index\.html"),
        (
            "/cb?redirect_uri=https%3A%2F%2Fapp.example%2F75588e18-0213-4e33-8174-883acac7e3c4",
            r"/cb\?redirect_uri=https%3A%2F%2Fapp\.example%2F75588e18-0213-4e33-8174-883acac7e3c4",
        ),
        ("", ""),
    ],
)
def test_a_url_shows_its_path_and_what_is_known_to_be_harmless(redactor: Redactor, url: str, shown: str) -> None:
    assert re.fullmatch(shown, redactor.url(url))


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("https://app.example/cb?tenant=7", r"https://app\.example/cb\?tenant=7"),
        (
            "https://app.example/cb?lang=en-US&returnTo=%2Finbox",
            r"https://app\.example/cb\?lang=en-US&returnTo=%2Finbox",
        ),
        ("https://app.example/cb/75588e18-0213-4e33-8174-883acac7e3c4/", None),
        ("https://app.example/cb#section", r"https://app\.example/cb#section"),
        ("https://app.example/#/callback", r"https://app\.example/#/callback"),
        ("https://app.example/cb;tenant=7;sid=7", rf"https://app\.example/cb;tenant=7;sid={MASK}"),
        ("https%3A%2F%2Fapp.example%2Fcb", "https%3A%2F%2Fapp.example%2Fcb"),
        ("com.example.app:/cb", "com.example.app:/cb"),
        ("app.example:8080/cb", "app.example:8080/cb"),
        ("app.example/callback", "app.example/callback"),
        ("SplxlOBeZQQYbYS6WxSbIA", rf"Splx{MASK}"),
        ("code=abc", rf"code={MASK}"),
        ("https://app.example/cb?code=1", rf"https://app\.example/cb\?code={MASK}"),
        (
            "https://app.example/cb?my_state=1&accessToken=1",
            rf"https://app\.example/cb\?my_state={MASK}&accessToken={MASK}",
        ),
        ("https://app.example/cb?x=SplxlOBeZQQYbYS6WxSbIA", rf"https://app\.example/cb\?x=Splx{MASK}"),
        ("https://app.example/cb?SplxlOBeZQQYbYS6WxSbIA", rf"https://app\.example/cb\?Splx{MASK}"),
        ("https://app.example/cb?BBBBtail", rf"https://app\.example/cb\?{MASK}"),
        ("https://app.example/cb?next=https://o.example/?code=1", rf"https://app\.example/cb\?next=http{MASK}"),
        ("https://me:a-long-password@app.example/cb", rf"https://{MASK}@app\.example/cb"),
    ],
)
def test_a_redirect_uri_shows_what_is_no_secret(redactor: Redactor, uri: str, shown: str | None) -> None:
    told = redactor.show(RedirectUri(uri))
    assert re.fullmatch(shown or re.escape(uri), str(told))
    inside = unquote(redactor.url(f"/a?redirect_uri={quote(uri, safe='')}"))
    assert inside == unquote(f"/a?redirect_uri={told}") or told == uri


@pytest.mark.parametrize(
    "name",
    [
        "v", "version", "response_type", "response_mode", "grant_type", "token_type", "expires_in",
        "code_challenge_method", "prompt", "display", "max_age", "error_description", "error_message",
    ],
)  # fmt: skip
def test_what_looks_drawn_is_no_word(redactor: Redactor, name: str) -> None:
    code = "SplxlOBeZQQYbYS6WxSbIA"
    assert redactor.url(f"/cb?{name}={code}") == f"/cb?{name}={redactor.mask(code)}"


@pytest.mark.parametrize(
    "name",
    [
        "code", "state", "nonce", "pass", "pw", "key", "apikey", "sid", "otp", "pin", "auth", "authorization",
        "verifier", "challenge", "sig", "hint", "token", "secret", "passwd", "password", "passphrase", "passcode",
        "pwd", "credential", "bearer", "saml", "session", "sessid", "assertion", "signature", "jwt", "csrf", "xsrf",
        "cookie", "ticket", "authcode", "authorizationcode",
    ],
)  # fmt: skip
def test_a_name_tells_that_its_value_is_secret(redactor: Redactor, name: str) -> None:
    for spelt in (name, f"my_{name}", name.upper(), f"my{name.capitalize()}"):
        assert redactor.show(f"my-app;{spelt}=word") == f"my-app;{spelt}={redactor.mask('word')}"
        uri = redactor.show(RedirectUri(f"https://app.example/cb?{spelt}=word"))
        assert uri == f"https://app.example/cb?{spelt}={redactor.mask('word')}"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Word("authorization_code"), "authorization_code"),
        (Word("urn:ietf:params:oauth:grant-type:saml2-bearer"), "urn:ietf:params:oauth:grant-type:saml2-bearer"),
        (Word("Bearer SplxlOBeZQQYbYS6WxSbIA"), rf"Bearer Splx{MASK}"),
        (Word("authorization_code;code=a;v=1"), rf"authorization_code;code={MASK};v=1"),
        (Word("Code 'Ab3dE6gH9k' (or \"Ab3dE6gH9k\") is over."), rf"Code '{MASK}' \(or \"{MASK}\"\) is over\."),
        (
            Word("ユーザーがアクセスを拒否しましたのでもう一度お試しください"),
            "ユーザーがアクセスを拒否しましたのでもう一度お試しください",
        ),
        (
            Word("Несанкционированный доступ к высококонфиденциальным"),
            "Несанкционированный доступ к высококонфиденциальным",
        ),
        (Word("コードSplxlOBeZQQYbYS6WxSbIAは無効です"), rf"コード.*{MASK}"),
        ("75588e18-0213-4e33-8174-883acac7e3c4", "75588e18-0213-4e33-8174-883acac7e3c4"),
        ("75588e18-0213-4e33-8174-883acac7e3c4;code=abc", rf"75588e18-0213-4e33-8174-883acac7e3c4;code={MASK}"),
        (Word("SplxlOBeZQQYbYS6WxSbIA;code=abc"), rf"Splx{MASK};code={MASK}"),
        ("No, code 17: see https://docs.example/a=b", r"No, code 17: see https://docs\.example/a=b"),
        ("my-app,client_secret=a,b;c", rf"my-app,client_secret={MASK}"),
        ("my-app & client_secret = abc", rf"my-app & client_secret ={MASK}"),
        ("TokenRequest(code=abc)", rf"TokenRequest\(code={MASK}"),
        ("[state=abc]", rf"\[state={MASK}"),
        ("1.0:state=abc", rf"1\.0:state={MASK}"),
        ("1.0%09_state[]=abc", rf"1\.0%09_state\[\]={MASK}"),
        ("1.0%253Bauthcode%253Dabc", rf"1\.0%253Bauthcode%253D{MASK}"),
        ("%7B%22code%22%3A%22abc%22%7D", rf"%7B%22code%22%3A%22{MASK}"),
        ("failed: statusCode=502; country_code=DE", r"failed: statusCode=502; country_code=DE"),
        (Template("{process.env.CLIENT_ID || ''}"), r"\{process\.env\.CLIENT_ID \|\| ''\}"),
        (RedirectUri("https://app.example/#/Login"), r"https://app\.example/\#/Login"),
        (RedirectUri("https:///me:abc@app.example/"), rf"https:///{MASK}@app\.example/"),
        (RedirectUri("https://app.example/cb;%63ode=abc"), rf"https://app\.example/cb;%63ode={MASK}"),
        ('{"code":"abc","error":"no"}', rf'\{{"code":"{MASK}","error":"no"\}}'),
        (Registered("https://app.example/cb?state=1"), r"https://app\.example/cb\?state=1"),
        (Template("${session.csrf-token}"), r"\$\{session\.csrf-token\}"),
        (Template("{app install id}"), r"\{app install id\}"),
        (Template("[object Object]"), r"\[object Object\]"),
        (Template('{"code":"SplxlOBeZQQYbYS6WxSbIA"}'), rf'\{{"co{MASK}'),
        (Template("{SplxlOBeZQQYbYS6WxSbIA}"), rf"\{{Spl{MASK}"),
        (Name("session_state"), "session_state"),
        (Name("SplxlOBeZQQYbYS6WxSbIA"), rf"Splx{MASK}"),
        (Rest("BBBBtail"), MASK),
        (Joined((Name("scope"), Rest("BBBBtail"))), rf"scope, {MASK}"),
    ],
)
def test_text_shows_what_its_kind_allows(redactor: Redactor, value: object, shown: str) -> None:
    assert re.fullmatch(shown, str(redactor.show(value)))


@pytest.mark.parametrize(
    "url",
    [
        f"/cb?{'redirect_uri=?' * 5_000}",
        f"/cb?redirect_uri={'%3Fredirect_uri%3D' * 5_000}",
        f"/cb/{'1' * 1_000_000}",
        f"/cb?v={';a=b' * 250_000}",
        f"/cb?redirect_uri={'%3B' * 300_000}",
        f"{'%3A%40' * 150_000}",
    ],
)
def test_what_is_long_or_deep_takes_no_long_time(redactor: Redactor, url: str) -> None:
    assert len(redactor.url(url)) < 1000


def test_what_is_registered_is_shown_in_paths(redactor: Redactor) -> None:
    uri = "https://app.example/cb/75588e18-0213-4e33-8174-883acac7e3c4"
    state = "af0ifjsldkjFvB2Xq9ZwTg"
    assert redactor.url(uri) != uri
    apps = [{"client_id": "d41d8cd98f00b204e9800998ecf8427e", "redirect_uris": [f"{uri}?a=b"]}]
    redactor.spare(config_from({"accounts": {"0123456789": {"apps": apps}}}).registered)
    for shown in (uri, "/0123456789/", "/d41d8cd98f00b204e9800998ecf8427e", f"{uri}/"):
        assert redactor.url(shown) == shown
    assert redactor.url(f"{uri}/{state}?state={state}") == f"{uri}/{redactor.mask(state)}?state={redactor.mask(state)}"


def test_what_is_registered_is_shown_in_redirect_uris(redactor: Redactor) -> None:
    uri = "https://app.example/cb;sid=1/d41d8cd98f00b204e9800998ecf8427e;d41d8cd98f00b204?state=1&x=a%26b#code=2"
    apps = [{"client_id": "my-app", "redirect_uris": [uri]}]
    assert redactor.show(RedirectUri(uri)) != uri
    redactor.spare(config_from({"accounts": {"12345678": {"apps": apps}}}).registered)
    assert redactor.show(RedirectUri(uri)) == uri
    assert redactor.url(uri.partition("?")[0]) == uri.partition("?")[0]
    assert redactor.show(RedirectUri(uri.replace("state=1", "state=2"))) != uri.replace("state=1", "state=2")


def test_a_value_shows_as_plain_json(redactor: Redactor) -> None:
    shown = redactor.show(
        {
            "state": Secret("af0ifjsldkjFvB2Xq9ZwTg"),
            "where": Url("/cb?code=abc"),
            "names": ("a", Secret("b")),
            "placeholder": Placeholder("state", "{state}"),
            "number": 7,
            "raw": b"ab",
            "real": 1.5,
            "unreal": [float("nan"), float("inf")],
            "no": None,
            "yes": True,
        }
    )
    assert json.loads(json.dumps(shown, allow_nan=False)) == {
        "state": redactor.mask("af0ifjsldkjFvB2Xq9ZwTg"),
        "where": f"/cb?code={redactor.mask('abc')}",
        "names": ["a", redactor.mask("b")],
        "placeholder": ["state", "{state}"],
        "number": 7,
        "raw": "b'ab'",
        "real": 1.5,
        "unreal": ["nan", "inf"],
        "no": None,
        "yes": True,
    }


def test_much_is_cut_and_said_to_be(redactor: Redactor) -> None:
    text = redactor.show("x" * 1_000_000)
    assert isinstance(text, str)
    assert "[1000000 characters]" in text
    assert len(text) < 1000
    items = redactor.show(range(1000))
    assert isinstance(items, list)
    assert items == [*range(50), "… (950 more)"]
    assert redactor.show(range(50)) == [*range(50)]
    assert "(99950 more)" in redactor.url("/cb?" + "&".join(["v=1"] * 100_000))
    assert len(redactor.url("/cb?v=" + "1" * 1_000_000)) < 1000


def test_off_shows_secrets_but_no_broken_text() -> None:
    redactor = Redactor(on=False)
    assert redactor.show([Secret("code\udc80"), Url("/cb?code=abc")]) == ["code\\udc80", "/cb?code=abc"]
    for kind in (str, Url, RedirectUri, Registered, Word, Template, Name, Rest):
        assert redactor.show(kind("1.0;state=SplxlOBeZQQYbYS6WxSbIA")) == "1.0;state=SplxlOBeZQQYbYS6WxSbIA"


@given(st.text(st.characters(exclude_categories=()), max_size=200))
def test_whatever_was_captured_is_shown_as_safe_text(text: str) -> None:
    redactor = Redactor()
    kinds = (str, Url, Secret, RedirectUri, Registered, Word, Template, Name, Rest)
    for shown in (*(redactor.show(kind(text)) for kind in kinds), printable(text, 20)):
        assert isinstance(shown, str)
        assert shown.isprintable()
        shown.encode("utf-8")


@given(st.text("abcxyz019=&%?#/+;:@\\", max_size=60), st.sampled_from(("?", "#", "?x=1&", "?redirect_uri=")))
def test_no_parameter_shows_a_value_that_is_not_known_to_be_harmless(text: str, before: str) -> None:
    secret = "Sp1xl0BeZQQYbYS6WxSbIA"
    assert secret[4:] not in Redactor().url(f"https://app.example/cb{before}{text}&state={secret}")
    assert secret[4:] not in Redactor().url(f"https://app.example/cb{before}{text}&{secret}=")


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        ("short", 10, "short"),
        ("abcdefghijklmnopqrstuvwxyz", 10, "abcdef…xyz"),
        ("abcdefghijklmnopqrstuvwxyz", 9, "abcdef…yz"),
        ("red\x1b[31m", 20, "red\\x1b[31m"),
        ("a\u202eb\u200bc\u2028d", 40, "a\\u202eb\\u200bc\\u2028d"),
        ("x" * 1_000_000, 7, "xxxx…xx"),
        ("xyz", 1, "…"),
    ],
)
def test_printable_text_fits_and_moves_no_cursor(text: str, limit: int, shown: str) -> None:
    assert printable(text, limit) == shown
