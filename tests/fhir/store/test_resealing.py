"""Sealed bodies: what lies in the database, what a move or a change of key does to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.fhir.unguarded import records_of

from kuska.fhir.domain.definitions.load import definitions
from kuska.fhir.domain.identity import Identities
from kuska.fhir.store.bodies import Bodies
from kuska.fhir.store.facts import own_key
from kuska.fhir.store.records import Change, Records, Stored
from kuska.fhir.store.resealing import Resealing
from kuska.infra.postgres.database import Database
from kuska.kit.json import decode
from kuska.security.domain.sealing import Cipher, DataKey
from kuska.security.errors import KeyMissingError, SealBrokenError

pytestmark = pytest.mark.requirement("LW-30")
SECRET = "Mendocilla Huamaní"
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def cipher(*numbers: int) -> Cipher:
    made = Cipher("record")
    made.hold(DataKey(number, bytes([number]) * 64, LONG_AGO) for number in numbers)
    made.mixed = True
    return made


def patient(note: str = SECRET) -> dict[str, Any]:
    return decode(json.dumps({"resourceType": "Patient", "name": [{"family": "X"}], "text": {"div": note}}).encode())


@pytest.fixture
async def opened(fresh_db: Database) -> Callable[..., Records]:
    own = Identities(await fresh_db.transact(lambda tx: own_key(tx, "identities")))

    def with_keys(*numbers: int, seal: bool = True) -> Records:
        bodies = Bodies(cipher(*numbers), seal=seal) if numbers else Bodies()
        return records_of(own, bodies=bodies)

    return with_keys


async def put(db: Database, records: Records, node: dict[str, Any], id_: str | None = None) -> tuple[str, str]:
    [done] = await records.save(db, [Change("put" if id_ else "create", "Patient", id_, node)])
    return done.state, done.stored.id


async def read(db: Database, records: Records, id_: str, version: int = 0) -> Stored | None:
    async with db.read() as conn:
        if version:
            return await records.read_version(conn, "Patient", id_, version)
        return await records.read(conn, "Patient", id_)


async def bodies(db: Database) -> list[bytes]:
    async with db.read() as conn:
        rows = await conn.fetch(
            "select body from fhir.resource union all select body from fhir.history where body <> ''"
        )
    return [bytes(row["body"]) for row in rows]


def reseal(db: Database, records: Records, batch: int = 2) -> Resealing:
    return Resealing(db, records.bodies, definitions().type_names, batch)


async def test_what_lies_in_the_database_is_sealed_and_reads_as_before(
    fresh_db: Database, opened: Callable[..., Records]
) -> None:
    records = opened(1)
    _, id_ = await put(fresh_db, records, patient())
    [body] = await bodies(fresh_db)
    plain = Bodies()
    with pytest.raises(KeyMissingError):
        plain.rest(body, "Patient", 1)
    stored = await read(fresh_db, records, id_)
    assert stored is not None
    assert decode(stored.body)["text"] == {"div": SECRET}
    assert (
        len(body) - len(plain.pack(records.bodies.rest(body, "Patient", records.address("Patient", id_).rid), "", 0))
        == 17
    )


async def test_an_unchanged_body_writes_nothing_and_a_changed_one_keeps_its_history(
    fresh_db: Database, opened: Callable[..., Records]
) -> None:
    records = opened(1)
    records.bodies._cipher.mixed = False  # type: ignore[union-attr]
    _, id_ = await put(fresh_db, records, patient())
    assert (await put(fresh_db, records, patient(), id_))[0] == "unchanged"
    assert (await put(fresh_db, records, patient("otra"), id_))[0] == "updated"
    first = await read(fresh_db, records, id_, 1)
    assert first is not None
    assert SECRET.encode() in first.body


async def test_a_body_moved_to_another_resource_does_not_open(
    fresh_db: Database, opened: Callable[..., Records]
) -> None:
    records = opened(1)
    _, one = await put(fresh_db, records, patient())
    _, other = await put(fresh_db, records, patient("otra"))
    async with fresh_db.write() as tx:
        await tx.execute(
            "update fhir.resource set body = (select body from fhir.resource where rid = $1) where rid = $2",
            records.address("Patient", one).rid,
            records.address("Patient", other).rid,
        )
    with pytest.raises(SealBrokenError):
        await read(fresh_db, records, other)


async def test_old_and_new_lie_side_by_side(fresh_db: Database, opened: Callable[..., Records]) -> None:
    _, before = await put(fresh_db, opened(), patient("antes"))
    _, first = await put(fresh_db, opened(1), patient("uno"))
    _, second = await put(fresh_db, opened(1, 2), patient("dos"))
    now = opened(1, 2)
    texts = [decode((await read(fresh_db, now, id_)).body)["text"]["div"] for id_ in (before, first, second)]  # type: ignore[union-attr]
    assert texts == ["antes", "uno", "dos"]
    # Unchanged stays unchanged, whatever it was sealed with.
    assert [
        (await put(fresh_db, now, patient(text), id_))[0]
        for text, id_ in zip(texts, (before, first, second), strict=True)
    ] == ["unchanged"] * 3
    assert (await put(fresh_db, now, patient("nuevo"), before))[0] == "updated"


async def test_resealing_changes_every_body_and_no_version(fresh_db: Database, opened: Callable[..., Records]) -> None:
    old, new = opened(1), opened(1, 2)
    ids = [(await put(fresh_db, opened(), patient(f"n{number}")))[1] for number in range(3)]
    ids += [(await put(fresh_db, old, patient(f"n{number}")))[1] for number in range(3, 7)]
    await put(fresh_db, old, patient("n0 bis"), ids[0])
    await old.save(fresh_db, [Change("delete", "Patient", ids[6])])
    seen: list[tuple[int, int]] = []
    assert await reseal(fresh_db, new).run(lambda *done: seen.append(done)) == 8
    assert seen[-1][1] == 8
    assert {body[:2] for body in await bodies(fresh_db) if body} == {b"\x81\x02"}
    assert await reseal(fresh_db, new).run() == 0
    only_new = opened(2)
    first, current = await read(fresh_db, only_new, ids[0], 1), await read(fresh_db, only_new, ids[0])
    assert first is not None
    assert current is not None
    assert (b"n0" in first.body, b"n0 bis" in current.body, current.version) == (True, True, 2)


async def test_an_interrupted_run_begins_anew_and_ends(fresh_db: Database, opened: Callable[..., Records]) -> None:
    for number in range(5):
        await put(fresh_db, opened(1), patient(f"n{number}"))
    new = opened(1, 2)

    class StoppedError(Exception):
        pass

    def stop(_: int, changed: int) -> None:
        if changed >= 2:
            raise StoppedError

    with pytest.raises(StoppedError):
        await reseal(fresh_db, new).run(stop)
    assert await reseal(fresh_db, new).run() == 3


async def test_resealing_while_others_write(fresh_db: Database, opened: Callable[..., Records]) -> None:
    server = opened(1, 2)
    ids = [(await put(fresh_db, opened(1), patient(f"n{number}")))[1] for number in range(20)]

    async def write() -> None:
        for turn in range(3):
            for id_ in ids:
                await put(fresh_db, server, patient(f"{turn} {id_}"), id_)

    _, changed = await asyncio.gather(write(), reseal(fresh_db, server, batch=3).run())
    assert changed >= 0
    assert await reseal(fresh_db, server).run() == 0
    for id_ in ids:
        stored = await read(fresh_db, opened(2), id_)
        assert stored is not None
        assert stored.version == 4, "nobody's write was lost"
        assert decode(stored.body)["text"]["div"] == f"2 {id_}"


async def test_back_to_readable_bodies(fresh_db: Database, opened: Callable[..., Records]) -> None:
    _, id_ = await put(fresh_db, opened(1), patient())
    assert await reseal(fresh_db, opened(1, seal=False)).run() == 1
    assert await read(fresh_db, opened(), id_) is not None


async def test_what_no_key_opens_any_more_can_still_be_written_anew(
    fresh_db: Database, opened: Callable[..., Records]
) -> None:
    _, id_ = await put(fresh_db, opened(1), patient())
    assert (await put(fresh_db, opened(2), patient("nuevo"), id_))[0] == "updated"
    assert await read(fresh_db, opened(2), id_) is not None
