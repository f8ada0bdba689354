"""Mails that wait to be sent: rows with a due time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kuska.infra.postgres.connection import Read, Write
from kuska.kit.json import decode, encode
from kuska.kit.sqlfiles import load

_SQL = load(__package__, "mails.sql")


@dataclass(frozen=True, slots=True)
class Errand:
    id: str
    kind: str
    about: Mapping[str, Any]
    attempts: int  # this one included
    asked: datetime


async def add(tx: Write, id_: str, kind: str, about: Mapping[str, str], now: datetime) -> None:
    await tx.execute(_SQL["add"], id_, kind, encode(about).decode(), now)


async def take(tx: Write, now: datetime, until: datetime) -> Errand | None:
    row = await tx.fetchrow(_SQL["take"], now, until)
    if row is None:
        return None
    return Errand(row["id"], row["kind"], decode(row["about"].encode()), row["attempts"], row["asked"])


async def sent(tx: Write, id_: str) -> None:
    await tx.execute(_SQL["sent"], id_)


async def later(tx: Write, id_: str, due: datetime, problem: str) -> None:
    await tx.execute(_SQL["later"], id_, due, problem)


async def give_up(tx: Write, id_: str, now: datetime, problem: str) -> None:
    await tx.execute(_SQL["give_up"], id_, now, problem)


async def waiting(conn: Read) -> tuple[int, int]:
    """(waiting, given up)."""
    row = await conn.fetchrow(_SQL["waiting"])
    return (0, 0) if row is None else (row["waiting"], row["given_up"])


async def sweep(tx: Write, given_up_before: datetime) -> None:
    await tx.execute(_SQL["sweep"], given_up_before)
