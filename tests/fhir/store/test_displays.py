from __future__ import annotations

import pytest

from kuska.fhir.domain.indexing.displays import TEXTS, Displays, text_code
from kuska.fhir.domain.indexing.keys import system_hash
from kuska.fhir.domain.indexing.rows import DisplayRow, IndexRows
from kuska.fhir.store.displays import add_displays, learn_displays
from kuska.fhir.store.records import Change, Records
from kuska.infra.postgres.database import Database

pytestmark = pytest.mark.requirement("HC-01")

X = system_hash("urn:x")
ROWS: list[DisplayRow] = [(7, "a", "uno"), (7, "a", "dos"), (X, "a", "uno")]


async def known(db: Database) -> list[DisplayRow]:
    async with db.read() as conn:
        return [
            (r[0], r[1], r[2]) for r in await conn.fetch("select system, code, text from fhir.display order by 1, 2, 3")
        ]


async def test_each_display_is_kept_once(fresh_db: Database) -> None:
    for _ in range(2):
        async with fresh_db.write() as tx:
            await add_displays(tx, [IndexRows(displays=list(ROWS)), IndexRows(), IndexRows(displays=ROWS[:1])])
    assert await known(fresh_db) == sorted(ROWS)


async def test_nothing_is_learnt_of_a_transaction_that_failed(fresh_db: Database) -> None:
    displays = Displays()
    with pytest.raises(ZeroDivisionError):
        async with fresh_db.write() as tx:
            await add_displays(tx, [IndexRows(displays=list(ROWS))])
            async with fresh_db.read() as conn:
                await learn_displays(conn, displays)
            raise ZeroDivisionError
    assert await known(fresh_db) == []
    rows = IndexRows()
    displays.of_coding({"system": "urn:x", "code": "a", "display": "Uno"}, 1, rows)
    assert rows.displays == [(X, "a", "uno")]


async def test_what_is_stored_is_known(fresh_db: Database) -> None:
    async with fresh_db.write() as tx:
        await add_displays(tx, [IndexRows(displays=list(ROWS))])
    displays = Displays()
    async with fresh_db.read() as conn:
        await learn_displays(conn, displays)
    rows = IndexRows()
    displays.of_coding({"system": "urn:x", "code": "a", "display": "Uno"}, 1, rows)
    assert rows.displays == []
    displays.of_coding({"system": "urn:x", "code": "b", "display": "Uno"}, 1, rows)
    assert len(rows.displays) == 1


async def test_a_write_brings_its_displays_and_the_next_one_knows_them(
    fresh_db: Database, fresh_records: Records
) -> None:
    concept = {"coding": [{"system": "urn:x", "code": "a", "display": "Glucosa"}], "text": "Glucosa en sangre"}
    node = {"resourceType": "Observation", "status": "final", "code": concept}
    await fresh_records.save(fresh_db, [Change("create", "Observation", None, node)])
    code = text_code("glucosa en sangre")
    assert await known(fresh_db) == sorted([(system_hash("urn:x"), "a", "glucosa"), (TEXTS, code, "glucosa en sangre")])
    assert fresh_records._extractor.rows(node).displays == []
