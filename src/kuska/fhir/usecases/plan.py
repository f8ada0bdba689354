"""The inside of a transaction, step by step: locks, searches, decisions, ids, references, one write.

Made anew for every attempt. It writes into the resources only the references it resolves, and those are overwritten by
the next attempt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from kuska.fhir.domain.bundle import Entry
from kuska.fhir.domain.http import ANY_VERSION
from kuska.fhir.domain.outcome import issues_of, under
from kuska.fhir.domain.rewriting import Spot, conditional, fill, place_of, reset
from kuska.fhir.domain.search.request import Hit
from kuska.fhir.errors import VersionConflictError
from kuska.fhir.store.locks import lock
from kuska.fhir.store.records import Change, Written
from kuska.fhir.usecases import patch
from kuska.fhir.usecases.answers import written
from kuska.fhir.usecases.conditional_create import existing
from kuska.fhir.usecases.conditional_patch import nothing, patched_match
from kuska.fhir.usecases.conditional_update import change_for
from kuska.fhir.usecases.criteria import Criterion, keys, matches, parse
from kuska.fhir.usecases.preconditions import PreconditionError, must_be_free, must_be_new, settled, several, shown
from kuska.fhir.usecases.record import Answer, Record
from kuska.infra.postgres.connection import Write
from kuska.infra.postgres.errors import ContentionError
from kuska.kit.errors import IncorrectError, Issue, KuskaError

Condition = tuple[str, tuple[Criterion, ...]]  # ('Patient', (('identifier', 'x'),))


@dataclass(frozen=True, slots=True)
class Step:
    """One entry that writes. `name` is what the others call its resource."""

    entry: Entry
    name: str  # never empty
    spots: Sequence[Spot]
    criteria: tuple[Criterion, ...] | None

    @property
    def condition(self) -> Condition | None:
        return None if self.criteria is None else (self.entry.call.type, self.criteria)

    @property
    def creates(self) -> bool:
        return self.entry.call.interaction == "create"


@dataclass(slots=True)
class Plan:
    record: Record
    tx: Write
    steps: Sequence[Step]
    hits: dict[Condition, list[Hit]] = field(default_factory=dict[Condition, list[Hit]])
    targets: dict[str, str] = field(default_factory=dict[str, str])
    changes: dict[int, Change] = field(default_factory=dict[int, Change])  # by entry's index
    issues: dict[int, tuple[Issue, ...]] = field(default_factory=dict[int, tuple[Issue, ...]])
    answers: dict[int, Answer] = field(default_factory=dict[int, Answer])
    unmatched: set[int] = field(default_factory=set[int])  # steps whose condition nothing meets
    twins: dict[int, Step] = field(default_factory=dict[int, Step])  # the same If-None-Exist as an earlier step's
    aliases: dict[str, str] = field(default_factory=dict[str, str])  # another name of a step

    async def run(self) -> dict[int, Answer]:
        """Every step's answer by its entry's index."""
        for step in self.steps:
            reset(step.spots)
        await self._lock()
        await self._look_up()
        first: dict[Condition, Step] = {}
        for step in self.steps:
            try:
                await self._decide(step, first)
            except KuskaError as error:
                raise placed(error, f"{step.entry.place}.request") from error
        await self._conditional_references(first)
        await self._name()
        self._refuse_overlap()
        await self._write()
        for index, twin in self.twins.items():
            self.answers[index] = replace(self.answers[twin.entry.index], status=200)
        return self.answers

    async def _lock(self) -> None:
        wanted: set[int] = set()
        for step in self.steps:
            if step.condition is not None:
                wanted |= keys(*step.condition, step.entry.call.node)
            elif step.entry.call.interaction == "patch":
                wanted.add(patch.key(step.entry.call))
        if wanted:
            await lock(self.tx, sorted(wanted))

    async def _look_up(self) -> None:
        """The conditions that are one identifier each, in one round trip: bundles have many of these."""
        wanted = {step.condition: None for step in self.steps if step.condition is not None}
        for step in self.steps:
            for spot in step.spots:
                reference = conditional(spot.name)
                if reference is not None and reference[0] in self.record.definitions.type_numbers:
                    with suppress(PreconditionError):  # said later, with its place
                        wanted[reference[0], parse(reference[1])] = None
        if wanted:
            conditions = list(wanted)
            found = await self.record.search.find_identified(conditions, self.tx)
            self.hits |= {one: hits for one, hits in zip(conditions, found, strict=True) if hits is not None}

    async def _matches(self, condition: Condition) -> list[Hit]:
        """Without what this bundle deletes: the specification has deletions done before anything else."""
        if condition not in self.hits:
            self.hits[condition] = await matches(self.record, self.tx, *condition)
        hits = self.hits[condition]
        gone = {
            change.id for change in self.changes.values() if change.kind == "delete" and change.type == condition[0]
        }
        left = [hit for hit in hits if hit.id not in gone]
        if len(left) < len(hits) and len(left) < 2:  # there may be more than were asked for
            found = await matches(self.record, self.tx, *condition, 2 + len(gone))
            left = [hit for hit in found if hit.id not in gone]
        return left

    async def _decide(self, step: Step, first: dict[Condition, Step]) -> None:
        """What this step does: a change, or an answer without one."""
        call, index = step.entry.call, step.entry.index
        hits: list[Hit] = []
        if step.condition is not None:
            # What is deleted is nobody's target.
            twin = step if step.entry.method == "DELETE" else first.setdefault(step.condition, step)
            hits = await self._matches(step.condition)
            if not hits:
                self.unmatched.add(index)
            if len(hits) > 1:
                raise several(call.type, call.if_none_exist or call.query)
            if twin is not step and step.creates and twin.creates:
                self.twins[index] = twin
                self.aliases[step.name] = twin.name
                return
        match call.interaction:
            case "create" if hits:
                self.answers[index] = await existing(self.record, self.tx, call.type, hits[0].id)
                self._known(step, hits[0].id)
            case "create":
                self.changes[index] = Change("create", call.type, None, call.node, asked=call.if_none_exist)
            case "update":
                self.changes[index] = Change("put", call.type, call.id, call.node, call.if_match)
            case "conditional-update":
                self.changes[index] = change_for(call, call.node or {}, hits)
            case "delete":
                self.changes[index] = Change("delete", call.type, call.id, None, call.if_match)
            case "conditional-delete" if hits:
                self.changes[index] = Change("delete", call.type, hits[0].id, None, call.if_match, call.query)
            case "conditional-delete":
                self.answers[index] = Answer(204)
            case _:
                await self._patch(step, hits)

    async def _patch(self, step: Step, hits: list[Hit]) -> None:
        call = step.entry.call
        if step.condition is not None:
            if not hits:
                raise nothing(call)
            made = await patched_match(self.record, self.tx, call, step.criteria or (), hits[0])
        else:
            made = patch.patched(call, await patch.readable(self.record, self.tx, call.type, call.id))
        self.changes[step.entry.index], self.issues[step.entry.index] = made

    def _known(self, step: Step, id_: str) -> None:
        self.targets[step.name] = f"{step.entry.call.type}/{id_}"

    async def _conditional_references(self, first: Mapping[Condition, Step]) -> None:
        """`Patient?identifier=…`: the one match in the record, or the entry of this bundle with that condition."""
        for step in self.steps:
            for spot in step.spots:
                wanted = conditional(spot.name)
                if wanted is None or spot.name in self.targets or spot.name in self.aliases:
                    continue
                try:
                    await self._conditional_reference(spot.name, *wanted, first)
                except KuskaError as error:
                    raise placed(error, _place(step, spot)) from error

    async def _conditional_reference(self, name: str, type_: str, query: str, first: Mapping[Condition, Step]) -> None:
        if type_ not in self.record.definitions.type_numbers:
            params = {"type": type_[:64]}
            raise IncorrectError(Issue(code="not-supported", message="interaction.unknown-type", params=params))
        condition = (type_, parse(query))
        if condition in first:
            self.aliases[name] = first[condition].name
            return
        hits = await self._matches(condition)
        if len(hits) > 1:
            raise several(type_, query)
        if not hits:
            params = {"type": type_, "criteria": shown(query)}
            raise PreconditionError(Issue(code="not-found", message="interaction.no-match", params=params))
        self.targets[name] = f"{type_}/{hits[0].id}"

    async def _name(self) -> None:
        """Ids for what is created, patients first because a resource's id depends on its patient's; then references."""
        records = self.record.records
        fresh = [step for step in self.steps if self._is_fresh(step)]
        if fresh:
            await records.reserve(self.tx, len(fresh))
        for step in self.steps:
            change = self.changes.get(step.entry.index)
            if change is not None and change.id is not None and change.kind != "delete":
                self._known(step, change.id)
            elif self._is_fresh(step) and step.entry.call.type == "Patient":
                self._mint(step, None)
        self._alias()
        left = {step.entry.index: fill(step.spots, self.targets) for step in self.steps}
        for step in fresh:
            if step.entry.call.type != "Patient":
                self._mint(step, records.home_patient(step.entry.call.node or {}))
        self._alias()
        for step in self.steps:
            for spot in fill(left[step.entry.index], self.targets):
                self._unresolved(step, spot)

    def _is_fresh(self, step: Step) -> bool:
        change = self.changes.get(step.entry.index)
        return change is not None and change.kind == "create" and change.id is None

    def _mint(self, step: Step, home: str | None) -> None:
        index, type_ = step.entry.index, step.entry.call.type
        id_ = self.record.records.mint(type_, home)
        self.changes[index] = replace(self.changes[index], id=id_)
        self._known(step, id_)

    def _alias(self) -> None:
        """What goes by another's name: twins, and references that repeat an entry's condition."""
        for alias, name in self.aliases.items():
            if name in self.targets:
                self.targets[alias] = self.targets[name]

    def _unresolved(self, step: Step, spot: Spot) -> None:
        if spot.key == "reference":
            params = {"reference": spot.name[:200]}
            issue = Issue(code="not-found", message="interaction.unresolved-reference", params=params)
            raise placed(IncorrectError(issue), _place(step, spot))

    def _refuse_overlap(self) -> None:
        seen: dict[tuple[str, str | None], int] = {}
        for index, change in self.changes.items():
            other = seen.setdefault((change.type, change.id), index)
            if other != index:
                params = {"type": change.type, "id": change.id, "other": f"Bundle.entry[{other}]"}
                place = f"Bundle.entry[{index}].request"
                raise IncorrectError(
                    Issue(code="invalid", message="interaction.entries-overlap", params=params, expression=place)
                )

    async def _write(self) -> None:
        steps = [step for step in self.steps if step.entry.index in self.changes]
        if not steps:
            return
        for step in steps:
            try:
                change = await settled(self.record, self.tx, self.changes[step.entry.index])
            except KuskaError as error:
                raise placed(error, f"{step.entry.place}.request.ifMatch") from error
            self.changes[step.entry.index] = change
        try:
            done = await self.record.records.write(self.tx, [self.changes[step.entry.index] for step in steps])
        except VersionConflictError as error:
            step = steps[error.place]
            named = step.entry.call.if_match
            if named == ANY_VERSION or (named is None and step.entry.method == "PATCH"):
                # Somebody wrote between our read and our write: what they left is looked at anew.
                raise ContentionError(*issues_of(error)) from error
            raise placed(error, f"{step.entry.place}.request.ifMatch") from error
        for step, result in zip(steps, done, strict=True):
            self.answers[step.entry.index] = self._answer(step, result)

    def _answer(self, step: Step, result: Written) -> Answer:
        call = step.entry.call
        try:
            if call.if_none_match and call.interaction in ("update", "conditional-update"):
                must_be_new(result)
            elif call.interaction == "conditional-update" and step.entry.index in self.unmatched:
                must_be_free(result)
        except KuskaError as error:
            raise placed(error, f"{step.entry.place}.request") from error
        if self.changes[step.entry.index].kind == "delete":
            return Answer(204, b"", result.stored.version, result.stored.updated)
        return written(result, self.issues.get(step.entry.index, ()))


def placed(error: KuskaError, place: str) -> KuskaError:
    """The same error, its issues named from the bundle."""
    error.issues = under(issues_of(error), place)
    return error


def _place(step: Step, spot: Spot) -> str:
    node = step.entry.call.node or {}
    inner = place_of(node, spot.holder).partition(".")[2]
    return f"{step.entry.place}.resource.{inner}"
