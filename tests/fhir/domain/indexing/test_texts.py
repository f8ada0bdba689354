"""Words of one element: those that no whole value begins with have rows of their own, and many cost no more than many."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuska.fhir.domain.indexing.rows import StringRow
from kuska.fhir.domain.indexing.texts import add_texts

pytestmark = [pytest.mark.requirement("HC-01"), pytest.mark.requirement("LW-20")]
_WORD = st.text("ab", min_size=1, max_size=3)


@given(st.lists(st.lists(_WORD, min_size=1, max_size=3).map(" ".join), max_size=6))
def test_a_word_has_a_row_unless_a_whole_value_begins_with_it(values: list[str]) -> None:
    rows: list[StringRow] = []
    add_texts(7, values, rows)
    wholes = [text for _, text, exact, _ in rows if exact is not None]
    assert wholes == values
    later = dict.fromkeys(word for value in values for word in dict.fromkeys(value.split()[1:]))
    expected = [word for word in later if not any(whole.startswith(word) for whole in wholes)]
    assert sorted(text for _, text, exact, _ in rows if exact is None) == sorted(expected)


def test_the_work_grows_with_the_values_and_not_with_their_square() -> None:
    calls = 0

    def count(_: Any, event: str, __: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    values = [f"a{number} b{number}" for number in range(3000)]
    sys.setprofile(count)
    try:
        add_texts(7, values, [])
    finally:
        sys.setprofile(None)
    assert calls < 100 * len(values)
