"""A redacted capture gives the findings of the original: every recorded session, every labelled case and example."""

from __future__ import annotations

from pathlib import Path

import pytest

from lp_sentinel.config import load_config
from lp_sentinel.rules.book import Example
from lp_sentinel.rules.examples import example_config
from lp_sentinel.sharing.redacting import redact_capture
from tests.captures.writing import write_flows
from tests.labelled import CASES, EXAMPLES, in_turn
from tests.planting import PLANTED, PLANTS, Plant, captures, planted
from tests.sharing.same import verdict

CAPTURES = Path(__file__).parents[2] / "captures"
RECORDED = sorted(path for path in CAPTURES.iterdir() if path.suffix in (".flow", ".har"))


@pytest.mark.parametrize("capture", RECORDED, ids=lambda path: path.name)
def test_recorded_session(capture: Path, tmp_path: Path) -> None:
    config = load_config(CAPTURES / "lp-authorize.yaml")
    target = tmp_path / capture.name
    redact_capture(capture, target, config)
    assert verdict(target, config) == verdict(capture, config)


@pytest.mark.parametrize("example", [*CASES, *EXAMPLES])
def test_case(example: Example, tmp_path: Path) -> None:
    config = example_config(example)
    capture, target = tmp_path / "a.flow", tmp_path / "b.flow"
    write_flows(capture, in_turn(example))
    redact_capture(capture, target, config)
    assert verdict(target, config) == verdict(capture, config)


@pytest.mark.parametrize("plant", PLANTS.values(), ids=PLANTS)
def test_what_is_planted_is_replaced_and_changes_no_finding(plant: Plant, tmp_path: Path) -> None:
    capture, target = tmp_path / "a.flow", tmp_path / "b.flow"
    for config, exchanges in captures()[::4]:
        write_flows(capture, [planted(exchange, plant) for exchange in exchanges])
        redact_capture(capture, target, config, may_overwrite=True)
        assert not any(secret.encode() in target.read_bytes() for secret in PLANTED)
        # Not the client id: what was joined to it is no longer the same.
        after, before = ([finding[:5] for finding in verdict(path, config)[0]] for path in (target, capture))
        assert after == before
