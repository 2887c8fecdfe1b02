"""The config file: what it says is read, and what it should not say is refused where it stands."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lp_sentinel.config import Allowance, App, Config, Limits, config_from, load_config
from lp_sentinel.documents.document import DocumentError, data_file

FULL = """\
sentinel_hosts: ["*.Sentinel.liveperson.net", BÜCHER.example, "[::1]"]
login_hosts: [login.example, login.example]
accounts:
  12345678:
    apps:
      - client_id: 75588e18-0213-4e33-8174-883acac7e3c4
        client_name: com.example.MyWebApp
        redirect_uris: [https://app.example/cb, https://app.example/cb2, https://app.example/cb]
  "0123":
    apps:
      - {client_id: 0042, client_secret: hush-hush}
rules:
  paths: [my-rules/, /elsewhere/a.yaml]
  select: [LPA]
  ignore: [LPA142]
  severity: {LPA130: error}
  allow:
    - {rule: LPA124, client_id: 0042, reason: http until the March move, until: 2027-03-31}
    - {rule: LPA130, account: 0123, redirect_uri: "https://app.example/cb", reason: old app}
limits: {loop_requests: 5, loop_window: 60}
simulate:
  users:
    - {name: agent, password: made-up, accounts: [12345678]}
"""
MANIFEST = """\
{
  "client_name": "com.example.MyWebApp",
  "display_name": "My web app",
  "description": null,
  "grant_types": ["authorization_code", "refresh_token"],
  "response_types": ["code"],
  "redirect_uris": ["http://app.example/cb"],
  "scope": "msg.consumer",
  "entry_uri": "https://app.example/",
  "logo_uri": "",
  "quick_launch_enabled": true,
  "enabled": true,
  "client_id": "c1",
  "client_secret": "s1"
}
"""


def read(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "lp-authorize.yaml"
    path.write_text(text, encoding="utf-8")
    return load_config(path)


def test_all_of_it(tmp_path: Path) -> None:
    config = read(tmp_path, FULL)
    app = App(
        "75588e18-0213-4e33-8174-883acac7e3c4",
        "com.example.MyWebApp",
        ("https://app.example/cb", "https://app.example/cb2"),
    )
    assert config.sentinel_hosts == ("*.sentinel.liveperson.net", "xn--bcher-kva.example", "[::1]")
    assert config.login_hosts == ("login.example",)
    assert config.accounts == {
        "12345678": {app.client_id: app},
        "0123": {"0042": App("0042", client_secret="hush-hush")},
    }
    assert config.rules.paths == (tmp_path / "my-rules", Path("/elsewhere/a.yaml"))
    assert (config.rules.select, config.rules.ignore) == (("LPA",), ("LPA142",))
    assert config.rules.severity == {"LPA130": "error"}
    assert config.rules.allow == (
        Allowance("LPA124", client_id="0042", reason="http until the March move", until=date(2027, 3, 31)),
        Allowance("LPA130", account="0123", redirect_uri="https://app.example/cb", reason="old app"),
    )
    assert config.limits == Limits(5, 60.0, 900.0, 10_000)
    assert "hush" not in repr(config)


@pytest.mark.parametrize(
    "text", ["", "# all to come\n", "accounts:\nrules:\nlimits:\nsimulate:\n", "accounts: {'1': , '2': {apps: []}}"]
)
def test_nothing_said_is_the_default(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == Config() == config_from({})


def test_a_manifest_can_be_pasted() -> None:
    config = config_from({"accounts": {1: {"apps": [json.loads(MANIFEST)]}}})
    assert config.app("1", "c1") == App("c1", "com.example.MyWebApp", ("http://app.example/cb",), "s1")


def test_lookups() -> None:
    apps = {"apps": [{"client_id": "c1"}]}
    config = config_from({"accounts": {"1": apps, "2": apps, "3": {"apps": [{"client_id": "c3"}]}}})
    assert config.app("1", "c1") == App("c1")
    assert [config.app("1", "c3"), config.app("9", "c1"), config.app(None, "c1"), config.app("1", None)] == [None] * 4
    assert config.client_ids == {"c1", "c3"}


ACCOUNT = "accounts:\n  12:\n    apps:\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("account: {}", "1:1: unknown key 'account', did you mean 'accounts'?\n  account: {}\n  ^"),
        (
            ACCOUNT + "      - {client_id: a, redirect_uri: b}",
            (
                "4:24: unknown key 'redirect_uri', did you mean 'redirect_uris'?\n"
                "        - {client_id: a, redirect_uri: b}\n                         ^"
            ),
        ),
        (
            ACCOUNT + "      - client_name: a",
            "4:9: missing key 'client_id'\n        - client_name: a\n          ^",
        ),
        (
            ACCOUNT + "      - client_id:",
            "4:19: expected text or a number, not nothing\n        - client_id:\n                    ^",
        ),
        (
            ACCOUNT + "      - {client_id: a, redirect_uris: [https://a/cb, /cb]}",
            "4:54: expected an absolute URI such as https://app.example/callback, not '/cb'\n"
            "        - {client_id: a, redirect_uris: [https://a/cb, /cb]}\n" + " " * 55 + "^",
        ),
        (
            ACCOUNT + "      - {client_id: a, redirect_uris: ['https://a/cb ']}",
            "4:40: expected an absolute URI such as https://app.example/callback, not 'https://a/cb '\n"
            "        - {client_id: a, redirect_uris: ['https://a/cb ']}\n" + " " * 41 + "^",
        ),
        (
            ACCOUNT + "      - client_id: 042\n      - client_id: '042'",
            (
                "5:20: client_id '042' is registered twice in account '12', first in line 4\n"
                "        - client_id: '042'\n                     ^"
            ),
        ),
        (
            "accounts:\n  12: {}\n  '12': {}",
            "3:3: the key '12' is defined twice, first in line 2\n    '12': {}\n    ^",
        ),
        ("accounts: {'': {}}", "1:12: must not be empty\n  accounts: {'': {}}\n             ^"),
        (
            "login_hosts: [https://login.example]",
            (
                "1:15: expected a host, or *. before one, without scheme, port and path, not 'https://login.example'\n"
                "  login_hosts: [https://login.example]\n                ^"
            ),
        ),
        (
            "login_hosts: ['a.example:443']",
            "1:15: expected a host, or *. before one, without scheme, port and path, not 'a.example:443'\n",
        ),
        (
            "sentinel_hosts: ['a.*.example']",
            "1:18: expected a host, or *. before one, without scheme, port and path, not 'a.*.example'\n",
        ),
        (
            "sentinel_hosts: ['*']",
            "1:18: expected a host, or *. before one, without scheme, port and path, not '*'\n",
        ),
        (
            'sentinel_hosts: ["a.example\\n"]',
            "1:18: expected a host, or *. before one, without scheme, port and path, not 'a.example\\n'\n",
        ),
        ("sentinel_hosts: a.example", "1:17: expected a list such as ['a.example'], not the text 'a.example'\n"),
        (
            "rules: {severity: {LPA130: fatal}}",
            "1:28: expected error, warning or info (rules.ignore turns a rule off), not 'fatal'\n",
        ),
        (
            "rules: {severity: {13: error}}",
            "1:20: expected a rule id, such as LPA124, not '13'\n",
        ),
        (
            "rules: {ignore: ['LPA142,LPA143']}",
            "1:18: expected a rule id or its beginning, such as LPA or LPA12, not 'LPA142,LPA143'\n",
        ),
        ("rules: {allow: [{reason: a}]}", "1:17: missing key 'rule'\n"),
        (
            "rules: {allow: [{rule: LPA130, reason: a, until: 31.3.2027}]}",
            "1:50: expected a date such as 2027-03-31, not '31.3.2027'\n",
        ),
        (
            "rules: {allow: [{rule: LPA130, reason: a, until: 2027-02-31}]}",
            "1:50: '2027-02-31' is not a valid date\n",
        ),
        ("limits: {loop_window: -1}", "1:23: expected more than 0, not -1\n"),
        ("limits: {loop_requests: 2.5}", "1:25: expected a whole number, not the number 2.5\n"),
        ("limits: {open_journeys: 1e+99}", "1:25: expected a whole number, not the text '1e+99'\n"),
        ("limits: {journey_timeout: 1.0e+99}", "1:27: expected 1000000000 or less, not 1e+99\n"),
        ("limits: {timeout: 3}", "1:10: unknown key 'timeout', did you mean 'journey_timeout'?\n"),
        ("simulate: {users: [{name: a}]}", "1:20: missing key 'password'\n"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 'lp-authorize.yaml'}:{message}")


@pytest.mark.parametrize(
    ("finding", "covered"),
    [
        (("LPA124", "1", "c1", "https://a/cb"), True),
        (("LPA125", "1", "c1", "https://a/cb"), False),
        (("LPA124", "2", "c1", "https://a/cb"), False),
        (("LPA124", "1", "c2", "https://a/cb"), False),
        (("LPA124", "1", "c1", "https://a/other"), False),
        (("LPA124", None, None, None), False),
    ],
)
def test_allowance(finding: tuple[str, str | None, str | None, str | None], *, covered: bool) -> None:
    until = date(2027, 3, 31)
    allowance = Allowance("LPA124", "1", "c1", "https://a/cb", "why", until)
    assert allowance.covers(*finding, today=until) is covered
    assert not allowance.covers(*finding, today=date(2027, 4, 1))


def test_an_allowance_that_names_only_the_rule_covers_all_for_good() -> None:
    allowance = Allowance("LPA124", reason="why")
    assert allowance.covers("LPA124", None, "c1", None, date.max)
    assert not allowance.expired(date.max)


def test_the_last_day_counts() -> None:
    allowance = Allowance("LPA124", until=date(2027, 3, 31))
    assert [allowance.expired(date(2027, 3, 31)), allowance.expired(date(2027, 4, 1))] == [False, True]


def test_the_schema_is_one() -> None:
    schema = json.loads(data_file("config.schema.json").read_text(encoding="utf-8"))
    jsonschema_rs.meta.validate(schema)


KEYS = st.sampled_from(
    [
        "sentinel_hosts", "login_hosts", "accounts", "rules", "limits", "simulate", "apps", "client_id", "paths",
        "redirect_uris", "allow", "rule", "reason", "until", "severity", "select", "loop_window", "users", "x",
    ]
)  # fmt: skip
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["LPA1", "https://a/", "*.x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_any_values_are_read_or_refused(data: dict[str, object]) -> None:
    try:
        config_from(data)
    except DocumentError as error:
        assert error.line >= 1 <= error.column


@given(st.lists(st.text() | st.sampled_from(["redirect_uris:", "- ", "\n", "  ", "apps:", '"']), max_size=8))
def test_any_text_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, pieces: list[str]) -> None:
    path = tmp_path_factory.getbasetemp() / "any-config.yaml"
    path.write_bytes(("accounts: {1: {apps: [{client_id: a, " + "".join(pieces)).encode("utf-8", "surrogatepass"))
    try:
        load_config(path)
    except DocumentError as error:
        assert error.file == str(path)
