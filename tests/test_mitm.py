"""The addon in a real mitmdump, live."""

from __future__ import annotations

import time
from pathlib import Path

from tests.ours import CAPTURES, SCRIPT, Proxies, config_for, read_report, saved_flows, sign_in, watched
from tests.world.app import App, Habits
from tests.world.behaviour import Behaviour
from tests.world.proxy import (
    Mitmdump,
)
from tests.world.sentinel import Sentinel
from tests.world.visitor import Visitor

CONFIG = CAPTURES / "lp-authorize.yaml"


def test_a_live_login_in_order_is_shown_once_with_all_its_hops(app: App, proxies: Proxies, tmp_path: Path) -> None:
    report = tmp_path / "report.jsonl"
    proxy = watched(proxies, config_for(app, tmp_path), lp_report=report)
    sign_in(app, proxy)
    proxy.wait_for(" · code ✓")
    ended = proxy.stop()
    assert ended.status == 0, ended
    assert ended.stdout.count("j1 · ") == 1
    for hop in ("authorize GET", "login     POST", "callback  GET", "token     POST"):
        assert hop in ended.stdout, ended
    assert "1 journey   1 code" in ended.stdout
    findings, journeys = read_report(report)
    assert findings == []
    assert [(one["outcome"], one["capture"], one["findings"]) for one in journeys] == [("code", None, 0)]


def test_a_live_login_that_loses_its_state_is_shown_while_it_happens(
    sentinel: Sentinel, app: App, proxies: Proxies, tmp_path: Path
) -> None:
    sentinel.behaviour = Behaviour(lose_state="always")
    report = tmp_path / "report.jsonl"
    proxy = watched(proxies, config_for(app, tmp_path), lp_report=report)
    visitor = sign_in(app, proxy)
    said = proxy.wait_for("LPA310 state-lost")
    assert "✗ login     GET" in said
    findings, _ = read_report(report)
    (lost,) = [one for one in findings if one["rule"] == "LPA310"]
    assert (lost["journey"], lost["hop"], lost["status"], lost["flow"] is None) == ("j1", "landing", 302, False)
    ended = proxy.stop()
    assert ended.stderr == ""
    assert visitor.page
    code = visitor.page.url.partition("code=")[2].partition("&")[0]
    assert len(code) > 10
    assert code not in ended.stdout
    assert code not in report.read_text("utf-8")


def test_what_is_found_during_a_long_login_is_shown_before_it_ends(app: App, proxies: Proxies, tmp_path: Path) -> None:
    proxy = watched(proxies, config_for(app, tmp_path))
    visitor = Visitor(proxy)
    app.habits = Habits(proxy=proxy.url, asks={"undocumented": "x"})
    visitor.open(app.origin + "/login")
    assert "LPA142" in proxy.wait_for("fix")
    assert " · login (open)" in proxy.stdout
    visitor.sign_in()
    ended = proxy.stop()
    assert ended.stdout.count("j1 goes on · ") == 1, "what was shown as open has come to something"
    assert "1 journey  1 code" in ended.stdout


def test_flows_are_marked_before_they_are_saved(sentinel: Sentinel, app: App, proxies: Proxies, tmp_path: Path) -> None:
    sentinel.behaviour = Behaviour(lose_state="always")
    saved = tmp_path / "saved.flow"
    proxy = watched(proxies, config_for(app, tmp_path), save_stream_file=saved)
    sign_in(app, proxy)
    proxy.wait_for("LPA310")
    Visitor(proxy).open(app.origin + "/")
    proxy.stop()
    flows = saved_flows(saved)
    lost = [flow for flow in flows if "LPA310" in flow.comment]
    assert [flow.marked for flow in lost] == [":red_circle:"]
    assert lost[0].comment.startswith("login (j1): 302 to http://")
    assert "\n" not in lost[0].comment
    authorize = next(flow for flow in flows if flow.request.path.startswith("/sentinel/api/account/"))
    assert authorize.marked == ":white_check_mark:"
    assert authorize.comment.endswith("; in order")
    assert [(flow.marked, flow.comment) for flow in flows if flow.request.path == "/"][-1] == ("", "")


def test_a_file_that_is_read_before_a_live_session_is_judged_once_it_is_read(
    sentinel: Sentinel, app: App, proxies: Proxies, tmp_path: Path
) -> None:
    sentinel.behaviour = Behaviour(lose_state="always")
    options = {"lp_config": config_for(app, tmp_path), "flow_detail": "0", "keepserving": "true"}
    proxy = proxies("-s", SCRIPT, "-r", CAPTURES / "state-missing.flow", options=options)
    assert "LPA310" not in proxy.wait_for("LPA130 state-missing")
    sign_in(app, proxy)
    assert "j2 · account 12345678" in proxy.wait_for("LPA310 state-lost")


def test_a_report_that_cannot_be_written_hides_nothing_live(
    sentinel: Sentinel, app: App, proxies: Proxies, tmp_path: Path
) -> None:
    sentinel.behaviour = Behaviour(lose_state="always")
    full, saved = tmp_path / "full.jsonl", tmp_path / "saved.flow"
    full.symlink_to("/dev/full")
    proxy = watched(proxies, config_for(app, tmp_path), lp_report=full, save_stream_file=saved)
    sign_in(app, proxy)
    proxy.wait_for("LPA310 state-lost")
    proxy.stop()
    assert [flow.marked for flow in saved_flows(saved) if "LPA310" in flow.comment] == [":red_circle:"]


def test_a_failure_of_ours_is_logged_once_and_the_traffic_passes(app: App, proxies: Proxies, tmp_path: Path) -> None:
    script = tmp_path / "broken.py"
    script.write_text(
        "from lp_sentinel.proxy.feed import Feed\n"
        "def fail(*_):\n    raise RuntimeError('secret' + ' text')\n"
        "Feed.response = fail\n"
    )
    proxy = proxies("-s", SCRIPT, "-s", script, options={"lp_config": config_for(app, tmp_path), "flow_detail": "0"})
    visitor = sign_in(app, proxy)
    assert visitor.page
    assert "Signed in" in visitor.page.text
    ended = proxy.stop()
    assert ended.stdout.count("RuntimeError (") == 1, ended
    assert "in fail" in ended.stdout
    assert "secret text" not in ended.stdout


def test_a_reload_takes_the_new_code(tmp_path: Path) -> None:
    """Only the script is reloaded when it changes, not what it imports."""
    addon = tmp_path / "addon"
    addon.mkdir()
    (addon / "lp_authorize.py").write_text(SCRIPT.read_text("utf-8"))
    (addon / "lp_sentinel").mkdir()
    (addon / "lp_sentinel" / "__init__.py").write_text("")
    module = addon / "lp_sentinel" / "mitm.py"
    content = "class Addon:\n    def load(self, loader):\n        print('loaded {}')\n"
    module.write_text(content.format("one"))
    listen = ["--listen-host", "127.0.0.1", "--listen-port", "0"]
    process = Mitmdump([*listen, "-s", addon / "lp_authorize.py"], _made(tmp_path / "run"), None, None)
    try:
        process.wait_for("loaded one")
        module.write_text(content.format("number two"))
        time.sleep(1.1)
        (addon / "lp_authorize.py").touch()
        process.wait_for("loaded number two")
    finally:
        process.stop()


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
