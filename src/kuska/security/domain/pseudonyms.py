"""What a pseudonym looks like. Pure.

A token is random: nothing about the person can be computed from it, not even by whoever knows everybody's documents. It
names its purpose, so that one that turns up in the wrong place is recognised: `research-9w2kq0…`, a valid FHIR id.
"""

from __future__ import annotations

import re
import secrets

_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base32: read aloud without doubt
_LENGTH = 27  # 135 bits
_PURPOSE = re.compile(r"[a-z](?:-?[a-z0-9]){1,30}")
_TOKEN = re.compile(rf"({_PURPOSE.pattern})-([{_LETTERS}]{{{_LENGTH}}})")
PERSON_MOST = 200  # characters


def is_purpose(text: str) -> bool:
    return _PURPOSE.fullmatch(text) is not None


def new_token(purpose: str) -> str:
    bits = secrets.randbits(5 * _LENGTH)
    return f"{purpose}-" + "".join([_LETTERS[bits >> shift & 31] for shift in range(0, 5 * _LENGTH, 5)])


def purpose_of(token: str) -> str:
    """'' when it is none of ours."""
    found = _TOKEN.fullmatch(token)
    return found[1] if found else ""
