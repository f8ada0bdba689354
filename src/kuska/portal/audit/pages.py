"""What the audit page shows, and how an event becomes a line that a person can read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from kuska.kit.messages import catalogue
from kuska.portal.audit.details import Fact, details
from kuska.portal.audit.words import because, shown_path, what
from kuska.portal.ui.forms import Filled
from kuska.security.contracts import Event

_MOST_THINGS = 4
_MOST_PATIENTS = 5
_SYSTEM = "system:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    at: datetime
    who: str
    roles: tuple[str, ...]
    what: str
    whose: str  # the account that it was done to
    facts: tuple[Fact, ...]
    numbers: tuple[Fact, ...]  # for who follows it up
    things: str
    query: str
    reason: str
    fine: bool
    glass: bool  # the record was open because the glass was broken
    patients: tuple[str, ...]
    more: int  # patients that are not shown
    purpose: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    tone: Literal["good", "look", "bad"]
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPage:
    filled: Filled
    documents: Sequence[tuple[str, str]]
    kinds: Sequence[tuple[str, str]]
    outcomes: Sequence[tuple[str, str]]
    lines: Sequence[Line]
    next: str  # address of the next page, '' = none
    query: Mapping[str, str]
    days: int
    may_export: bool
    chain: Chain | None = None


def line(event: Event, names: Mapping[str, str], t: Callable[..., str], lang: str) -> Line:
    """`names`: of accounts and of clients, by id."""
    caller = event.caller
    known = catalogue(lang)
    told = details(event, names, t, known, lang)
    things = [*filter(None, [shown_path(event)]), *event.entities[:_MOST_THINGS]]
    if len(event.entities) > _MOST_THINGS:
        things.append(f"+{len(event.entities) - _MOST_THINGS}")
    return Line(
        at=event.at,
        who=_who(event, names, t, known),
        roles=caller.roles,
        what=what(event, t, known),
        whose=told.whose,
        facts=told.facts,
        numbers=told.numbers,
        things=" ".join(things),
        query=event.query,
        reason=because(event, known),
        fine=event.outcome == "0",
        glass=event.kind == "rest" and any(name == "glass" for name, _ in event.detail),
        patients=event.patients[:_MOST_PATIENTS],
        more=max(0, len(event.patients) - _MOST_PATIENTS),
        purpose=known.get(f"purpose.{event.purpose}", event.purpose),
        address=caller.address,
    )


def _who(event: Event, names: Mapping[str, str], t: Callable[..., str], known: Mapping[str, str]) -> str:
    caller = event.caller
    if caller.account.startswith(_SYSTEM):
        work = caller.account.removeprefix(_SYSTEM)
        return t("auditing.system", work=known.get(f"auditing.system-{work}", work))
    if caller.kind == "system" and not (caller.account or caller.client):
        return t("auditing.who-system")
    client = names.get(caller.client, caller.client)
    who = names.get(caller.account) or known.get(f"auditing.who-{caller.account}") or caller.account or client
    return f"{who} · {client}" if caller.client and caller.client != caller.account else who
