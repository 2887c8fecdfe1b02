"""Texts of any length take no longer than they are long, however many logins are under way."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterable

import pytest

from lp_sentinel.captures.parts import was_taken_out
from lp_sentinel.config import Config
from lp_sentinel.engine import Engine
from lp_sentinel.exchange import Exchange
from lp_sentinel.project import Project
from lp_sentinel.reach import leads_back
from lp_sentinel.redact import Redactor
from lp_sentinel.rules import load_rules
from lp_sentinel.sharing.stand_ins import StandIns
from lp_sentinel.uri import parse_uri, sent_query
from tests.logins import LOGIN, SENTINEL, Login, Step
from tests.timing import took

pytestmark = pytest.mark.alone

BOOK = load_rules()
BROWSER = ("10.0.0.1", "Firefox")


def engine() -> Engine:
    return Engine(Project(Config(), BOOK), Redactor())


def step(method: str, url: str, location: str = "") -> Exchange:
    return Step(BROWSER, method, url, 302, location).at(0, 1.79e9)


def test_repeated_parameters() -> None:
    def repeated(count: int) -> Callable[[], object]:
        query = "&".join(f"n{number}=1&n{number}=2" for number in range(count))
        exchange = step("GET", f"{SENTINEL}/sentinel/api/account/1/authorize?{query}", f"{LOGIN}/")
        return lambda: engine().feed(exchange)

    assert took(repeated(4_000)) < 24 * took(repeated(500))


def test_a_long_location_while_many_logins_wait() -> None:
    def waiting(count: int) -> Callable[[], object]:
        judging = engine()
        for number in range(count):
            judging.feed(next(Login(number, BROWSER).steps()).at(number, 1.79e9))
        exchange = step("POST", f"{LOGIN}/api/login", f"https://elsewhere.example/?{'a=1&' * 50_000}")
        return lambda: judging.feed(exchange)

    assert took(waiting(400)) < 4 * took(waiting(20))


@pytest.mark.parametrize("target", [f"{LOGIN}/other", "https://app.example/cb?code=c0deC0deC0de&state=other"])
def test_a_request_while_one_browser_has_very_many_logins_under_way(target: str) -> None:
    def waiting(count: int) -> Callable[[], object]:
        judging = engine()
        for number in range(count):
            judging.feed(next(Login(number, BROWSER).steps()).at(number, 1.79e9))
        exchanges = [step("GET", f"{target}{number}", f"{LOGIN}/next") for number in range(50)]
        return lambda: [judging.feed(exchange) for exchange in exchanges]

    assert took(waiting(4_000)) < 24 * took(waiting(100))


def test_logins_with_one_state_that_one_browser_leaves_open() -> None:
    """As a load test does it: the next one takes no longer, however many there were."""

    def begun(count: int) -> Callable[[], object]:
        judging = engine()
        authorize, page, *_ = Login(1, BROWSER).steps()
        for number in range(count):
            judging.feed((page if number % 2 else authorize).at(number, 1.79e9 + number))
        return lambda: [judging.feed(step.at(count, 1.79e9 + count)) for step in (authorize, page) * 20]

    assert took(begun(4_000)) < 8 * took(begun(400))


def test_characters_that_browsers_encode() -> None:
    assert took(lambda: sent_query("é'" * 100_000)) < 24 * took(lambda: sent_query("é'" * 12_500)) + 0.01


@pytest.mark.parametrize("piece", ["?", "?a", "&a%", "?%", "#%63", "/?"])
def test_locations_that_lead_to_no_app(piece: str) -> None:
    assert took(lambda: leads_back(f"/{piece * 40_000}")) < 24 * took(lambda: leads_back(f"/{piece * 5_000}")) + 0.01


@pytest.mark.parametrize("piece", ["@[:%25", "@", "[:", "@[::1%25a]"])
def test_authorities_that_are_none(piece: str) -> None:
    assert (
        took(lambda: parse_uri(f"https://{piece * 20_000}/"))
        < 24 * took(lambda: parse_uri(f"https://{piece * 2_500}/")) + 0.01
    )


def test_parameters_behind_an_open_question_mark() -> None:
    def spilled(count: int) -> Callable[[], object]:
        query = "&".join(f"n{number}=1" for number in range(count))
        asked = f"authorize?redirect_uri=https://app.example/cb?x=1&{query}"
        exchange = step("GET", f"{SENTINEL}/sentinel/api/account/1/{asked}", f"{LOGIN}/")
        return lambda: engine().feed(exchange)

    assert took(spilled(8_000)) < 24 * took(spilled(1_000))


def test_very_many_logins_in_quick_succession() -> None:
    def refused(count: int) -> Callable[[], object]:
        asked = f"{SENTINEL}/sentinel/api/account/1/authorize?client_id=my-app&state="
        exchanges = [Step(BROWSER, "GET", f"{asked}{number}", 400).at(number, 1.79e9) for number in range(count)]

        def feed() -> None:
            judging = engine()
            for exchange in exchanges:
                judging.feed(exchange)

        return feed

    assert took(refused(8_000)) < 24 * took(refused(1_000))


def test_a_length_that_is_none() -> None:
    def taken_out(size: int) -> Callable[[], object]:
        return lambda: was_taken_out((("content-length", f"{'9' * size}x"),))

    assert took(taken_out(40_000)) < 24 * took(taken_out(5_000)) + 0.01
    assert was_taken_out((("content-length", "0010"),))
    assert not was_taken_out((("content-length", "00"),))


def test_more_words_than_there_are_stand_ins() -> None:
    def redacted(words: Iterable[str]) -> str:
        stand_ins = StandIns()
        stand_ins.seal()
        return stand_ins.text(" ".join(words), "text")

    short = [chr(0x4E00 + number) for number in range(2_000)]
    long = [f"word{number:05}" for number in range(2_000)]
    assert took(lambda: redacted(short)) < 24 * took(lambda: redacted(long))
    assert len({*redacted(short[:60]).split()}) == 60, "each has its own as long as there are enough"


def test_of_long_texts_none_is_kept() -> None:
    stand_ins = StandIns()
    stand_ins.seal()
    words = [f"word{number}" for number in range(100)]

    def redact(number: int) -> int:
        return len(stand_ins.text(" ".join(words[number:] + words * 200), "text"))

    redact(0)  # by now each word has its stand-in
    tracemalloc.start()
    size = sum(map(redact, range(1, 11)))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < size / 10


def test_a_path_of_many_users() -> None:
    redactor = Redactor()
    assert took(lambda: redactor.url("app:" + "/a@" * 200_000)) < 24 * took(
        lambda: redactor.url("app:" + "/a@" * 25_000)
    )


def test_of_a_long_query_little_more_than_its_text_is_remembered() -> None:
    judging, size = engine(), 0
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for number in range(10):
        query = "&".join(f"p{number}-{place}=1" for place in range(5_000))
        asked = f"{SENTINEL}/sentinel/api/account/1/authorize?{query}"
        size += len(query)
        judging.feed(Step((f"10.0.0.{number}", "Firefox"), "GET", asked, 302, f"{LOGIN}/").at(number, 1.79e9))
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 10 * size
