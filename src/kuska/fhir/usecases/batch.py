"""batch: every entry stands for itself. https://hl7.org/fhir/R4/http.html#brules

Each entry has its own outcome, but not each its own commit: plain creates, updates and deletes are written together,
and one by one only when that fails. Writes come before reads, as in a transaction; what changes one resource keeps the order
of the entries.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence

from kuska.fhir.domain import bundle as bundles
from kuska.fhir.domain import replies
from kuska.fhir.domain.bundle import Context, Entry
from kuska.fhir.domain.call import Call, Node
from kuska.fhir.domain.http import ANY_VERSION
from kuska.fhir.domain.outcome import issues_of, outcome, status_of
from kuska.fhir.store.records import Change, Written
from kuska.fhir.usecases.answers import written
from kuska.fhir.usecases.checking import body_of, checked, same_id
from kuska.fhir.usecases.noting import refused_entry
from kuska.fhir.usecases.record import Answer, Record
from kuska.fhir.usecases.table import IN_BUNDLES, READING
from kuska.infra.telemetry.logs import logger
from kuska.kit.errors import FaultError, IncorrectError, Issue, KuskaError
from kuska.kit.json import encode

_TOGETHER = 1000  # changes in one commit
_TOGETHER_BYTES = 2 * 1024 * 1024
_TURN = 16  # entries that are checked before other requests get a turn
_SIDE_BY_SIDE = 4  # reads of one batch at a time: it shares the connections with everybody
_log = logger("fhir")

Outcome = Answer | KuskaError
_Checked = tuple[Entry, Change, tuple[Issue, ...]]


async def perform(record: Record, nodes: Sequence[Node], context: Context) -> Answer:
    done: dict[int, Outcome] = {}
    unread: dict[int, KuskaError] = {}
    entries: list[Entry] = []
    for index, node in enumerate(nodes):
        try:
            entries.append(_read(index, node, context))
        except KuskaError as error:
            unread[index] = error
    left = await _plain_writes(record, entries, done)
    for entry in left:
        if entry.call.interaction not in READING:
            done[entry.index] = await _one(record, entry)
    await _reads(record, [entry for entry in left if entry.call.interaction in READING], done)
    shown = {entry.index: _entry(done[entry.index], entry, context) for entry in entries}
    shown |= {index: _refused(error, context) for index, error in unread.items()}
    return Answer(200, replies.bundle("batch", context.base, [shown[index] for index in range(len(nodes))]))


def _read(index: int, node: Node, context: Context) -> Entry:
    entry = bundles.read_entry(index, node, context)
    if entry.call.interaction not in IN_BUNDLES:
        raise IncorrectError(Issue(code="not-supported", message="interaction.entry-not-supported"))
    return entry


async def _plain_writes(record: Record, entries: Sequence[Entry], done: dict[int, Outcome]) -> list[Entry]:
    """Writes what can be written together; returns the entries that are still to be done."""
    left: list[Entry] = []
    changes: list[_Checked] = []
    later = _Later()
    for place, entry in enumerate(entries):
        if place % _TURN == _TURN - 1:
            await asyncio.sleep(0)
        if later.takes(entry.call):
            left.append(entry)
            continue
        try:
            changes.append((entry, *_change(entry)))
        except KuskaError as error:
            done[entry.index] = error
    for group in _groups(changes):
        await _together(record, group, done)
    return left


def _groups(changes: Iterable[_Checked]) -> Iterator[list[_Checked]]:
    """What is written in one commit: not so many, and not so much, that a statement takes too long and all have to be
    done again one by one.
    """
    group: list[_Checked] = []
    size = 0
    for change in changes:
        more = len(encode(change[1].node))
        if group and (len(group) == _TOGETHER or size + more > _TOGETHER_BYTES):
            yield group
            group, size = [], 0
        group.append(change)
        size += more
    if group:
        yield group


class _Later:
    """Which changes have to wait until those are done that can be written together: they come after in any case, so
    whatever an entry before them may have changed waits with it.
    """

    def __init__(self) -> None:
        self._changed: set[tuple[str, str]] = set()
        self._any_of: set[str] = set()  # types of which it is not known which ones are changed: conditions

    def takes(self, call: Call) -> bool:
        if call.interaction in READING:
            return True
        key = (call.type, call.id)
        conditional = call.if_none_exist or call.if_none_match or call.if_match == ANY_VERSION
        plain = call.interaction in ("create", "update", "delete") and not conditional
        waits = not plain or key in self._changed or call.type in self._any_of
        if call.id:
            self._changed.add(key)
        elif not plain:
            self._any_of.add(call.type)
        return waits


def _change(entry: Entry) -> tuple[Change, tuple[Issue, ...]]:
    call = entry.call
    if call.interaction == "delete":
        return Change("delete", call.type, call.id, None, call.if_match), ()
    node = body_of(call)
    if call.interaction == "update":
        same_id(call, node)
        return Change("put", call.type, call.id, node, call.if_match), checked(node)
    return Change("create", call.type, None, node), checked(node)


async def _together(record: Record, changes: Sequence[_Checked], done: dict[int, Outcome]) -> None:
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
        return await IN_BUNDLES[entry.call.interaction](record, entry.call)
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


def _entry(result: Outcome, entry: Entry, context: Context) -> bytes:
    return _refused(result, context) if isinstance(result, KuskaError) else shown(result, entry, context)


def _refused(error: KuskaError, context: Context) -> bytes:
    return replies.entry(status_of(error), outcome=outcome(issues_of(error), context.lang))


def shown(answer: Answer, entry: Entry, context: Context) -> bytes:
    """Resources are given back to those who read, by GET or POST, and to those who write and ask for them."""
    reads = entry.call.interaction in READING
    asked = context.prefer.returns_asked and context.prefer.returns == "representation"
    wanted = entry.method != "HEAD" and (reads or asked)
    asked_outcome = context.prefer.returns == "OperationOutcome"
    return replies.entry(
        answer.status,
        version=answer.version,
        updated=answer.updated,
        location=answer.location,
        resource=answer.body if wanted else b"",
        outcome=outcome(answer.issues, context.lang) if answer.issues and asked_outcome else None,
    )
