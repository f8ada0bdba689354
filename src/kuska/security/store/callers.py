"""What the policy has to know about a caller beyond what token or session say."""

from __future__ import annotations

from datetime import datetime

from kuska.infra.postgres.connection import Read
from kuska.kit.sqlfiles import load
from kuska.security.contracts import Caller
from kuska.security.domain.policy import Facts, actors
from kuska.security.store import consents, glass
from kuska.security.store.consents import CommonConsents

_SQL = load(__package__, "callers.sql")


async def facts(
    conn: Read, caller: Caller, now: datetime, common: CommonConsents, *, permissions: bool, breaks: bool
) -> Facts:
    """`permissions`: some role reaches by Consent; `breaks`: some role may break the glass."""
    row = await conn.fetchrow(_SQL["account"], caller.account) if caller.account else None
    patient, roles = "", caller.roles
    if row is not None:
        # A token says what was so when it was made. What was taken away since then is taken away from it too; somebody
        # who turned out to be another practitioner has to sign in again.
        patient, roles = row["patient"], tuple(row["roles"])
        if not row["active"] or caller.practitioner not in ("", row["practitioner"]):
            return Facts(active=False)
    known = Facts(patient=patient)
    return Facts(
        patient=patient,
        roles=roles,
        consents=await consents.heard(conn, actors(caller, known), now, permissions=permissions),
        common=await common.read(conn, now, permissions=permissions),
        opened=await glass.opened(conn, caller.account, now) if breaks else {},
    )
