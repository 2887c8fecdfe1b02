"""Plans in a real mitmdump: who is left alone, what repeats, what waits, what changes, and how it ends."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import flowfilter

from lp_sentinel.exchange import FAULT_KEY
from lp_sentinel.faults import preset_index
from tests.faults.wire import CALLBACK, config_file, options, plain, plain_authorize, plan_file, talk, undated
from tests.ours import SCRIPT, config_for, read_report, saved_flows
from tests.world.app import App, Habits
from tests.world.behaviour import Behaviour
from tests.world.proxy import COMMANDS, Mitmdump, run_mitmdump
from tests.world.sentinel import Sentinel
from tests.world.serving import serving
from tests.world.visitor import Visitor

HEADER = b"LP-Authorize-Fault"

type Proxies = Callable[..., Mitmdump]


@pytest.fixture
def port() -> Iterator[int]:
    """A Sentinel that gives everybody the same code."""
    with serving(plain) as listening:
        yield listening


def others(proxy: Mitmdump, port: int) -> list[bytes]:
    """What comes back for much that the faults are not about."""
    origin = f"http://sentinel.localhost:{port}"
    base = f"{origin}/sentinel/api/account/12345678"
    asked: list[tuple[str, Mapping[str, str] | None]] = [
        (plain_authorize(port, "other", state="x"), None),
        (f"{base}/authorize?client_id=other&state=y", None),
        (f"{base}/token?v=2.0", {"client_id": "other", "code": "x"}),
        (f"{base}/other?client_id=my-app", None),
        (f"{origin}/cb?code=x&state=x", None),
        (f"{origin}/page?client_id=my-app&error=x", None),
        (f"{origin}/form", {"client_id": "my-app"}),
    ]
    return [undated(talk(proxy.port, url, form)) for url, form in asked]


def test_other_flows_are_the_same_byte_for_byte(proxies: Proxies, port: int, tmp_path: Path) -> None:
    config = config_file(tmp_path, {"my-app": [CALLBACK]})
    faults = [{"preset": name, "match": {"client_id": "my-app"}} for name in preset_index()]
    without = others(proxies("-s", SCRIPT, options=options(config)), port)
    armed = proxies("-s", SCRIPT, options=options(config, plan_file(tmp_path, *faults)))
    assert others(armed, port) == without
    assert HEADER in talk(armed.port, plain_authorize(port, "my-app")), "they are armed"


@pytest.mark.parametrize(("mode", "says"), [("dry-run", True), ("off", False)])
def test_nothing_changes_unless_armed(proxies: Proxies, port: int, tmp_path: Path, mode: str, says: bool) -> None:
    plan = plan_file(tmp_path, {"preset": "access_denied"}, mode=mode)
    proxy = proxies("-s", SCRIPT, options=options(config_file(tmp_path, {}), plan))
    assert HEADER not in talk(proxy.port, plain_authorize(port, "a"))
    said = "fault access_denied (n=1) would be injected at authorize of client a: error=access_denied"
    assert (said in proxy.stop().stdout) is says


def test_works_with_no_network(proxies: Proxies, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = plain_authorize(taken.getsockname()[1], "a", "http://localhost/cb")
        proxy = proxies("-s", SCRIPT, options=options(config_file(tmp_path, {}), "access_denied"))
        assert b"Location: http://localhost/cb?error=access_denied" in talk(proxy.port, url)


def test_no_host_but_the_apps_own(proxies: Proxies, port: int, tmp_path: Path) -> None:
    config = config_file(tmp_path, {"my-app": [CALLBACK]})
    proxy = proxies("-s", SCRIPT, options=options(config, "access_denied"))
    assert b"evil.example" not in talk(proxy.port, plain_authorize(port, "my-app", "https://evil.example/"))
    assert "fault access_denied was not injected: it is not known where the app is called back" in proxy.stop().stdout


def test_the_order_of_the_plan_decides(proxies: Proxies, port: int, tmp_path: Path) -> None:
    faults: list[dict[str, Any]] = [
        {"name": "later", "at": "authorize", "match": {"outcome": "error"}, "do": {"status": 400}},
        {"name": "first", "at": "authorize", "do": {"status": 503}, "times": {"nth": [1, 3]}},
        {"name": "last", "at": "landing", "do": {"code": "invalid"}},
    ]
    proxy = proxies("-s", SCRIPT, options=options(config_file(tmp_path, {}), plan_file(tmp_path, *faults)))
    got = [talk(proxy.port, plain_authorize(port, "a")) for _ in range(3)]
    assert [one.partition(HEADER + b": ")[2].partition(b"\r")[0] for one in got] == [
        b"first; n=1", b"last; n=1", b"first; n=2",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("at", "do", "answer"),
    [
        ("token", {"without": ["access_token"]}, "~c 200"),
        ("authorize", {"state": "removed"}, "~c 302"),
        ("landing", {"state": "removed"}, "~c 302"),
    ],
)
def test_a_filter_may_ask_for_the_answer(
    proxies: Proxies, port: int, tmp_path: Path, at: str, do: dict[str, Any], answer: str
) -> None:
    never = {"name": "never", "at": at, "match": {"filter": "~c 418"}, "do": do}
    faults = [never, {"name": "it", "at": at, "match": {"filter": answer}, "do": do, "times": {"first": 1}}]
    proxy = proxies("-s", SCRIPT, options=options(config_file(tmp_path, {}), plan_file(tmp_path, *faults)))
    token = f"http://sentinel.localhost:{port}/sentinel/api/account/12345678/token?v=2.0"
    asked = (token, {"code": "x"}) if at == "token" else (plain_authorize(port, "a", state="x"), None)
    assert [HEADER + b": it; n=1" in talk(proxy.port, *asked) for _ in range(2)] == [True, False]


def test_a_match_is_counted_once_though_it_is_looked_at_twice(proxies: Proxies, port: int, tmp_path: Path) -> None:
    faults: list[dict[str, Any]] = [
        {"name": "waits", "at": "authorize", "match": {"filter": "~c 418"}, "do": {"state": "removed"}},
        {"name": "it", "at": "authorize", "do": {"status": 503}, "times": {"after": 2}},
    ]
    proxy = proxies("-s", SCRIPT, options=options(config_file(tmp_path, {}), plan_file(tmp_path, *faults)))
    got = [HEADER in talk(proxy.port, plain_authorize(port, "a")) for _ in range(3)]
    assert got == [False, False, True]


@pytest.mark.parametrize(("longest", "is_injected"), [(1, False), (22, True)])
def test_of_a_streamed_request_only_the_answer_is_changed(
    proxies: Proxies, port: int, tmp_path: Path, longest: int, is_injected: bool
) -> None:
    given = options(config_file(tmp_path, {}), "token-500", stream_large_bodies=str(longest))
    proxy = proxies("-s", SCRIPT, options=given)
    token = f"http://sentinel.localhost:{port}/sentinel/api/account/12345678/token?v=2.0"
    got = talk(proxy.port, token, {"code": "long enough to be streamed"})
    assert (b'{"access_token":  "a"}' in got) is not is_injected, "the answer is streamed, too, or it is not"
    said = proxy.stop().stdout
    assert ("(n=1) injected" in said) is is_injected
    assert ("was not injected: the answer was streamed" in said) is not is_injected


def test_the_same_plan_and_traffic_give_the_same_faults(proxies: Proxies, port: int, tmp_path: Path) -> None:
    plan = plan_file(
        tmp_path,
        {"name": "a", "at": "landing", "times": {"percent": 40}, "do": {"code": "invalid"}},
        {"name": "b", "at": "landing", "times": {"percent": 30}, "do": {"state": "replaced"}},
    )
    runs = []
    for _ in range(2):
        proxy = proxies("-s", SCRIPT, options=options(config_file(tmp_path, {}), plan))
        urls = [plain_authorize(port, client, state=f"s{number}") for number in range(30) for client in "xy"]
        runs.append([undated(talk(proxy.port, url)) for url in urls])
        proxy.stop()
    assert runs[0] == runs[1]
    assert 20 < sum(HEADER in one for one in runs[0]) < 50


@pytest.mark.slow
def test_a_delay_holds_up_no_other_flow(proxies: Proxies, port: int, tmp_path: Path) -> None:
    slow = {"name": "wait", "at": "authorize", "match": {"client_id": "slow"}, "do": {"delay": "5s"}}
    proxy = proxies("-s", SCRIPT, options=options(config_file(tmp_path, {}), plan_file(tmp_path, slow)))

    def timed(client: str) -> float:
        start = time.monotonic()
        talk(proxy.port, plain_authorize(port, client))
        return time.monotonic() - start

    usual = max(timed("other") for _ in range(10))
    took: list[float] = []
    waiting = threading.Thread(target=lambda: took.append(timed("slow")))
    waiting.start()
    time.sleep(0.3)
    # The middle one: the machine may pause for reasons of its own.
    meanwhile = sorted(timed("other") for _ in range(20))[10]
    waiting.join()
    assert 5 <= took[0] < 6
    assert meanwhile < usual + 0.1


def test_a_request_that_a_fault_delays_is_under_way(proxies: Proxies, port: int, tmp_path: Path) -> None:
    """What started behind it is judged behind it, as in the file that is saved."""
    slow = {"name": "wait", "at": "authorize", "match": {"client_id": "slow"}, "do": {"status": 503, "delay": "1.5s"}}
    report, plan = tmp_path / "report.jsonl", plan_file(tmp_path, slow)
    proxy = proxies("-s", SCRIPT, options=options(config_file(tmp_path, {}), plan, lp_report=report))
    waiting = threading.Thread(target=talk, args=(proxy.port, plain_authorize(port, "slow")))
    waiting.start()
    time.sleep(0.5)
    talk(proxy.port, plain_authorize(port, "other"))
    waiting.join()
    proxy.stop()
    journeys = read_report(report).journeys
    assert [(one["journey"], one["client_id"]) for one in journeys] == [("j1", "slow"), ("j2", "other")]


VERDICTS = (
    ("access_denied", Habits(), "access_denied: as expected (injected 1x): callback 403, 0 token requests"),
    (
        "access_denied",
        Habits(restarts=3),
        "access_denied: not as expected (injected 4x): callback 302, 0 token requests",
    ),
    ("state-lost", Habits(), "state-lost: as expected (injected 1x): callback 400, 0 token requests"),
    (
        "state-lost",
        Habits(checks_state=False),
        "state-lost: not as expected (injected 1x): callback 302, 1 token request",
    ),
    ("token-500", Habits(), "token-500: as expected (injected 1x): callback 502, 0 token requests"),
    ("code-missing", Habits(), "code-missing: as expected (injected 1x): callback 403, 0 token requests"),
    ("refused-500", Habits(), "refused-500: as expected (injected 1x): nothing followed"),
    ("state-plus", Habits(state="none"), "state-plus: never matched"),
)


@pytest.mark.parametrize("case", VERDICTS, ids=lambda case: case[2])
def test_verdicts(
    sentinel: Sentinel, app: App, proxies: Proxies, tmp_path: Path, case: tuple[str, Habits, str]
) -> None:
    preset, habits, verdict = case
    sentinel.behaviour = Behaviour(signed_in_as="qa")
    config = config_file(tmp_path, {app.installation.client_id: [app.redirect_uri]})
    # A line as wide as it comes.
    proxy = proxies("-s", SCRIPT, options=options(config, preset, lp_report=tmp_path / "report.jsonl"))
    app.habits = Habits(proxy=proxy.url, state=habits.state, checks_state=habits.checks_state, restarts=habits.restarts)
    Visitor(proxy).open(app.origin + "/login")
    ended = proxy.stop()
    assert verdict in " ".join(ended.stdout.split()), ended
    assert f'"fault": "{preset}"' in (tmp_path / "report.jsonl").read_text("utf-8")


def log_in(app: App, proxy: Mitmdump) -> None:
    """Where somebody is signed in already."""
    app.habits = Habits(proxy=proxy.url)
    Visitor(proxy).open(app.origin + "/login")


def test_filters_find_an_injected_flow(sentinel: Sentinel, app: App, proxies: Proxies, tmp_path: Path) -> None:
    sentinel.behaviour = Behaviour(signed_in_as="qa")
    saved = tmp_path / "saved.flow"
    proxy = proxies("-s", SCRIPT, options=options(config_for(app, tmp_path), "state-lost", save_stream_file=saved))
    log_in(app, proxy)
    proxy.stop()
    (injected,) = [flow for flow in saved_flows(saved) if FAULT_KEY in flow.metadata]
    assert injected.marked == ":syringe:"
    assert injected.comment.startswith("injected state-lost; n=1: state removed; authorize (j1): 302 to http://")
    for asked in ("~comment LPA310", r"~comment '\(j1\)'", "~marker syringe"):
        passes = flowfilter.parse(asked)
        assert passes(injected), injected.comment


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ("state_lst", "did you mean 'state-lost'?"),
        ("state-lost,access_denied", "several are given as --set lp_faults=NAME once for each"),
    ],
)
def test_an_unknown_preset_stops_it(named: str, told: str) -> None:
    ended = run_mitmdump("-s", SCRIPT, options={"lp_faults": [named]})
    assert (ended.status, told in ended.stdout + ended.stderr) == (1, True), ended
    assert "listening" not in ended.stdout


def test_a_changed_plan_is_taken_over_whole_or_not_at_all(proxies: Proxies, port: int, tmp_path: Path) -> None:
    plan = plan_file(tmp_path, {"preset": "access_denied"})
    url = plain_authorize(port, "a")
    proxy = proxies("-s", SCRIPT, options=options(config_file(tmp_path, {}), plan))
    assert b"access_denied; n=1" in talk(proxy.port, url)
    plan.write_text("faults:\n- preset: refused-400\n- preset: refused-x\n")
    time.sleep(1.1)
    assert b"access_denied; n=2" in talk(proxy.port, url)
    assert "lp-authorize: the changed fault plan can't be used, the old one stays in force: " in proxy.stdout
    assert "plan.yaml:3:11: unknown preset 'refused-x'" in proxy.stdout
    plan_file(tmp_path, {"preset": "refused-400"}, {"preset": "access_denied"})
    time.sleep(1.1)
    assert b"refused-400; n=1" in talk(proxy.port, url)
    said = proxy.stop().stdout
    # One browser that logs in three times within a second is a loop to everybody.
    assert "access_denied: not as expected (injected 2x)" in said
    assert "refused-400: as expected (injected 1x)" in said


def test_arming_a_fault_lets_its_times_begin_anew(proxies: Proxies, port: int, tmp_path: Path) -> None:
    plan = plan_file(
        tmp_path,
        {"preset": "state-lost", "times": {"first": 1}},
        {"preset": "code-missing", "times": {"after": 1, "max": 1}},
    )
    proxy = proxies("-s", COMMANDS, "-s", SCRIPT, options=options(config_file(tmp_path, {}), plan))

    def injected(count: int) -> list[str]:
        answers = [talk(proxy.port, plain_authorize(port, "a", state="x")) for _ in range(count)]
        return [one.partition(HEADER + b": ")[2].partition(b"\r")[0].decode() for one in answers]

    assert injected(4) == ["state-lost; n=1", "", "code-missing; n=1", ""]
    proxy.command("lp.faults.off")
    assert injected(1) == [""]
    proxy.command("lp.faults.arm state-lost")
    proxy.command("lp.faults.arm code-missing")
    assert injected(4) == ["state-lost; n=2", "", "code-missing; n=2", ""]
    assert [one.rpartition(" (")[0] for one in proxy.command("lp.faults.list")] == [
        "state-lost: armed at landing, injected 2x",
        "code-missing: armed at landing, injected 2x",
    ]
    assert "fault state-lost: not as expected (injected 2x)" in " ".join(proxy.stop().stdout.split())


def test_what_was_only_told_of_is_not_counted_as_injected(proxies: Proxies, port: int, tmp_path: Path) -> None:
    plan = plan_file(tmp_path, {"preset": "state-lost"}, mode="dry-run")
    proxy = proxies("-s", COMMANDS, "-s", SCRIPT, options=options(config_file(tmp_path, {}), plan))
    url = plain_authorize(port, "a", state="x")
    assert HEADER not in talk(proxy.port, url)
    proxy.command("lp.faults.arm state-lost")
    assert b"state-lost; n=1" in talk(proxy.port, url)


def test_what_was_armed_by_name_survives_a_changed_plan(proxies: Proxies, port: int, tmp_path: Path) -> None:
    gone = {"preset": "refused-500", "match": {"client_id": "gone"}}
    kept = {"preset": "refused-400", "match": {"client_id": "kept"}}
    plan = plan_file(tmp_path, gone, kept, mode="off")
    proxy = proxies("-s", COMMANDS, "-s", SCRIPT, options=options(config_file(tmp_path, {}), plan))

    def changed(*faults: Mapping[str, Any], **more: Any) -> list[str]:
        plan_file(tmp_path, *faults, **more)
        time.sleep(1.1)
        talk(proxy.port, plain_authorize(port, "other", state="x"))
        return [one.rpartition(" (")[0] for one in proxy.command("lp.faults.list")]

    for name in ("refused-500", "refused-400", "state-lost"):
        proxy.command(f"lp.faults.arm {name}")
    assert b"refused-400; n=1" in talk(proxy.port, plain_authorize(port, "kept"))
    more = {"name": "more", "at": "token", "do": {"status": 500}}
    assert changed({**kept, "times": {"max": 5}}, more, mode="off") == [
        "refused-400: armed at authorize, injected 1x",
        "more: off at token, injected 0x",
        "state-lost: armed at landing, injected 1x",
    ]
    assert "fault refused-500 is no longer armed: it is not in the plan any more" in proxy.stdout
    assert b"refused-400; n=2" in talk(proxy.port, plain_authorize(port, "kept"))
    proxy.command("lp.faults.off")
    assert changed({**kept, "times": {"max": 6}}, mode="off")[0] == "refused-400: off at authorize, injected 2x"
    assert changed(kept, mode="arm")[0] == "refused-400: armed at authorize, injected 2x"
    assert changed(mode="arm") == ["state-lost: off at landing, injected 1x"]
    proxy.command("lp.faults.arm state-lost")
    proxy.command("set lp_faults=access_denied")
    assert [one.partition(":")[0] for one in proxy.command("lp.faults.list")] == ["access_denied"]
    said = proxy.stop().stdout
    assert "fault state-lost is no longer armed" in said
    for verdict in ("refused-400: as expected (injected 2x)", "state-lost: not as expected (injected 1x)"):
        assert verdict in " ".join(said.split())
