"""What the audit page shows, and how an event becomes a line that a person can read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from kuska.kit.messages import catalogue
from kuska.portal.ui.forms import Filled
from kuska.security.contracts import Event

KINDS = (
    "rest", "login", "logout", "door", "account", "factor", "role", "client", "token", "break-glass", "export", "audit",
    "key", "pseudonym",
)  # fmt: skip
_MOST_THINGS = 4
_MOST_PATIENTS = 5
_SYSTEM = "system:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    at: datetime
    who: str
    roles: tuple[str, ...]
    what: str
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
    things = list(event.entities[:_MOST_THINGS])
    if len(event.entities) > _MOST_THINGS:
        things.append(f"+{len(event.entities) - _MOST_THINGS}")
    return Line(
        at=event.at,
        who=_who(event, names, t, known),
        roles=caller.roles,
        what=_what(event, t, known),
        things=" ".join(things),
        query=event.query,
        reason=t(event.reason) if event.reason in known else event.reason,
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
    client = names.get(caller.client, caller.client)
    who = names.get(caller.account) or known.get(f"auditing.who-{caller.account}") or caller.account or client
    return f"{who} · {client}" if caller.client and caller.client != caller.account else who


def _what(event: Event, t: Callable[..., str], known: Mapping[str, str]) -> str:
    """The same word can mean one thing of a person and another of an application: by kind first."""
    doing = known.get(f"auditing.did-{event.kind}-{event.interaction}")
    if doing is None and event.kind != "rest":
        doing = known.get(f"auditing.did-{event.interaction}")
    if doing is None:
        doing = t(f"auditing.action-{event.action}") if event.kind == "rest" else event.interaction
    kind = t(f"auditing.kind-{event.kind}") if event.kind in KINDS else event.kind
    return f"{kind}: {doing}" if doing else kind
