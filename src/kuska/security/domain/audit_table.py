"""The trail as a table for spreadsheets: one event a row."""

from __future__ import annotations

import csv
import io

from kuska.security.contracts import Event
from kuska.security.domain.audit_event import instant

HEADER = (
    "id", "at", "action", "kind", "interaction", "outcome", "reason", "caller", "account", "client", "roles", "purpose",
    "address", "request", "patients", "entities", "query", "detail",
)  # fmt: skip
# A spreadsheet takes what begins with one of these for a formula, and runs it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def header() -> str:
    return _row(HEADER)


def row(event: Event) -> str:
    caller = event.caller
    return _row(
        (
            event.id, instant(event.at), event.action, event.kind, event.interaction, event.outcome, event.reason,
            caller.kind, caller.account, caller.client, " ".join(caller.roles), event.purpose, caller.address,
            event.request, " ".join(event.patients), " ".join(event.entities), event.query,
            " ".join(f"{name}={value}" for name, value in event.detail),
        )
    )  # fmt: skip


def _row(values: tuple[str, ...]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow([f"'{value}" if value.startswith(_FORMULA) else value for value in values])
    return out.getvalue()
