"""Visits that no policy decides: security switched off, and the program's own work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from kuska.kit.clock import Clock, SystemClock
from kuska.security.contracts import Caller, Event, Letter, Trail, Way
from kuska.security.visit import Visit

_EVERYTHING = (Way("all"),)


class Unrestricted:
    """`contracts.Access` to everything."""

    __slots__ = ("caller", "purpose")

    durable = False
    areas: frozenset[str] = frozenset()
    withheld: frozenset[str] = frozenset()
    consented: frozenset[str] = frozenset()
    opened: frozenset[str] = frozenset()
    glass: Mapping[str, str] = MappingProxyType({})

    def __init__(self, caller: Caller, purpose: str) -> None:
        self.caller = caller
        self.purpose = purpose

    def withheld_for(self, type_: str) -> frozenset[str]:
        del type_
        return self.withheld

    def consented_for(self, type_: str) -> frozenset[str]:
        del type_
        return self.consented

    def ways(self, type_: str, letter: Letter) -> tuple[Way, ...]:
        del type_, letter
        return _EVERYTHING

    def free(self, type_: str, letter: Letter) -> bool:
        del type_, letter
        return True

    def may(self, feature: str) -> bool:
        del feature
        return True


class Unnoted:
    """`contracts.Trail` that keeps nothing."""

    quiet = True

    def note(self, event: Event) -> None:
        del event

    async def keep(self, event: Event) -> None:
        del event

    def columns(self, events: Sequence[Event]) -> tuple[Sequence[Any], ...]:
        del events
        raise NotImplementedError("without a trail there is nothing to append")

    async def within(self, tx: Any, events: Sequence[Event]) -> None:
        del tx, events


def visit_off(clock: Clock | None = None) -> Visit:
    """KUSKA_SECURITY=off: everybody may everything, nothing is noted. The process takes it only on loopback."""
    return Visit(
        Unrestricted(Caller(kind="system", account="security-off"), "HTEST"), Unnoted(), clock or SystemClock()
    )


def visit_system(work: str, trail: Trail, clock: Clock) -> Visit:
    """The program's own work, such as seeding the demo; `work` says which and stands in the trail as who did it."""
    return Visit(Unrestricted(Caller(kind="system", account=f"system:{work}"), "HSYSADMIN"), trail, clock)


def visit_operator(trail: Trail, clock: Clock, tenant: str) -> Visit:
    """Whoever works at the machine itself, by a command."""
    caller = Caller(kind="system", account="operator", tenant=tenant)
    return Visit(Unrestricted(caller, "HSYSADMIN"), trail, clock)
