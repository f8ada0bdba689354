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


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    at: datetime
    who: str
    roles: tuple[str, ...]
    what: str
    things: str
    reason: str
    fine: bool
    patients: tuple[str, ...]
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
    caller = event.caller
    known = catalogue(lang)
    kind = t(f"auditing.kind-{event.kind}") if event.kind in KINDS else event.kind
    doing = f"auditing.action-{event.action}" if event.kind == "rest" else f"auditing.did-{event.interaction}"
    # To register is one thing for a person and another for an application.
    doing = known.get(f"auditing.did-{event.kind}-{event.interaction}") or known.get(doing, event.interaction)
    things = list(event.entities[:_MOST_THINGS])
    if len(event.entities) > _MOST_THINGS:
        things.append(f"+{len(event.entities) - _MOST_THINGS}")
    who = names.get(caller.account) or caller.account or caller.client
    return Line(
        at=event.at,
        who=f"{who} · {caller.client}" if caller.client and caller.client != caller.account else who,
        roles=caller.roles,
        what=f"{kind}: {doing}" if doing else kind,
        things=" ".join(things) or event.query,
        reason=t(event.reason) if event.reason in known else event.reason,
        fine=event.outcome == "0",
        patients=event.patients,
        purpose=known.get(f"purpose.{event.purpose}", event.purpose),
        address=caller.address,
    )
