"""Fault plans and presets from files, checked; every mistake is shown where it stands."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from mitmproxy import flowfilter

from lp_sentinel.documents.document import Document, DocumentError, Where, data_file, data_schema, load_document
from lp_sentinel.faults.counting import is_ever_due
from lp_sentinel.faults.grammar import GrammarError, bounds, duration, statuses
from lp_sentinel.faults.plan import HOPS, OUTCOMES, Body, Do, Expect, Fault, Match, Plan, TargetParts, Times
from lp_sentinel.home import expanded
from lp_sentinel.uri import host_matches, normal_host
from lp_sentinel.wording import quoted, unknown, visible

_PRESETS_LISTED = "docs/faults.md lists them"
"""For a message: they are some seventy."""
_MOST_SEED = 100_000_000
_DURATIONS = ("delay", "jitter", "hang")
_STATUS_KEYS = frozenset({"body", "retry_after"})


class PlanError(ValueError):
    """What ``lp_faults`` names is neither a file nor a preset, or two of its faults have one name."""


def load_plan(sources: Sequence[str], *, seed: int | None = None) -> Plan:
    """The faults of plan files and presets, in their order. Raises DocumentError, PlanError.

    A source that ends in .yaml or .yml or names a path is a file. ``seed`` is for those without one of their own;
    ``None`` draws it.
    """
    seed = secrets.randbelow(_MOST_SEED) if seed is None else seed
    faults: dict[str, tuple[str, Fault]] = {}
    files: list[Path] = []
    for source in sources:
        if _is_file(source):
            files.append(expanded(source))
            found = read_plan(load_document(files[-1], schema()), seed)
        else:
            found = (_preset(source, seed),)
        for fault in found:
            if fault.name in faults:
                places = f"{visible(faults[fault.name][0])} and in {visible(source)}"
                raise PlanError(f"two faults are named {quoted(fault.name)}, in {places}: a name tells them apart")
            faults[fault.name] = source, fault
    return Plan(tuple(fault for _, fault in faults.values()), tuple(sources), tuple(files), seed)


def _is_file(source: str) -> bool:
    return source.lower().endswith((".yaml", ".yml")) or "/" in source or "\\" in source


def _preset(name: str, seed: int) -> Fault:
    document = presets()
    index = preset_index().get(name)
    if index is None:
        if "," in name:
            several = "--set lp_faults=NAME once for each, or at run time: set lp_faults NAME NAME"
            raise PlanError(f"{quoted(name)} is no preset; several are given as {several}")
        listed = f"{_PRESETS_LISTED}, and the name of a plan file ends in .yaml"
        raise PlanError(unknown("preset", name, preset_index(), listed=listed))
    return _fault(document, ("faults", index), seed)


def schema() -> Mapping[str, Any]:
    """The JSON Schema of a plan file."""
    return data_schema("faults.schema.json")


@cache
def presets() -> Document:
    """The file of presets: a plan like any other."""
    return load_document(data_file("faults/presets.yaml"), schema())


@cache
def preset_index() -> Mapping[str, int]:
    """Where each preset stands in its file, by name."""
    return {entry["name"]: index for index, entry in enumerate(presets().data["faults"])}


def read_plan(document: Document, seed: int = 0) -> tuple[Fault, ...]:
    """The faults of a document that the schema has found in order. Raises DocumentError."""
    faults: list[Fault] = []
    for index in range(len(document.data.get("faults") or ())):
        fault = _fault(document, ("faults", index), seed)
        if any(fault.name == other.name for other in faults):
            where: Where = ("faults", index, "name" if "name" in document.data["faults"][index] else "preset")
            raise document.error(where, f"the name {quoted(fault.name)} is taken by an earlier fault")
        faults.append(fault)
    return tuple(faults)


def _fault(document: Document, where: Where, seed: int) -> Fault:
    entry, plan = document.value(where), document.data
    base, base_where = document, where
    if "preset" in entry:
        index = preset_index().get(entry["preset"])
        if index is None:
            problem = unknown("preset", entry["preset"], preset_index(), listed=_PRESETS_LISTED)
            raise document.error((*where, "preset"), problem)
        base, base_where = presets(), ("faults", index)

    def source(key: str) -> tuple[Document, Where]:
        return (document, (*where, key)) if key in entry else (base, (*base_where, key))

    def given(key: str) -> Any:
        holder, place = source(key)
        return holder.value(place)

    for key in ("at", "do"):
        if given(key) is None:
            raise document.error(where, f"missing key {quoted(key)} (or a preset)")
    if "name" not in entry and "preset" not in entry:
        raise document.error(where, "missing key 'name'")
    targets = plan.get("redirect_targets")
    fault = Fault(
        name=entry.get("name") or entry["preset"],
        at=given("at"),
        match=_match(document, (*where, "match")),
        times=_times(document, (*where, "times")),
        do=_do(*source("do")),
        expect=_expect(*source("expect")),
        seed=plan.get("seed", seed),
        mode=plan.get("mode", "arm") or "off",
        redirect_targets=None if targets is None else tuple(normal_host(host) for host in targets),
    )
    _check_match(document, (*where, "match"), fault)
    try:
        _check_do(*source("do"), fault)
    except DocumentError as error:
        if "preset" not in entry or "do" in entry:
            raise
        # The preset is in order as it stands: what goes wrong is what the plan says besides.
        own = "at" if "at" in entry else "preset"
        raise document.error((*where, own), f"preset {quoted(entry['preset'])}: {error.problem}") from None
    return fault


def _match(document: Document, where: Where) -> Match:
    entry = document.value(where) or {}
    texts = {key: document.spelling((*where, key)) for key in entry}
    passes = _filter(document, (*where, "filter")) if "filter" in entry else None
    return Match(**texts, passes=passes)


def _check_match(document: Document, where: Where, fault: Fault) -> None:
    """Refuse what can never match."""
    at, match, possible = fault.at, fault.match, OUTCOMES.get(fault.at)
    if at == "token" and match.state is not None:
        raise document.error((*where, "state"), "a token request has no state", of_key=True)
    if possible and match.outcome not in (None, *possible):
        problem = f"the outcome {quoted(match.outcome)} makes no sense at {at}, only {', '.join(possible)}"
        raise document.error((*where, "outcome"), problem, of_key=True)


def _filter(document: Document, where: Where) -> Callable[..., bool]:
    try:
        return flowfilter.parse(document.value(where))
    except ValueError as error:
        place = getattr(error.__cause__, "loc", 0)
        problem = f"not a mitmproxy filter: {quoted(document.value(where))}"
        raise document.error(where, problem, offset=place) from error


def _times(document: Document, where: Where) -> Times:
    entry = dict(document.value(where) or {})
    nth = entry.pop("nth", ())
    seconds = duration(entry.pop("for")) if "for" in entry else None
    times = Times(**entry, nth=tuple(nth) if isinstance(nth, list) else (nth,) if nth else (), seconds=seconds)
    if not is_ever_due(times):
        keys = " and ".join(key for key in ("first", "nth", "every") if key in document.value(where))
        raise document.error(where, f"{keys} never agree: the fault would never be injected", of_key=True)
    return times


def _do(document: Document, where: Where) -> Do:
    entry = dict(document.value(where))
    given = frozenset(entry)
    for key in ("login", "loop", "close"):
        entry.pop(key, None)
    for key in _DURATIONS:
        if key in entry:
            entry[key] = duration(entry[key])
    description, target, body = entry.get("description"), entry.get("target"), entry.get("body")
    if isinstance(description, dict):
        entry["description"] = description["text"] * description["times"]
    if isinstance(target, dict):
        host = target.get("host")
        if host and host.startswith("*."):
            raise document.error((*where, "target", "host"), "expected one host, not a pattern")
        entry["target"] = TargetParts(
            target.get("scheme"), host and normal_host(host), target.get("port"), target.get("path")
        )
    if isinstance(body, dict):
        entry["body"] = Body(body["text"], body.get("type", "text/html; charset=utf-8"))
    entry["without"] = tuple(entry.get("without", ()))
    return Do(**entry, given=given)


def _check_do(document: Document, where: Where, fault: Fault) -> None:
    do, at = fault.do, fault.at
    families = do.families(at)
    if len(families) > 1:
        keys = [next(key for key in document.value(where) if _family(fault, key) == family) for family in families]
        raise document.error(
            (*where, keys[1]), f"{quoted(keys[0])} and {quoted(keys[1])} do not go together", of_key=True
        )
    family = families[0]
    key = next(iter(document.value(where)))
    problem = None
    if at not in HOPS[family]:
        problem = f"{quoted(key)} makes no sense at {at}, only at {', '.join(HOPS[family])}"
    elif family == "hang" and do.given & {"delay", "jitter"}:
        key, problem = "hang", "hang and delay can't be combined"
    elif "jitter" in do.given and not do.delay:
        key, problem = "jitter", "jitter needs a delay to be added to"
    elif family == "answer" and do.status is None and do.error is None and do.given & _STATUS_KEYS:
        problem = "missing key 'status'"
    elif do.code == "kept" and do.error is None:
        key, problem = "code", "a code can only be kept beside an error"
    elif at == "token" and do.given & {"state", "code", "add", "fragment", "target", "redirect", "location"}:
        problem = "a token request can't be answered with a redirect"
    elif isinstance(do.target, TargetParts) and do.target.host and fault.redirect_targets is not None:
        problem = _outside(fault, do.target.host)
        key = "target"
    if problem:
        raise document.error((*where, key), problem, of_key=True)


def _outside(fault: Fault, host: str) -> str | None:
    if host_matches(host, fault.redirect_targets or ()):
        return None
    return f"the host {quoted(host)} is not among redirect_targets"


def _family(fault: Fault, key: str) -> str:
    return Do(given=frozenset({key})).families(fault.at)[0]


def _expect(document: Document, where: Where) -> Expect:
    entry = document.value(where) or {}
    text = ", ".join(f"{key}: {document.spelling((*where, key))}" for key in entry)

    def read[T](key: str, parse: Callable[[str], T]) -> T | None:
        if key not in entry:
            return None
        try:
            return parse(document.spelling((*where, key)) or "")
        except GrammarError as error:
            raise document.error((*where, key), str(error), offset=error.offset) from error

    return Expect(
        callback=read("callback", statuses),
        token=read("token", lambda text: bounds(text, may_be_sent=True)),
        authorize_again=read("authorize_again", lambda text: bounds(text, may_be_sent=False)),
        loop=entry.get("loop"),
        text=text,
    )
