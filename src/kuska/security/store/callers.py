"""What the policy has to know about a caller beyond what token or session say."""

from __future__ import annotations

from datetime import datetime

from kuska.infra.postgres.connection import Read
from kuska.kit.sqlfiles import load
from kuska.security.contracts import Caller
from kuska.security.domain.policy import Facts, actors
from kuska.security.store.consents import HeardConsents

_SQL = load(__package__, "callers.sql")


async def facts(
    conn: Read, caller: Caller, now: datetime, heard: HeardConsents, *, permissions: bool, breaks: bool
) -> Facts:
    """`permissions`: some role reaches by Consent; `breaks`: some role may break the glass."""
    row = await conn.fetchrow(_SQL["about"], caller.account, now)
    assert row is not None  # noqa: S101 - the state of the consents is always there
    patient, roles = "", caller.roles
    if row["known"]:
        # A token says what was so when it was made. What was taken away since then is taken away from it too; somebody
        # who turned out to be another practitioner has to sign in again.
        patient, roles = row["patient"], tuple(row["roles"])
        if not row["active"] or caller.practitioner not in ("", row["practitioner"]):
            return Facts(active=False)
    heard.at(row["version"])
    named = actors(caller, Facts(patient=patient))
    opened: dict[str, datetime] = {}
    glass: dict[str, str] = {}
    for one, until, id_ in zip(row["opened"], row["untils"], row["grants"], strict=True) if breaks else ():
        if until >= opened.get(one, until):
            opened[one], glass[one] = until, id_
    return Facts(
        patient=patient,
        roles=roles,
        consents=await heard.of(conn, named, now, permissions=permissions),
        common=await heard.by_all(conn, now, permissions=permissions),
        opened=opened,
        glass=glass,
    )
