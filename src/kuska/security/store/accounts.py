"""Accounts and one-time links in the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from kuska.infra.postgres.connection import Read, Row, Write
from kuska.kit.sqlfiles import load
from kuska.security.domain.accounts import Account, Language, Status

_SQL = load(__package__, "accounts.sql")
WIDTH = 15

Purpose = Literal["invitation", "reset"]


@dataclass(frozen=True, slots=True)
class Link:
    """What a one-time link is about, for the page that it opens."""

    purpose: Purpose
    login: str
    display_name: str
    email: str
    language: Language
    account: str


def account_of(row: Row) -> Account:
    """From a row that begins with the columns of an account."""
    (id_, kind, tenant, login, name, email, status, country, organization, patient, practitioner, roles,
     language, created, updated) = tuple(row)[:WIDTH]  # fmt: skip
    return Account(
        id=id_,
        kind=kind,
        tenant=tenant,
        login=login,
        display_name=name,
        email=email,
        status=status,
        country=country,
        organization=organization,
        patient=patient,
        practitioner=practitioner,
        roles=tuple(roles),
        language=language,
        created=created,
        updated=updated,
    )


class AccountStore:
    """Of one tenant: no query can leave it."""

    def __init__(self, tenant: str) -> None:
        self._tenant = tenant

    async def by_id(self, conn: Read, id_: str) -> Account | None:
        return await self._one(conn, "by_id", id_)

    async def by_login(self, conn: Read, login: str) -> Account | None:
        return await self._one(conn, "by_login", login)

    async def by_patient(self, conn: Read, patient: str) -> Account | None:
        return await self._one(conn, "by_patient", patient)

    async def locked(self, tx: Write, id_: str) -> Account | None:
        return await self._one(tx, "locked", id_)

    async def _one(self, conn: Read, query: str, value: str) -> Account | None:
        row = await conn.fetchrow(_SQL[query], self._tenant, value)
        return None if row is None else account_of(row)

    async def page(self, conn: Read, containing: str, after: str, limit: int) -> list[Account]:
        rows = await conn.fetch(_SQL["page"], self._tenant, containing.casefold(), after, limit)
        return [account_of(row) for row in rows]

    async def ruling(self, conn: Read, roles: Sequence[str]) -> tuple[int, int]:
        """(active, invited) of those that have one of these roles."""
        row = await conn.fetchrow(_SQL["ruling"], self._tenant, list(roles))
        return (0, 0) if row is None else (row[0], row[1])

    async def password(self, conn: Read, login: str) -> tuple[str, str | None]:
        """(account id, hash) of an active account; ('', None) where there is none."""
        row = await conn.fetchrow(_SQL["password"], self._tenant, login)
        return ("", None) if row is None else (row["id"], row["password"])

    async def still(self, tx: Write, id_: str, password: str) -> Account | None:
        row = await tx.fetchrow(_SQL["still"], self._tenant, id_, password)
        return None if row is None else account_of(row)

    async def password_of(self, conn: Read, id_: str) -> str | None:
        found: str | None = await conn.fetchval(_SQL["password_of"], self._tenant, id_)
        return found

    async def add(self, tx: Write, account: Account, password: str | None) -> None:
        await tx.execute(
            _SQL["add"], account.id, account.kind, self._tenant, account.login, account.display_name, account.email,
            account.status, account.country, account.organization, account.patient, account.practitioner,
            list(account.roles), account.language, account.created, password,
        )  # fmt: skip

    async def correct(self, tx: Write, account: Account) -> None:
        await tx.execute(
            _SQL["correct"], self._tenant, account.id, account.display_name, account.email, account.organization,
            account.practitioner, account.updated,
        )  # fmt: skip

    async def set_roles(self, tx: Write, id_: str, roles: Sequence[str], now: datetime) -> None:
        await tx.execute(_SQL["set_roles"], self._tenant, id_, list(roles), now)

    async def disable(self, tx: Write, id_: str, now: datetime) -> None:
        await tx.execute(_SQL["disable"], self._tenant, id_, now)

    async def enable(self, tx: Write, id_: str, now: datetime) -> Status:
        status: Status = await tx.fetchval(_SQL["enable"], self._tenant, id_, now)
        return status

    async def set_password(self, tx: Write, id_: str, password: str, now: datetime) -> bool:
        """False: the account is not there or disabled."""
        return await tx.fetchval(_SQL["set_password"], self._tenant, id_, password, now) is not None

    async def renew_password(self, tx: Write, id_: str, old: str, new: str) -> None:
        await tx.execute(_SQL["renew_password"], self._tenant, id_, old, new)

    async def put_link(
        self, tx: Write, account: str, purpose: Purpose, digest: bytes, *, now: datetime, expires: datetime
    ) -> None:
        await tx.execute(_SQL["put_link"], account, purpose, digest, now, expires)

    async def link(self, conn: Read, digest: bytes, now: datetime) -> Link | None:
        row = await conn.fetchrow(_SQL["link"], digest, now)
        if row is None:
            return None
        return Link(row["purpose"], row["login"], row["display_name"], row["email"], row["language"], row["id"])

    async def take_link(self, tx: Write, digest: bytes, now: datetime) -> tuple[str, Purpose] | None:
        row = await tx.fetchrow(_SQL["take_link"], digest, now)
        return None if row is None else (row["account"], row["purpose"])

    async def link_made(self, conn: Read, account: str, purpose: Purpose) -> datetime | None:
        found: datetime | None = await conn.fetchval(_SQL["link_made"], account, purpose)
        return found

    async def drop_links(self, tx: Write, account: str) -> None:
        await tx.execute(_SQL["drop_links"], account)

    async def sweep_links(self, tx: Write, now: datetime) -> None:
        await tx.execute(_SQL["sweep_links"], now)
