"""Small captures of which it is written down what must be found: the labelled cases, and the examples in the rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from lp_sentinel.documents.document import load_document
from lp_sentinel.exchange import Exchange
from lp_sentinel.rules import load_rules
from lp_sentinel.rules.book import Example
from lp_sentinel.rules.examples import example_exchanges

CASES = [
    pytest.param(Example(document, (index,)), id=f"{file.stem}-{case['case']}")
    for file in sorted(Path(__file__).with_name("cases").glob("*.yaml"))
    for document in [load_document(file, {})]
    for index, case in enumerate(document.data)
]
EXAMPLES = [
    pytest.param(example, id=f"{rule.id}-{place}")
    for rule in load_rules().by_id.values()
    for place, example in enumerate((*rule.good, *rule.bad))
]


def in_turn(example: Example) -> list[Exchange]:
    """The exchanges in the order in which they started."""
    return sorted(example_exchanges(example), key=lambda exchange: exchange.started or 0.0)
