"""What ``lp-authorize simulate`` does: serve the simulator until Ctrl-C, and say where."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from lp_sentinel.config import Config
from lp_sentinel.simulate.certificate import authority_file, server_context
from lp_sentinel.simulate.registry import registry_of
from lp_sentinel.simulate.sentinel import Simulator
from lp_sentinel.simulate.serving import NotServedError, end_on_signals, loopback, serving, wait_until_interrupted
from lp_sentinel.wording import reason


def run(
    config: Config,
    *,
    host: str,
    port: int,
    tls: bool,
    confdir: str,
    down: bool,
    say: Callable[[str], None],
) -> None:
    """Serve until Ctrl-C. Raises NotServedError."""
    end_on_signals()
    address = loopback(host)
    simulator = Simulator(registry_of(config))
    simulator.is_down = down
    try:
        context = server_context(confdir) if tls else None
    except OSError as error:
        raise NotServedError(f"no certificate can be made with --confdir {confdir}: {reason(error)}") from error
    with serving(simulator.wsgi, host=host, port=port, tls=context) as listening, suppress(KeyboardInterrupt):
        name = f"[{address}]" if ":" in address else address if address != "127.0.0.1" else "localhost"
        say(f"Simulated Sentinel, for tests, on this machine only: {'https' if tls else 'http'}://{name}:{listening}")
        for account, apps in simulator.registry.accounts.items():
            say(f"  account {account}: {', '.join(apps)}")
        say(f"  users: {', '.join(user.name for user in simulator.registry.users)}")
        if tls:
            say(f"  trust {authority_file(confdir)}")
        say("Ctrl-C ends it.")
        wait_until_interrupted()
