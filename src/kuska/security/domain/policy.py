"""The policy: who × what × whose × why × where → ways. Pure: everything it needs is given, so tables can test it.

    roles of the account ∩ scopes of the token          who, and what
    reach of the role, compartment, care, consent       whose
    purpose among the role's                            why
    tenant and country of this record                   where

Nothing here opens what was not asked for: no role, no scope, no purpose in common → no way. The order in which roles or
scopes are given never matters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from kuska.security.contracts import Caller, Letter, Reach, Role, ScopeRule, Way
from kuska.security.domain.consents import Common, ConsentRule, Wishes, together, turns, wishes
from kuska.security.domain.directory import DIRECTORY, PERSONAL, TRAIL
from kuska.security.domain.features import BY_TOKEN
from kuska.security.domain.purposes import meanings
from kuska.security.domain.scopes import narrow
from kuska.security.errors import NobodyError, RefusedByPolicyError

_MACHINES = frozenset({"service", "partner", "system"})
# What counts as more than a password. A passkey is asked with its own check of the person.
SECOND_FACTORS = frozenset({"otp", "webauthn"})
# Of a token that the operator made at the machine (`kuska token`). It shows no factor, and says so; only tokens of ours
# can say it. Who may run that command has the keys.
BY_OPERATOR = "operator"
# The role of the house's own systems. It reaches everybody: whoever else has it by mistake has nothing by it.
HOUSE = "service"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the record lies."""

    tenant: str
    country: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the database knows about a caller."""

    active: bool = True  # the account may still be used, and is still who its token says
    roles: tuple[str, ...] | None = None  # that the account has now; None: there is no account, as for a client
    patient: str = ""  # the Patient that the account is, whatever its token is about
    consents: Mapping[str, tuple[ConsentRule, ...]] = field(default_factory=lambda: MappingProxyType({}))
    common: Common = field(default_factory=lambda: Common({}))  # what was said about everybody
    opened: Mapping[str, datetime] = field(default_factory=lambda: MappingProxyType({}))  # patient -> until
    glass: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))  # patient -> id of the grant


@dataclass(frozen=True, slots=True)
class Grant:
    """One scope that role and token have in common, with whose data it reaches."""

    rule: ScopeRule
    reach: Reach | None  # None: nobody's data, only the directory
    also: tuple[Reach, ...] = ()


class Decision:
    """What was decided for a caller and a purpose; good until `until`, or until something changes."""

    __slots__ = ("_ways", "areas", "durable", "features", "glass", "grants", "opened", "purpose", "until", "wishes")

    def __init__(
        self,
        *,
        purpose: str = "",
        grants: tuple[Grant, ...] = (),
        features: frozenset[str] = frozenset(),
        areas: frozenset[str] = frozenset(),
        durable: bool = False,
        wishes: Wishes | None = None,
        opened: frozenset[str] = frozenset(),
        glass: Mapping[str, str] = MappingProxyType({}),
        until: datetime | None = None,
    ) -> None:
        self.purpose = purpose
        self.grants = grants
        self.features = features
        self.areas = areas
        self.durable = durable
        self.wishes = wishes or Wishes()
        self.opened = opened
        self.glass = glass
        self.until = until
        self._ways: dict[tuple[str, str], tuple[Way, ...]] = {}

    def ways(self, type_: str, letter: Letter) -> tuple[Way, ...]:
        found = self._ways.get((type_, letter))
        if found is None:
            found = self._ways[type_, letter] = _fewest(_ways(self.grants, self.features, type_, letter))
        return found


class Granted:
    """A decision in the hands of one caller: `contracts.Access`."""

    __slots__ = ("_decision", "_free", "caller", "durable", "purpose", "until")

    def __init__(self, caller: Caller, decision: Decision) -> None:
        self.caller = caller
        self.purpose = decision.purpose
        self.durable = decision.durable
        self.until = decision.until
        self._decision = decision
        self._free: dict[tuple[str, str], bool] = {}

    @property
    def withheld(self) -> frozenset[str]:
        return self._decision.wishes.withheld

    def withheld_for(self, type_: str) -> frozenset[str]:
        wishes = self._decision.wishes
        return wishes.withheld_by_type.get(type_, wishes.withheld)

    @property
    def consented(self) -> frozenset[str]:
        return self._decision.wishes.consented

    def consented_for(self, type_: str) -> frozenset[str]:
        wishes = self._decision.wishes
        return wishes.consented_by_type.get(type_, wishes.consented)

    @property
    def opened(self) -> frozenset[str]:
        return self._decision.opened

    @property
    def glass(self) -> Mapping[str, str]:
        return self._decision.glass

    def ways(self, type_: str, letter: Letter) -> tuple[Way, ...]:
        return self._decision.ways(type_, letter)

    def free(self, type_: str, letter: Letter) -> bool:
        known = self._free.get((type_, letter))
        if known is None:
            known = self._free[type_, letter] = self._is_free(type_, letter)
        return known

    def _is_free(self, type_: str, letter: Letter) -> bool:
        ways = self._decision.ways(type_, letter)
        # Ways are the fewest: one that is unrestricted is alone. A directory is nobody's, so nobody withholds it.
        return (
            len(ways) == 1
            and ways[0].reach == "all"
            and not ways[0].queries
            and (type_ in DIRECTORY or not self.withheld_for(type_))
        )

    def may(self, feature: str) -> bool:
        return feature in self._decision.features

    @property
    def areas(self) -> frozenset[str]:
        return self._decision.areas


def decide(
    caller: Caller, purpose: str, roles: Mapping[str, Role], facts: Facts, *, place: Place, now: datetime
) -> Decision:
    """Raises NobodyError for who is nobody, RefusedByPolicyError for the wrong place or purpose."""
    if caller.kind == "anonymous" or not (caller.account or caller.client):
        raise NobodyError
    if caller.tenant != place.tenant:
        raise RefusedByPolicyError("security.tenant")
    if not facts.active:
        raise NobodyError("security.account-gone")
    held = [roles[name] for name in caller.roles if name in roles and (facts.roles is None or name in facts.roles)]
    here = [role for role in held if place.country == caller.country or place.country in role.countries]
    if held and not here:
        raise RefusedByPolicyError("security.country")
    here = [role for role in here if _proved(caller, role) and (role.name != HOUSE or caller.kind == "service")]
    purpose = _purpose(caller, purpose, here)
    general, moment = facts.common.wishes(meanings(purpose), now)
    said = {**facts.common.mixed, **facts.consents}
    heard = together(general, wishes(said, actors(caller, facts), meanings(purpose), now))
    features = frozenset(feature for role in here for feature in role.features)
    keeper = "consents.write" in features
    if caller.kind == "person" and caller.scopes is not None:
        features &= BY_TOKEN
    opened = {patient: until for patient, until in facts.opened.items() if now < until}
    turning = turns((rule for rules in said.values() for rule in rules), now)
    moments = [one for one in (*opened.values(), moment, turning) if one is not None]
    return Decision(
        purpose=purpose,
        grants=tuple(
            grant for role in here if purpose in role.purposes for grant in _grants(caller, role, facts.patient)
        ),
        features=features,
        areas=frozenset(area for role in here for area in role.areas),
        # What is seen through broken glass is in the trail before it is shown.
        durable=any(role.durable_reads for role in here) or bool(opened),
        wishes=_heard(heard, exempt=frozenset({facts.patient, *opened}) - {""}, keeper=keeper),
        opened=frozenset(opened),
        glass={patient: id_ for patient, id_ in facts.glass.items() if patient in opened},
        until=min(moments, default=None),
    )


def actors(caller: Caller, facts: Facts) -> frozenset[str]:
    """The names under which a Consent may speak of the caller."""
    named = {
        "Practitioner": caller.practitioner,
        "Organization": caller.organization,
        "Patient": facts.patient,
    }
    return frozenset(
        {f"{type_}/{id_}" for type_, id_ in named.items() if id_} | {f"role:{role}" for role in caller.roles}
    )


def _proved(caller: Caller, role: Role) -> bool:
    """Whether the caller has shown what the role asks for. Machines have keys; they carry no second factor."""
    if not role.factors or caller.kind in _MACHINES:
        return True
    return not SECOND_FACTORS.isdisjoint(caller.methods) or caller.methods == (BY_OPERATOR,)


def _purpose(caller: Caller, asked: str, roles: list[Role]) -> str:
    """The one purpose of the request. A token made for a purpose serves no other, nor one that an agreement leaves out."""
    if asked and caller.purpose and asked != caller.purpose:
        raise RefusedByPolicyError("security.purpose")
    named = asked or caller.purpose
    possible = [one for role in roles for one in role.purposes if not caller.purposes or one in caller.purposes]
    if named and named not in possible:
        raise RefusedByPolicyError("security.purpose")
    return named or next(iter(possible), "")


def _grants(caller: Caller, role: Role, own: str) -> Iterator[Grant]:
    contexts = {"system"} if caller.kind in _MACHINES else {"patient", "user"}
    for allowed in role.scopes:
        if allowed.context not in contexts:
            continue
        for rule in (allowed,) if caller.scopes is None else narrow(caller.scopes, (allowed,)):
            reach: Reach = "own" if allowed.context == "patient" else role.reach
            if reach == "own":
                # The account's own patient. A token about somebody else, in the hands of who is also a patient here,
                # must not make that person's data their own.
                yield Grant(rule, "own" if own and caller.patient == own else None)
            elif rule.context == "patient":
                yield Grant(rule, "own" if caller.patient else None, () if reach == "all" else (reach,))
            else:
                yield Grant(rule, reach)


def _ways(grants: Iterable[Grant], features: frozenset[str], type_: str, letter: Letter) -> Iterator[Way]:
    for grant in grants:
        if grant.rule.type not in ("*", type_) or letter not in grant.rule.letters:
            continue
        queries = (grant.rule.query,) if grant.rule.query else ()
        if type_ == TRAIL:
            if "audit.read" in features and letter in "rs" and grant.reach == "all":
                yield Way("all", queries)
        elif type_ in DIRECTORY:
            yield Way("all", queries)
        elif type_ in PERSONAL and grant.reach is not None:
            yield Way(grant.reach, queries, grant.also)
        elif grant.reach == "all":
            yield Way("all", queries)


def _fewest(ways: Iterable[Way]) -> tuple[Way, ...]:
    """Without those that another one contains: every way less is a condition less in the query."""
    different = list(dict.fromkeys(ways))
    return tuple(way for way in different if not any(other != way and _contains(other, way) for other in different))


def _contains(wider: Way, way: Way) -> bool:
    asked = {reach for reach in (wider.reach, *wider.also) if reach != "all"}
    return asked <= {way.reach, *way.also} and {pair for query in wider.queries for pair in query} <= {
        pair for query in way.queries for pair in query
    }


def _heard(heard: Wishes, *, exempt: frozenset[str], keeper: bool) -> Wishes:
    """Nobody is shut out of their own data; broken glass is broken; who keeps the Consents sees them, to change them;
    no wish of a patient hides from the audit who looked.
    """
    withheld_by_type = {type_: _without(patients, exempt) for type_, patients in heard.withheld_by_type.items()}
    withheld_by_type[TRAIL] = frozenset()
    if keeper:
        withheld_by_type["Consent"] = frozenset()
    return Wishes(_without(heard.withheld, exempt), heard.consented, withheld_by_type, heard.consented_by_type)


def _without(patients: frozenset[str], exempt: frozenset[str]) -> frozenset[str]:
    return patients if patients.isdisjoint(exempt) else patients - exempt
