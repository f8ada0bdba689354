"""A passkey device made of software: what a browser and its authenticator do with the options of a page."""

from __future__ import annotations

import hashlib
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

_PRESENT, _VERIFIED, _ATTESTED = 0x01, 0x04, 0x40


def to_text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def from_text(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Device:
    origin: str
    rp_id: str = ""
    verifies: bool = True  # asks for the PIN
    counts: bool = True
    uses: int = 0
    user: str = ""  # handle, as text
    id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def register(self, options: str, **changed: str) -> str:
        asked = json.loads(options)
        assert asked["authenticatorSelection"]["userVerification"] == "required"
        assert asked["authenticatorSelection"]["residentKey"] == "required"
        self.rp_id = self.rp_id or asked["rp"]["id"]
        self.user = asked["user"]["id"]
        client = self._client("webauthn.create", asked["challenge"], changed)
        numbers = self.key.public_key().public_numbers()
        public = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)}
        credential = bytes(16) + len(self.id).to_bytes(2) + self.id + cbor2.dumps(public)
        attestation = {"fmt": "none", "attStmt": {}, "authData": self._data(_ATTESTED) + credential}
        response = {
            "clientDataJSON": to_text(client),
            "attestationObject": to_text(cbor2.dumps(attestation)),
            "transports": ["internal", "hybrid", "nonsense"],
        }
        return self._answer(response)

    def sign_in(self, options: str, **changed: str) -> str:
        asked = json.loads(options)
        assert asked["userVerification"] == "required"
        client = self._client("webauthn.get", asked["challenge"], changed)
        data = self._data(0)
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        response = {
            "clientDataJSON": to_text(client),
            "authenticatorData": to_text(data),
            "signature": to_text(signature),
            "userHandle": self.user,
        }
        return self._answer(response)

    def _client(self, kind: str, challenge: str, changed: dict[str, str]) -> bytes:
        content = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False, **changed}
        return json.dumps(content).encode()

    def _data(self, flags: int) -> bytes:
        self.uses += self.counts
        flags |= _PRESENT | (_VERIFIED if self.verifies else 0)
        return hashlib.sha256(self.rp_id.encode()).digest() + bytes([flags]) + self.uses.to_bytes(4)

    def _answer(self, response: dict[str, Any]) -> str:
        return json.dumps(
            {"id": to_text(self.id), "rawId": to_text(self.id), "type": "public-key", "response": response}
        )
