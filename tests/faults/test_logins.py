"""A whole login of a real app under every preset: what is marked, found and said of it."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from mitmproxy import http

from lp_sentinel.exchange import FAULT_KEY
from lp_sentinel.faults import preset_index
from tests.ours import SCRIPT, saved_flows
from tests.world.app import App, Habits, installed
from tests.world.proxy import Ended, mitmdump, run_mitmdump
from tests.world.sentinel import Sentinel
from tests.world.visitor import Visitor

PRESETS = list(preset_index())
CONTROL = "no-fault"
STATE = "Zm9v+YmFy%41&amp<qa>0123456789"
"""With all in it that is changed on the way: plus, percent, ampersand, angle brackets."""
SECOND_TIME = ("state-other", "code-replayed")
"""They need an earlier login to take something from."""
SHORTENED = {"hang": {"hang": "300ms"}, "slow": {"delay": "300ms"}, "token-slow": {"delay": "300ms"}}
"""What presets do for long enough to be felt by a person."""


@dataclass
class Run:
    """What came of one session."""

    apps: dict[str, App] = field(default_factory=dict)
    flows: dict[str, list[http.HTTPFlow]] = field(default_factory=dict)
    """By client id."""
    findings: list[dict[str, Any]] = field(default_factory=list)
    journeys: list[dict[str, Any]] = field(default_factory=list)
    verdicts: dict[str, dict[str, Any]] = field(default_factory=dict)
    ended: Ended | None = None

    def of(self, name: str) -> list[http.HTTPFlow]:
        return self.flows.get(self.apps[name].installation.client_id, [])


def habits(name: str, proxy: str) -> Habits:
    changes_state = name in ("state-plus", "state-decoded-twice", "state-html-escaped")
    return Habits(proxy=proxy, asks={"state": STATE} if changes_state else {})


def plan_of(apps: dict[str, App]) -> dict[str, Any]:
    faults = []
    for name in PRESETS:
        entry: dict[str, Any] = {"preset": name, "match": {"client_id": apps[name].installation.client_id}}
        if name in SHORTENED:
            entry["do"] = SHORTENED[name]
        faults.append(entry)
    return {"seed": 20261124, "faults": faults}


def config_of(apps: dict[str, App]) -> dict[str, Any]:
    registered = [
        {"client_id": app.installation.client_id, "redirect_uris": [app.redirect_uri, f"{app.origin}/agent/callback"]}
        for app in apps.values()
    ]
    return {"accounts": {"12345678": {"apps": registered}}, "login_hosts": ["*.localhost"]}


def log_in(app: App, name: str, proxy: Any) -> None:
    app.habits = habits(name, proxy.url)
    visitor = Visitor(proxy, agent=name)
    with suppress(requests.RequestException, ValueError, AssertionError):
        visitor.session.max_redirects = 8
        visitor.open(app.origin + "/login")
        visitor.sign_in()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Every preset once, each on an app of its own, in one proxy; and an app without a fault."""
    folder = tmp_path_factory.mktemp("faults")
    result = Run()
    with ExitStack() as stack:
        sentinel = stack.enter_context(Sentinel().serve())
        for name in (*PRESETS, CONTROL):
            result.apps[name] = stack.enter_context(installed(sentinel))
        own_query = result.apps["target-query-lost"]
        sentinel.installations.remove(own_query.installation)
        own_query.installation = replace(own_query.installation, redirect_uris=(f"{own_query.redirect_uri}?tenant=7",))
        sentinel.install(own_query.installation)
        (folder / "plan.yaml").write_text(yaml.safe_dump(plan_of(result.apps)))
        (folder / "config.yaml").write_text(yaml.safe_dump(config_of(result.apps)))
        options: dict[str, str | Path] = {
            "lp_config": folder / "config.yaml",
            "lp_faults": folder / "plan.yaml",
            "lp_report": folder / "report.jsonl",
            "save_stream_file": folder / "session.flow",
            "flow_detail": "0",
        }
        proxy = stack.enter_context(mitmdump("-s", SCRIPT, options=options))
        for name, app in result.apps.items():
            log_in(app, name, proxy)
            if name in SECOND_TIME:
                log_in(app, name, proxy)
            sentinel.sign_out()
        time.sleep(0.5)
        result.ended = proxy.stop()
    read_report(result, folder / "report.jsonl")
    sort_flows(result, folder / "session.flow")
    return result


def read_report(run: Run, path: Path) -> None:
    for record in map(json.loads, path.read_text("utf-8").splitlines()):
        if "rule" in record:
            run.findings.append(record)
        elif "fault" in record:
            run.verdicts[record["fault"]] = record
        else:
            run.journeys.append(record)


def sort_flows(run: Run, path: Path) -> None:
    """Flows by the app they are about: each has a User-Agent or a port of its own."""
    clients = {app.installation.client_id: name for name, app in run.apps.items()}
    for flow in saved_flows(path):
        text = flow.request.get_text(strict=False) or ""
        agent = flow.request.headers.get("user-agent", "")
        for client_id, name in clients.items():
            if agent == name or client_id in text or client_id in flow.request.path:
                run.flows.setdefault(client_id, []).append(flow)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", PRESETS)
def test_preset(run: Run, name: str) -> None:
    faulted = [flow for flow in run.of(name) if FAULT_KEY in flow.metadata]
    assert faulted, run.ended
    for flow in faulted:
        assert flow.marked == ":syringe:" or flow.marked
        assert name in flow.comment or name in str(flow.metadata[FAULT_KEY])
        if flow.response:
            assert flow.response.headers["LP-Authorize-Fault"].startswith(f"{name}; n=")
    client_id = run.apps[name].installation.client_id
    findings = [one for one in run.findings if one["client_id"] == client_id]
    assert all(one["injected"] for one in findings), findings
    assert run.verdicts[name]["verdict"] in ("as expected", "not as expected", "not seen"), run.verdicts[name]
    assert run.verdicts[name]["injected"] >= 1


def test_other_flows_are_untouched(run: Run) -> None:
    assert run.of(CONTROL)
    for flow in run.of(CONTROL):
        assert FAULT_KEY not in flow.metadata
        assert flow.response is None or "LP-Authorize-Fault" not in flow.response.headers
    client_id = run.apps[CONTROL].installation.client_id
    assert [one for one in run.findings if one["client_id"] == client_id] == []
    assert [one["outcome"] for one in run.journeys if one["client_id"] == client_id] == ["code"]


def test_verdicts_stand_in_the_summary(run: Run) -> None:
    assert run.ended
    assert "fault access_denied: as expected" in run.ended.stdout
    assert "Traceback" not in run.ended.stdout + run.ended.stderr


def test_a_bad_plan_stops_mitmdump_with_its_place(tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text("faults:\n  - preset: acess_denied\n")
    ended = run_mitmdump("-s", SCRIPT, options={"lp_faults": plan})
    assert ended.status == 1
    assert f"{plan}:2:13: " in ended.stderr + ended.stdout
    assert "did you mean 'access_denied'?" in ended.stderr + ended.stdout
