"""$everything of a patient or an encounter: which parameters it takes, and what belongs to it.

See https://hl7.org/fhir/R4/operation-patient-everything.html. What belongs: the resource itself, all of its
compartment, and what these point to of types that are nobody's in particular (practitioners, organizations, places,
devices, medications). Another Patient is among it where it links to this one, as R4's compartment has it (a double that
was merged into this one), and like everything else only for a caller who may see that one, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kuska.fhir.domain.definitions.model import Definitions
from kuska.fhir.domain.indexing.dates import Calendar
from kuska.fhir.domain.indexing.rows import MAX_TIME, MIN_TIME
from kuska.fhir.domain.search import problems
from kuska.fhir.domain.search.canonicals import Canonicals
from kuska.fhir.domain.search.controls import Controls
from kuska.fhir.domain.search.naming import Names
from kuska.fhir.domain.search.parse import LARGEST_COUNT, Reading
from kuska.fhir.domain.search.references import References
from kuska.fhir.domain.search.request import CURSOR, EverythingRequest, Parameter
from kuska.fhir.domain.search.times import span
from kuska.fhir.domain.search.tree import AnyOf, Condition, DateTest, Match, Not, Present, Updated
from kuska.kit.errors import Issue

DEFAULT_COUNT = 100
# The date of care, by the first of these that a type has; a type with none of them is not bound to a time.
_CARE_DATES = (
    *("date", "period", "started", "occurrence", "authoredon", "authored", "effective", "onset-date"),
    *("recorded-date", "created", "issued", "whenhandedover", "effective-time", "collected", "sent"),
)
_IGNORED = frozenset({"_format", "_pretty", "_elements", "_summary"})


@dataclass(frozen=True, slots=True)
class Everything:
    type: int
    rid: int
    keys: Mapping[int, int]  # parameters that make a member of the compartment, with the type that has them
    types: frozenset[int]  # asked for
    beside: frozenset[int]  # types that come along when they are pointed to
    conditions: Mapping[int, tuple[Condition, ...]]  # what is asked of each type: `_since`, `start`, `end`
    count: int
    cursor: str | None
    binding: str
    understood: tuple[Parameter, ...]
    warnings: tuple[Issue, ...]


def read(
    request: EverythingRequest, definitions: Definitions, references: References, calendar: Calendar
) -> Everything:
    names = Names(definitions)
    reading = Reading(request.handling == "lenient")
    controls = Controls(
        names, Canonicals(definitions, names, references.address), (request.type,), DEFAULT_COUNT, LARGEST_COUNT
    )
    asked = _Asked(controls, set(definitions.resource_types), calendar)
    for name, value in request.parameters:
        reading.each(lambda name=name, value=value: asked.take(name, value, names))
    reading.finish()
    numbers = definitions.type_numbers
    members = definitions.compartments[request.type]
    keys = {
        key: numbers[type_]
        for type_, codes in members.items()
        if type_ in asked.types
        for code in codes
        if code != "_id"
        for key in names.keys(names.reference(type_, code))
    }
    owned = set(definitions.compartments["Patient"]) | {"Patient"}
    beside = set(definitions.resource_types) - owned
    if request.type == "Encounter":
        beside |= {"Patient", "Condition", "Procedure", "EpisodeOfCare", "Appointment", "ServiceRequest", "Account"}
    return Everything(
        type=numbers[request.type],
        rid=references.rid(request.type, request.id),
        keys=keys,
        types=frozenset(numbers[type_] for type_ in asked.types),
        beside=frozenset(numbers[type_] for type_ in beside & asked.types),
        conditions={numbers[type_]: asked.conditions(type_, definitions) for type_ in asked.types},
        count=asked.controls.count,
        cursor=asked.cursor,
        binding=repr((request.type, request.id, [p for p in asked.understood if p[0] in asked.bound])),
        understood=tuple(asked.understood),
        warnings=tuple(reading.warnings),
    )


class _Asked:
    bound = frozenset({"_since", "_type", "start", "end"})

    def __init__(self, controls: Controls, types: set[str], calendar: Calendar) -> None:
        self.controls = controls
        self.types = types
        self._calendar = calendar
        self.cursor: str | None = None
        self.understood: list[Parameter] = []
        self._since: int | None = None
        self._start, self._end = MIN_TIME, MAX_TIME

    def take(self, name: str, value: str, names: Names) -> None:
        if name == CURSOR:
            self.cursor = value
            return
        match name:
            case "_count":
                self.controls.take(name, value)
                self.controls.count = max(self.controls.count, 1)
            case "_type":
                self.types &= {names.type(part, name) for part in value.split(",") if part}
            case "_since":
                self._since = span(name, value, self._calendar)[1]
            case "start":
                self._start = span(name, value, self._calendar)[1]
            case "end":
                self._end = span(name, value, self._calendar)[2]
            case _ if name not in _IGNORED:
                raise problems.unknown(name, "$everything", ["_count", "_type", "_since", "start", "end"])
            case _:
                pass
        self.understood.append((name, value))

    def conditions(self, type_: str, definitions: Definitions) -> tuple[Condition, ...]:
        found: list[Condition] = []
        if self._since is not None:
            found.append(Updated(self._since, None))
        key = _care_key(type_, definitions)
        if key is not None and (self._start, self._end) != (MIN_TIME, MAX_TIME):
            care = Match("date", (key,), ((DateTest("ap", self._start, self._end),),))
            found.append(AnyOf((care, Not(Present((("date", (key,)),))))))
        return tuple(found)


def _care_key(type_: str, definitions: Definitions) -> int | None:
    known = definitions.search[type_]
    for code in _CARE_DATES:
        parameter = known.get(code)
        if parameter is not None and parameter.type == "date" and parameter.answered_by:
            return known[parameter.answered_by[0]].key
    return None


def by_type(rids: Sequence[tuple[int, int]]) -> Mapping[int, list[int]]:
    """(type, rid)s as rids of each type."""
    found: dict[int, list[int]] = {}
    for type_, rid in rids:
        found.setdefault(type_, []).append(rid)
    return found
