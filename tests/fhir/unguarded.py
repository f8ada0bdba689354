"""Parts of the record as a visit sees them that may do everything: what tests of the store and the search need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import time_ns

from kuska.fhir.domain.definitions.load import definitions
from kuska.fhir.domain.identity import Identities
from kuska.fhir.domain.indexing.extractor import Extractor
from kuska.fhir.domain.search.parse import Parser
from kuska.fhir.domain.search.references import References
from kuska.fhir.domain.sight import Eyes, Sight
from kuska.fhir.store.bodies import Bodies
from kuska.fhir.store.care import Care
from kuska.fhir.store.records import Records
from kuska.fhir.store.rights import Rights
from kuska.fhir.store.search.service import SearchService
from kuska.infra.postgres.database import Database
from kuska.kit.paging import Cursors
from kuska.security.api import Visit, visit_off


def parser_of(identities: Identities, bases: Sequence[str] = (), now: Callable[[], int] | None = None) -> Parser:
    known = definitions()
    references = References(identities, known.type_numbers, bases)
    homes = Extractor(known, identities, bases).home_parameters
    return Parser(known, references, homes, now or (lambda: time_ns() // 1000))


def sight_of(identities: Identities, visit: Visit | None = None, bases: Sequence[str] = ()) -> Sight:
    known = definitions()
    eyes = Eyes(known, identities, Extractor(known, identities, bases), parser_of(identities, bases))
    return Sight(visit or visit_off(), eyes, frozenset())


def records_of(identities: Identities, bases: Sequence[str] = (), bodies: Bodies | None = None) -> Records:
    known = definitions()
    rights = Rights(Care(known, identities, 365), None)
    extractor = Extractor(known, identities, bases)
    return Records(known, identities, extractor, sight_of(identities, bases=bases), rights, bodies)


def service_of(
    db: Database, records: Records, identities: Identities, cursors: Cursors, bases: Sequence[str] = ()
) -> SearchService:
    sight = sight_of(identities, bases=bases)
    return SearchService(db, records, parser_of(identities, bases), definitions(), identities, cursors, sight)
