"""Writes and reads of the record, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.fhir.unguarded import records_of

from kuska.fhir.domain.identity import Identities
from kuska.fhir.errors import VersionConflictError
from kuska.fhir.store.records import Change, Records, Stored, Written
from kuska.infra.postgres.database import Database
from kuska.kit.json import decode

pytestmark = pytest.mark.requirement("HC-01")
_EVER = datetime(1, 1, 1, tzinfo=UTC)
_ALWAYS = datetime(9999, 12, 31, tzinfo=UTC)


def node(**members: Any) -> dict[str, Any]:
    return decode(json.dumps(members).encode())


def patient(family: str = "Quispe") -> dict[str, Any]:
    return node(resourceType="Patient", active=True, name=[{"family": family, "given": ["Rosa"]}], gender="female")


def observation(subject: str, value: float = 5.4) -> dict[str, Any]:
    return node(
        resourceType="Observation",
        status="final",
        code={"coding": [{"system": "http://loinc.org", "code": "4548-4"}]},
        subject={"reference": subject},
        effectiveDateTime="2026-03-04T10:00:00-05:00",
        valueQuantity={"value": value, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"},
    )


async def write(db: Database, records: Records, *changes: Change) -> list[Written]:
    return await records.save(db, changes)


async def read(db: Database, records: Records, type_: str, id_: str) -> Stored | None:
    async with db.read() as conn:
        return await records.read(conn, type_, id_)


async def rows_of(db: Database, records: Records, type_: str, id_: str) -> dict[str, list[Any]]:
    rid = records.address(type_, id_).rid
    async with db.read() as conn:
        return {
            table: await conn.fetch(f"select * from fhir.{table} where rid = $1", rid)
            for table in (
                "resource",
                "history",
                "home",
                "token",
                "string",
                "date",
                "quantity",
                "reference",
                "composite",
            )
        }


async def test_created_is_read_back_with_what_the_server_adds(db: Database, records: Records) -> None:
    [written] = await write(db, records, Change("create", "Patient", node=patient()))
    found = await read(db, records, "Patient", written.stored.id)
    assert found == written.stored
    body = json.loads(found.body)
    assert body.pop("meta") == {
        "versionId": "1",
        "lastUpdated": found.updated.strftime("%Y-%m-%dT%H:%M:%S.") + f"{found.updated.microsecond // 1000:03d}Z",
    }
    assert body == {**patient(), "id": written.stored.id}


async def test_server_fields_of_the_client_are_replaced_and_the_rest_of_meta_is_kept(
    db: Database, records: Records
) -> None:
    given = patient() | {"meta": {"versionId": "77", "lastUpdated": "1999-01-01T00:00:00Z", "profile": ["urn:p"]}}
    [written] = await write(db, records, Change("create", "Patient", node=given))
    meta = json.loads(written.stored.body)["meta"]
    assert (meta["versionId"], meta["profile"]) == ("1", ["urn:p"])
    assert meta["lastUpdated"].startswith("20")


async def test_an_update_makes_a_version_and_keeps_the_old_one(db: Database, records: Records) -> None:
    [first] = await write(db, records, Change("create", "Patient", node=patient()))
    [second] = await write(db, records, Change("put", "Patient", first.stored.id, patient("Mamani")))
    assert (second.state, second.stored.version) == ("updated", 2)
    assert second.stored.updated > first.stored.updated
    async with db.read() as conn:
        old = await records.read_version(conn, "Patient", first.stored.id, 1)
        new = await records.read_version(conn, "Patient", first.stored.id, 2)
        none = await records.read_version(conn, "Patient", first.stored.id, 3)
        history = await records.history(
            conn, "Patient", first.stored.id, since=_EVER, before=_ALWAYS, below_version=99, limit=10
        )
    assert old == first.stored
    assert new == second.stored
    assert none is None
    assert history == [second.stored, first.stored]


async def test_an_unchanged_body_writes_nothing(db: Database, records: Records) -> None:
    [first] = await write(db, records, Change("create", "Patient", node=patient()))
    before = await _changes(db)
    [again] = await write(db, records, Change("put", "Patient", first.stored.id, patient()))
    assert (again.state, again.stored) == ("unchanged", first.stored)
    assert await _changes(db) == before


async def test_index_rows_follow_the_resource(db: Database, records: Records) -> None:
    [owner] = await write(db, records, Change("create", "Patient", node=patient()))
    subject = f"Patient/{owner.stored.id}"
    [first] = await write(db, records, Change("create", "Observation", node=observation(subject)))
    id_ = first.stored.id
    before = await rows_of(db, records, "Observation", id_)
    assert all(before[table] for table in ("token", "date", "quantity", "reference", "composite"))
    await write(db, records, Change("put", "Observation", id_, observation(subject, 6.1)))
    after = await rows_of(db, records, "Observation", id_)
    assert {row["low"] for row in after["quantity"]} == {6.1}
    assert [len(after[table]) for table in before if table != "history"] == [
        len(before[table]) for table in before if table != "history"
    ]
    await write(db, records, Change("delete", "Observation", id_))
    gone = await rows_of(db, records, "Observation", id_)
    assert [table for table in ("token", "date", "quantity", "reference", "composite") if gone[table]] == []
    [revived] = await write(db, records, Change("put", "Observation", id_, observation(subject)))
    assert (revived.state, revived.stored.version) == ("revived", 4)
    back = await rows_of(db, records, "Observation", id_)
    assert len(back["token"]) == len(before["token"])


async def test_the_version_named_must_be_current(db: Database, records: Records) -> None:
    [first] = await write(db, records, Change("create", "Patient", node=patient()))
    id_ = first.stored.id
    await write(db, records, Change("put", "Patient", id_, patient("Mamani"), expected=1))
    with pytest.raises(VersionConflictError) as caught:
        await write(
            db,
            records,
            Change("create", "Patient", node=patient("Nobody")),
            Change("put", "Patient", id_, patient("Huanca"), expected=1),
        )
    assert caught.value.place == 1
    with pytest.raises(VersionConflictError):
        await write(db, records, Change("put", "Patient", secrets.token_hex(8), patient(), expected=1))
    current = await read(db, records, "Patient", id_)
    assert current is not None
    assert current.version == 2


async def test_parallel_updates_never_lose_one(db: Database, records: Records) -> None:
    [first] = await write(db, records, Change("create", "Patient", node=patient()))
    id_ = first.stored.id

    async def add_one() -> int:
        for attempt in range(50):
            current = await read(db, records, "Patient", id_)
            assert current is not None
            changed = decode(current.body)
            changed["multipleBirthInteger"] = changed.get("multipleBirthInteger", 0) + 1
            try:
                await write(db, records, Change("put", "Patient", id_, changed, expected=current.version))
            except VersionConflictError:
                continue
            return attempt
        raise AssertionError("never got through")

    await asyncio.gather(*[add_one() for _ in range(8)])
    final = await read(db, records, "Patient", id_)
    assert final is not None
    assert (json.loads(final.body)["multipleBirthInteger"], final.version) == (8, 9)


async def test_parallel_puts_of_one_new_id_make_one_resource(db: Database, records: Records) -> None:
    id_ = secrets.token_hex(8)
    [owner] = await write(db, records, Change("create", "Patient", node=patient()))
    subject = f"Patient/{owner.stored.id}"
    results = await asyncio.gather(
        *[
            write(db, records, Change("put", "Observation", id_, observation(subject, float(value))))
            for value in range(6)
        ]
    )
    states = sorted(result[0].state for result in results)
    assert states == ["created"] + ["updated"] * 5
    assert len((await rows_of(db, records, "Observation", id_))["resource"]) == 1


async def test_a_change_of_patient_moves_the_resource_with_its_history(db: Database, records: Records) -> None:
    owners = await write(db, records, *[Change("create", "Patient", node=patient(str(n))) for n in range(4)])
    here, there = (w.stored.id for w in _in_different_buckets(records, owners))
    for id_ in (None, secrets.token_hex(8)):
        kind = "create" if id_ is None else "put"
        [first] = await write(db, records, Change(kind, "Observation", id_, observation(f"Patient/{here}")))
        name = first.stored.id
        [moved] = await write(db, records, Change("put", "Observation", name, observation(f"Patient/{there}", 7)))
        assert (moved.stored.id, moved.stored.version) == (name, 2)
        rows = await rows_of(db, records, "Observation", name)
        new_home = records.address("Patient", there).bucket
        assert {row["bucket"] for table in rows if table != "home" for row in rows[table]} == {new_home}
        async with db.read() as conn:
            assert await records.read(conn, "Observation", name) == moved.stored
            assert await records.read_version(conn, "Observation", name, 1) == first.stored
        [again] = await write(db, records, Change("put", "Observation", name, observation(f"Patient/{there}", 8)))
        assert again.stored.version == 3
        [deleted] = await write(db, records, Change("delete", "Observation", name))
        assert (deleted.state, deleted.stored.version) == ("deleted", 4)


async def test_writers_who_move_one_resource_at_once_leave_one(
    db: Database, records: Records, identities: Identities
) -> None:
    owners = await write(db, records, *[Change("create", "Patient", node=patient(str(n))) for n in range(4)])
    ids = [w.stored.id for w in owners]
    [minted] = await write(db, records, Change("create", "Observation", node=observation(f"Patient/{ids[0]}")))
    for name, before in ((secrets.token_hex(8), 0), (minted.stored.id, 1)):
        writers = [_another_process(identities) for _ in range(4)]
        moves = [
            writers[n % 4].save(
                db, [Change("put", "Observation", name, observation(f"Patient/{ids[n % 4]}", float(n)))]
            )
            for n in range(24)
        ]
        written = [result[0] for result in await asyncio.gather(*moves)]
        rows = await rows_of(db, records, "Observation", name)
        assert len(rows["resource"]) == 1
        versions = rows["resource"][0]["version"]
        assert versions == before + sum(1 for w in written if w.state != "unchanged")
        assert sorted(row["version"] for row in rows["history"]) == list(range(1, versions))
        home = {row["bucket"] for table in rows if table != "home" for row in rows[table]}
        assert len(home) == 1
        last = await read(db, records, "Observation", name)
        assert last is not None
        assert last.version == versions


async def test_another_process_finds_what_moved(db: Database, records: Records, identities: Identities) -> None:
    owners = await write(db, records, *[Change("create", "Patient", node=patient(str(n))) for n in range(4)])
    here, there = (w.stored.id for w in _in_different_buckets(records, owners))
    [first] = await write(db, records, Change("create", "Observation", node=observation(f"Patient/{here}")))
    await write(db, records, Change("put", "Observation", first.stored.id, observation(f"Patient/{there}")))
    other = _another_process(identities)
    [back] = await write(db, other, Change("put", "Observation", first.stored.id, observation(f"Patient/{here}", 9)))
    assert back.stored.version == 3
    assert len((await rows_of(db, records, "Observation", first.stored.id))["resource"]) == 1
    third = _another_process(identities)
    [gone] = await write(db, third, Change("delete", "Observation", first.stored.id))
    assert gone.stored.version == 4


async def test_deleting_what_is_not_there_does_nothing(db: Database, records: Records, identities: Identities) -> None:
    for id_ in (secrets.token_hex(8), identities.mint(2**47, 77)):
        [written] = await write(db, records, Change("delete", "Observation", id_))
        assert (written.state, written.stored.version) == ("unchanged", 0)
    assert await read(db, records, "Observation", secrets.token_hex(8)) is None


async def test_a_large_batch_is_one_write(db: Database, records: Records) -> None:
    owners = await write(db, records, *[Change("create", "Patient", node=patient(str(n))) for n in range(300)])
    ids = [w.stored.id for w in owners]
    assert len(set(ids)) == 300
    assert [json.loads(w.stored.body)["name"][0]["family"] for w in owners] == [str(n) for n in range(300)]
    changes = [Change("put", "Patient", id_, patient(f"{n}x")) for n, id_ in enumerate(ids)]
    updated = await write(db, records, *changes)
    assert {w.state for w in updated} == {"updated"}
    assert [w.stored.id for w in updated] == ids


async def test_type_history_pages_without_gap_or_double(db: Database, records: Records) -> None:
    start = datetime.now(UTC) - timedelta(milliseconds=1)
    made = [(await write(db, records, Change("create", "Basic", node=_basic(str(n)))))[0] for n in range(7)]
    await write(db, records, Change("put", "Basic", made[2].stored.id, _basic("changed")))
    await write(db, records, Change("delete", "Basic", made[3].stored.id))
    seen: list[Stored] = []
    below = (_ALWAYS, 2**62)
    while True:
        async with db.read() as conn:
            page = await records.history_of_types(conn, ["Basic"], since=start, below=below, limit=2)
        if not page:
            break
        seen += [stored for stored, _ in page]
        below = (page[-1][0].updated, page[-1][1])
    assert len(seen) == 9
    assert len({(s.id, s.version) for s in seen}) == 9
    assert [s.updated for s in seen] == sorted((s.updated for s in seen), reverse=True)
    assert [s.id for s in seen if s.deleted] == [made[3].stored.id]


async def test_changes_are_in_the_outbox_of_the_same_transaction(db: Database, records: Records) -> None:
    before = await _changes(db)

    async def fail(tx: Any) -> None:
        await records.write(tx, [Change("create", "Patient", node=patient())])
        raise RuntimeError("after the write")

    with pytest.raises(RuntimeError, match="after the write"):
        await db.transact(fail)
    assert await _changes(db) == before
    [made] = await write(db, records, Change("create", "Patient", node=patient()))
    async with db.read() as conn:
        last = await conn.fetchrow("select * from fhir.change order by xid desc, seq desc limit 1")
    assert last is not None
    assert (last["rids"], last["versions"], last["kinds"]) == (
        [records.address("Patient", made.stored.id).rid],
        [1],
        [b"c"],
    )


def _another_process(identities: Identities) -> Records:
    return records_of(identities)


def _basic(text: str) -> dict[str, Any]:
    return node(resourceType="Basic", code={"text": text})


def _in_different_buckets(records: Records, written: list[Written]) -> tuple[Written, Written]:
    first = written[0]
    bucket = records.address("Patient", first.stored.id).bucket
    return first, next(w for w in written if records.address("Patient", w.stored.id).bucket != bucket)


async def _changes(db: Database) -> int:
    async with db.read() as conn:
        return await conn.fetchval("select count(*) from fhir.change")
