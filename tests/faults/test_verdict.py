"""What an app did after a fault, and whether that was expected."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from lp_sentinel.config import Limits
from lp_sentinel.engine import Verdict
from lp_sentinel.exchange import Exchange
from lp_sentinel.faults.verdict import FaultVerdict, Injection
from lp_sentinel.faults.watch import Watch
from lp_sentinel.finding import Hop
from lp_sentinel.memory import digest
from lp_sentinel.reports.records import fault_record
from lp_sentinel.uri import Endpoint
from tests.faults.making import AUTHORIZE, TOKEN, exchange, fault

AT = 1000.0
BROWSER = ("127.0.0.1", "Visitor")


def callback(
    status: int | None = 403, journey: str | None = "j1", query: str = "error=a"
) -> tuple[Exchange, str | None, Hop]:
    one = exchange(f"/cb?{query}", host="app.example", status=status, started=AT + 1, answered=AT + 2, flow="f2")
    return one, journey, "callback"


def token(journey: str | None = "j1", code: str = "c", client_id: str = "my-app") -> tuple[Exchange, str | None, Hop]:
    body = f"grant_type=authorization_code&code={code}&client_id={client_id}".encode()
    return exchange(TOKEN, method="POST", request_body=body, started=AT + 1.5, flow="f3"), journey, "token"


def token_as(
    body: bytes | None, query: str = "", *, path: str = TOKEN, started: float = AT + 1.5
) -> tuple[Exchange, str | None, Hop]:
    """A token request that belongs to no journey, since its code does not stand where it should."""
    return exchange(path + query, method="POST", request_body=body, started=started, flow="f3"), None, "token"


def authorize(after: float = 3, journey: str = "j2", client_id: str = "my-app") -> tuple[Exchange, str | None, Hop]:
    return exchange(f"{AUTHORIZE}?client_id={client_id}", started=AT + after, flow=f"f{after}"), journey, "authorize"


def verdict(
    expect: str, *followed: tuple[Exchange, str | None, Hop], at: Hop = "authorize", times: int = 1
) -> FaultVerdict:
    one = fault(f"at: {at}, do: {{status: 500}}" + (f", expect: {{{expect}}}" if expect else ""))
    watch = Watch(Limits())
    for count in range(times):
        browser = None if at == "token" else BROWSER
        watch.note_injection(
            Injection(
                fault=one,
                flow=f"f{count}",
                at=AT,
                account="12345678",
                client_id="my-app",
                browser=browser,
                code=digest("c"),
            )
        )
    path = TOKEN if at == "token" else AUTHORIZE
    for count in range(times):
        watch.observe(exchange(path, started=AT, flow=f"f{count}"), Verdict("j1", at, (), ()))
    for seen, journey, hop in followed:
        watch.observe(seen, Verdict(journey, hop, (), ()))
    return watch.verdict(one)


@pytest.mark.parametrize(
    ("expect", "followed", "judged", "seen"),
    [
        ("callback: 2xx-4xx", [callback(403)], "as expected", "callback 403, 0 token requests"),
        ("callback: 2xx-4xx", [callback(500)], "not as expected", "callback 500, 0 token requests"),
        ("callback: 2xx-4xx", [callback(None)], "not as expected", "callback no answer, 0 token requests"),
        ("callback: 2xx-4xx", [callback(403), callback(500)], "not as expected", "callback 403, 500, 0 token requests"),
        ("callback: 2xx-4xx", [], "not seen", "nothing followed"),
        ("callback: 2xx-4xx", [callback(500, "j9")], "not seen", "nothing followed"),
        ("callback: 2xx-4xx, token: none, loop: no", [authorize()], "not seen",
         "no callback, 0 token requests, authorize again 1x"),
        ("callback: 2xx-4xx, token: none", [token()], "not as expected", "no callback, 1 token request"),
        ("callback: 2xx, token: sent", [token()], "not seen", "no callback, 1 token request"),
        ("callback: none, token: none, loop: no", [authorize()], "as expected",
         "no callback, 0 token requests, authorize again 1x"),
        ("callback: 2xx", [callback(200, None, "code=c")], "as expected", "callback 200, 0 token requests"),
        ("callback: none", [], "as expected", "nothing followed"),
        ("callback: none", [callback()], "not as expected", "callback 403, 0 token requests"),
        ("token: none", [callback()], "as expected", "callback 403, 0 token requests"),
        ("token: none", [callback(), token()], "not as expected", "callback 403, 1 token request"),
        ("token: none", [token(None)], "not as expected", "no callback, 1 token request"),
        ("token: none", [token(None, "undefined")], "not as expected", "no callback, 1 token request"),
        ("token: none", [token(None, "x", "other")], "not seen", "nothing followed"),
        ("token: none", [token("j1", "x")], "not as expected", "no callback, 1 token request"),
        ("token: none", [callback(), token("j7", "x")], "as expected", "callback 403, 0 token requests"),
        ("token: none", [], "not seen", "nothing followed"),
        ("token: sent", [callback()], "not as expected", "callback 403, 0 token requests"),
        ("token: sent", [callback(), token()], "as expected", "callback 403, 1 token request"),
        ("authorize_again: at most 1", [callback(302), authorize()], "as expected",
         "callback 302, 0 token requests, authorize again 1x"),
        ("authorize_again: none", [callback(302), authorize()], "not as expected",
         "callback 302, 0 token requests, authorize again 1x"),
        ("authorize_again: none", [callback(302), authorize(60)], "as expected",
         "callback 302, 0 token requests, authorize again 1x"),
        ("authorize_again: none", [callback(302), authorize(client_id="other")], "as expected",
         "callback 302, 0 token requests"),
        ("authorize_again: none", [], "not seen", "nothing followed"),
        ("loop: no", [callback(302), authorize(3), authorize(4)], "not as expected",
         "callback 302, 0 token requests, authorize again 2x, a loop"),
        ("loop: no", [callback(302), authorize(3), authorize(60)], "as expected",
         "callback 302, 0 token requests, authorize again 2x"),
        ("loop: yes", [callback(302), authorize(3), authorize(4)], "as expected",
         "callback 302, 0 token requests, authorize again 2x, a loop"),
        ("callback: 4xx, token: none", [callback(403), token()], "not as expected", "callback 403, 1 token request"),
        ("", [callback(500)], "not seen", "callback 500, 0 token requests"),
    ],
)  # fmt: skip
def test_verdicts(expect: str, followed: Sequence[tuple[Exchange, str | None, Hop]], judged: str, seen: str) -> None:
    found = verdict(expect, *followed)
    assert (found.verdict, found.seen, found.injected) == (judged, seen, 1)


UNSURE = "callback 403, 0 token requests, 1 more that may be another login's"


@pytest.mark.parametrize(
    ("request_", "of_none", "of_sent", "seen"),
    [
        (token_as(b"", "?code=c&client_id=my-app"), "not as expected", "as expected", "callback 403, 1 token request"),
        (token_as(b'{"code": "c"}'), "not as expected", "as expected", "callback 403, 1 token request"),
        (token_as(b'{"code": null, "client_id": "my-app"}'), "not as expected", "as expected",
         "callback 403, 1 token request"),
        (token_as(b'{"code": "undefined", "client_id": 5}'), "not seen", "not seen", UNSURE),
        (token_as(b"client_id=other"), "as expected", "not as expected", "callback 403, 0 token requests"),
        (token_as(b'{"grant_type": "refresh_token"}'), "as expected", "not as expected",
         "callback 403, 0 token requests"),
        (token_as(b"grant_type=client_credentials&client_id=my-app"), "as expected", "not as expected",
         "callback 403, 0 token requests"),
        (token_as(b"grant_type=authorization_code&code=undefined"), "not seen", "not seen", UNSURE),
        (token_as(b'{"code": "undefined"}'), "not seen", "not seen", UNSURE),
        (token_as(b"", "?code=undefined"), "not seen", "not seen", UNSURE),
        (token_as(None), "not seen", "not seen", UNSURE),
        (token_as(None, "?client_id=my-app"), "not seen", "not seen", UNSURE),
        (token_as(b'["my-app"]'), "not seen", "not seen", UNSURE),
        (token_as(None, "?client_id=other"), "as expected", "not as expected", "callback 403, 0 token requests"),
        (token_as(None, path=TOKEN.replace("12345678", "9")), "as expected", "not as expected",
         "callback 403, 0 token requests"),
        (token_as(None, started=AT + 5000), "as expected", "not as expected", "callback 403, 0 token requests"),
    ],
)  # fmt: skip
def test_a_token_request_that_can_hardly_be_read_makes_no_app_good_or_bad(
    request_: tuple[Exchange, str | None, Hop], of_none: str, of_sent: str, seen: str
) -> None:
    found = verdict("callback: 4xx, token: none", callback(403), request_)
    assert (found.verdict, found.seen) == (of_none, seen)
    assert verdict("token: sent", callback(403), request_).verdict == of_sent
    assert verdict("callback: 2xx, token: none", callback(403), request_).verdict == "not as expected"
    assert verdict("callback: 4xx", callback(403), request_).verdict == "as expected"


@pytest.mark.parametrize("callback_first", [True, False])
def test_the_callback_of_a_token_request_ends_after_it(callback_first: bool) -> None:
    one = fault("at: token, do: {status: 500}, expect: {callback: 4xx, token: none}")
    watch = Watch(Limits())
    watch.note_injection(Injection(fault=one, flow="f0", at=AT, client_id="my-app", browser=None, code=None))
    its_callback = exchange("/cb?code=c", host="app.example", status=403, started=AT - 1, answered=AT + 1, flow="f9")
    injected = exchange(TOKEN, method="POST", request_body=b"code=c", started=AT, flow="f0")
    order = [(its_callback, Verdict("j1", "callback", (), ())), (injected, Verdict("j1", "token", (), ()))]
    for seen, judged in order if callback_first else reversed(order):
        watch.observe(seen, judged)
    found = watch.verdict(one)
    assert (found.verdict, found.seen) == ("as expected", "callback 403, 0 token requests")


def test_a_loop_after_a_token_request_is_seen_by_its_callback() -> None:
    again = [authorize(3 + place, f"j{place + 2}") for place in range(3)]
    found = verdict("loop: no", callback(302, query="code=c"), *again, at="token")
    assert (found.verdict, found.seen) == (
        "not as expected", "callback 302, 0 token requests, authorize again 3x, a loop",
    )  # fmt: skip
    one, watch = fault("at: token, do: {status: 500}, expect: {loop: no}"), Watch(Limits())
    watch.observe(callback(200, query="code=c")[0], Verdict("j1", "callback", (), ()))
    watch.note_injection(Injection(fault=one, flow="f0", at=AT + 2.5, client_id="my-app", browser=None, code=None))
    for seen, journey, hop in ((exchange(TOKEN, started=AT + 2.5, flow="f0"), "j1", "token"), *again):
        watch.observe(seen, Verdict(journey, hop, (), ()))
    assert watch.verdict(one).verdict == "not as expected", "a callback that was answered before tells too"
    elsewhere = verdict("loop: no", *again, at="token")
    assert elsewhere.verdict == "not seen", "without its callback nobody knows the browser"


def test_one_bad_end_is_the_faults_verdict() -> None:
    found = verdict("callback: 4xx", callback(200), times=3)
    assert (found.verdict, found.injected) == ("not as expected", 3)
    assert found.line == "it: not as expected (injected 3x): callback 200, 0 token requests; expected callback: 4xx"


def test_what_was_never_injected_is_a_warning() -> None:
    found = Watch(Limits()).verdict(fault("name: it, preset: slow"))
    assert (found.verdict, found.severity) == ("never matched", "warning")
    assert found.line == "it: never matched"
    assert fault_record(found) == {
        "fault": "it", "verdict": "never matched", "injected": 0, "expected": "loop: no", "seen": None,
    }  # fmt: skip


def test_many_are_judged_without_being_kept() -> None:
    assert verdict("callback: none", times=1500).injected == 1500


def test_a_code_that_comes_again_is_the_later_faults() -> None:
    one = fault("preset: code-replayed")
    watch = Watch(Limits())
    for number in (1, 2):
        watch.note_injection(
            Injection(fault=one, flow=f"f{number}", at=AT, client_id="my-app", browser=BROWSER, code=digest("c"))
        )
        watch.observe(exchange(AUTHORIZE, started=AT, flow=f"f{number}"), Verdict(f"j{number}", "authorize", (), ()))
    seen, _, hop = token()
    watch.observe(seen, Verdict("j1", hop, (), ()))
    assert [injection.tokens for injection in watch._watched] == [0, 1]  # noqa: SLF001


def test_a_callback_counts_from_when_it_ends_or_if_it_never_does_from_when_it_began() -> None:
    def called(started: float, answered: float | None) -> tuple[Exchange, str | None, Hop]:
        status = 403 if answered else None
        one = exchange("/cb?error=a", host="app.example", status=status, started=started, answered=answered, flow="f2")
        return one, "j1", "callback"

    assert verdict("token: none", called(AT - 1, AT + 1)).seen == "callback 403, 0 token requests"
    assert verdict("token: none", called(AT + 1, None)).seen == "callback no answer, 0 token requests"
    assert verdict("token: none", called(AT - 2, AT - 1)).seen == "nothing followed"


def test_a_callback_that_got_the_fault_does_not_follow_from_it() -> None:
    assert verdict("token: none", at="callback").seen == "nothing followed"
    assert verdict("token: none", callback(403), at="callback").seen == "callback 403, 0 token requests"


def test_what_is_of_no_journey_does_not_follow_from_a_fault_that_is_not_judged_yet() -> None:
    one, watch = fault("at: authorize, do: {status: 500}, expect: {token: none}"), Watch(Limits())
    watch.note_injection(Injection(fault=one, flow="f0", at=AT, client_id="my-app", browser=BROWSER, code=digest("c")))
    for seen, journey, hop in (callback(403, None, "code=x"), token(None, "x", "other")):
        watch.observe(seen, Verdict(journey, hop, (), ()))
    assert watch.verdict(one).seen == "nothing followed"


@pytest.mark.parametrize(
    ("target", "agent", "callbacks"),
    [
        ("/cb", "Visitor", [200]),
        ("/cb?own=1", "Visitor", [200]),
        ("/other", "Visitor", []),
        ("/cb", "Somebody else", []),
    ],
)
def test_a_callback_without_parameters_is_one_all_the_same(target: str, agent: str, callbacks: list[int]) -> None:
    at = Endpoint("https", "app.example", 443, "/cb")
    injection = Injection(
        fault=fault("preset: code-in-fragment"),
        flow="f1",
        at=AT,
        client_id="a",
        browser=BROWSER,
        code=None,
        lands_at=at,
    )
    watch = Watch(Limits())
    watch.note_injection(injection)
    for started in (AT - 1, AT + 1):
        headers = (("user-agent", agent),)
        came = exchange(target, host="app.example", status=200, started=started, flow="f2", request_headers=headers)
        watch.observe(came, Verdict(None, None, (), ()))
        assert injection.callbacks == (callbacks if started > AT else [])
