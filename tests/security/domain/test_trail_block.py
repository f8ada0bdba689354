"""Which lines lie in a block together, and what stands beside them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from kuska.security.contracts import Caller, Event
from kuska.security.domain.trail_block import DAY, MOST_LINES, SPAN, Beside, block, blocks
from kuska.security.domain.trail_line import Line, encoded, line, microseconds
from kuska.security.visit import event_id

pytestmark = pytest.mark.requirement("LW-31")
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def written(at: datetime, account: str = "a1", *patients: str) -> Line:
    caller = Caller(kind="person", account=account)
    return line(Event(id=event_id(at), at=at, action="C", kind="rest", caller=caller, patients=patients))


def test_they_are_few_near_and_of_one_day() -> None:
    moments = [NOON] * (2 * MOST_LINES + 1)
    moments += [NOON + timedelta(seconds=step) for step in (1, 5, 9, 12, 14, 40)]
    moments += [NOON.replace(hour=23, minute=59, second=59), NOON.replace(hour=0) + timedelta(days=1)]
    lines = [written(moment) for moment in moments]
    made = blocks(lines)
    assert [text for one in made for text in one.lines] == [encoded(one) for one in lines]
    for one in made:
        assert len(one.lines) <= MOST_LINES
        assert one.until - one.at < SPAN
        assert one.at // DAY == one.until // DAY
    assert [len(one.lines) for one in made] == [MOST_LINES, MOST_LINES, 4, 2, 1, 1, 1]
    assert all(before.until <= after.at for before, after in pairwise(made))
    assert blocks([]) == []


@pytest.mark.parametrize("known", [True, False])
def test_what_is_gathered_is_what_the_lines_say(known: bool) -> None:
    beside, lines = Beside(), list[bytes]()
    cases = [("a2", ("p2", "p1")), ("", ()), ("a1", ("p1", "p3")), ("a2", ("p2",))]
    for step, (account, patients) in enumerate(cases):
        at = NOON + timedelta(seconds=3 - step)
        lines.append(encoded(written(at, account, *patients)))
        beside.add(microseconds(at), account, patients if known or step != 2 else None)
    made = beside.block("b", lines)
    assert made == block("b", lines)
    assert (made.accounts, made.patients) == (("a2", "a1"), ("p2", "p1", "p3"))
    assert beside.block("b", lines[:2]) == block("b", lines[:2])  # a damaged line is missing
