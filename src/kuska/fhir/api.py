"""The record's door for other contexts and for the composition root: the interactions on plain nodes, without HTTP.

The same use cases as HTTP's: what is refused there is refused here, with the same errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from time import time_ns
from typing import Literal

from kuska.fhir.domain.call import Call, usable_id
from kuska.fhir.domain.definitions.load import definitions
from kuska.fhir.domain.identity import Identities
from kuska.fhir.domain.indexing.dates import Calendar
from kuska.fhir.domain.indexing.extractor import Extractor
from kuska.fhir.domain.outcome import status_of
from kuska.fhir.domain.search.parse import Parser
from kuska.fhir.domain.search.references import References
from kuska.fhir.domain.search.request import CURSOR, EverythingRequest, Found, Parameter, SearchPage, SearchRequest
from kuska.fhir.domain.sight import Eyes, Sight, allowed_restriction
from kuska.fhir.errors import UnknownZoneError
from kuska.fhir.settings import FhirSettings
from kuska.fhir.store.bodies import Bodies
from kuska.fhir.store.care import Care
from kuska.fhir.store.changes import Outbox
from kuska.fhir.store.facts import own_key, settle_zone
from kuska.fhir.store.records import Change, Records, State, Written
from kuska.fhir.store.resealing import Resealing, is_empty
from kuska.fhir.store.rights import Consents, Rights
from kuska.fhir.store.search.service import SearchService
from kuska.fhir.usecases import bundle
from kuska.fhir.usecases.checking import checked, wrong_type
from kuska.fhir.usecases.nobody import nobody
from kuska.fhir.usecases.record import Archive, Record
from kuska.fhir.usecases.tidying import tidied
from kuska.infra.postgres.database import Database
from kuska.kit.json import Node, decode
from kuska.kit.paging import Cursors
from kuska.security.api import Keys

__all__ = [
    "Archive",
    "Consents",
    "Page",
    "Parameter",
    "Record",
    "Saved",
    "begin_outbox_anew",
    "create",
    "everything",
    "open_record",
    "read",
    "reseal",
    "restricts",
    "search",
    "status_of",
    "tidied",
    "transaction",
    "upsert_many",
]


@dataclass(frozen=True, slots=True)
class Saved:
    type: str
    id: str
    version: int
    updated: datetime
    state: State


@dataclass(frozen=True, slots=True)
class Page:
    matches: tuple[Node, ...]
    includes: tuple[Node, ...]
    total: int | None
    next: Parameter | None  # to add to the same parameters for the next page


async def open_record(
    db: Database,
    settings: FhirSettings | None = None,
    own_urls: Sequence[str] = (),
    keys: Keys | None = None,
    consents: Consents | None = None,
) -> Archive:
    """The record that lies in this database, ready for work. `own_urls`: bases it is reached at besides the setting's.
    `keys` seal its bodies; without them they are stored readable, and sealed ones cannot be read. `consents` hears what
    patients say in their Consents; without it nobody does.

    Raises:
        UnknownZoneError: the zone set does not exist.
        OtherZoneError: the database was begun with another one.
    """
    settings = settings or FhirSettings()
    try:
        calendar = Calendar(settings.zone)
    except ValueError:
        raise UnknownZoneError(settings.zone) from None
    await db.transact(lambda tx: settle_zone(tx, settings.zone))
    known = definitions()
    identities = Identities(await db.transact(lambda tx: own_key(tx, "identities")))
    cursors = Cursors(await db.transact(lambda tx: own_key(tx, "cursors")))
    bases = tuple(url for url in (settings.base_url, *own_urls) if url)
    extractor = Extractor(known, identities, bases, calendar)
    bodies = await _bodies(db, keys)
    references = References(identities, known.type_numbers, bases)
    parser = Parser(known, references, extractor.home_parameters, _now, calendar)
    eyes = Eyes(known, identities, extractor, parser)
    sight = Sight(nobody(), eyes, frozenset())
    care = Care(known, identities, settings.care_days)
    records = Records(known, identities, extractor, sight, Rights(care, consents), bodies)
    nobodys = Record(
        sight=sight,
        db=db,
        definitions=known,
        identities=identities,
        records=records,
        search=SearchService(db, records, parser, known, identities, cursors, sight, calendar),
        cursors=cursors,
        calendar=calendar,
        settings=settings,
    )
    return Archive(db=db, bodies=bodies, eyes=eyes, care=care, nobodys=nobodys)


def _now() -> int:
    return time_ns() // 1000


@lru_cache(maxsize=512)  # every request for a token asks, mostly for the same
def restricts(type_: str, parameter: str) -> bool:
    """Whether a scope may restrict a type ('*': all of them) by this parameter."""
    return allowed_restriction(definitions(), type_, parameter)


async def _bodies(db: Database, keys: Keys | None) -> Bodies:
    if keys is None:
        return Bodies()
    bodies = Bodies(keys.cipher("record"), seal=keys.seals)
    if bodies.mixed:
        async with db.read() as conn:
            empty = await is_empty(conn)
        if empty:
            await keys.settle("record")
    return bodies


async def reseal(record: Archive, progress: Callable[[int, int], None] = lambda _, __: None) -> int:
    """Every stored body as it would be sealed now, while the record is in use. How many were sealed anew."""
    return await Resealing(record.db, record.bodies, record.definitions.type_names).run(progress)


async def begin_outbox_anew(db: Database) -> None:
    """After the database came back from a dump."""
    await db.transact(Outbox(definitions()).begin_anew)


async def create(record: Record, node: Node) -> Saved:
    checked(node)
    [done] = await record.write([Change("create", _type_of(record, node), None, node)])
    return _saved(done)


async def upsert_many(record: Record, nodes: Iterable[Node]) -> list[Saved]:
    """All or none, in one transaction; those without an id get one. An unchanged resource makes no new version."""
    changes: list[Change] = []
    for node in nodes:
        checked(node)
        id_ = node.get("id")
        kind = "create" if id_ is None else "put"
        changes.append(Change(kind, _type_of(record, node), None if id_ is None else usable_id(str(id_)), node))
    return [_saved(done) for done in await record.write(changes)] if changes else []


async def read(record: Record, type_: str, id_: str) -> Node | None:
    """None when it is not there, or not there any more."""
    async with record.db.read() as conn:
        stored = await record.records.read(conn, type_, id_)
    return None if stored is None or stored.deleted else decode(stored.body)


async def search(record: Record, type_: str | None, parameters: Sequence[Parameter]) -> Page:
    return _page(await record.search.search(SearchRequest(type=type_, parameters=tuple(parameters))))


async def everything(
    record: Record, type_: Literal["Patient", "Encounter"], id_: str, parameters: Sequence[Parameter] = ()
) -> Page:
    """What belongs to one patient or encounter, itself included, and what that refers to."""
    return _page(await record.search.everything(EverythingRequest(type=type_, id=id_, parameters=tuple(parameters))))


async def transaction(record: Record, node: Node, lang: str = "es") -> Node:
    """A batch or transaction Bundle; its response Bundle."""
    answer = await bundle.perform(record, Call("bundle", node=node, base=record.settings.base_url, lang=lang))
    return decode(answer.body)


def _page(page: SearchPage) -> Page:
    following = None if page.next is None else (CURSOR, page.next)
    return Page(_nodes(page.matches), _nodes(page.includes), page.total, following)


def _nodes(found: Iterable[Found]) -> tuple[Node, ...]:
    return tuple(decode(one.body) for one in found)


def _type_of(record: Record, node: Node) -> str:
    type_ = str(node.get("resourceType"))
    if type_ not in record.definitions.type_numbers:
        raise wrong_type(node, "Resource")
    return type_


def _saved(done: Written) -> Saved:
    stored = done.stored
    return Saved(stored.type, stored.id, stored.version, stored.updated, done.state)
