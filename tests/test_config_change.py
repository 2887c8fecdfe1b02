"""Another config while mitmdump runs: what was found before stays, and nothing gets a name twice."""

from __future__ import annotations

import json
import pickle
import re
import time
from pathlib import Path

import pytest
import yaml

from lp_sentinel.proxy.legacy import Legacy, read_legacy
from tests.faults.wire import plain, plain_authorize, plan_file, talk
from tests.ours import SCRIPT, Proxies, config_for, read_report, sign_in
from tests.world.app import App, Habits
from tests.world.behaviour import Behaviour
from tests.world.proxy import COMMANDS, Mitmdump, Options
from tests.world.sentinel import Sentinel
from tests.world.serving import serving
from tests.world.visitor import Visitor


def running(proxies: Proxies, config: Path, **more: str | Path | list[Path]) -> Mitmdump:
    options: Options = {"lp_config": config, "flow_detail": "0", **more}
    return proxies("-s", COMMANDS, "-s", SCRIPT, options=options)


def milder(config: Path) -> Path:
    """The same config, but a lost state is a warning."""
    other = config.with_name("milder.yaml")
    other.write_text(
        yaml.safe_dump(yaml.safe_load(config.read_text()) | {"rules": {"severity": {"LPA310": "warning"}}})
    )
    return other


def test_what_was_found_before_stays(sentinel: Sentinel, app: App, proxies: Proxies, tmp_path: Path) -> None:
    sentinel.behaviour = Behaviour(lose_state="always")
    config = config_for(app, tmp_path)
    lines, document, asked = (tmp_path / name for name in ("lines.jsonl", "document.json", "asked.md"))
    proxy = running(proxies, config, lp_report=[lines, document])
    for other in (milder(config), config):
        sign_in(app, proxy)
        sentinel.sign_out()
        proxy.command(f"set lp_config={other}")
    sign_in(app, proxy)
    proxy.wait_for("j3 · ")
    found = [one for one in proxy.command("lp.findings @all") if "LPA310" in one]
    assert [one.partition(":")[0] for one in found] == ["error", "warning", "error"]
    proxy.command(f"lp.report {asked}")
    page = talk(proxy.port, "http://lp.authorize/").decode()
    for shown in (asked.read_text("utf-8"), page):
        assert set(re.findall(r"Journey (j\d+)", shown)) == {"j1", "j2", "j3"}
    assert "3 journeys" in proxy.stop().stdout
    findings, journeys = read_report(lines)
    assert [one["journey"] for one in journeys] == ["j1", "j2", "j3"]
    places = [place for one in journeys for place in one["exchanges"]]
    assert places == sorted(set(places))
    assert [(one["journey"], one["severity"]) for one in findings if one["rule"] == "LPA310"] == [
        ("j1", "error"), ("j2", "warning"), ("j3", "error"),
    ]  # fmt: skip
    whole = json.loads(document.read_text("utf-8"))
    assert (whole["journeys"], whole["findings"]) == (journeys, findings)


def test_a_login_under_way_goes_on(app: App, proxies: Proxies, tmp_path: Path) -> None:
    config, report = config_for(app, tmp_path), tmp_path / "report.jsonl"
    proxy = running(proxies, config, lp_report=report)
    visitor = Visitor(proxy)
    app.habits = Habits(proxy=proxy.url)
    visitor.open(app.origin + "/login")
    proxy.command(f"set lp_config={milder(config)}")
    visitor.sign_in()
    proxy.wait_for(" · code ✓")
    proxy.stop()
    assert [(one["journey"], one["outcome"]) for one in read_report(report).journeys] == [("j1", "code")]


def test_faults_stay_armed_and_go_on_counting(sentinel: Sentinel, app: App, proxies: Proxies, tmp_path: Path) -> None:
    sentinel.behaviour = Behaviour(signed_in_as="qa")
    config, report = config_for(app, tmp_path), tmp_path / "report.json"
    plan = plan_file(tmp_path, {"preset": "access_denied", "times": {"first": 2}})
    proxy = running(proxies, config, lp_faults=plan, lp_report=report)
    app.habits = Habits(proxy=proxy.url, checks_state=False)
    Visitor(proxy).open(app.origin + "/login")
    proxy.command("lp.faults.arm state-lost")
    proxy.command(f"set lp_config={milder(config)}")
    for _ in range(2):
        Visitor(proxy).open(app.origin + "/login")
    proxy.command(f"set lp_config={config}")
    assert [one.rpartition(" (")[0] for one in proxy.command("lp.faults.list")] == [
        "access_denied: armed at authorize, injected 2x",
        "state-lost: armed at landing, injected 1x",
    ]
    said = " ".join(proxy.stop().stdout.split())
    verdicts = {one["fault"]: one for one in json.loads(report.read_text("utf-8"))["faults"]}
    assert (verdicts["access_denied"]["injected"], verdicts["state-lost"]["verdict"]) == (2, "not as expected")
    assert "fault state-lost: not as expected (injected 1x)" in said


def test_a_fault_is_armed_where_the_new_config_knows_the_app(app: App, proxies: Proxies, tmp_path: Path) -> None:
    app.habits = Habits(asks={"redirect_uri": None})
    known = config_for(app, tmp_path)
    unknown = tmp_path / "unknown.yaml"
    unknown.write_text("accounts: {}\n")
    proxy = running(proxies, unknown, lp_faults="access_denied")
    url = f"{app.sentinel.authorize_url('12345678')}?client_id={app.installation.client_id}"
    assert b"LP-Authorize-Fault" not in talk(proxy.port, url)
    proxy.command(f"set lp_config={known}")
    assert b"LP-Authorize-Fault: access_denied; n=1" in talk(proxy.port, url)


def test_nothing_that_was_found_is_lost_when_the_script_is_reloaded(proxies: Proxies, tmp_path: Path) -> None:
    script, lines, document = (tmp_path / name for name in ("lp_authorize.py", "lines.jsonl", "document.json"))
    script.write_text(SCRIPT.read_text("utf-8"))
    options: Options = {"lp_report": [lines, document], "flow_detail": "0"}
    with serving(plain) as port:
        proxy = proxies("-s", COMMANDS, "-s", script, options=options)
        talk(proxy.port, plain_authorize(port, "one"))
        proxy.command("lp.faults.arm access_denied")
        talk(proxy.port, plain_authorize(port, "one"))
        time.sleep(1.1)
        script.touch()
        proxy.wait_for("loaded anew: reports go on with what was found before")
        before = read_report(lines)
        assert [(one["journey"], one["outcome"]) for one in before.journeys] == [
            ("j1", "code"),
            ("j2", "error:access_denied"),
        ]
        assert proxy.command("lp.faults.list")[0].startswith("access_denied: armed")
        assert b"access_denied" in talk(proxy.port, plain_authorize(port, "two"))
        assert set(re.findall(r"Journey (j\d+)", talk(proxy.port, "http://lp.authorize/").decode())) == {
            "j1",
            "j2",
            "j3",
        }
        said = proxy.stop().stdout
    findings, journeys = read_report(lines)
    assert findings[: len(before.findings)] == before.findings
    assert [one["journey"] for one in journeys] == ["j1", "j2", "j3"]
    places = [place for one in journeys for place in one["exchanges"]]
    assert places == sorted(set(places))
    whole = json.loads(document.read_text("utf-8"))
    assert (whole["findings"], [one["journey"] for one in whole["journeys"]]) == (findings, ["j1", "j2", "j3"])
    assert len(whole["faults"]) == 2
    assert "3 journeys" in said
    assert "never matched" not in said


def test_a_reload_that_fails_loses_nothing(proxies: Proxies, tmp_path: Path) -> None:
    script, lines = tmp_path / "lp_authorize.py", tmp_path / "lines.jsonl"
    right = SCRIPT.read_text("utf-8")
    script.write_text(right)
    options: Options = {"lp_report": ["-", lines], "lp_show": "none", "flow_detail": "0", "termlog_verbosity": "warn"}
    with serving(plain) as port:
        proxy = proxies("-s", script, options=options)
        talk(proxy.port, plain_authorize(port, "one"))
        for text, told in (
            (right + "\nraise RuntimeError('not ready')\n", "not ready"),
            (right.replace("lp_sentinel.mitm", "lp_sentinel.missing"), "lp_sentinel.missing"),
            (right, "loaded anew"),
        ):
            time.sleep(1.1)
            script.write_text(text)
            proxy.wait_for(told)
        talk(proxy.port, plain_authorize(port, "two"))
        said = proxy.stop().stdout
    findings, journeys = read_report(lines)
    assert [one["journey"] for one in journeys] == ["j1", "j2"]
    assert findings
    printed = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert [one["journey"] for one in printed if "outcome" in one] == ["j1", "j2"]


def test_a_reload_goes_on_by_the_settings_before_it_where_the_new_ones_cannot_be_used(
    proxies: Proxies, tmp_path: Path
) -> None:
    script, config, plan, gone = (tmp_path / name for name in ("lp_authorize.py", "config.yaml", "plan.yaml", "gone"))
    script.write_text(SCRIPT.read_text("utf-8"))
    config.write_text("rules: {severity: {LPA142: error}}\n")
    plan.write_text("faults: [{name: first, at: authorize, do: {error: access_denied}}]\n")
    gone.mkdir()
    lines = tmp_path / "lines.jsonl"
    options: Options = {
        "lp_config": config,
        "lp_report": [lines, gone / "x.md"],
        "lp_faults": plan,
        "flow_detail": "0",
    }
    with serving(plain) as port:
        proxy = proxies("-s", COMMANDS, "-s", script, options=options)
        plan.write_text("faults: [{name: second, at: authorize, do: {error: access_denied}}]\n")
        for _ in range(2):
            assert proxy.command("lp.faults.list")[0].startswith("second: armed")
        asked = f"{plain_authorize(port, 'one')}&undocumented=1"
        talk(proxy.port, asked)
        config.write_text("rules: {sevrity: {}}\n")
        (gone / "x.md").unlink()
        gone.rmdir()
        time.sleep(1.1)
        script.touch()
        proxy.wait_for("the settings from before the reload stay in force")
        assert proxy.command("lp.faults.list")[0].startswith("second: armed")
        assert b"access_denied" in talk(proxy.port, asked)
        gone.mkdir()
        proxy.command("set lp_show=none")
        config.write_text("rules: {severity: {LPA142: warning}}\n")
        proxy.command(f"set lp_config={config}")
        assert b"access_denied" in talk(proxy.port, asked)
        said = proxy.stop().stdout
    findings, journeys = read_report(lines)
    assert [one["severity"] for one in findings if one["rule"] == "LPA142"] == ["error", "error", "warning"]
    assert [one["journey"] for one in journeys] == ["j1", "j2", "j3"]
    assert said.count("config.yaml:1:9: unknown key 'sevrity', did you mean 'severity'?") == 1
    assert said.count(f"report {gone / 'x.md'}: cannot be written") == 1
    assert "Traceback" not in said


def test_what_was_found_by_code_that_has_changed_too_much_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    assert read_legacy(None) is None
    assert caplog.messages == []
    assert read_legacy(b"of code that is gone") is None
    assert len(caplog.messages) == 1
    legacy = Legacy((), (), 0, 0, 0, packed=b"of code that is gone")
    assert legacy.settings() is None
    assert read_legacy(pickle.dumps(legacy)) == legacy
