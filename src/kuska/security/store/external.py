"""Sign-ins at other providers in the database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kuska.infra.postgres.connection import Read, Write
from kuska.kit.sqlfiles import load
from kuska.security.domain.external import Said

_SQL = load(__package__, "external.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    nonce: str
    verifier: str
    next: str
    account: str  # of who is linking; '' for a sign-in


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    issuer: str
    subject: str
    follows: bool
    since: datetime
    used: datetime


async def begin(
    tx: Write, state: bytes, browser: bytes, provider: str, attempt: Attempt, *, now: datetime, ends: datetime
) -> None:
    await tx.execute(_SQL["forget_attempts"], now)
    await tx.execute(
        _SQL["begin"], state, browser, provider, attempt.nonce, attempt.verifier, attempt.next, attempt.account, ends
    )


async def take(tx: Write, state: bytes, browser: bytes, provider: str, now: datetime) -> Attempt | None:
    row = await tx.fetchrow(_SQL["take"], state, browser, provider, now)
    if row is None:
        return None
    return Attempt(nonce=row["nonce"], verifier=row["verifier"], next=row["next"], account=row["account"])


async def lock(tx: Write, issuer: str, subject: str) -> None:
    await tx.fetchval(_SQL["lock"], issuer, subject)


async def identity(conn: Read, issuer: str, subject: str) -> tuple[str, bool] | None:
    """(account, whether it follows the provider)."""
    row = await conn.fetchrow(_SQL["identity"], issuer, subject)
    return None if row is None else (row["account"], row["follows"])


async def add_identity(tx: Write, issuer: str, subject: str, account: str, *, follows: bool, now: datetime) -> bool:
    """False: this person of the provider has an account already."""
    return await tx.fetchval(_SQL["add_identity"], issuer, subject, account, follows, now) is not None


async def used(tx: Write, issuer: str, subject: str, now: datetime) -> None:
    await tx.execute(_SQL["used"], issuer, subject, now)


async def of_account(conn: Read, account: str) -> list[Identity]:
    return [
        Identity(issuer=row["issuer"], subject=row["subject"], follows=row["follows"], since=row["since"], used=row["used"])
        for row in await conn.fetch(_SQL["of_account"], account)
    ]  # fmt: skip


async def remove_identity(tx: Write, account: str, issuer: str, subject: str) -> bool:
    return await tx.fetchval(_SQL["remove_identity"], account, issuer, subject) is not None


async def follow(tx: Write, tenant: str, account: str, said: Said, now: datetime) -> None:
    await tx.execute(
        _SQL["follow"],
        tenant,
        account,
        list(said.roles),
        said.name,
        said.email,
        said.organization,
        said.practitioner,
        now,
    )


async def obey_once(tx: Write, issuer: str, message: str, now: datetime, ends: datetime) -> bool:
    await tx.execute(_SQL["forget_logouts"], now)
    return await tx.fetchval(_SQL["obey_once"], issuer, message, ends) is not None
