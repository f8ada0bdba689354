"""Factors in the database. What is secret comes here sealed or hashed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kuska.infra.postgres.connection import Read, Write
from kuska.kit.sqlfiles import load
from kuska.security.domain.factors import Held, Passkey

_SQL = load(__package__, "factors.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTotp:
    secret: bytes | None
    step: int
    coming: bytes | None
    coming_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPasskey:
    credential: bytes
    account: str
    public_key: bytes
    uses: int
    id: str = ""
    name: str = ""
    backed_up: bool = False
    transports: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StoredCodes:
    salt: bytes
    hashes: tuple[bytes, ...]


async def held(conn: Read, account: str) -> Held:
    row = await conn.fetchrow(_SQL["held"], account)
    assert row is not None  # noqa: S101 - an outer join with one row
    keys = tuple(
        Passkey(id=key["id"], name=key["name"], backed_up=key["backed_up"], since=key["since"], used=key["used"])
        for key in await conn.fetch(_SQL["passkeys"], account)
    )
    return Held(totp=row["totp"], totp_used=row["totp_used"], passkeys=keys, recovery_left=row["recovery_left"])


async def has(conn: Read, account: str) -> bool:
    found: bool = await conn.fetchval(_SQL["has"], account)
    return found


async def follows(conn: Read, account: str) -> bool:
    found: bool = await conn.fetchval(_SQL["follows"], account)
    return found


async def lock(tx: Write, account: str) -> None:
    await tx.fetchval(_SQL["lock"], account)


async def totp(conn: Read, account: str) -> StoredTotp | None:
    row = await conn.fetchrow(_SQL["totp"], account)
    return None if row is None else StoredTotp(**dict(zip(row.keys(), row.values(), strict=True)))


async def begin_totp(tx: Write, account: str, sealed: bytes, until: datetime) -> None:
    await tx.execute(_SQL["begin_totp"], account, sealed, until)


async def confirm_totp(tx: Write, account: str, coming: bytes, step: int, now: datetime) -> bool:
    return await tx.fetchval(_SQL["confirm_totp"], account, coming, step, now) is not None


async def use_totp(tx: Write, account: str, secret: bytes, step: int, now: datetime) -> bool:
    return await tx.fetchval(_SQL["use_totp"], account, secret, step, now) is not None


async def totp_page(conn: Read, after: str) -> list[tuple[str, bytes | None, bytes | None]]:
    """(account, secret, coming)."""
    return [(row[0], row[1], row[2]) for row in await conn.fetch(_SQL["totp_page"], after)]


async def reseal_totp(
    tx: Write, account: str, old: tuple[bytes | None, bytes | None], new: tuple[bytes | None, bytes | None]
) -> None:
    await tx.execute(_SQL["reseal_totp"], account, *old, *new)


async def remove_totp(tx: Write, account: str) -> bool:
    return await tx.fetchval(_SQL["remove_totp"], account) is not None


async def passkeys(conn: Read, account: str) -> list[StoredPasskey]:
    return [
        StoredPasskey(
            credential=row["credential"],
            account=account,
            public_key=row["public_key"],
            uses=row["uses"],
            id=row["id"],
            name=row["name"],
            backed_up=row["backed_up"],
            transports=tuple(row["transports"]),
        )
        for row in await conn.fetch(_SQL["passkeys"], account)
    ]


async def passkey(conn: Read, credential: bytes) -> StoredPasskey | None:
    row = await conn.fetchrow(_SQL["passkey_by_credential"], credential)
    if row is None:
        return None
    return StoredPasskey(
        credential=credential, account=row["account"], public_key=row["public_key"], uses=row["uses"], id=row["id"]
    )


async def add_passkey(tx: Write, key: StoredPasskey, now: datetime) -> bool:
    """False: this credential is there already, of whomever."""
    row: Any = await tx.fetchval(
        _SQL["add_passkey"],
        key.credential,
        key.id,
        key.account,
        key.name,
        key.public_key,
        key.uses,
        key.backed_up,
        list(key.transports),
        now,
    )
    return row is not None


async def use_passkey(tx: Write, key: StoredPasskey, uses: int, *, backed_up: bool, now: datetime) -> bool:
    return await tx.fetchval(_SQL["use_passkey"], key.credential, key.uses, uses, backed_up, now) is not None


async def rename_passkey(tx: Write, account: str, passkey_id: str, name: str) -> bool:
    return await tx.fetchval(_SQL["rename_passkey"], account, passkey_id, name) is not None


async def remove_passkey(tx: Write, account: str, passkey_id: str) -> bool:
    return await tx.fetchval(_SQL["remove_passkey"], account, passkey_id) is not None


async def answer_once(tx: Write, challenge_hash: bytes, ends: datetime, now: datetime) -> bool:
    await tx.execute(_SQL["forget_answers"], now)
    return await tx.fetchval(_SQL["answer_once"], challenge_hash, ends) is not None


async def recovery(conn: Read, account: str) -> StoredCodes | None:
    row = await conn.fetchrow(_SQL["recovery"], account)
    return None if row is None else StoredCodes(row["salt"], tuple(row["hashes"]))


async def set_recovery(tx: Write, account: str, codes: StoredCodes, now: datetime) -> None:
    await tx.execute(_SQL["set_recovery"], account, codes.salt, list(codes.hashes), now)


async def use_recovery(tx: Write, account: str, hashed: bytes) -> bool:
    return await tx.fetchval(_SQL["use_recovery"], account, hashed) is not None


async def charge(tx: Write, account: str, now: datetime, free: int, longest: float) -> bool:
    """False: too many were wrong, it is not time yet."""
    return await tx.fetchval(_SQL["charge"], account, now, free, longest) is not None


async def waits_until(conn: Read, account: str) -> datetime | None:
    until: datetime | None = await conn.fetchval(_SQL["waits_until"], account)
    return until


async def forgive(tx: Write, account: str) -> None:
    await tx.execute(_SQL["forgive"], account)


async def remove_recovery(tx: Write, account: str) -> None:
    await tx.execute(_SQL["remove_recovery"], account)


async def remove_all(tx: Write, account: str) -> None:
    for query in ("remove_totp", "remove_passkeys", "remove_recovery", "forgive"):
        await tx.execute(_SQL[query], account)
