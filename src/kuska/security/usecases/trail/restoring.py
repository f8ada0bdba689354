"""The heads of a trail that came back from a backup: only of links that came back with it.

The files of heads are copied a little after the database. A head of a link that is not in the backup would look like a
link that somebody took away.
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

from kuska.infra.postgres.database import Database
from kuska.security.settings import SecuritySettings
from kuska.security.store import trail_chain
from kuska.security.usecases.trail.running import heads


def heads_files(settings: SecuritySettings, data: Path) -> list[Path]:
    """None where they lie apart: they are not part of a backup then, and stay where they are."""
    if settings.audit_heads:
        return []
    path = heads(settings, data).path
    return [path, path.with_name(f"{path.stem}-recent{path.suffix}")]


async def bring_heads(db: Database, settings: SecuritySettings, data: Path, source: Path) -> None:
    async with db.read() as conn:
        last = await trail_chain.lead(conn, date.max)
    for file in heads_files(settings, data):
        kept = source / file.name
        if kept.is_file() and not file.exists():
            lines = kept.read_text("ascii", "replace").splitlines(keepends=True)
            file.write_text("".join(line for line in lines if _number(line) <= last), "ascii")


def _number(line: str) -> int:
    """Of the link, or of the last one that a cut took; a torn line counts for nothing."""
    try:
        said = json.loads(line)
        return int(said.get("link", said.get("cut", 0)))
    except (ValueError, AttributeError, TypeError):
        return 0
