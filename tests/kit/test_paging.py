from __future__ import annotations

import pytest

from kuska.kit.paging import BadCursorError, Cursors

CURSORS = Cursors(b"key")


def test_what_was_sealed_opens() -> None:
    assert CURSORS.open(CURSORS.seal(b"[1,2]", "Patient"), "Patient") == b"[1,2]"


@pytest.mark.parametrize("binding", ["Observation", "", "Patient "])
def test_not_for_another_question(binding: str) -> None:
    with pytest.raises(BadCursorError):
        CURSORS.open(CURSORS.seal(b"x", "Patient"), binding)


def test_not_with_another_key_nor_changed() -> None:
    cursor = CURSORS.seal(b"[1,2]", "Patient")
    with pytest.raises(BadCursorError):
        Cursors(b"other").open(cursor, "Patient")
    for place in range(len(cursor)):
        other = "A" if cursor[place] != "A" else "B"
        with pytest.raises(BadCursorError):
            CURSORS.open(cursor[:place] + other + cursor[place + 1 :], "Patient")


@pytest.mark.parametrize("text", ["", "x", "é", "====", "AAAA", "a b"])
def test_what_is_no_cursor(text: str) -> None:
    with pytest.raises(BadCursorError):
        CURSORS.open(text, "Patient")
