"""The rows of the trail: appended, never changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kuska.infra.postgres.connection import Write
from kuska.infra.postgres.database import Database
from kuska.kit.sqlfiles import load
from kuska.security.domain.trail_block import Block
from kuska.security.domain.trail_line import Line, columns, moment

_SQL = load(__package__, "trail_events.sql")


class TrailEvents:
    def __init__(self, db: Database) -> None:
        self._db = db

    async def append(self, lines: Sequence[Line]) -> None:
        """Committed when it returns. Those that are there already are left as they are, so it may be done again."""
        arguments = columns(lines)
        await self._db.single(lambda conn: conn.fetchval(_SQL["append"], *arguments))

    async def append_blocks(self, blocks: Sequence[Block]) -> None:
        """The same with blocks."""
        arguments = block_columns(blocks)
        await self._db.single(lambda conn: conn.fetchval(_SQL["append_blocks"], *arguments))

    @staticmethod
    async def append_within(tx: Write, lines: Sequence[Line]) -> None:
        await tx.fetchval(_SQL["append"], *columns(lines))


def block_columns(blocks: Sequence[Block]) -> tuple[Sequence[Any], ...]:
    """Arguments of security.append_blocks; their elements, those of security.append_written."""
    return (
        [block.id for block in blocks],
        [moment(block.at) for block in blocks],
        [moment(block.until) for block in blocks],
        ["\n".join(block.accounts) for block in blocks],
        ["\n".join(block.patients) for block in blocks],
        [block.packed for block in blocks],
    )
