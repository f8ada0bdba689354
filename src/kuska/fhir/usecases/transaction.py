"""transaction: all entries or none. https://hl7.org/fhir/R4/http.html#trules

What can be done without the database (reading the entries, validation, finding the references to fill in) is done
before the transaction begins; inside it are: locks on the conditions, the searches they need, ids, one write of
everything, then the reads. A deadlock repeats the inside, so it keeps no state but what it overwrites.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from kuska.fhir.domain import bundle as bundles
from kuska.fhir.domain import replies
from kuska.fhir.domain.bundle import Context, Entry
from kuska.fhir.domain.call import Node
from kuska.fhir.domain.outcome import issues_of, refused, under
from kuska.fhir.domain.rewriting import Spot, Spotter, base_of
from kuska.fhir.domain.validation import validate
from kuska.fhir.usecases import batch
from kuska.fhir.usecases.checking import InvalidError, body_of, same_id
from kuska.fhir.usecases.criteria import Criterion, if_none_exist, parse
from kuska.fhir.usecases.plan import Plan, Step
from kuska.fhir.usecases.preconditions import wants_new
from kuska.fhir.usecases.record import Answer, Record
from kuska.fhir.usecases.table import IN_BUNDLES, READING
from kuska.infra.postgres.connection import Write
from kuska.kit.errors import IncorrectError, Issue, KuskaError

# More entries than these are prepared in a thread, so that other requests get their turns meanwhile.
_LARGE = 200


async def perform(record: Record, node: Node, nodes: Sequence[Node], context: Context) -> Answer:
    if len(nodes) > _LARGE:
        entries, steps = await asyncio.to_thread(_prepared, record, node, nodes, context)
    else:
        entries, steps = _prepared(record, node, nodes, context)
    reading = [entry for entry in entries if entry.call.interaction in READING]

    async def work(tx: Write) -> dict[int, Answer]:
        done = await Plan(record, tx, steps).run()
        if reading:
            inside = record.inside(tx)
            for entry in reading:
                done[entry.index] = await _answered(inside, entry)
        return done

    done = await record.transaction(work)
    shown = [batch.shown(done[entry.index], entry, context) for entry in entries]
    return Answer(200, replies.bundle("transaction", context.base, shown))


def _prepared(record: Record, node: Node, nodes: Sequence[Node], context: Context) -> tuple[list[Entry], list[Step]]:
    """All that needs no database."""
    entries = _read(nodes, context)
    _check(node)
    return entries, _steps(record, entries)


def _read(nodes: Sequence[Node], context: Context) -> list[Entry]:
    """All entries, or everything that is wrong with them."""
    entries: list[Entry] = []
    issues: list[Issue] = []
    for index, node in enumerate(nodes):
        try:
            entry = bundles.read_entry(index, node, context)
            _check_entry(entry)
        except KuskaError as error:
            place = f"Bundle.entry[{index}]"
            issues += (
                issue if issue.expression.startswith(place) else under([issue], f"{place}.request")[0]
                for issue in issues_of(error)
            )
        else:
            entries.append(entry)
    if issues:
        raise IncorrectError(*issues)
    return entries


def _check_entry(entry: Entry) -> None:
    call = entry.call
    if call.interaction not in IN_BUNDLES:
        raise IncorrectError(Issue(code="not-supported", message="interaction.entry-not-supported"))
    if call.interaction in ("create", "update", "conditional-update"):
        node = body_of(call)
        if call.interaction == "update":
            try:
                same_id(call, node)
            except KuskaError as error:
                error.issues = under(issues_of(error), f"{entry.place}.resource")
                raise
        if call.if_none_match:
            wants_new(call)


def _check(node: Node) -> None:
    """The bundle as a whole, so that every problem is named from its root: Bundle.entry[3].resource…"""
    issues = validate(node)
    if refused(issues):
        raise InvalidError(*issues)


def _steps(record: Record, entries: Sequence[Entry]) -> list[Step]:
    """The writes in the order of the specification, with the spots to fill in."""
    writing = [entry for entry in entries if entry.call.interaction not in READING]
    names = {name_of(entry) for entry in writing}
    spotter = Spotter(record.definitions, names)
    steps: list[Step] = []
    for entry in bundles.in_order(writing):
        call = entry.call
        spots: list[Spot] = spotter.spots(call.node, base_of(entry.full_url)) if call.node is not None else []
        steps.append(Step(entry, name_of(entry), spots, _criteria(entry)))
    return steps


def _criteria(entry: Entry) -> tuple[Criterion, ...] | None:
    call = entry.call
    try:
        if call.interaction.startswith("conditional-"):
            return parse(call.query)
        return if_none_exist(call) if call.if_none_exist else None
    except KuskaError as error:
        error.issues = under(issues_of(error), f"{entry.place}.request")
        raise


def name_of(entry: Entry) -> str:
    """What other entries call this one: its fullUrl, or without one the 'Type/id' that its source gave it."""
    if entry.full_url:
        return entry.full_url
    given = (entry.call.node or {}).get("id")
    return f"{entry.call.type}/{given}" if entry.method == "POST" and isinstance(given, str) else entry.place


async def _answered(record: Record, entry: Entry) -> Answer:
    try:
        return await IN_BUNDLES[entry.call.interaction](record, entry.call)
    except KuskaError as error:
        error.issues = under(issues_of(error), f"{entry.place}.request")
        raise
