"""Signed cursors: a place in an ordered set that the client carries and cannot change or use for another question.

A cursor is `base64url(mac | payload)`. The mac covers the payload and the *binding*, a text that says which question
the cursor belongs to; the binding itself is not in the cursor. Nothing is kept on the server.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from hashlib import blake2b
from hmac import compare_digest

_MAC = 12


class BadCursorError(ValueError):
    """Not minted here, changed on the way, or of another question."""


class Cursors:
    """Seals and opens cursors with the record's own key."""

    def __init__(self, key: bytes) -> None:
        self._key = blake2b(key, digest_size=32, person=b"kuska-cursor").digest()

    def _mac(self, payload: bytes, binding: str) -> bytes:
        text = binding.encode()
        return blake2b(len(text).to_bytes(4) + text + payload, key=self._key, digest_size=_MAC).digest()

    def seal(self, payload: bytes, binding: str) -> str:
        return urlsafe_b64encode(self._mac(payload, binding) + payload).rstrip(b"=").decode()

    def open(self, cursor: str, binding: str) -> bytes:
        """The payload, or BadCursorError."""
        try:
            raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        except (Base64Error, ValueError) as error:
            raise BadCursorError("not a cursor") from error
        mac, payload = raw[:_MAC], raw[_MAC:]
        if not compare_digest(mac, self._mac(payload, binding)):
            raise BadCursorError("a cursor of another question")
        return payload
