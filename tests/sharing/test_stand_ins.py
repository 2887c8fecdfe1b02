"""Stand-ins compare as the secrets did."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lp_sentinel.authorize import _bits
from lp_sentinel.landing import state_change
from lp_sentinel.sharing.spelling import spell
from lp_sentinel.sharing.stand_ins import StandIns, Weight
from lp_sentinel.sharing.urls import Urls
from lp_sentinel.uri import form_decode

STATES = st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
CHANGES: dict[str, Callable[[str], str]] = {
    "same": lambda state: state,
    "letter case": str.swapcase,
    "truncated": lambda state: state[: max(1, len(state) // 2)],
    "encoded": lambda state: quote(state, safe=""),
    "escaped": html.escape,
    "spaces": lambda state: state.replace("+", " "),
    "longer": lambda state: state + "x",
}


def stood_in(*states: str) -> list[str]:
    """What the states became as values of a query."""
    stand_ins = StandIns()
    written = [quote_plus(state) for state in states]
    for raw in written:
        stand_ins.secret(raw, "test", is_state=True)
    stand_ins.seal()
    return [form_decode(stand_ins.secret(raw, "test", is_state=True)) for raw in written]


@given(STATES, st.sampled_from(sorted(CHANGES)))
@example("\\B", "letter case")
@example("UNDEFINED", "truncated")
def test_what_changed_stays_recognisable(sent: str, change: str) -> None:
    received = CHANGES[change](sent)
    stand_in, other = stood_in(sent, received)
    assert (stand_in == other) == (sent == received)
    before = state_change(sent, received, is_state_of_other=False)
    assert (state_change(stand_in, other, is_state_of_other=False) is None) == (before is None)
    # To cut an escape in two, or to change the letter case of \B, changes what is said in another way.
    as_said = state_change(spell(sent).plain, spell(received).plain, is_state_of_other=False)
    if before in ("letter case", "+ and space swapped", "truncated") and as_said == before:
        assert state_change(stand_in, other, is_state_of_other=False) == before


@given(STATES)
@example("%80")
@example("%C3%A9%E2%9C%93%F0%9F%98%80")
def test_length_printability_and_guessability_stay(state: str) -> None:
    (stand_in,) = stood_in(state)
    assert len(stand_in) == len(state)
    assert stand_in.isascii()
    assert _bits(stand_in) == _bits(state)


def test_two_truncations_of_one_state() -> None:
    whole, half, start = stood_in("Ab3xYz9Q", "Ab3x", "A")
    assert (whole.startswith(half), half.startswith(start)) == (True, True)


@given(st.lists(st.text(alphabet="0123456789", min_size=1, max_size=2), min_size=2, max_size=20, unique=True))
def test_different_secrets_stay_different(states: list[str]) -> None:
    assert len(set(stood_in(*states))) == len(states)


def test_all_there_are_stay_different() -> None:
    for _ in range(100):  # each time with another key
        assert sorted(stood_in(*"0123456789")) == [*"0123456789"]


@given(st.text(max_size=60))
def test_spelling_gives_back_what_was_written(raw: str) -> None:
    spelling = spell(raw)
    assert "".join(spelling.written) == raw
    assert spelling.respell(spelling.plain) == raw


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ("a%2Fb", "a/b"),
        ("a%252Fb", "a/b"),
        ("a&amp;b", "a&b"),
        ("a%26amp%3Bb", "a&b"),
        ("a\\u002fb\\/c", "a/b/c"),
        ("%C3%A9\\u00e9&eacute;é", "éééé"),
        ("\\ud83d\\ude00%F0%9F%98%80", "😀😀"),
        ("%FFx", "\udcffx"),
        ("100%", "100%"),
        ("&notanentity;", "&notanentity;"),
    ],
)
def test_spelling_undoes_every_encoding(raw: str, plain: str) -> None:
    assert spell(raw).plain == plain


@pytest.mark.parametrize(
    "raw", ["\\ud83d\\ude00%F0%9F%98%80😀", "\\u00e9%C3%A9\xe9", "\\u2713%E2%9C%93✓", "\\ud800%FF\udcff"]
)
def test_what_is_foreign_takes_as_much_room(raw: str) -> None:
    stand_ins = StandIns()
    stand_ins.secret(raw, "test")
    stand_ins.seal()
    stand_in = stand_ins.secret(raw, "test")
    assert len(stand_in) == len(raw)
    assert all(new != old for new, old in zip(spell(stand_in).plain, spell(raw).plain, strict=True))


def test_a_secret_has_one_stand_in_in_every_spelling() -> None:
    stand_ins = StandIns()
    stand_ins.secret("Ab3/x y", "test")
    stand_ins.seal()
    plain = stand_ins.secret("Ab3/x y", "test")
    for spelled in ("Ab3%2Fx+y", "Ab3%252fx%2520y", "Ab3\\/x\\u0020y", "Ab3&#47;x&#x20;y"):
        assert spell(stand_ins.secret(spelled, "test")).plain.replace("+", " ") == plain


def test_known_secrets_are_found_within_others_and_in_text() -> None:
    stand_ins = StandIns()
    for secret in ("SplxlOBeZQQY", "before|SplxlOBeZQQY|after"):
        stand_ins.secret(secret, "test", Weight.TOKEN)
    stand_ins.seal()
    one = stand_ins.secret("SplxlOBeZQQY", "test")
    assert one in stand_ins.secret("before|SplxlOBeZQQY|after", "test")
    assert stand_ins.text("no such code: xSplxlOBeZQQYx.", "test", is_open=True) == f"no such code: x{one}x."


def test_a_known_secret_is_found_where_an_open_text_begins_and_ends() -> None:
    stand_ins = StandIns()
    stand_ins.secret("ab/cd/ef", "test")
    stand_ins.seal()
    one = stand_ins.secret("ab/cd/ef", "test")
    assert one != "ab/cd/ef"
    for text in ("{} is no such code", "no such code: {}"):
        assert stand_ins.text(text.format("ab/cd/ef"), "test", is_open=True) == text.format(one)


def test_an_everyday_word_is_looked_for_as_a_word_only() -> None:
    stand_ins = StandIns()
    stand_ins.secret("reports", "test", Weight.WORD)
    stand_ins.seal()
    assert "myreports" in stand_ins.text("myreports and reports", "test", is_open=True)
    assert "and reports" not in stand_ins.text("myreports and reports", "test", is_open=True)


def test_a_secret_is_not_spared_since_it_is_also_used_as_a_client_id() -> None:
    stand_ins = StandIns(["registered"])
    for value in ("registered", "misused1"):
        stand_ins.spare(value)
        stand_ins.secret(value, "test")
    stand_ins.seal()
    assert stand_ins.secret("registered", "test") == "registered"
    assert stand_ins.secret("misused1", "test") != "misused1"


def test_a_client_id_is_spared_though_it_is_also_a_state() -> None:
    stand_ins = StandIns()
    stand_ins.spare("my-app")
    stand_ins.secret("my-app", "test", is_state=True)
    stand_ins.seal()
    assert stand_ins.secret("my-app", "test", is_state=True) == "my-app"


@pytest.mark.parametrize(
    ("begin", "secret"),
    [
        ("grant_type=authorization_code;client_secret=", "hunt3r2"),
        ("v=1.0%3Bstate=", "abc"),
        ("error=denied,token=", "tiger"),
        ("client_id=my-app%26client_secret%3D", "hunt3r2"),
        ("client_id=my-app;state=", "abc"),
    ],
)
def test_a_secret_that_was_joined_to_what_is_none(begin: str, secret: str) -> None:
    stand_ins = StandIns()
    urls = Urls(stand_ins)
    urls.pairs(begin + secret, "test")
    stand_ins.seal()
    shown = urls.pairs(begin + secret, "test")
    assert shown.startswith(begin)
    assert secret not in shown
    assert len(shown) == len(begin) + len(secret)


@pytest.mark.parametrize(
    ("begin", "secret"),
    [
        ("https://x.example/sentinel/api/account/12345678%3Btoken%3D", "hunt3r2"),
        ("https://app.example/cb;sid=", "hunt3r2"),
        ("redirect_uri=https://app.example/cb;sid=", "hunt3r2"),
        ("redirect_uri=https%3A%2F%2Fapp.example%2Fcb%3Bclient_secret%3D", "Tr3asur3Q7YbmK9xWzVd2A"),
        ("redirect_uri=", "Tr3asur3Q7YbmK9xWzVd2A"),
        ("redirect_uri=", "user%3Ahunt3r2%40app.example%2Fcb"),
        ("redirect_uri=", "user:hunt3r2@app.example/cb"),
    ],
)
def test_a_secret_in_a_path(begin: str, secret: str) -> None:
    stand_ins = StandIns()
    urls = Urls(stand_ins)
    replaced = urls.pairs if begin.startswith("redirect_uri") else lambda text, _kind: urls.url(text)
    end = "/authorize" if "account" in begin else ""
    replaced(f"{begin}{secret}{end}", "test")
    stand_ins.seal()
    shown = replaced(f"{begin}{secret}{end}", "test")
    assert shown.startswith(begin)
    assert secret not in shown
    assert "hunt3r2" not in shown


@pytest.mark.parametrize("raw", ["x=hunter", "x=%2Fhunter", "x=%2F%2Fhunter", "x=hunter%3A%2F", "x=a/hunter?"])
def test_what_stands_behind_any_name_is_replaced_unless_it_is_a_url(raw: str) -> None:
    stand_ins = StandIns()
    urls = Urls(stand_ins)
    urls.pairs(raw, "test")
    stand_ins.seal()
    shown = urls.pairs(raw, "test")
    assert shown.startswith("x=")
    assert "hunter" not in shown


@pytest.mark.parametrize(("value", "is_found"), [("reports", False), ("SplxlOBeZQQY", True)])
def test_what_looks_like_a_token_is_looked_for_within_words_too(value: str, *, is_found: bool) -> None:
    stand_ins = StandIns()
    Urls(stand_ins).pairs(f"x={value}", "test")
    stand_ins.seal()
    assert (f"my{value}" not in stand_ins.text(f"my{value}: none", "test", is_open=True)) == is_found


def test_what_a_redirect_uri_has_of_its_own_stays_wherever_it_stands() -> None:
    stand_ins = StandIns()
    urls = Urls(stand_ins)
    raw = "redirect_uri=https%3A%2F%2Fapp.example%2Fcb%3Ftenant%3Dacmecorp&x=acmecorp"
    urls.pairs(raw, "test")
    stand_ins.seal()
    assert urls.pairs(raw, "test") == raw


def test_letter_case_stays_from_a_to_z() -> None:
    [shown] = stood_in("AZazAZ09")
    assert re.fullmatch("[A-Z]{2}[a-z]{2}[A-Z]{2}[0-9]{2}", shown)


@pytest.mark.parametrize(
    "left", ["[state redacted]", "[state hidden]", "REDACTED_STATE", "***", "[HAR_SANITIZER:REMOVED]"]
)
def test_what_another_tool_left_stays(left: str) -> None:
    assert stood_in(left) == [left]


@pytest.mark.parametrize(
    "left",
    ["[masked hunter2hunter2SECRETab12]", "<a/hunter2hunter2SECRETab12:redacted>", "hunter2hunter2SECRETab12 removed"],
)
def test_what_another_tool_left_of_a_secret_does_not(left: str) -> None:
    assert "hunter2" not in stood_in(left)[0]
