"""From canonical URLs to the resources that have them, and back.

A row of a canonical has the hash of the URL, and where a version is said a second one with that of `url|version`; the
resource has its url and its version as tokens. `url|version` names what has both, a URL alone whatever has it. Rows do
not tell a URL alone from one with a version that the record does not have: such a version counts as none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kuska.fhir.domain.search.tree import AllOf, AnyOf, Condition, Ids, Link, Match, Not, RefersTo
from kuska.fhir.store.search.binding import Binder
from kuska.infra.postgres.connection import Read
from kuska.kit.errors import IncorrectError, Issue

# Resources with a canonical URL are definitions: of one type there are hundreds, seldom thousands.
MOST_NAMED = 20_000


@dataclass(slots=True)
class _Known:
    """Resources that share a URL, by version ('' = none)."""

    plain: int  # the hash of the URL alone
    versions: dict[str, list[int]] = field(default_factory=dict[str, list[int]])

    def with_version(self, link: Link, url: str) -> dict[int, list[int]]:
        return {link.address(f"{url}|{version}"): rids for version, rids in self.versions.items() if version}

    @property
    def rids(self) -> Iterable[int]:
        return (rid for rids in self.versions.values() for rid in rids)


def too_many() -> IncorrectError:
    params: dict[str, object] = {"limit": MOST_NAMED}
    return IncorrectError(Issue(code="too-costly", message="search.too-many-canonicals", params=params))


async def naming(conn: Read, link: Link, rids: Sequence[int]) -> Condition:
    """Naming one of these resources, as a condition on those that have the canonicals."""
    bind = Binder()
    own = f"select code from fhir.token where param = {bind.int(link.url)} and rid = any ({bind.bigs(rids)})"
    urls = sorted({row[0] for row in await conn.fetch(own, *bind.values)})
    named = {*rids}
    certain: list[int] = [*rids]  # a canonical may be the address of the resource itself
    options: list[Condition] = []
    for url, known in (await _known(conn, link, urls)).items():
        others: list[int] = []
        for address, those in known.with_version(link, url).items():
            (others if named.isdisjoint(those) else certain).append(address)
        if others:  # then the URL alone must not be that of another version
            elsewhere = Not(_refers(link, others))
            options.append(AllOf((_refers(link, [known.plain]), elsewhere)))
        else:
            certain.append(known.plain)
    if not rids:
        return Ids(())
    return AnyOf((_refers(link, certain), *options)) if options else _refers(link, certain)


async def named(conn: Read, link: Link, sources: Sequence[int]) -> list[int]:
    """What the canonicals of these resources name."""
    bind = Binder()
    text = (
        "select rid, array_agg(target) from fhir.reference"
        f" where rid = any ({bind.bigs(sources)}) and {bind.is_param_of(link.keys)} group by rid"
    )
    said = [set(row[1]) for row in await conn.fetch(text, *bind.values)]
    if not said:
        return []
    known = await _catalogue(conn, link, set[int].union(*said))
    found: set[int] = set()
    for targets in said:
        for url, one in known.items():
            exact = [rid for address, rids in one.with_version(link, url).items() if address in targets for rid in rids]
            found.update(exact or (one.rids if one.plain in targets else ()))
            found.update(rid for rid in one.rids if rid in targets)
    return sorted(found)


async def named_by_all(conn: Read, link: Link, sources: str, bind: Binder) -> list[int]:
    """The same of sources that are too many to be listed: `sources` is a SELECT of their rids."""
    known = await _catalogue(conn, link, None)
    exact = {a: (one.plain, rids) for url, one in known.items() for a, rids in one.with_version(link, url).items()}
    itself = {rid: [rid] for one in known.values() for rid in one.rids}
    plain = {one.plain: list(one.rids) for one in known.values()}
    param = bind.is_param(link.keys)
    pairs = f"unnest({bind.bigs(list(exact))}, {bind.bigs([alone for alone, _ in exact.values()])}) as m (said, alone)"
    alone = (
        f"select rid, target from fhir.reference where {param} and target = any ({bind.bigs(list(plain))})"
        f" except select v.rid, m.alone from fhir.reference v join {pairs} on m.said = v.target where {param}"
    )
    text = (
        f"select distinct target from fhir.reference where {param} and rid in ({sources})"
        f" and target = any ({bind.bigs([*exact, *itself])})"
        f" union select distinct target from ({alone}) x where rid in ({sources})"
    )
    found: set[int] = set()
    for row in await conn.fetch(text, *bind.values):
        target: int = row[0]
        found.update(exact[target][1] if target in exact else plain.get(target) or itself[target])
    return sorted(found)


async def _catalogue(conn: Read, link: Link, said: set[int] | None) -> Mapping[str, _Known]:
    """All of the type that have a URL, or those whose URL is said."""
    bind = Binder()
    text = f"select rid, code from fhir.token where param = {bind.int(link.url)} limit {MOST_NAMED + 1}"
    rows: list[Any] = await conn.fetch(text, *bind.values)
    if len(rows) > MOST_NAMED:
        raise too_many()
    pairs = [(row[0], row[1]) for row in rows]
    if said is not None:
        pairs = [(rid, url) for rid, url in pairs if rid in said or link.address(url) in said]
    return await _versions(conn, link, pairs)


async def _known(conn: Read, link: Link, urls: Sequence[str]) -> Mapping[str, _Known]:
    if not urls:
        return {}
    bind = Binder()
    text = f"select rid, code from fhir.token where param = {bind.int(link.url)} and code = any ({bind.texts(urls)})"
    return await _versions(conn, link, [(row[0], row[1]) for row in await conn.fetch(text, *bind.values)])


async def _versions(conn: Read, link: Link, pairs: Sequence[tuple[int, str]]) -> Mapping[str, _Known]:
    bind = Binder()
    rids = bind.bigs([rid for rid, _ in pairs])
    text = f"select rid, code from fhir.token where rid = any ({rids}) and {bind.is_param_of((link.version,))}"
    versions = {row[0]: row[1] for row in await conn.fetch(text, *bind.values)} if pairs else {}
    found: dict[str, _Known] = {}
    for rid, url in pairs:
        one = found.setdefault(url, _Known(link.address(url)))
        one.versions.setdefault(versions.get(rid, ""), []).append(rid)
    return found


def _refers(link: Link, addresses: Sequence[int]) -> Match:
    return Match("reference", link.keys, ((RefersTo(tuple(dict.fromkeys(addresses))),),))
