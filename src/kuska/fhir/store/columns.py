"""Index rows of many resources as the columns that fhir.write takes, and their digests."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from kuska.fhir.domain.indexing.rows import IndexRows

# Columns per table, in the order of fhir.write after its first eight arguments.
_WIDTHS = (3, 4, 3, 8, 3, 11)
_encode = msgspec.msgpack.Encoder().encode
_NO_ROWS = bytes(6)
EMPTY_DIGEST = bytes(36)


def digest(rows: IndexRows) -> bytes:
    """Six bytes per table, so that an update can tell which tables it changes. Zeros for a table without rows."""
    return b"".join(
        [
            blake2b(_encode(table), digest_size=6).digest() if table else _NO_ROWS
            for table in (rows.tokens, rows.strings, rows.dates, rows.quantities, rows.references, rows.composites)
        ]
    )


def columns(batch: Sequence[IndexRows]) -> list[Sequence[Any]]:
    """Arguments 9 to 46 of fhir.write: for each table, the resource's place (1-based) and then its columns."""
    if len(batch) == 1:
        return _columns_of_one(batch[0])
    tables: tuple[list[tuple[Any, ...]], ...] = ([], [], [], [], [], [])
    places: tuple[list[int], ...] = ([], [], [], [], [], [])
    for place, rows in enumerate(batch, 1):
        for number, table in enumerate(_tables(rows)):
            if table:
                tables[number].extend(table)
                places[number].extend([place] * len(table))
    arguments: list[Sequence[Any]] = []
    for width, table, place in zip(_WIDTHS, tables, places, strict=True):
        arguments.append(place)
        arguments.extend(zip(*table, strict=True) if table else ((),) * width)
    return arguments


def _columns_of_one(rows: IndexRows) -> list[Sequence[Any]]:
    arguments: list[Sequence[Any]] = []
    for width, table in zip(_WIDTHS, _tables(rows), strict=True):
        arguments.append((1,) * len(table))
        arguments.extend(zip(*table, strict=True) if table else ((),) * width)
    return arguments


def _tables(rows: IndexRows) -> tuple[Sequence[tuple[Any, ...]], ...]:
    return (rows.tokens, rows.strings, rows.dates, rows.quantities, rows.references, rows.composites)
