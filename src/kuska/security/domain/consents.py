"""What a patient's Consent resources mean for one caller and one purpose.

A Consent is a rule with exceptions, each with exceptions of its own; of those that apply, the deepest decides. Between
several Consents of a patient a refusal is stronger. Whose the data is, is never shut out of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Effect = Literal["permit", "deny"]
# Finding, registering and booking a person; roles that do it see nothing clinical.
ADMINISTRATION = "PATADMIN"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRule:
    patient: str
    effect: Effect
    depth: int  # 0 = the Consent's own rule, 1 = an exception to it, …
    actors: tuple[str, ...] = ()  # 'Practitioner/1', 'Organization/1', 'role:physician'; () = everybody
    purposes: tuple[str, ...] = ()  # () = every one
    types: tuple[str, ...] = ()  # () = every one
    begins: datetime | None = None
    ends: datetime | None = None  # the first moment at which it is over

    def applies(self, actors: frozenset[str], purposes: frozenset[str], now: datetime) -> bool:
        if self.general and ADMINISTRATION in purposes:
            return False
        return (
            (not self.actors or not actors.isdisjoint(self.actors))
            and (not self.purposes or not purposes.isdisjoint(self.purposes))
            and (self.begins is None or self.begins <= now)
            and (self.ends is None or now < self.ends)
        )

    @property
    def general(self) -> bool:
        """A refusal of everything to everybody. It is about what is known of somebody's health. A reception that could
        not find the person would register them a second time, and their next physician would miss half of the record.
        """
        return self.effect == "deny" and not (self.actors or self.purposes or self.types)

    @property
    def names(self) -> bool:
        """It says whom it lets in, or what for. A permission of everything to everybody lets in nobody in particular."""
        return bool(self.actors or self.purposes)


@dataclass(frozen=True, slots=True)
class Wishes:
    """Patients by what they said, for one caller and purpose. `by_type` holds whole sets for types that were named."""

    withheld: frozenset[str] = frozenset()
    consented: frozenset[str] = frozenset()
    withheld_by_type: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    consented_by_type: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])


def wishes(
    rules: Mapping[str, Iterable[ConsentRule]],
    actors: frozenset[str],
    purposes: frozenset[str],
    now: datetime,
) -> Wishes:
    """`rules`: those of each Consent, by its id. Every Consent must be complete: an exception not given is not heard."""
    applying: defaultdict[str, list[list[ConsentRule]]] = defaultdict(list)
    for one in rules.values():
        for_patient: defaultdict[str, list[ConsentRule]] = defaultdict(list)
        for rule in one:
            if rule.applies(actors, purposes, now):
                for_patient[rule.patient].append(rule)
        for patient, heard in for_patient.items():
            applying[patient].append(heard)
    outcomes = {patient: _outcome(consents, None) for patient, consents in applying.items()}
    withheld = frozenset(patient for patient, effect in outcomes.items() if effect == "deny")
    consented = frozenset(patient for patient, effect in outcomes.items() if effect == "permit")
    # Only patients who named types differ from the whole; usually few.
    finer = {
        patient: consents
        for patient, consents in applying.items()
        if any(rule.types for consent in consents for rule in consent)
    }
    types = {type_ for consents in finer.values() for consent in consents for rule in consent for type_ in rule.types}
    withheld_by_type: dict[str, frozenset[str]] = {}
    consented_by_type: dict[str, frozenset[str]] = {}
    for type_ in types:
        effects = {patient: _outcome(consents, type_) for patient, consents in finer.items()}
        withheld_by_type[type_] = (withheld - finer.keys()) | {p for p, effect in effects.items() if effect == "deny"}
        consented_by_type[type_] = (consented - finer.keys()) | {
            p for p, effect in effects.items() if effect == "permit"
        }
    return Wishes(withheld, consented, withheld_by_type, consented_by_type)


class Common:
    """Consents that speak of everybody. Those of them that speak of nobody else mean the same for every caller, so that
    what they mean is found once, however many patients and callers there are.
    """

    def __init__(self, rules: Mapping[str, tuple[ConsentRule, ...]]) -> None:
        self._general = {id_: one for id_, one in rules.items() if not any(rule.actors for rule in one)}
        self.mixed = {id_: one for id_, one in rules.items() if id_ not in self._general}
        self._said: dict[frozenset[str], tuple[Wishes, datetime | None]] = {}

    def wishes(self, purposes: frozenset[str], now: datetime) -> tuple[Wishes, datetime | None]:
        """For everybody, and when that changes by itself. `mixed` must be heard for each caller apart."""
        kept = self._said.get(purposes)
        if kept is None or (kept[1] is not None and kept[1] <= now):
            every = (rule for one in self._general.values() for rule in one)
            kept = self._said[purposes] = (wishes(self._general, frozenset(), purposes, now), turns(every, now))
        return kept


def together(one: Wishes, other: Wishes) -> Wishes:
    """Of different Consents. Who is in both sets is withheld: that is looked at first."""
    types = one.withheld_by_type.keys() | other.withheld_by_type.keys()
    return Wishes(
        _union(one.withheld, other.withheld),
        _union(one.consented, other.consented),
        {
            type_: _union(
                one.withheld_by_type.get(type_, one.withheld), other.withheld_by_type.get(type_, other.withheld)
            )
            for type_ in types
        },
        {
            type_: _union(
                one.consented_by_type.get(type_, one.consented), other.consented_by_type.get(type_, other.consented)
            )
            for type_ in types
        },
    )


def _union(one: frozenset[str], other: frozenset[str]) -> frozenset[str]:
    """The large one itself where there is nothing to add: every caller holds the same set then."""
    return one | other if one and other else one or other


def turns(rules: Iterable[ConsentRule], now: datetime) -> datetime | None:
    """The next moment at which one of them begins or ends."""
    moments = [moment for rule in rules for moment in (rule.begins, rule.ends) if moment is not None and moment > now]
    return min(moments, default=None)


def _outcome(consents: Iterable[Iterable[ConsentRule]], type_: str | None) -> Effect | None:
    found: Effect | None = None
    for consent in consents:
        heard = [rule for rule in consent if not rule.types or (type_ is not None and type_ in rule.types)]
        if not heard:
            continue
        deepest = max(rule.depth for rule in heard)
        last = [rule for rule in heard if rule.depth == deepest]
        if any(rule.effect == "deny" for rule in last):
            return "deny"
        if any(rule.names for rule in last):
            found = "permit"
    return found
