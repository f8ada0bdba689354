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
    patient: str = (await conn.fetchval(_SQL["patient_of"], caller.account) or "") if caller.kind == "person" else ""
    known = Facts(patient=patient)
    return Facts(
        patient=patient,
        consents=await consents.heard(conn, actors(caller, known), now, permissions=permissions),
        common=await common.read(conn, now, permissions=permissions),
        opened=await glass.opened(conn, caller.account, now) if breaks else {},
    )
