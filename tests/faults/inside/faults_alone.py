"""The injector in mitmdump with little else: what it does is then its own doing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from mitmproxy import ctx
from mitmproxy.addonmanager import Loader
from mitmproxy.http import HTTPFlow

from lp_sentinel.config import Config, load_config
from lp_sentinel.engine import Engine, Verdict
from lp_sentinel.exchange import Exchange
from lp_sentinel.faults import Injector, load_plan
from lp_sentinel.live import LiveSession
from lp_sentinel.redact import Redactor
from lp_sentinel.rules import load_rules


class Alone:
    def load(self, loader: Loader) -> None:
        loader.add_option("alone_faults", Sequence[str], [], "Plans and presets.")
        loader.add_option("alone_config", str, "", "The config.")
        loader.add_option("alone_verdicts", str, "", "Where to write the verdicts.")

    def running(self) -> None:
        config = load_config(Path(ctx.options.alone_config)) if ctx.options.alone_config else Config()
        self.injector = Injector(load_plan(ctx.options.alone_faults), config)
        self.live = LiveSession(Engine(config, load_rules(), Redactor()), config, self.take)

    def take(self, exchange: Exchange, verdict: Verdict) -> None:
        self.injector.observe(exchange, verdict)

    async def request(self, flow: HTTPFlow) -> None:
        self.live.request(flow)
        await self.injector.request(flow)

    async def response(self, flow: HTTPFlow) -> None:
        await self.injector.response(flow)
        self.live.response(flow)

    def error(self, flow: HTTPFlow) -> None:
        self.live.response(flow)

    def done(self) -> None:
        self.live.close()
        verdicts = [verdict.as_json() for verdict in self.injector.verdicts()]
        if ctx.options.alone_verdicts:
            Path(ctx.options.alone_verdicts).write_text(json.dumps(verdicts))


addons = [Alone()]
