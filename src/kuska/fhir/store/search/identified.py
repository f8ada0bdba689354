"""Many conditions of the form `identifier=system|value` answered by one statement.

A transaction's conditional references are of this form, several to a bundle; asked one by one they cost more round trips
than the bundle itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kuska.fhir.domain.search.parse import Guard, Parser
from kuska.fhir.domain.search.request import Parameter, SearchRequest
from kuska.fhir.domain.search.tree import Match, TokenIs
from kuska.infra.postgres.connection import Read
from kuska.kit.errors import KuskaError

# Identifiers are selective; a token like a gender would answer with half the table.
_SELECTIVE = "identifier"
_SQL = """
select distinct w.place, r.rid, r.bucket, r.id, r.version
from unnest($1::integer[], $2::smallint[], $3::integer[], $4::text[], $5::integer[])
    as w (place, type, param, code, system)
join fhir.token t
    on t.param = w.param and t.code = w.code collate "C" and (w.system is null or t.system = w.system)
join fhir.resource r on r.type = w.type and r.rid = t.rid and r.bucket = t.bucket
where not r.deleted
order by w.place, r.rid
"""


@dataclass(frozen=True, slots=True)
class Identity:
    type: int
    param: int
    code: str
    system: int | None


def identity(parser: Parser, guard: Guard, type_: str, criteria: Sequence[Parameter]) -> Identity | None:
    """None for everything else, also for what is wrong: the ordinary search says what."""
    if len(criteria) != 1 or criteria[0][0] != _SELECTIVE:
        return None
    try:
        query = parser.parse(SearchRequest(type=type_, parameters=tuple(criteria)), guard).query
    except KuskaError:
        return None
    match query.finds:
        case (find,) if len(find.conditions) == 1 and not find.within:
            match find.conditions[0]:
                case Match(table="token", keys=(key,), groups=((TokenIs(code=str(code), system=system),),)):
                    return Identity(find.type, key, code, system)
                case _:
                    return None
        case _:
            return None


async def identified(conn: Read, asked: Sequence[Identity | None]) -> list[list[tuple[int, int, str | None, int]]]:
    """(rid, bucket, id, version) of the matches, by place in `asked`."""
    found: list[list[tuple[int, int, str | None, int]]] = [[] for _ in asked]
    wanted = [(place, one) for place, one in enumerate(asked) if one is not None]
    if wanted:
        rows = await conn.fetch(
            _SQL,
            [place for place, _ in wanted],
            [one.type for _, one in wanted],
            [one.param for _, one in wanted],
            [one.code for _, one in wanted],
            [one.system for _, one in wanted],
        )
        for place, rid, bucket, id_, version in rows:
            found[place].append((rid, bucket, id_, version))
    return found
