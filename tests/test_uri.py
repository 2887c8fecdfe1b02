"""URIs, endpoints, hosts and form-decoded parameters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lp_sentinel.uri import (
    Endpoint,
    Parameters,
    endpoint_of,
    form_decode,
    host_matches,
    is_loopback,
    is_loopback_ip,
    normal_host,
    parse_parameters,
    parse_uri,
    resolve,
    scheme_of,
)


@pytest.mark.parametrize(
    ("value", "endpoint"),
    [
        ("https://one.example/cb", Endpoint("https", "one.example", 443, "/cb")),
        ("HTTPS://One.Example", Endpoint("https", "one.example", 443, "/")),
        ("http://one.example:8080/CB?a=1#f", Endpoint("http", "one.example", 8080, "/CB")),
        ("https://one.example:443/", Endpoint("https", "one.example", 443, "/")),
        ("https://user:pw@one.example/", Endpoint("https", "one.example", 443, "/")),
        ("https://bücher.example/", Endpoint("https", "xn--bcher-kva.example", 443, "/")),
        ("http://[::1]:3000/cb", Endpoint("http", "[::1]", 3000, "/cb")),
        ("com.example.app:/cb", Endpoint("com.example.app", "", None, "/cb")),
        ("myapp://cb", Endpoint("myapp", "cb", None, "/")),
        ("https://one.example/a/../cb//", Endpoint("https", "one.example", 443, "/a/../cb//")),
        (r"https://evil.example\@one.example/cb", Endpoint("https", "evil.example", 443, "/@one.example/cb")),
        (r"https://one.example\a\b", Endpoint("https", "one.example", 443, "/a/b")),
        ("https://one.example/rückruf", Endpoint("https", "one.example", 443, "/r%C3%BCckruf")),
        ('https://one.example/"{a b}|%zz', Endpoint("https", "one.example", 443, "/%22%7Ba%20b%7D|%zz")),
        ("https://one.example/cb\n", Endpoint("https", "one.example", 443, "/cb%0A")),
        ("https://one.example/%7Ecb", Endpoint("https", "one.example", 443, "/%7Ecb")),
        (r"myapp://cb/a\b", Endpoint("myapp", "cb", None, r"/a\b")),
        ("/cb", None),
        ("one.example/cb", None),
        ("localhost:3000/cb", None),
        ("one.example:443", None),
        ("https:///cb", None),
        ("https:cb", None),
        ("http://[::1", None),
        ("http://a b/", None),
        ("//one.example/cb", None),
        ("", None),
    ],
)
def test_endpoint(value: str, endpoint: Endpoint | None) -> None:
    assert endpoint_of(value) == endpoint


@given(st.text())
def test_parsing_never_raises(value: str) -> None:
    parse_uri(value)
    scheme_of(value)
    parse_parameters(value)
    normal_host(value)
    resolve("https://one.example/a?b", value)


@pytest.mark.parametrize(
    ("raw", "pairs"),
    [
        ("", ()),
        ("a=1&b=2", (("a", "1"), ("b", "2"))),
        ("a=1&a=&a", (("a", "1"), ("a", ""), ("a", ""))),
        ("=x&&b", (("b", ""),)),
        ("a=x+y%2Bz", (("a", "x y+z"),)),
        ("%63ode=1", (("code", "1"),)),
        ("a=%ZZ", (("a", "%ZZ"),)),
        ("a=%FF", (("a", "\udcff"),)),
        ("a=%C3%BC", (("a", "ü"),)),
        ("a=b=c", (("a", "b=c"),)),
    ],
)
def test_parameters(raw: str, pairs: tuple[tuple[str, str], ...]) -> None:
    assert parse_parameters(raw).pairs == pairs


def test_a_parameter_without_a_value_counts_as_omitted() -> None:
    parameters = Parameters((("a", ""), ("b", "1"), ("a", "2"), ("a", "3"), ("c", "")))
    assert parameters.get("a") == "2"
    assert parameters.get("c") is None
    assert parameters.names() == ("a", "b", "c")
    assert parameters.repeated() == ("a",)
    assert parameters.has("c", "b")
    assert not parameters.has("c")


@given(st.text())
def test_what_needs_no_decoding_is_left_alone(value: str) -> None:
    if "%" not in value and "+" not in value:
        assert form_decode(value) == value


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("app.localhost", True),
        ("127.0.0.1", True),
        ("127.255.255.254", True),
        ("127.0.0.256", False),
        ("127.0.0.1.example", False),
        ("[::1]", True),
        ("notlocalhost", False),
        ("localhost.example", False),
        ("10.0.0.1", False),
    ],
)
def test_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_a_name_is_no_loopback_address() -> None:
    assert not is_loopback_ip("localhost")
    assert is_loopback_ip("127.0.0.1")


@pytest.mark.parametrize(
    ("host", "pattern", "matches"),
    [
        ("va.sentinel.liveperson.net", "*.sentinel.liveperson.net", True),
        ("a.b.liveperson.net", "*.liveperson.net", True),
        ("liveperson.net", "*.liveperson.net", False),
        ("evilliveperson.net", "*.liveperson.net", False),
        ("login.example", "login.example", True),
        ("a.login.example", "login.example", False),
    ],
)
def test_host_patterns(host: str, pattern: str, matches: bool) -> None:
    assert host_matches(host, (pattern,)) is matches


@pytest.mark.parametrize(
    ("reference", "resolved"),
    [
        ("/login?x", "https://one.example:8443/login?x"),
        ("next", "https://one.example:8443/a/next"),
        ("?q", "https://one.example:8443/a/b?q"),
        ("//two.example/cb", "https://two.example/cb"),
        ("https://two.example/cb", "https://two.example/cb"),
        ("http://[::1", "http://[::1"),
        ("//[::1", "//[::1"),
        (r"/\two.example/cb", "https://two.example/cb"),
        (r"\\two.example/cb?a=\\", r"https://two.example/cb?a=\\"),
        (r"HTTP:\\two.example/cb", "HTTP://two.example/cb"),
        (r"https:/\two.example/cb", "https://two.example/cb"),
        (r"/a\\b", r"https://one.example:8443/a//b"),
        (r"\cb?a=\ ", "https://one.example:8443/cb?a=\\"),
        (r"myapp:\\cb", r"myapp:\\cb"),
        ("///two.example/cb", "https://two.example/cb"),
        ("/\\/two.example/cb", "https://two.example/cb"),
        ("/\t/two.exa\r\nmple/cb", "https://two.example/cb"),
        ("\n/login", "https://one.example:8443/login"),
        ("https:////two.example///cb", "https://two.example///cb"),
        ("ht\ntps://two.example/cb", "https://two.example/cb"),
        ("myapp:///cb", "myapp:///cb"),
    ],
)
def test_resolve(reference: str, resolved: str) -> None:
    assert resolve("https://one.example:8443/a/b?c", reference) == resolved
