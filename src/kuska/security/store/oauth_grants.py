"""What people granted to clients: from the request to the last refresh token."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from kuska.infra.postgres.connection import Read, Row, Write
from kuska.kit.sqlfiles import load
from kuska.security.contracts import Kind
from kuska.security.domain.authorization import Asked
from kuska.security.domain.scopes import Scopes, asked

_SQL = load(__package__, "oauth_grants.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    id: str
    kind: Kind
    active: bool
    roles: tuple[str, ...]
    patient: str
    practitioner: str
    organization: str
    country: str
    display_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A request that waits for its decision."""

    client: str
    redirect: str
    asked: Asked
    session: str  # that saw the consent page; '' before there is one
    created: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    id: str
    client: str
    account: str
    session: str
    scopes: Scopes
    patient: str
    encounter: str
    banner: bool
    nonce: str
    authenticated: datetime
    methods: tuple[str, ...]
    created: datetime
    expires: datetime
    revoked: datetime | None = None


async def person(conn: Read, account: str, tenant: str) -> Person | None:
    row = await conn.fetchrow(_SQL["person"], account, tenant)
    return _person(row) if row else None


async def person_held(tx: Write, account: str, tenant: str) -> Person | None:
    row = await tx.fetchrow(_SQL["person_held"], account, tenant)
    return _person(row) if row else None


def _person(row: Row) -> Person:
    return Person(
        id=row["id"],
        kind=row["kind"],
        active=row["status"] == "active",
        roles=tuple(row["roles"]),
        patient=row["patient"],
        practitioner=row["practitioner"],
        organization=row["organization"],
        country=row["country"],
        display_name=row["display_name"],
    )


async def session_lives(conn: Read, session: str, now: datetime) -> bool:
    return bool(await conn.fetchval(_SQL["session_lives"], session, now))


async def ask(tx: Write, hash_: bytes, pending: Pending, expires: datetime) -> None:
    text = json.dumps(pending.asked.dump())
    one = pending
    await tx.execute(_SQL["ask"], hash_, one.client, one.redirect, text, one.session, one.created, expires)


async def pending(conn: Read, hash_: bytes, now: datetime) -> Pending | None:
    row = await conn.fetchrow(_SQL["asked"], hash_, now)
    if row is None:
        return None
    return Pending(
        client=row["client"],
        redirect=row["redirect"],
        asked=Asked.restore(json.loads(row["asked"])),
        session=row["session"],
        created=row["created"],
    )


async def decide(tx: Write, hash_: bytes, session: str) -> bool:
    return await tx.fetchval(_SQL["decide"], hash_, session) is not None


async def begin(tx: Write, grant: Grant) -> None:
    one = grant
    await tx.execute(
        _SQL["begin"], one.id, one.client, one.account, one.session, str(one.scopes), one.patient, one.encounter,
        one.banner, one.nonce, one.authenticated, one.methods, one.created, one.expires,
    )  # fmt: skip


async def grant(conn: Read, id_: str) -> Grant | None:
    row = await conn.fetchrow(_SQL["grant"], id_)
    if row is None:
        return None
    return Grant(
        id=row["id"],
        client=row["client"],
        account=row["account"],
        session=row["session"],
        scopes=asked(row["scope"]),
        patient=row["patient"],
        encounter=row["encounter"],
        banner=row["banner"],
        nonce=row["nonce"],
        authenticated=row["authenticated"],
        methods=tuple(row["methods"]),
        created=row["created"],
        expires=row["expires"],
        revoked=row["revoked"],
    )


async def approve(tx: Write, grant: Grant) -> None:
    await tx.execute(_SQL["approve"], grant.account, grant.client, str(grant.scopes), grant.created)


async def approved(conn: Read, account: str, client: str, since: datetime) -> Scopes:
    """What this person said yes to since then; nothing when they did not."""
    return asked(await conn.fetchval(_SQL["approved"], account, client, since) or "")


async def disapprove(tx: Write, grant: str) -> None:
    await tx.execute(_SQL["disapprove"], grant)


async def of_account(conn: Read, account: str, now: datetime) -> list[Row]:
    return await conn.fetch(_SQL["of_account"], account, now)


async def end(tx: Write, id_: str, now: datetime) -> bool:
    return await tx.fetchval(_SQL["end"], id_, now) is not None


async def end_of_account(tx: Write, account: str, now: datetime) -> None:
    """All that came of this account's grants. The caller bumps the epoch, and forgets after the commit."""
    await tx.execute(_SQL["end_of_account"], account, now)


async def add_code(
    tx: Write, hash_: bytes, *, grant: str, client: str, redirect: str, challenge: str, expires: datetime
) -> None:
    await tx.execute(_SQL["add_code"], hash_, grant, client, redirect, challenge, expires)


async def use_code(tx: Write, hash_: bytes, client: str, now: datetime) -> Row | None:
    return await tx.fetchrow(_SQL["use_code"], hash_, client, now)


async def code(conn: Read, hash_: bytes) -> Row | None:
    return await conn.fetchrow(_SQL["code"], hash_)


async def add_refresh(tx: Write, hash_: bytes, grant: str, now: datetime, expires: datetime) -> None:
    await tx.execute(_SQL["add_refresh"], hash_, grant, now, expires)


async def use_refresh(tx: Write, hash_: bytes, client: str, now: datetime) -> Row | None:
    return await tx.fetchrow(_SQL["use_refresh"], hash_, client, now)


async def refresh(conn: Read, hash_: bytes) -> Row | None:
    return await conn.fetchrow(_SQL["refresh"], hash_)


async def add_launch(
    tx: Write, hash_: bytes, *, client: str, account: str, patient: str, encounter: str, expires: datetime
) -> None:
    await tx.execute(_SQL["add_launch"], hash_, client, account, patient, encounter, expires)


async def launch(conn: Read, hash_: bytes, client: str, account: str, now: datetime) -> Row | None:
    return await conn.fetchrow(_SQL["launch"], hash_, client, account, now)


async def use_launch(tx: Write, hash_: bytes) -> bool:
    return await tx.fetchval(_SQL["use_launch"], hash_) is not None


async def sweep(tx: Write, now: datetime) -> None:
    for name in ("sweep_requests", "sweep_launches", "sweep_assertions", "sweep_grants"):
        await tx.execute(_SQL[name], now)
