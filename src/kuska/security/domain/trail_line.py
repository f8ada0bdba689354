"""An event of the trail as one flat line of plain values: what the journal holds and what the database function takes.

Ids and codes only; still, parts of it come from clients (a query, an address), so a line never holds what JSON or
PostgreSQL would refuse: one event that cannot be stored must not hold up all others.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import msgspec

from kuska.security.contracts import Caller, Event, Kind

# In the order of the arguments of security.append.
FIELDS = (
    "id", "at", "outcome", "action", "kind", "interaction", "reason", "caller", "account", "client", "session",
    "roles", "methods", "as_patient", "as_practitioner", "organization", "tenant", "country", "purpose", "address",
    "request", "entities", "patients", "query", "detail",
)  # fmt: skip
Line = tuple[Any, ...]

_LONGEST_TEXT = 4_000  # of what a client can make long
LONGEST_KEY = 256  # of what is in an index, which takes some 2,700 bytes
_KEYS = frozenset({"kind", "account", "client", "session", "address", "request"})
_encode = msgspec.json.Encoder().encode
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def line(event: Event) -> Line:
    """Moments are microseconds since 1970, lists are joined by line feeds."""
    caller = event.caller
    made = (
        event.id,
        microseconds(event.at),
        int(event.outcome),
        event.action,
        event.kind,
        event.interaction,
        event.reason,
        caller.kind,
        caller.account,
        caller.client,
        caller.session,
        "\n".join(caller.roles),
        "\n".join(caller.methods),
        caller.patient,
        caller.practitioner,
        caller.organization,
        caller.tenant,
        caller.country,
        event.purpose,
        caller.address,
        event.request,
        "\n".join(event.entities),
        "\n".join(event.patients),
        event.query,
        json.dumps(event.detail, ensure_ascii=False, separators=(",", ":")) if event.detail else None,
    )
    whole = "".join(made[3:24])
    if (
        whole.isascii()
        and "\0" not in whole
        and len(whole) <= _LONGEST_TEXT
        and len(caller.account) <= LONGEST_KEY
        and len(made[22]) <= LONGEST_KEY
        and not made[24]
    ):
        return made  # nearly all
    return _cleaned(made)


def _cleaned(made: Line) -> Line:
    texts = list(made)
    for place, name in enumerate(FIELDS):
        value = texts[place]
        if name == "patients":
            texts[place] = "\n".join(patient[:LONGEST_KEY] for patient in _storable(value).split("\n"))
        elif name == "entities":
            texts[place] = _storable(value)
        elif name in _KEYS:
            texts[place] = _storable(value)[:LONGEST_KEY]
        elif name == "detail" and value is not None:
            texts[place] = _storable(value.replace("\\u0000", "\\ufffd"))
        elif isinstance(value, str):
            texts[place] = _storable(value)[:_LONGEST_TEXT]
    return tuple(texts)


def _storable(text: str) -> str:
    """Without what PostgreSQL cannot hold: NUL and half surrogates."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def encoded(made: Line) -> bytes:
    """As the journal and blocks have it."""
    return _encode(made)


def moment(since: int) -> datetime:
    return EPOCH + timedelta(microseconds=since)


def microseconds(at: datetime) -> int:
    """Since 1970."""
    return (at - EPOCH) // MICROSECOND


def columns(lines: Sequence[Line]) -> tuple[list[Any], ...]:
    """Arguments of security.append: one list per field."""
    if not lines:
        return tuple([] for _ in FIELDS)
    turned = [list(values) for values in zip(*lines, strict=True)]
    turned[1] = [moment(value) for value in turned[1]]
    return tuple(turned)


def event(row: Sequence[Any]) -> Event:
    """From a row of the table with FIELDS in their order, lists as lists and the detail as text."""
    value = dict(zip(FIELDS, row, strict=True))
    detail: Any = json.loads(value["detail"]) if value["detail"] else ()
    return Event(
        id=str(value["id"]),
        at=value["at"],
        action=value["action"],
        kind=value["kind"],
        interaction=value["interaction"],
        outcome=cast("Any", str(value["outcome"])),
        reason=value["reason"],
        caller=Caller(
            kind=cast("Kind", value["caller"]),
            account=value["account"],
            client=value["client"],
            session=value["session"],
            roles=tuple(value["roles"]),
            methods=tuple(value["methods"]),
            patient=value["as_patient"],
            practitioner=value["as_practitioner"],
            organization=value["organization"],
            tenant=value["tenant"],
            country=value["country"],
            address=value["address"],
        ),
        purpose=value["purpose"],
        request=value["request"],
        entities=tuple(value["entities"]),
        patients=tuple(value["patients"]),
        query=value["query"],
        detail=tuple((str(name), str(text)) for name, text in detail),
    )
