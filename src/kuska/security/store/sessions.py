"""Sessions in the database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from kuska.infra.postgres.connection import Read, Row, Write
from kuska.kit.sqlfiles import load
from kuska.security.domain.sessions import Session
from kuska.security.store.accounts import WIDTH, account_of

_SQL = load(__package__, "sessions.sql")


def _session_of(row: Row) -> Session:
    id_, pending, methods, shown, created, authenticated, seen, ends, address, agent = tuple(row)[WIDTH:]
    return Session(
        id=id_,
        account=account_of(row),
        pending=pending,
        methods=tuple(methods),
        shown=tuple(shown),
        created=created,
        authenticated=authenticated,
        seen=seen,
        ends=ends,
        address=address,
        agent=agent,
    )


async def find(conn: Read, digest: bytes, now: datetime) -> Session | None:
    row = await conn.fetchrow(_SQL["find"], digest, now)
    return None if row is None else _session_of(row)


async def of_account(conn: Read, account: str, now: datetime, seen_after: datetime) -> list[Session]:
    return [_session_of(row) for row in await conn.fetch(_SQL["of_account"], account, now, seen_after)]


async def add(
    tx: Write,
    digest: bytes,
    *,
    id_: str,
    account: str,
    pending: bool,
    methods: Sequence[str],
    now: datetime,
    ends: datetime,
    address: str,
    agent: str,
) -> None:
    await tx.execute(
        _SQL["add"], digest, id_, account, pending, list(methods), [now] * len(methods), now, ends, address, agent
    )


async def rotate(
    tx: Write, old: bytes, new: bytes, session: Session, *, methods: dict[str, datetime], now: datetime, ends: datetime
) -> bool:
    """False: the old value is not good any more; somebody else rotated it, or it was revoked."""
    found = await tx.fetchval(
        _SQL["rotate"], old, new, list(methods), list(methods.values()), now, ends, session.address, session.pending
    )
    return found is not None


async def saw(tx: Write, digest: bytes, now: datetime, address: str) -> None:
    await tx.execute(_SQL["saw"], digest, now, address)


async def drop(tx: Write, digest: bytes) -> bool:
    return await tx.fetchrow(_SQL["drop"], digest) is not None


async def drop_one(tx: Write, id_: str, account: str) -> bool:
    return await tx.fetchval(_SQL["drop_one"], id_, account) is not None


async def drop_all(tx: Write, account: str, but: bytes = b"") -> None:
    await tx.execute(_SQL["drop_all"], account, but)


async def sweep(tx: Write, now: datetime, seen_before: datetime) -> None:
    await tx.execute(_SQL["sweep"], now, seen_before)
