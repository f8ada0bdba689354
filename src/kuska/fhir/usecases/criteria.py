"""Conditions written as searches: `identifier=…` of If-None-Exist, of conditional URLs and of conditional references.

https://hl7.org/fhir/R4/http.html#ccreate

Two writers whose conditions have a value in common, or who write one identifier, are put one behind the other by locks
held to the end of the transaction and taken in one order; so the second one's search sees what the first one wrote.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Any, cast

from kuska.fhir.domain.call import Call, Node
from kuska.fhir.domain.query import pairs
from kuska.fhir.domain.search.request import Hit
from kuska.fhir.store.locks import lock
from kuska.fhir.usecases.preconditions import PreconditionError, several
from kuska.fhir.usecases.record import Record
from kuska.infra.postgres.connection import Read, Write
from kuska.kit.errors import Issue

Criterion = tuple[str, str]
# They change what is shown, not what is found.
_PASSED = frozenset({"_format", "_pretty", "_summary", "_elements", "_count", "_total", "_sort"})
_COMMA, _BAR = re.compile(r"(?<!\\),"), re.compile(r"(?<!\\)\|")


def if_none_exist(call: Call) -> tuple[Criterion, ...]:
    """Only the query by the specification; with the type before it, as others take it, when it is the right one."""
    return parse(call.if_none_exist.strip().removeprefix(f"{call.type}?"))


def parse(query: str) -> tuple[Criterion, ...]:
    found = tuple((name, value) for name, value in pairs(query.lstrip("?")) if name not in _PASSED)
    if not any(value for _, value in found):
        raise PreconditionError(Issue(code="required", message="interaction.no-criteria"))
    return found


def keys(type_: str, criteria: Iterable[Criterion], node: Node | None = None) -> set[int]:
    """What a condition locks: its values, and the identifiers of the resource to be written.

    A value is taken without what may be spelt in several ways (the system of a token, the base of a reference, case),
    so `identifier=s|1` and `identifier=1` wait for each other, and so do the writers of one identifier whatever their
    conditions ask. Conditions with nothing of this in common (a name here, a birth date there) do not wait.
    """
    texts = {
        f"{type_}|{name.partition(':')[0]}|{part}" for name, value in criteria for part in _bare(value) if part
    } | {f"{type_}|identifier|{value}" for value in _identifiers(node)}
    return {key(text) for text in texts or {f"{type_}|{sorted(criteria)}"}}


def _bare(value: str) -> Iterator[str]:
    """The alternatives of a value, each its last part only. Splitting too much would only make others wait."""
    for part in _COMMA.split(value):
        yield _BAR.split(part)[-1].rpartition("/")[2].replace("\\", "").casefold()


def _identifiers(node: Node | None) -> Iterator[str]:
    given: Any = None if node is None else node.get("identifier")
    for one in cast("list[Any]", given if isinstance(given, list) else [given]):
        value: Any = cast("Node", one).get("value") if isinstance(one, dict) else None
        if isinstance(value, str):
            yield value.rpartition("/")[2].casefold()


def key(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), signed=True)


async def lock_criteria(tx: Write, type_: str, criteria: Iterable[Criterion], node: Node | None = None) -> None:
    """Sorted, so that two transactions cannot wait for each other."""
    await lock(tx, sorted(keys(type_, criteria, node)))


async def match(
    record: Record, tx: Write, type_: str, criteria: Sequence[Criterion], asked: str, *, node: Node | None = None
) -> Hit | None:
    """The one that the condition names, behind its lock. `asked`: as it was sent; `node`: what shall be written.

    Raises:
        PreconditionError: it names several.
    """
    await lock_criteria(tx, type_, criteria, node)
    hits = await matches(record, tx, type_, criteria)
    if len(hits) > 1:
        raise several(type_, asked)
    return hits[0] if hits else None


async def matches(record: Record, conn: Read, type_: str, criteria: Sequence[Criterion], limit: int = 2) -> list[Hit]:
    """Two are enough to tell none, the one, and 'several' apart."""
    return await record.search.find(type_, tuple(criteria), limit, conn)
