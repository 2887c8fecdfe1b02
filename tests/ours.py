"""What is ours where the world meets it: the addon in a proxy, recorded sessions, an app's config, a report."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from mitmproxy.http import HTTPFlow
from mitmproxy.io import FlowReader

from tests.world import names
from tests.world.app import App, Habits
from tests.world.proxy import Mitmdump
from tests.world.visitor import Visitor

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "addon" / "lp_authorize.py"
CAPTURES = ROOT / "captures"

type Proxies = Callable[..., Mitmdump]


class Report(NamedTuple):
    """What a report in JSON Lines holds."""

    findings: list[dict[str, Any]]
    journeys: list[dict[str, Any]]

    @property
    def rules(self) -> list[str]:
        return sorted(finding["rule"] for finding in self.findings)


def saved_flows(path: Path) -> list[HTTPFlow]:
    """The HTTP flows of a flow file, as mitmproxy reads them."""
    with path.open("rb") as file:
        return [flow for flow in FlowReader(file).stream() if isinstance(flow, HTTPFlow)]


def read_report(path: Path) -> Report:
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return Report([one for one in lines if "rule" in one], [one for one in lines if "outcome" in one])


def config_for(app: App, folder: Path) -> Path:
    """A config file that knows the app and the hosts it logs in at."""
    path = folder / "lp-authorize.yaml"
    apps = [{"client_id": app.installation.client_id, "redirect_uris": [app.redirect_uri]}]
    content = {"accounts": {app.installation.account: {"apps": apps}}, "login_hosts": [names.LOGIN]}
    path.write_text(yaml.safe_dump(content))
    return path


def watched(proxies: Proxies, config: Path, **options: Any) -> Mitmdump:
    """A proxy with the addon, which says little else."""
    options = {"lp_config": config, "termlog_verbosity": "warn", "flow_detail": "0", **options}
    return proxies("-s", SCRIPT, options=options)


def sign_in(app: App, proxy: Mitmdump) -> Visitor:
    """Sign in from end to end, the redemption of the code through the proxy too."""
    visitor = Visitor(proxy)
    app.habits = Habits(proxy=proxy.url)
    visitor.open(app.origin + "/login")
    visitor.sign_in()
    return visitor
