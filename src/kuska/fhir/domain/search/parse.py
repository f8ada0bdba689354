"""From the parameters of a request to a query. Every bad parameter is told, not only the first one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from kuska.fhir.domain.definitions.model import Definitions, SearchParameter
from kuska.fhir.domain.identity import ID_PATTERN
from kuska.fhir.domain.indexing.dates import UTC, Calendar
from kuska.fhir.domain.search import problems
from kuska.fhir.domain.search.canonicals import Canonicals
from kuska.fhir.domain.search.conditions import Conditions
from kuska.fhir.domain.search.controls import FREE, Controls, is_control
from kuska.fhir.domain.search.naming import Names, has_step, step
from kuska.fhir.domain.search.problems import Refused
from kuska.fhir.domain.search.references import References
from kuska.fhir.domain.search.request import CURSOR, Compartment, Parameter, SearchRequest
from kuska.fhir.domain.search.times import updated
from kuska.fhir.domain.search.tree import (
    AllOf,
    AnyOf,
    Canonical,
    Chain,
    Condition,
    Find,
    Ids,
    Match,
    Named,
    Not,
    Query,
    RefersTo,
    Reverse,
    joined,
)
from kuska.kit.errors import IncorrectError, Issue
from kuska.security.errors import RefusedByPolicyError

DEFAULT_COUNT = 20
LARGEST_COUNT = 1000
T = TypeVar("T")
_DEEPEST = 50  # chains and _has; each level is a question to the database, so hostile depth has an end


@dataclass(frozen=True, slots=True)
class Parsed:
    query: Query
    understood: tuple[Parameter, ...]
    warnings: tuple[Issue, ...]


@dataclass(frozen=True, slots=True)
class Within:
    """What is asked of every resource of a type besides the search itself: the caller's rights."""

    conditions: tuple[Condition, ...] = ()
    bucket: int | None = None


OPEN = Within()
# What is asked of the resources of a type that a chain or `_has` goes through.
Inner = Callable[[str], Sequence[Condition]]


class Guard(Protocol):
    """Whose search it is (domain/sight.py). No search without one."""

    @property
    def binding(self) -> str: ...
    def searched(self, type_: str) -> Within | None:
        """None = the caller may search for nothing of this type."""
        ...

    def inner(self, type_: str) -> Sequence[Condition]: ...


class Parser:
    """`now`: microseconds since 1970. `home_parameters`: those that decide where a resource of a type lives."""

    def __init__(
        self,
        definitions: Definitions,
        references: References,
        home_parameters: Callable[[str], frozenset[str]],
        now: Callable[[], int],
        calendar: Calendar = UTC,
    ) -> None:
        self._definitions = definitions
        self._names = Names(definitions)
        self._canonicals = Canonicals(definitions, self._names, references.address)
        self._now = now
        self._calendar = calendar
        self.references = references
        self._home_parameters = home_parameters
        self._conditions = Conditions(self._names, self.references, now, calendar)

    def parse(self, request: SearchRequest, guard: Guard) -> Parsed:
        reading = Reading(request.handling == "lenient")
        with_types = [p for p in request.parameters if p[0] == "_type"] if request.type is None else []
        asked = reading.each(lambda: self._types(request, with_types)) or ()
        # Of several types those that the caller may search for; the others have nothing, as far as the caller can tell.
        withins = {type_: within for type_ in asked if (within := guard.searched(type_)) is not None}
        if asked and not withins:
            raise RefusedByPolicyError
        types = tuple(withins)
        controls = Controls(self._names, self._canonicals, types, DEFAULT_COUNT, LARGEST_COUNT)
        found: dict[str, list[Condition]] = {type_: [] for type_ in types}
        buckets: dict[str, set[int]] = {type_: set() for type_ in types}
        cursor: str | None = None
        understood: list[Parameter] = []
        for name, value in request.parameters:
            if name == CURSOR:
                cursor = value
                continue
            if name == "_type" and request.type is None:
                understood.append((name, value))
                continue
            if is_control(name):
                done = reading.each(lambda name=name, value=value: self._control(controls, name, value))
            else:
                done = reading.each(
                    lambda name=name, value=value: self._criteria(found, buckets, (name, value), guard.inner)
                )
            if done:
                understood.append((name, value))
        reading.finish()
        finds = [
            self._find(type_, found[type_], buckets[type_], request.compartment, withins[type_]) for type_ in types
        ]
        query = Query(
            finds=tuple(finds),
            sort=tuple(tuple(level[place] for level in controls.sort) for place in range(len(types))),
            includes=tuple(controls.includes),
            count=controls.count,
            total="accurate" if controls.count_only and controls.total == "none" else controls.total,
            count_only=controls.count_only,
            cursor=cursor,
            binding=_binding(request, understood, guard.binding),
        )
        return Parsed(query, tuple(understood), tuple(reading.warnings))

    # --- types ---------------------------------------------------------------------------------------------------------

    def _types(self, request: SearchRequest, chosen: Sequence[Parameter]) -> tuple[str, ...]:
        if request.type is not None:
            if request.compartment is not None:
                self._members(request.compartment, request.type)
            return (request.type,)
        all_types = self._definitions.resource_types
        if request.compartment is not None:
            members = self._definitions.compartments[request.compartment.type]
            all_types = tuple(type_ for type_ in all_types if type_ in members)
        types = set(all_types)
        for _, value in chosen:
            types &= {self._names.type(name, "_type") for name in value.split(",") if name}
        return tuple(type_ for type_ in all_types if type_ in types)

    # --- parameters ----------------------------------------------------------------------------------------------------

    def _control(self, controls: Controls, name: str, value: str) -> bool:
        controls.take(name, value)
        return True

    def _criteria(
        self, found: dict[str, list[Condition]], buckets: dict[str, set[int]], parameter: Parameter, inner: Inner
    ) -> bool:
        name, value = parameter
        built = {type_: self.condition(type_, name, value, inner) for type_ in found}
        for type_, condition in built.items():
            found[type_].append(condition)
            bucket = self._bucket(type_, name, value)
            if bucket is not None:
                buckets[type_].add(bucket)
        return True

    def condition(self, type_: str, name: str, value: str, inner: Inner, depth: int = 0) -> Condition:
        """What `name=value` asks of a resource of this type. What it goes through has to be `inner` as well, so that a
        chain tells nothing of what the caller may not see.
        """
        if depth > _DEEPEST:
            raise problems.bad_value(name, value, "search.too-deep", limit=_DEEPEST)
        if name.startswith("_has:"):
            return self._has(type_, name, value, inner, depth)
        head, dot, rest = name.partition(".")
        if dot:
            return self._chain(type_, head, rest, value, inner, depth)
        asked = step(name)
        if asked.code == "_id" and asked.modifier is None:
            return self._ids(type_, value)
        if asked.code == "_lastUpdated" and asked.modifier is None:
            return self._updated(value)
        if asked.code == "_list" and asked.modifier is None:
            return self._listed(value, inner)
        if asked.code in ("_id", "_lastUpdated", "_list"):
            raise problems.bad_modifier(asked.code, str(asked.modifier), "special")
        return self._conditions.condition(self._names.parameter(type_, asked.code), asked.modifier, value)

    def _chain(  # noqa: PLR0917 - the parts of one parameter
        self, type_: str, head: str, rest: str, value: str, inner: Inner, depth: int
    ) -> Condition:
        first = step(head)
        parameter = self._names.reference(type_, first.code)
        if first.modifier is not None:
            target = self._names.type(first.modifier, head)
            if parameter.targets and target not in parameter.targets:
                raise problems.bad_value(head, target, "search.wrong-target", targets=", ".join(parameter.targets))
            condition = self.condition(target, rest, value, inner, depth + 1)
            return self._led(parameter, target, _and(condition, inner(target)))
        # Without a type: every target that has such a parameter.
        links: list[Condition] = []
        refused: Refused | None = None
        for target in parameter.targets or self._definitions.resource_types:
            try:
                condition = self.condition(target, rest, value, inner, depth + 1)
            except Refused as problem:
                refused = problem
            else:
                links.append(self._led(parameter, target, _and(condition, inner(target))))
        if not links:
            raise refused or problems.unsupported(f"{head}.{rest}")
        return links[0] if len(links) == 1 else AnyOf(tuple(links))

    def _has(self, type_: str, name: str, value: str, inner: Inner, depth: int) -> Condition:
        has = has_step(name)
        source = self._names.type(has.source, "_has")
        parameter = self._names.reference(source, has.reference)
        if parameter.targets and type_ not in parameter.targets:
            raise problems.bad_value(name, has.reference, "search.wrong-target", targets=", ".join(parameter.targets))
        condition = self.condition(source, has.rest, value, inner, depth + 1)
        link, condition = self._canonicals.link(parameter, type_), _and(condition, inner(source))
        if link is not None:
            return Named(link, condition)
        return Reverse(self._names.keys(parameter), self._names.number(source), condition)

    def _led(self, parameter: SearchParameter, target: str, condition: Condition) -> Condition:
        """To a resource of this type that fulfils the condition: by its address, or by its canonical URL."""
        link = self._canonicals.link(parameter, target)
        if link is not None:
            return Canonical(link, condition)
        return Chain(self._names.keys(parameter), self._names.number(target), condition)

    # --- parameters of every type ------------------------------------------------------------------------------------

    def _ids(self, type_: str, value: str) -> Ids:
        ids = [part.removeprefix(f"{type_}/") for part in value.split(",") if part]
        if not ids:
            raise problems.bad_value("_id", value, "search.empty-value")
        # What cannot be an id is nobody's.
        return Ids(tuple(dict.fromkeys(self.references.rid(type_, id_) for id_ in ids if ID_PATTERN.fullmatch(id_))))

    def _updated(self, value: str) -> Condition:
        options: list[Condition] = []
        for part in value.split(","):
            condition, negated = updated("_lastUpdated", part, self._now(), self._calendar)
            options.append(Not(condition) if negated else condition)
        return options[0] if len(options) == 1 else AnyOf(tuple(options))

    def _listed(self, value: str, inner: Inner) -> Condition:
        if value.startswith("$"):
            raise problems.bad_value("_list", value, "search.functional-list")
        ids = [part.removeprefix("List/") for part in value.split(",")]
        if not all(ID_PATTERN.fullmatch(id_) for id_ in ids):
            raise problems.bad_value("_list", value, "search.bad-reference")
        item = self._names.reference("List", "item")
        rids = tuple(self.references.rid("List", id_) for id_ in ids)
        return Reverse(self._names.keys(item), self._names.number("List"), _and(Ids(rids), inner("List")))

    # --- compartments, buckets -----------------------------------------------------------------------------------------

    def _members(self, compartment: Compartment, type_: str) -> tuple[str, ...]:
        members = self._definitions.compartments[compartment.type].get(type_)
        if members is None:
            raise problems.bad_value(
                type_, compartment.type, "search.not-in-compartment", type=type_, compartment=compartment.type
            )
        return members

    def _find(
        self,
        type_: str,
        conditions: Sequence[Condition],
        buckets: set[int],
        compartment: Compartment | None,
        within: Within,
    ) -> Find:
        conditions = list(conditions)
        buckets = buckets if within.bucket is None else {*buckets, within.bucket}
        if compartment is not None:
            member, bucket = self.membership(type_, compartment)
            conditions.append(member)
            if bucket is not None:
                buckets = {*buckets, bucket}
        # Two buckets at once are two patients at once: nothing is found, whichever one is asked.
        bucket = min(buckets, default=None)
        return Find(self._names.number(type_), joined(conditions), bucket, within.conditions)

    def members(self, compartment: str, type_: str, rids: tuple[int, ...]) -> Condition:
        """Being in the compartment of any of these."""
        keys = tuple(self.member_keys(compartment, type_))
        match = Match("reference", keys, ((RefersTo(rids),),))
        if "_id" not in self._definitions.compartments[compartment][type_]:
            return match
        return AnyOf((Ids(rids), match)) if keys else Ids(rids)

    def member_keys(self, compartment: str, type_: str) -> Sequence[int]:
        """Of the parameters that make a resource a member."""
        codes = self._definitions.compartments[compartment].get(type_, ())
        found = (key for code in codes if code != "_id" for key in self._names.keys(self._names.reference(type_, code)))
        return tuple(dict.fromkeys(found))

    def home_bucket(self, type_: str, patient: str) -> int | None:
        """Where all of the patient's compartment of this type lies, if it lies in one place."""
        members = self._definitions.compartments["Patient"].get(type_, ())
        if type_ != "Patient" and not (members and self._home_parameters(type_).issuperset(members)):
            return None
        return self.references.bucket(patient)

    def membership(self, type_: str, compartment: Compartment) -> tuple[Condition, int | None]:
        """Being in the compartment, and the bucket all its members of this type are in, if they are in one."""
        rid = self.references.rid(compartment.type, compartment.id)
        options: list[Condition] = []
        keys: list[int] = []
        members = self._members(compartment, type_)
        for code in members:
            if code == "_id":
                options.append(Ids((rid,)))
                continue
            keys += self._names.keys(self._names.reference(type_, code))
        if type_ == compartment.type == "Patient":
            options.append(Ids((rid,)))
        if keys:
            options.append(Match("reference", tuple(dict.fromkeys(keys)), ((RefersTo((rid,)),),)))
        member = options[0] if len(options) == 1 else AnyOf(tuple(options))
        homed = compartment.type == "Patient" and self._home_parameters(type_).issuperset(members)
        return member, self.references.bucket(compartment.id) if homed else None

    def _bucket(self, type_: str, name: str, value: str) -> int | None:
        """The one bucket where all that `name=value` finds lives: it names one patient by the parameter that decides."""
        if "," in value or "." in name or name.startswith("_"):
            if name == "_id" and type_ == "Patient" and ID_PATTERN.fullmatch(value):
                return self.references.bucket(value)
            return None
        asked = step(name)
        if asked.modifier not in (None, "Patient") or asked.code not in self._home_parameters(type_):
            return None
        id_ = self._patient_id(self._definitions.search[type_][asked.code], asked.modifier, value)
        return None if id_ is None else self.references.bucket(id_)

    def _patient_id(self, parameter: SearchParameter, modifier: str | None, value: str) -> str | None:
        local = self.references.local(value)
        if local is not None:
            return local[1] if local[0] == "Patient" else None
        certain = modifier == "Patient" or set(parameter.targets) == {"Patient"}
        return value if certain and ID_PATTERN.fullmatch(value) else None


class Reading:
    """Collects what is wrong with the parameters."""

    def __init__(self, lenient: bool) -> None:
        self._lenient = lenient
        self._issues: list[Issue] = []
        self.warnings: list[Issue] = []

    def each(self, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except Refused as refused:
            if self._lenient and refused.ignorable:
                self.warnings.append(problems.ignored(refused.issue))
            else:
                self._issues.append(refused.issue)
        return None

    def finish(self) -> None:
        if self._issues:
            raise IncorrectError(*self._issues)


def _and(condition: Condition, others: Sequence[Condition]) -> Condition:
    return AllOf((condition, *others)) if others else condition


def _binding(request: SearchRequest, understood: Sequence[Parameter], caller: str) -> str:
    bound = [parameter for parameter in understood if parameter[0].partition(":")[0] not in FREE]
    return repr((request.type, request.compartment, bound, caller))
