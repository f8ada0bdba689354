from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuska.kit.clock import SetClock
from kuska.security.domain.sealing import Cipher, DataKey, number_of, passing_ring, prefix
from kuska.security.errors import KeyMissingError, SealBrokenError

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def cipher(clock: SetClock, *numbers: int, tenant: str = "hospital") -> Cipher:
    made = Cipher("record", tenant, clock)
    made.hold(DataKey(number, bytes([number % 251]) * 64, NOON) for number in numbers)
    return made


@pytest.mark.requirement("LW-30")
def test_the_same_text_in_the_same_place_is_the_same_bytes_and_nowhere_else() -> None:
    one = cipher(SetClock(NOON), 1)
    sealed = one.seal(b"texto", b"Patient/1")
    assert sealed == one.seal(b"texto", b"Patient/1")
    assert sealed != one.seal(b"texto", b"Patient/2")
    assert b"texto" not in sealed
    assert len(sealed) == len(b"texto") + 17
    assert one.open(sealed, b"Patient/1") == b"texto"
    for moved in (b"Patient/2", b""):
        with pytest.raises(SealBrokenError):
            one.open(sealed, moved)


def test_another_tenants_key_material_does_not_help() -> None:
    sealed = cipher(SetClock(NOON), 1).seal(b"x", b"c")
    with pytest.raises(SealBrokenError):
        cipher(SetClock(NOON), 1, tenant="other").open(sealed, b"c")


def test_purposes_are_apart() -> None:
    ring = passing_ring()
    sealed = ring.seal("factors", b"secret", b"account/1")
    assert ring.open("factors", sealed, b"account/1") == b"secret"
    with pytest.raises(SealBrokenError):
        ring.open("signing-keys", sealed, b"account/1")
    with pytest.raises(KeyError):
        ring.seal("whatever", b"", b"")


@given(st.binary(max_size=300), st.integers(0, 10_000))
def test_any_change_is_noticed(text: bytes, where: int) -> None:
    one = cipher(SetClock(NOON), 1)
    sealed = bytearray(one.seal(text, b"c"))
    sealed[where % len(sealed)] ^= 1 + where % 255
    with pytest.raises((SealBrokenError, KeyMissingError)):
        one.open(bytes(sealed), b"c")


@pytest.mark.parametrize("bad", [b"", b"\x01", b"\x01short", b"\xff" * 40, b"\x81"])
def test_rubbish_is_refused(bad: bytes) -> None:
    with pytest.raises((SealBrokenError, KeyMissingError)):
        cipher(SetClock(NOON), 1).open(bad, b"")


def test_a_new_key_is_read_at_once_and_written_when_its_time_has_come() -> None:
    clock = SetClock(NOON)
    one = cipher(clock, 1)
    old = one.seal(b"x", b"c")
    one.hold([DataKey(1, b"\1" * 64, NOON), DataKey(2, b"\2" * 64, NOON + timedelta(seconds=2))])
    assert one.seal(b"x", b"c") == old
    clock.advance(timedelta(seconds=2))
    new = one.seal(b"x", b"c")
    assert (new[0], one.current) == (2, 2)
    assert one.open(old, b"c") == one.open(new, b"c") == b"x"


def test_a_key_that_is_not_there_is_asked_for() -> None:
    clock = SetClock(NOON)
    sealed = cipher(clock, 1, 200).seal(b"x", b"c")
    one = cipher(clock, 1)
    asked: list[int] = []
    one.on_missing = lambda: asked.append(1)
    with pytest.raises(KeyMissingError):
        one.open(sealed, b"c")
    assert asked
    one.hold([DataKey(200, bytes([200]) * 64, NOON)])
    assert one.open(sealed, b"c") == b"x"


@given(st.integers(1, 1 << 30))
def test_numbers_of_any_size(number: int) -> None:
    assert number_of(prefix(number) + b"rest") == (number, len(prefix(number)))
