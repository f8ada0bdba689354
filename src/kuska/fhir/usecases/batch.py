"""batch: every entry stands for itself. https://hl7.org/fhir/R4/http.html#brules

Each entry has its own outcome, but not each its own commit: plain creates, updates and deletes are written together,
and one by one only when that fails. Writes come before reads, as in a transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from kuska.fhir.domain import bundle as bundles
from kuska.fhir.domain import replies
from kuska.fhir.domain.bundle import Context, Entry
from kuska.fhir.domain.call import Node
from kuska.fhir.domain.outcome import issues_of, outcome, status_of
from kuska.fhir.store.records import Change, Written
from kuska.fhir.usecases.answers import written
from kuska.fhir.usecases.checking import body_of, checked, same_id
from kuska.fhir.usecases.noting import refused_entry
from kuska.fhir.usecases.record import Answer, Record
from kuska.fhir.usecases.table import INTERACTIONS, READING
from kuska.infra.telemetry.logs import logger
from kuska.kit.errors import FaultError, IncorrectError, Issue, KuskaError

_TOGETHER = 1000  # changes in one commit
_TURN = 16  # entries that are checked before other requests get a turn
_SIDE_BY_SIDE = 4  # reads of one batch at a time: it shares the connections with everybody
_log = logger("fhir")

Outcome = Answer | KuskaError


async def perform(record: Record, nodes: Sequence[Node], context: Context) -> Answer:
    done: dict[int, Outcome] = {}
    entries: list[Entry] = []
    for index, node in enumerate(nodes):
        try:
            entries.append(_read(index, node, context))
        except KuskaError as error:
            done[index] = error
    left = await _plain_writes(record, entries, done)
    for entry in left:
        if entry.call.interaction not in READING:
            done[entry.index] = await _one(record, entry)
    await _reads(record, [entry for entry in left if entry.call.interaction in READING], done)
    methods = {entry.index: entry.method for entry in entries}
    shown = [_entry(done[index], methods.get(index, ""), context) for index in range(len(nodes))]
    return Answer(200, replies.bundle("batch", context.base, shown))


def _read(index: int, node: Node, context: Context) -> Entry:
    entry = bundles.read_entry(index, node, context)
    if entry.call.interaction not in INTERACTIONS:
        raise IncorrectError(Issue(code="not-supported", message="interaction.entry-not-supported"))
    return entry


async def _plain_writes(record: Record, entries: Sequence[Entry], done: dict[int, Outcome]) -> list[Entry]:
    """Writes what can be written together; returns the entries that are still to be done."""
    left: list[Entry] = []
    changes: list[tuple[Entry, Change, tuple[Issue, ...]]] = []
    seen: set[tuple[str, str]] = set()
    for place, entry in enumerate(entries):
        if place % _TURN == _TURN - 1:
            await asyncio.sleep(0)
        call = entry.call
        key = (call.type, call.id)
        plain = call.interaction in ("create", "update", "delete") and not (call.if_none_exist or call.if_none_match)
        if not plain or (call.id and key in seen):  # the second change of one resource must see the first
            left.append(entry)
            continue
        try:
            changes.append((entry, *_change(entry)))
        except KuskaError as error:
            done[entry.index] = error
        else:
            seen.add(key)
    for start in range(0, len(changes), _TOGETHER):
        await _together(record, changes[start : start + _TOGETHER], done)
    return left


def _change(entry: Entry) -> tuple[Change, tuple[Issue, ...]]:
    call = entry.call
    if call.interaction == "delete":
        return Change("delete", call.type, call.id, None, call.if_match), ()
    node = body_of(call)
    if call.interaction == "update":
        same_id(call, node)
        return Change("put", call.type, call.id, node, call.if_match), checked(node)
    return Change("create", call.type, None, node), checked(node)


async def _together(
    record: Record, changes: Sequence[tuple[Entry, Change, tuple[Issue, ...]]], done: dict[int, Outcome]
) -> None:
    try:
        results = await record.write([change for _, change, _ in changes])
    except KuskaError:
        for entry, _, _ in changes:  # one of them is refused: the others must not suffer
            done[entry.index] = await _one(record, entry)
        return
    for (entry, _, issues), result in zip(changes, results, strict=True):
        done[entry.index] = _written(entry, result, issues)


def _written(entry: Entry, result: Written, issues: tuple[Issue, ...]) -> Answer:
    if entry.call.interaction == "delete":
        return Answer(204, b"", result.stored.version, result.stored.updated)
    return written(result, issues)


async def _one(record: Record, entry: Entry) -> Outcome:
    try:
        return await INTERACTIONS[entry.call.interaction](record, entry.call)
    except KuskaError as error:
        refused_entry(record, entry.call, error)
        return error
    except Exception as error:  # noqa: BLE001 - a defect met by one entry must not take the others' answers away
        _log.error("batch entry failed", error=type(error).__name__)
        return FaultError()


async def _reads(record: Record, entries: Sequence[Entry], done: dict[int, Outcome]) -> None:
    places = asyncio.Semaphore(_SIDE_BY_SIDE)

    async def one(entry: Entry) -> None:
        async with places:
            done[entry.index] = await _one(record, entry)

    await asyncio.gather(*(one(entry) for entry in entries))


def _entry(result: Outcome, method: str, context: Context) -> bytes:
    if isinstance(result, KuskaError):
        return replies.entry(status_of(result), outcome=outcome(issues_of(result), context.lang))
    return shown(result, method, context)


def shown(answer: Answer, method: str, context: Context) -> bytes:
    """Resources are given back to those who read, and to those who write and ask for them."""
    wanted = method == "GET" or (
        method != "HEAD" and context.prefer.returns_asked and context.prefer.returns == "representation"
    )
    asked_outcome = context.prefer.returns == "OperationOutcome"
    return replies.entry(
        answer.status,
        version=answer.version,
        updated=answer.updated,
        location=answer.location,
        resource=answer.body if wanted else b"",
        outcome=outcome(answer.issues, context.lang) if answer.issues and asked_outcome else None,
    )
