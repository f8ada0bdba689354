from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kuska.security.domain.sealed_files import FileOpener, FileSealer
from kuska.security.domain.sealing import Cipher, DataKey
from kuska.security.errors import KeyMissingError, SealBrokenError

pytestmark = pytest.mark.requirement("LW-30")
SEGMENT = 64 * 1024
HEAD = 4 + 1 + 32


def cipher(*numbers: int) -> Cipher:
    made = Cipher("attachments", "hospital")
    made.hold(DataKey(number, bytes([number]) * 64, datetime(2000, 1, 1, tzinfo=UTC)) for number in numbers)
    return made


def sealed(text: bytes, context: bytes = b"Binary/1", piece: int = 10_000, numbers: tuple[int, ...] = (1,)) -> bytes:
    sealer = FileSealer(cipher(*numbers), context)
    return b"".join(sealer.take(text[at : at + piece]) for at in range(0, len(text), piece)) + sealer.end()


def opened(text: bytes, context: bytes = b"Binary/1", piece: int = 7_001, numbers: tuple[int, ...] = (1,)) -> bytes:
    opener = FileOpener(cipher(*numbers), context)
    return b"".join(opener.take(text[at : at + piece]) for at in range(0, len(text), piece)) + opener.end()


@pytest.mark.parametrize("length", [0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 3 * SEGMENT, 3 * SEGMENT + 5])
def test_any_length(length: int) -> None:
    text = bytes(range(256)) * (length // 256) + b"x" * (length % 256)
    assert opened(sealed(text)) == text
    assert len(sealed(text)) == HEAD + length + 16 * max(1, -(-length // SEGMENT))


@settings(max_examples=30)
@given(st.binary(max_size=300_000), st.integers(1, 200_000), st.integers(1, 200_000))
def test_in_pieces_of_any_length(text: bytes, one: int, other: int) -> None:
    assert opened(sealed(text, piece=one), piece=other) == text


def test_two_files_of_the_same_text_have_nothing_in_common() -> None:
    one, other = sealed(b"x" * 100), sealed(b"x" * 100)
    assert one[5:37] != other[5:37]
    assert one[HEAD:] != other[HEAD:]


@pytest.mark.parametrize("where", [0, 4, 5, 36, 37, 60, SEGMENT + 100, -1])
def test_a_changed_byte_is_noticed(where: int) -> None:
    text = bytearray(sealed(b"x" * (2 * SEGMENT)))
    text[where] ^= 1
    with pytest.raises((SealBrokenError, KeyMissingError)):
        opened(bytes(text))


def test_segments_cannot_be_left_out_repeated_or_exchanged() -> None:
    whole = sealed(b"a" * SEGMENT + b"b" * SEGMENT + b"c" * SEGMENT)
    size = SEGMENT + 16
    head, parts = whole[:HEAD], [whole[HEAD + size * n : HEAD + size * (n + 1)] for n in range(3)]
    for wrong in ([0, 1], [0], [], [0, 2], [1, 0, 2], [0, 0, 1, 2], [0, 1, 2, 2]):
        with pytest.raises(SealBrokenError):
            opened(head + b"".join(parts[n] for n in wrong))
    with pytest.raises(SealBrokenError):
        opened(whole[:-1])
    with pytest.raises(SealBrokenError):
        opened(whole + b"x")


def test_bound_to_its_place_and_key() -> None:
    text = sealed(b"x")
    with pytest.raises(SealBrokenError):
        opened(text, context=b"Binary/2")
    with pytest.raises(KeyMissingError):
        opened(text, numbers=(2,))
    assert opened(text, numbers=(1, 2)) == b"x", "after a rotation the old files still open"


@pytest.mark.parametrize("rubbish", [b"", b"K", b"KSF1", b"%PDF-1.7 something else", b"KSF1" + b"\xff" * 60])
def test_rubbish(rubbish: bytes) -> None:
    with pytest.raises((SealBrokenError, KeyMissingError)):
        opened(rubbish)
