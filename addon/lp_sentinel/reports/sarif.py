"""SARIF 2.1.0: for code scanning and for viewers of it; what a finding is stays the same from run to run."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from urllib.parse import quote

from lp_sentinel.finding import Finding, JourneyHop, Severity
from lp_sentinel.reports.collected import CaptureResult, Results
from lp_sentinel.reports.criteria import Criteria
from lp_sentinel.reports.escaping import markdown as escaped
from lp_sentinel.reports.markdown import linked
from lp_sentinel.reports.records import as_json, fault_record
from lp_sentinel.rules import Rule
from lp_sentinel.rules.citations import link, spelled_out
from lp_sentinel.version import TOOL, tool_version

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS: Mapping[Severity, str] = {"error": "error", "warning": "warning", "info": "note"}
_MASK = re.compile(r"[^/?#&=]{0,16}…\([0-9]+\)#[0-9a-f]+")
"""What stands for a secret: it is another in each run."""
_WHY_NOT = {
    "allowed": "An allow entry of the project's config accepts it.",
    "injected": "A fault plan altered the exchange: what follows from that is nobody's mistake.",
}

type Json = dict[str, object]


def write(results: Results, criteria: Criteria) -> Iterator[str]:
    """One run over all captures, one finding a line."""
    rules = criteria.rules
    places = {rule.id: place for place, rule in enumerate(rules)}
    captures = [result for result in results.values() if result.capture is not None]
    run: Json = {
        "tool": {"driver": {"name": TOOL, "version": tool_version(), "rules": [_rule(rule) for rule in rules]}},
        "invocations": [_invocation(results) | _overrides(criteria, places)],
        "artifacts": [{"location": _artifact(result.capture), "roles": ["analysisTarget"]} for result in captures],
        "columnKind": "unicodeCodePoints",
    }
    if faults := [fault_record(fault) for result in results.values() for fault in result.faults]:
        run["properties"] = {"faults": faults}
    yield f'{{"$schema": {as_json(_SCHEMA)}, "version": "2.1.0", "runs": [{{\n'
    yield from (f"{as_json(name)}: {as_json(value)},\n" for name, value in run.items())
    yield '"results": ['
    between = "\n"
    for found in (found for result in results.values() for found in _results(result, places)):
        yield between + as_json(found)
        between = ",\n"
    yield "\n]}]}\n"


def fingerprint(finding: Finding) -> str:
    """Equal for the same mistake of the same app in the next run; what is random or of one login is left out."""
    path = _MASK.sub("…", finding.url).partition("?")[0].partition("#")[0]
    about = (finding.rule, finding.account, finding.client_id, finding.hop, finding.method, path, finding.parameter)
    text = "\0".join(_MASK.sub("…", part or "") for part in about)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _rule(rule: Rule) -> Json:
    cited = "; ".join(map(spelled_out, rule.cite))
    told = {"text": f"{rule.why}\n\nFix: {rule.fix}" + (f"\n\nSee {cited}" if cited else "")}
    told["markdown"] = f"{escaped(rule.why)}\n\n**Fix:** {escaped(rule.fix)}"
    told["markdown"] += f"\n\nSee {linked(rule.cite)}" if cited else ""
    described: Json = {
        "id": rule.id,
        "name": rule.name,
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.why},
        "help": told,
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {"tags": list(dict.fromkeys(("oauth", *rule.tags))), "cite": list(rule.cite)},
    }
    documented = next(filter(None, map(link, rule.cite)), None)
    return described | ({"helpUri": documented} if documented else {})


def _invocation(results: Results) -> Json:
    problems = [result for result in results.values() if result.problem is not None]
    notes: list[Json] = [
        {"level": "error", "message": {"text": _plain(result.problem or "")}} | _locations(_place(result.capture))
        for result in problems
    ]
    return {"executionSuccessful": not problems, "toolExecutionNotifications": notes}


def _overrides(criteria: Criteria, places: Mapping[str, int]) -> Json:
    """Where the project calls a rule more or less severe than the rule's file does."""
    changed: list[Json] = [
        {"descriptor": {"id": rule, "index": places[rule]}, "configuration": {"level": _LEVELS[severity]}}
        for rule, severity in sorted(criteria.severity.items())
        if rule in places
    ]
    return {"ruleConfigurationOverrides": changed} if changed else {}


def _results(result: CaptureResult, places: Mapping[str, int]) -> Iterator[Json]:
    for finding in result.findings:
        told = f"{finding.message}; expected: {finding.expected}" if finding.expected else finding.message
        found: Json = {"ruleId": finding.rule}
        if finding.rule in places:
            found["ruleIndex"] = places[finding.rule]
        found |= {"level": _LEVELS[finding.severity], "message": {"text": _plain(told)}}
        found |= _locations(_place(finding.capture) | {"logicalLocations": _logical(finding)})
        found |= _web(finding, _hop(result, finding))
        same = fingerprint(finding)
        # The second is the only one that GitHub looks at.
        found["partialFingerprints"] = {"lpAuthorize/v1": same, "primaryLocationLineHash": f"{same}:1"}
        if finding.excuse:
            why = _WHY_NOT[finding.excuse]
            found["suppressions"] = [{"kind": "external", "status": "accepted", "justification": why}]
        found["properties"] = _properties(finding)
        yield found


def _hop(result: CaptureResult, finding: Finding) -> JourneyHop | None:
    journey = result.journey(finding.journey)
    return next((hop for hop in journey.hops if hop.index == finding.index), None) if journey else None


def _place(capture: str | None) -> Json:
    return {} if capture is None else {"physicalLocation": {"artifactLocation": _artifact(capture)}}


def _locations(location: Json) -> Json:
    return {"locations": [location]} if location else {}


def _artifact(capture: str | None) -> Json:
    # A name of a file may hold bytes that are not UTF-8: they come as surrogates, and go as the bytes they were.
    name = re.sub("[\ud800-\udfff]", lambda one: "" if one[0] < "\udc80" else one[0], capture or "")
    if "://" in name:  # a URL, read on a cluster
        return {"uri": quote(name, safe="/:", errors="surrogateescape")}
    path = PurePath(name)
    # The colon in the first part of a relative path would make that a scheme.
    quoted = quote(path.as_posix(), safe="/:" if path.is_absolute() else "/", errors="surrogateescape")
    return {"uri": f"file:///{quoted.lstrip('/')}" if path.is_absolute() else quoted}


def _logical(finding: Finding) -> list[Json]:
    journey = finding.journey or "no journey"
    return [{"name": finding.hop, "fullyQualifiedName": f"{journey}/{finding.hop}", "kind": "hop"}]


def _web(finding: Finding, hop: JourneyHop | None) -> Json:
    web: Json = {"webRequest": {"method": finding.method, "target": finding.url}}
    if finding.status is not None:
        location = {"headers": {"Location": hop.leads_to}} if hop and hop.leads_to else {}
        web["webResponse"] = {"statusCode": finding.status, **location}
    elif hop and hop.error is not None:
        web["webResponse"] = {"noResponseReceived": True, "reasonPhrase": hop.error}
    return web


def _properties(finding: Finding) -> Json:
    return {
        "account": finding.account,
        "client_id": finding.client_id,
        "journey": finding.journey,
        "index": finding.index,
        "flow": finding.flow,
        "time": finding.time,
        "evidence": dict(finding.evidence),
        "expected": finding.expected,
        "fix": finding.fix,
        "injected": finding.injected,
        "allowed": finding.allowed,
    }


def _plain(text: str) -> str:
    """Text as a plain message has it: no placeholder, no embedded link."""
    return text.replace("{", "{{").replace("}", "}}").replace("](", "\\](")
