"""Who a member of staff is in the record: looked up before the account is made, while a slip can be put right.

Patients are not looked up here: who gives out accounts reads no record, and must not find out who has one. The desk
invites by document.
"""

from __future__ import annotations

from kuska.security.api import Security


async def staff_problems(security: Security, practitioner: str) -> dict[str, str]:
    """Field -> message key."""
    if not practitioner or security.staff is None or await security.staff.practises(practitioner):
        return {}
    return {"practitioner": "admin.no-practitioner"}
