"""OAuth clients, and which of their assertions were shown already."""

from __future__ import annotations

from datetime import datetime

from kuska.infra.postgres.connection import Read, Row, Write
from kuska.kit.sqlfiles import load
from kuska.security.domain.clients import Client
from kuska.security.domain.scopes import asked

_SQL = load(__package__, "oauth_clients.sql")


async def find(conn: Read, id_: str, tenant: str) -> Client | None:
    row = await conn.fetchrow(_SQL["find"], id_, tenant)
    return _client(row) if row else None


async def every(conn: Read, tenant: str) -> list[Client]:
    return [_client(row) for row in await conn.fetch(_SQL["all"], tenant)]


async def save(tx: Write, client: Client, now: datetime, *, anew: bool) -> bool:
    """False: the id belongs to a client that is withdrawn, or to another tenant; or to any at all, if it is to be anew."""
    one = client
    saved = await tx.fetchval(
        _SQL["save"], one.id, one.name, one.kind, one.party, one.secret, one.jwks, one.jwks_uri, one.redirects,
        one.launch_url, one.grants, str(one.scope), one.roles, one.purposes, one.tenant, one.country, one.organization,
        one.patient_facing, one.trusted, one.introspects, now, anew,
    )  # fmt: skip
    return saved is not None


async def withdraw(tx: Write, id_: str, tenant: str, now: datetime) -> bool:
    return await tx.fetchval(_SQL["withdraw"], id_, tenant, now) is not None


async def of_organization(tx: Write, organization: str, tenant: str) -> list[str]:
    return [row["id"] for row in await tx.fetch(_SQL["of_organization"], organization, tenant)]


async def disable_partners(tx: Write, organization: str, tenant: str, now: datetime) -> list[str]:
    return [row["id"] for row in await tx.fetch(_SQL["disable_partners"], organization, tenant, now)]


async def see_assertion(tx: Write, client: str, jti: bytes, expires: datetime) -> bool:
    """False: it was shown before."""
    return await tx.fetchval(_SQL["see_assertion"], client, jti, expires) is not None


def _client(row: Row) -> Client:
    return Client(
        id=row["id"],
        name=row["name"],
        kind=row["kind"],
        party=row["party"],
        secret=row["secret"],
        jwks=row["jwks"],
        jwks_uri=row["jwks_uri"],
        redirects=tuple(row["redirects"]),
        launch_url=row["launch_url"],
        grants=tuple(row["grants"]),
        scope=asked(row["scope"]),
        roles=tuple(row["roles"]),
        purposes=tuple(row["purposes"]),
        tenant=row["tenant"],
        country=row["country"],
        organization=row["organization"],
        patient_facing=row["patient_facing"],
        trusted=row["trusted"],
        introspects=row["introspects"],
        status=row["status"],
    )
