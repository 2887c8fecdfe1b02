"""The measurement of live traffic measures what it says: every request is answered, through each competitor."""

from __future__ import annotations

import re

from bench.live import BROWSERS, Workload, table


def test_one_request_in_a_hundred_is_of_a_login_and_none_comes_twice() -> None:
    work = Workload(2, 1000)
    logins = [unit for units in work.rounds for unit in units if len(unit) > 1]
    assert [sum(map(len, units)) for units in work.rounds] == [1000] * 2
    assert sum(map(len, logins)) == 0.01 * 2000
    assert len({unit[1] for unit in logins}) == len(logins)
    number = re.compile(rb"\r\nx-answer: ([0-9]+)\r\n")
    asked = [int(number.findall(request)[0]) for units in work.rounds for unit in units for request in unit]
    assert max(asked) < len(work.answers)


def test_the_table_says_what_was_measured() -> None:
    lines = table(starts=2, rounds=1, per_round=BROWSERS * 8).splitlines()
    assert lines[0].startswith("**Live through mitmdump**: 96 requests a round")
    assert lines[0].endswith("1 rounds in turn after each of 2 starts.")
    assert [line.split("`")[1] for line in lines[4:]] == [
        "no proxy",
        "mitmdump",
        "mitmdump -s empty",
        "mitmdump -s addon",
    ]
    assert "| 1.000 |" in lines[5]
