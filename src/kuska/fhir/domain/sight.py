"""What one visit may touch of the record: the policy's answer, as conditions on resources. Pure.

The policy (security) says for each type and letter which ways are open; here a way becomes conditions that a search
carries in its query and that are judged in memory on what is read or written by id. Both come from one translation, so
a resource is found by exactly those who may read it.

* A patient's data are the members of their compartment. A Patient is its own only: that another one links to it gives
  nothing. A Group is nobody's: it names many people at once.
* To write, more is asked: the one patient a resource belongs to has to be within reach, or where it names several, all.
  Else a second patient slipped into a resource would open that one's record.
* Withheld is what belongs to a patient whose Consent says so, by whatever way it would be reached.

docs/adr/0016-access-in-the-record.md
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kuska.fhir.domain.definitions.model import Definitions
from kuska.fhir.domain.identity import Identities
from kuska.fhir.domain.indexing.extractor import Extractor
from kuska.fhir.domain.indexing.rows import IndexRows
from kuska.fhir.domain.search.judging import decidable, fulfils
from kuska.fhir.domain.search.parse import OPEN, Parser, Within
from kuska.fhir.domain.search.problems import Refused
from kuska.fhir.domain.search.tree import AllOf, AnyOf, Condition, Ids, Not, joined
from kuska.fhir.domain.whose import Whose
from kuska.kit.json import Node, decode
from kuska.security.contracts import Letter, Reach, Way
from kuska.security.errors import RefusedByPolicyError
from kuska.security.visit import Visit

NOTHING = Ids(())
_WRITING: frozenset[Letter] = frozenset({"c", "u", "d"})
_SHARED = frozenset({"Group"})


class Eyes:
    """What every sight needs and none changes."""

    def __init__(self, definitions: Definitions, identities: Identities, extractor: Extractor, parser: Parser) -> None:
        self.definitions = definitions
        self.identities = identities
        self.extractor = extractor
        self.parser = parser
        self.whose = Whose(definitions, extractor)
        self.owned = frozenset(definitions.compartments["Patient"]) | {"Patient"}

    def rids(self, patients: frozenset[str]) -> frozenset[int]:
        return frozenset(self.identities.address("Patient", id_).rid for id_ in patients)


@dataclass(frozen=True, slots=True)
class _Way:
    patients: frozenset[int] | None  # their data only; None = everybody's
    conditions: tuple[Condition, ...]  # and of it what these say


@dataclass(frozen=True, slots=True)
class _Rule:
    """What is asked of a resource of one type for one letter: any of the ways, and no owner that is withheld."""

    ways: tuple[_Way, ...]
    withheld: frozenset[int]


class Sight:
    __slots__ = ("_care", "_eyes", "_free", "_rules", "notes", "visit")

    def __init__(self, visit: Visit, eyes: Eyes, care: frozenset[int]) -> None:
        """`care`: rids of the patients in the caller's care."""
        self.visit = visit
        self.notes = visit.noted
        self._eyes = eyes
        self._care = care
        self._rules: dict[tuple[str, Letter], _Rule] = {}
        self._free: dict[tuple[str, Letter], bool] = {}

    # --- what may be done ------------------------------------------------------------------------------------------

    def require(self, type_: str, letter: Letter) -> None:
        if not self.allows(type_, letter):
            raise RefusedByPolicyError

    def allows(self, type_: str, letter: Letter) -> bool:
        return self.free(type_, letter) or bool(self.visit.access.ways(type_, letter))

    def free(self, type_: str, letter: Letter) -> bool:
        """Every resource of the type: nothing has to be asked of them one by one."""
        known = self._free.get((type_, letter))
        if known is None:
            known = self._free[type_, letter] = self.visit.access.free(type_, letter)
        return known

    @property
    def binding(self) -> str:
        """Of cursors: another caller's is no good."""
        caller = self.visit.access.caller
        return f"{caller.kind}|{caller.account}|{caller.client}|{caller.patient}"

    # --- in queries --------------------------------------------------------------------------------------------------

    def within(self, type_: str, letter: Letter) -> Within:
        """What a query for resources of this type has to carry."""
        if self.free(type_, letter):
            return OPEN
        self.require(type_, letter)
        rule = self._rule(type_, letter)
        options = [self._asked(type_, way) for way in rule.ways]
        found: list[Condition] = []
        if not options:
            found.append(NOTHING)
        elif all(options):
            found.append(AnyOf(tuple(AllOf(option) for option in options)) if len(options) > 1 else AllOf(options[0]))
        if rule.withheld and type_ in self._eyes.owned:
            found.append(Not(self._members(type_, rule.withheld)))
        return Within(joined(found), self._bucket(type_, rule))

    def shown(self, type_: str) -> Within | None:
        """The same for what comes along (includes, chains): whoever may read it or search for it. None = nobody may."""
        for letter in ("r", "s"):
            if self.allows(type_, letter):
                return self.within(type_, letter)
        return None

    def searched(self, type_: str) -> Within | None:
        return self.within(type_, "s") if self.allows(type_, "s") else None

    def inner(self, type_: str) -> Sequence[Condition]:
        found = self.shown(type_)
        return (NOTHING,) if found is None else found.conditions

    def _asked(self, type_: str, way: _Way) -> tuple[Condition, ...]:
        if way.patients is None:
            return way.conditions
        return (self._members(type_, way.patients), *way.conditions)

    def _members(self, type_: str, patients: frozenset[int]) -> Condition:
        if type_ == "Patient":
            return Ids(tuple(sorted(patients)))
        if not patients or type_ not in self._eyes.owned or type_ in _SHARED:
            return NOTHING
        return self._eyes.parser.members("Patient", type_, tuple(sorted(patients)))

    def _bucket(self, type_: str, rule: _Rule) -> int | None:
        """The one patient's bucket, where all of that patient's resources of this type lie."""
        if len(rule.ways) != 1:
            return None
        patients = rule.ways[0].patients
        own = self.visit.access.caller.patient
        if patients is None or len(patients) != 1 or not own or self._eyes.rids(frozenset({own})) != patients:
            return None
        return self._eyes.parser.home_bucket(type_, own)

    # --- in memory -----------------------------------------------------------------------------------------------------

    def sees(self, type_: str, letter: Letter, id_: str, body: bytes) -> bool:
        """May the caller do this with the resource of this content? Raises where it may with none of the type."""
        if self.free(type_, letter):
            return True
        self.require(type_, letter)
        rule = self._rule(type_, letter)
        if not rule.withheld:
            home = id_ if type_ == "Patient" else self._eyes.whose.home(type_, body)
            if home is not None and type_ not in _SHARED:
                rid = self._eyes.identities.address("Patient", home).rid
                if any(not way.conditions and way.patients is not None and rid in way.patients for way in rule.ways):
                    return True
        return self.judges(type_, letter, id_, decode(body))

    def judges(self, type_: str, letter: Letter, id_: str | None, node: Node) -> bool:
        """The same on a node; `id_` None: it will get one that nobody has."""
        if self.free(type_, letter):
            return True
        self.require(type_, letter)
        rule = self._rule(type_, letter)
        rows = self._eyes.extractor.rows(node)
        rid = 0 if id_ is None else self._eyes.identities.address(type_, id_).rid
        if rule.withheld and type_ in self._eyes.owned and fulfils(self._members(type_, rule.withheld), rid, rows):
            return False
        return any(self._passes(type_, letter, way, _Known(rid, node, rows)) for way in rule.ways)

    def pretend(self, type_: str, letter: Letter) -> None:
        """The work of judging, for what is not there: the time an answer takes should not tell it from what is hidden."""
        if not self.free(type_, letter):
            self.judges(type_, letter, None, {"resourceType": type_})

    def _passes(self, type_: str, letter: Letter, way: _Way, known: _Known) -> bool:
        if way.patients is not None:
            if not fulfils(self._members(type_, way.patients), known.rid, known.rows):
                return False
            if letter in _WRITING and type_ != "Patient" and not self._owners(type_, known) <= way.patients:
                return False
        return all(fulfils(condition, known.rid, known.rows) for condition in way.conditions)

    def _owners(self, type_: str, known: _Known) -> frozenset[int]:
        """Rids of the patients whose data it is: the one of the home rule, or all that make it a member."""
        home = self._eyes.extractor.home_patient(known.node)
        if home is not None:
            return self._eyes.rids(frozenset({home.removeprefix("Patient/")}))
        keys = self._eyes.parser.member_keys("Patient", type_)
        number = self._eyes.definitions.type_numbers["Patient"]
        return frozenset(target for param, target, kind in known.rows.references if param in keys and kind == number)

    # --- the policy's ways, translated ---------------------------------------------------------------------------------

    def _rule(self, type_: str, letter: Letter) -> _Rule:
        rule = self._rules.get((type_, letter))
        if rule is None:
            access = self.visit.access
            ways = [self._translated(type_, way) for way in access.ways(type_, letter)]
            withheld = access.withheld_for(type_) - access.opened
            rule = _Rule(tuple(way for way in ways if way is not None), self._eyes.rids(withheld))
            self._rules[type_, letter] = rule
        return rule

    def _translated(self, type_: str, way: Way) -> _Way | None:
        """None for a restriction that cannot be decided: it then opens nothing."""
        patients: frozenset[int] | None = None
        for reach in (way.reach, *way.also):
            if reach != "all":
                reached = self._reached(type_, reach)
                patients = reached if patients is None else patients & reached
        conditions: list[Condition] = []
        try:
            for name, value in (pair for query in way.queries for pair in query):
                conditions.append(self._eyes.parser.condition(type_, name, value, _nobody))
        except Refused:
            return None
        return _Way(patients, tuple(conditions)) if all(decidable(one) for one in conditions) else None

    def _reached(self, type_: str, reach: Reach) -> frozenset[int]:
        access = self.visit.access
        match reach:
            case "own":
                return self._eyes.rids(frozenset({access.caller.patient} - {""}))
            case "consented":
                return self._eyes.rids(access.consented_for(type_))
            case _:
                return self._care | self._eyes.rids(access.opened)

    # --- the trail -----------------------------------------------------------------------------------------------------

    def gave(self, type_: str, id_: str, body: bytes) -> None:
        """This goes to the caller."""
        if self.notes:
            self.visit.gave(f"{type_}/{id_}", *self._eyes.whose.patients(type_, id_, body))

    def whose(self, type_: str, id_: str, body: bytes) -> tuple[str, ...]:
        """Ids of the patients whose data this is."""
        return self._eyes.whose.patients(type_, id_, body)

    def belongs(self, type_: str) -> bool:
        """May resources of this type be some patient's data?"""
        return type_ == "Patient" or type_ in self._eyes.owned

    def owners(self, type_: str, id_: str, home: str | None, rest: bytes) -> tuple[str, ...]:
        """Ids of the patients whose data is written. `home`: 'Patient/x' that it lies with; `rest`: its bytes as they are
        stored.
        """
        if home is not None:
            return (home.removeprefix("Patient/"),)
        return self._eyes.whose.patients(type_, id_, rest)


def _nobody(_: str) -> Sequence[Condition]:
    """A restriction is about the resource itself, never about what it is linked with."""
    return (NOTHING,)


@dataclass(frozen=True, slots=True)
class _Known:
    rid: int
    node: Node
    rows: IndexRows


def allowed_restriction(definitions: Definitions, type_: str, name: str) -> bool:
    """May a scope restrict a type by this parameter (`patient/Observation.rs?category=…`)? Those that can be decided
    on a resource at hand: tokens, URIs and references, plain.
    """
    types: Sequence[str] = definitions.resource_types if type_ == "*" else (type_,)
    known: list[Mapping[str, Any]] = [definitions.search[one] for one in types if one in definitions.search]
    return bool(known) and all(
        name in one and one[name].type in ("token", "uri", "reference") and one[name].answered_by for one in known
    )
