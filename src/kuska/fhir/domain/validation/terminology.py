"""What can be said of codes without a terminology server: SNOMED CT identifiers carry a check digit.

https://confluence.ihtsdotools.org/display/DOCRELFMT/6+SNOMED+CT+Identifiers
"""

from __future__ import annotations

SNOMED = "http://snomed.info/sct"

# Verhoeff: multiplication in the dihedral group D5, and a permutation applied once more at each position.
_MULTIPLY = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
    (1, 2, 3, 4, 0, 6, 7, 8, 9, 5),
    (2, 3, 4, 0, 1, 7, 8, 9, 5, 6),
    (3, 4, 0, 1, 2, 8, 9, 5, 6, 7),
    (4, 0, 1, 2, 3, 9, 5, 6, 7, 8),
    (5, 9, 8, 7, 6, 0, 4, 3, 2, 1),
    (6, 5, 9, 8, 7, 1, 0, 4, 3, 2),
    (7, 6, 5, 9, 8, 2, 1, 0, 4, 3),
    (8, 7, 6, 5, 9, 3, 2, 1, 0, 4),
    (9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
)
_PERMUTE = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


def _permuted(times: int) -> dict[str, int]:
    found = list(range(10))
    for _ in range(times):
        found = [_PERMUTE[digit] for digit in found]
    return {str(digit): image for digit, image in enumerate(found)}


# By position from the end; the ninth is the first again.
_POSITIONS = tuple(_permuted(position % 8) for position in range(18))


def is_snomed_id(code: str) -> bool:
    """Six to eighteen digits, no leading zero, the last one the check digit."""
    if not (6 <= len(code) <= 18 and code.isascii() and code.isdecimal() and code[0] != "0"):
        return False
    check = 0
    for digits, char in zip(_POSITIONS, reversed(code), strict=False):
        check = _MULTIPLY[check][digits[char]]
    return check == 0
