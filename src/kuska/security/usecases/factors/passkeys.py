"""Passkeys (WebAuthn level 3), with the person verified by the device: possession and PIN or fingerprint in one step.

A challenge is sealed and carries who it is for, what for and until when; so nothing is kept for a ceremony that a
stranger begins and never ends. It is bound to the browser (`bound`), and once answered it is not taken again.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from urllib.parse import urlsplit

import webauthn
from webauthn.helpers import base64url_to_bytes, parse_client_data_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from kuska.infra.postgres.connection import Write
from kuska.kit.errors import KuskaError
from kuska.kit.json import decode, encode
from kuska.security.domain.accounts import Account
from kuska.security.domain.factors import folded_name
from kuska.security.store import factors as store
from kuska.security.usecases.factors.errors import FactorSetUpError, WrongFactorError
from kuska.security.usecases.factors.parts import Parts
from kuska.security.visit import event_id

Ceremony = Literal["register", "sign-in"]
NAME = "Kuska"
MOST = 20  # passkeys of one person
_TIME = timedelta(minutes=5)
_MAX_ANSWER = 20_000
_TRANSPORTS = frozenset(transport.value for transport in AuthenticatorTransport)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What came back, taken apart as far as it is not yet proved."""

    content: dict[str, object]
    challenge: bytes
    credential: bytes
    account: str  # for whom the challenge was; '' for whoever has a passkey
    ends: datetime


def begin_registration(parts: Parts, account: Account, bound: str, held: list[store.StoredPasskey]) -> str:
    """Options for `navigator.credentials.create`, as JSON."""
    options = webauthn.generate_registration_options(
        rp_id=_rp_id(parts),
        rp_name=NAME,
        user_id=account.id.encode(),
        user_name=account.login,
        user_display_name=account.display_name,
        challenge=_challenge(parts, "register", account.id, bound),
        timeout=_milliseconds(),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=each.credential) for each in held],
    )
    return webauthn.options_to_json(options)


async def finish_registration(parts: Parts, tx: Write, account: str, bound: str, *, name: str, answer: str) -> str:
    """Id of the new passkey."""
    if len(await store.passkeys(tx, account)) >= MOST:
        raise FactorSetUpError("factors.too-many-passkeys")
    try:
        given = taken_apart(parts, "register", bound, answer)
        proved = webauthn.verify_registration_response(
            credential=given.content,
            expected_challenge=given.challenge,
            expected_rp_id=_rp_id(parts),
            expected_origin=parts.own_url,
            require_user_verification=True,
        )
    except (WrongFactorError, *_MALFORMED) as error:
        raise FactorSetUpError("factors.passkey-refused") from error
    now = parts.clock.now()
    if given.account != account or not await store.answer_once(tx, _digest(given.challenge), given.ends, now):
        raise FactorSetUpError("factors.passkey-refused")
    key = store.StoredPasskey(
        credential=proved.credential_id,
        account=account,
        public_key=proved.credential_public_key,
        uses=proved.sign_count,
        id=event_id(),
        name=folded_name(name, "Passkey"),
        backed_up=proved.credential_backed_up,
        transports=_transports(given.content),
    )
    if not await store.add_passkey(tx, key, now):
        raise FactorSetUpError("factors.passkey-there")
    return key.id


def begin_sign_in(parts: Parts, bound: str, account: str, held: list[store.StoredPasskey]) -> str:
    """Options for `navigator.credentials.get`, as JSON; for whoever has a passkey, when no account is named."""
    options = webauthn.generate_authentication_options(
        rp_id=_rp_id(parts),
        challenge=_challenge(parts, "sign-in", account, bound),
        timeout=_milliseconds(),
        allow_credentials=[
            PublicKeyCredentialDescriptor(
                id=each.credential,
                transports=[AuthenticatorTransport(name) for name in each.transports if name in _TRANSPORTS],
            )
            for each in held
        ],
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return webauthn.options_to_json(options)


async def finish_sign_in(parts: Parts, tx: Write, bound: str, account: str, answer: str) -> str:
    """Id of the account whose passkey it is. Raises WrongFactorError with the reason for the trail."""
    given = taken_apart(parts, "sign-in", bound, answer)
    key = await store.passkey(tx, given.credential)
    if key is None:
        raise WrongFactorError("factors.unknown-passkey")
    handle = _handle(given.content)
    if given.account != account or (account or key.account) != key.account or handle not in {"", key.account}:
        raise WrongFactorError("factors.other-account")
    try:
        proved = webauthn.verify_authentication_response(
            credential=given.content,
            expected_challenge=given.challenge,
            expected_rp_id=_rp_id(parts),
            expected_origin=parts.own_url,
            credential_public_key=key.public_key,
            credential_current_sign_count=0,  # judged below, where a copy has a reason of its own
            require_user_verification=True,
        )
    except _MALFORMED as error:
        raise WrongFactorError("factors.passkey-invalid") from error
    uses, now = proved.new_sign_count, parts.clock.now()
    if (uses or key.uses) and uses <= key.uses:
        raise WrongFactorError("factors.passkey-copied")
    if not await store.answer_once(tx, _digest(given.challenge), given.ends, now):
        raise WrongFactorError("factors.replayed")
    if not await store.use_passkey(tx, key, uses, backed_up=proved.credential_backed_up, now=now):
        raise WrongFactorError("factors.passkey-copied")
    return key.account


# What the library and the parsing before it say to a malformed answer.
_MALFORMED = (WebAuthnException, ValueError, KeyError, TypeError)


def taken_apart(parts: Parts, ceremony: Ceremony, bound: str, answer: str) -> _Answer:
    if len(answer) > _MAX_ANSWER:
        raise WrongFactorError("factors.passkey-invalid")
    try:
        content = decode(answer.encode())
        client = parse_client_data_json(base64url_to_bytes(content["response"]["clientDataJSON"]))
        credential = base64url_to_bytes(content["rawId"])
        opened = parts.sealer.open("factors", client.challenge, _context(ceremony, bound))
        account, ends, _ = opened.decode().split("|")
    except (KuskaError, *_MALFORMED) as error:
        raise WrongFactorError("factors.passkey-invalid") from error
    until = datetime.fromtimestamp(int(ends), UTC)
    if until < parts.clock.now():
        raise WrongFactorError("factors.too-late")
    return _Answer(content, client.challenge, credential, account, until)


def _challenge(parts: Parts, ceremony: Ceremony, account: str, bound: str) -> bytes:
    ends = int((parts.clock.now() + _TIME).timestamp())
    return parts.sealer.seal("factors", f"{account}|{ends}|{os.urandom(16).hex()}".encode(), _context(ceremony, bound))


def _context(ceremony: Ceremony, bound: str) -> bytes:
    return encode(["passkey", ceremony, bound])


def _digest(challenge: bytes) -> bytes:
    return hashlib.sha256(challenge).digest()


def _rp_id(parts: Parts) -> str:
    return urlsplit(parts.own_url).hostname or ""


def _milliseconds() -> int:
    return int(_TIME.total_seconds() * 1000)


def _handle(content: dict[str, object]) -> str:
    response = content.get("response")
    handle = response.get("userHandle") if isinstance(response, dict) else None
    if not isinstance(handle, str) or not handle:
        return ""
    try:
        return base64url_to_bytes(handle).decode()
    except ValueError:
        return "?"  # nobody's


def _transports(content: dict[str, object]) -> tuple[str, ...]:
    response = content.get("response")
    found = response.get("transports") if isinstance(response, dict) else None
    return tuple(sorted(name for name in _TRANSPORTS if isinstance(found, list) and name in found))
