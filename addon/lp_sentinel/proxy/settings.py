"""What the options of mitmproxy say, read as a whole or not at all."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any, NamedTuple, cast

from lp_sentinel.faults import Plan, load_plan
from lp_sentinel.finding import WORST_FIRST, Severity
from lp_sentinel.project import Project, load_project
from lp_sentinel.reports import Criteria, distinct
from lp_sentinel.wording import quoted, unknown

_NEVER = "never"
_NOTHING = "none"


class Option(NamedTuple):
    """An option of mitmproxy. All are texts or lists of them: of a malformed number mitmproxy would say nothing."""

    name: str
    help: str
    default: str | tuple[str, ...] = ""
    choices: tuple[str, ...] = ()

    @property
    def is_list(self) -> bool:
        return isinstance(self.default, tuple)


_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")

OPTIONS = (
    Option("lp_config", "The project's config; if empty, lp-authorize.yaml in the working directory, if it exists."),
    Option("lp_report", "Files to write a report to; the ending selects the format.", ()),
    Option("lp_faults", "Fault plans to inject: files, or presets by name.", ()),
    Option(
        "lp_fail_on",
        "The lowest severity that makes a batch run (-n -r) or a client replay (-C) exit with status 1.",
        _NEVER,
        (*WORST_FIRST, _NEVER),
    ),
    Option("lp_redact", "Whether codes, states and other secrets are masked.", "on", ("on", "off")),
    Option(
        "lp_simulate", "Whether a simulated Sentinel answers for the hosts in sentinel_hosts.", "off", ("on", "off")
    ),
    Option("lp_page", "Host name of the live page, for a browser behind the proxy; empty: none.", "lp.authorize"),
    Option("lp_show", "The lowest severity that is shown in the terminal.", "info", (*WORST_FIRST, _NOTHING)),
)


class Settings(NamedTuple):
    """The options, read."""

    project: Project
    plan: Plan
    """The faults of lp_faults; others can be armed by command and on the live page."""
    reports: tuple[str, ...]
    fail_on: Severity | None
    """``None``: never."""
    redact: bool
    simulate: bool
    page: str
    """The host name of the live page; empty: there is none."""
    show: Severity | None
    """``None``: nothing is shown."""

    @property
    def criteria(self) -> Criteria:
        """What reports are told: where nothing is to fail the run, they go by what fails ``check`` by default."""
        return Criteria(self.project, self.fail_on or "error")


def declare(options: Any, add: Callable[[str, Any, Any, str, Sequence[str] | None], None]) -> None:
    """Declare the options to mitmproxy.

    Raises ValueError if one is already given with another type: mitmproxy would drop the addon, and not say so.
    """
    for option in OPTIONS:
        if option.name in options.deferred:
            _check_given(option, options.deferred[option.name])
        kind, default = (Sequence[str], list(option.default)) if option.is_list else (str, option.default)
        add(option.name, kind, default, option.help, option.choices or None)


def _check_given(option: Option, given: Any) -> None:
    values: Any = getattr(given, "val", given)  # from --set it is a list of texts for either kind
    if option.is_list:
        is_right = isinstance(values, list) and all(isinstance(value, str) for value in values)
    else:
        is_right = isinstance(given, str) or (given is not values and len(values) == 1)
    if not is_right:
        if values == []:
            raise ValueError(
                f"{option.name}: has no value" + (f" ({', '.join(option.choices)})" if option.choices else "")
            )
        expected = "a list of texts" if option.is_list else "one text"
        raise ValueError(f"{option.name}: expected {expected}, not {'nothing' if values is None else repr(values)}")


def unknown_options(options: Any) -> str:
    """What is wrong with the names of options that were given and that nobody has declared; empty if nothing is.

    mitmproxy keeps them without a word, as an addon that declares them may still come. Those for us begin with ``lp_``.
    """
    given = [name for name in options.deferred if name.lower().replace("-", "_").startswith("lp_")]
    return "; ".join(unknown("option", name, [option.name for option in OPTIONS]) for name in given)


def read_settings(options: Any, earlier: Settings | None, *, is_changed: bool = True) -> Settings:
    """Read the options; the config of ``earlier`` is kept if it is not said to have changed.

    Raises ValueError (a DocumentError where a file is at fault).
    """
    fail_on, redact, show = (_chosen(options, name) for name in ("lp_fail_on", "lp_redact", "lp_show"))
    faults = _texts(options.lp_faults)
    project = load_project(options.lp_config or None) if earlier is None or is_changed else earlier.project
    return Settings(
        project=project,
        plan=earlier.plan if earlier and earlier.plan.sources == faults else load_plan(faults),
        reports=distinct(_texts(options.lp_report)),
        fail_on=None if fail_on == _NEVER else cast("Severity", fail_on),
        redact=redact == "on",
        simulate=_simulates(options),
        page=_page(options.lp_page),
        show=None if show == _NOTHING else cast("Severity", show),
    )


def _simulates(options: Any) -> bool:
    is_on = _chosen(options, "lp_simulate") == "on"
    if is_on and find_spec("authlib") is None:
        raise ValueError("authlib is not installed: lp_simulate needs pip install '.[simulate]' in a checkout")
    return is_on


def _page(given: str) -> str:
    host = given.strip().lower()
    if host and not _HOST.fullmatch(host):
        raise ValueError(f"lp_page: {quoted(given)} is not a host name such as lp.authorize")
    return host


def _chosen(options: Any, name: str) -> str:
    choices = next(option.choices for option in OPTIONS if option.name == name)
    value = str(getattr(options, name)).strip().lower()
    if value not in choices:
        raise ValueError(f"{name}: {unknown('value', value, choices)}")
    return value


def _texts(values: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value))
