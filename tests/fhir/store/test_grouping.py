"""Writes that travel together keep what they would have had alone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from kuska.fhir.domain.identity import Identities
from kuska.fhir.errors import VersionConflictError
from kuska.fhir.store.grouping import Grouping
from kuska.fhir.store.records import Change, Records
from kuska.infra.postgres.database import Database
from kuska.infra.postgres.errors import LostError


class _Sender:
    """Does what it is told when it is allowed to; refuses groups with the word `bad`."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []
        self.gate = asyncio.Event()
        self.running = 0

    async def __call__(self, entries: Sequence[str]) -> list[str]:
        self.groups.append(list(entries))
        self.running += 1
        try:
            await self.gate.wait()
        finally:
            self.running -= 1
        if any("bad" in entry for entry in entries):
            raise ValueError("refused")
        return [entry.upper() for entry in entries]


def _grouping(sender: _Sender, writers: int = 1) -> Grouping[str, str]:
    return Grouping(sender, lambda entry: entry[0], writers)


async def test_the_first_starts_at_once_and_the_rest_follow_together() -> None:
    sender = _Sender()
    grouping = _grouping(sender)
    tasks = [asyncio.create_task(grouping.write(name)) for name in ("a", "b", "c")]
    await asyncio.sleep(0)
    sender.gate.set()
    assert await asyncio.gather(*tasks) == ["A", "B", "C"]
    assert [name for group in sender.groups for name in group] == ["a", "b", "c"]
    assert len(sender.groups) <= 2


@pytest.mark.parametrize("turns", range(8))
async def test_a_write_is_never_left_lying(turns: int) -> None:
    """Whatever moment it comes at: as the writers before it look for the last time, end, or have ended."""

    async def send(entries: Sequence[str]) -> Sequence[str]:
        await asyncio.sleep(0)
        return entries

    grouping: Grouping[str, str] = Grouping(send, lambda entry: entry, 1)
    first = asyncio.create_task(grouping.write("a"))
    for _ in range(turns):
        await asyncio.sleep(0)
    async with asyncio.timeout(5):
        assert await grouping.write("b") == "b"
    assert await first == "a"


async def test_after_a_lost_connection_nothing_is_tried_again() -> None:
    calls: list[list[str]] = []

    async def send(entries: Sequence[str]) -> Sequence[str]:
        calls.append(list(entries))
        await asyncio.sleep(0)
        raise LostError

    grouping: Grouping[str, str] = Grouping(send, lambda entry: entry, 1)
    results = await asyncio.gather(*[grouping.write(name) for name in "abc"], return_exceptions=True)
    assert all(isinstance(result, LostError) for result in results)
    assert sorted(name for call in calls for name in call) == ["a", "b", "c"]


async def test_one_that_is_refused_does_not_take_the_others_along() -> None:
    sender = _Sender()
    grouping = _grouping(sender)
    first = asyncio.create_task(grouping.write("a"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    rest = [asyncio.create_task(grouping.write(name)) for name in ("b", "x bad", "c")]
    await asyncio.sleep(0)
    sender.gate.set()
    assert await first == "A"
    done = await asyncio.gather(*rest, return_exceptions=True)
    assert (done[0], done[2]) == ("B", "C")
    assert isinstance(done[1], ValueError)


async def test_one_resource_is_never_in_two_places_at_once() -> None:
    sender = _Sender()
    grouping = _grouping(sender, writers=3)
    tasks = [asyncio.create_task(grouping.write(name)) for name in ("a1", "a2", "b1", "a3")]
    for _ in range(5):
        await asyncio.sleep(0)
    assert sender.running <= 3
    firsts = [entry[0] for group in sender.groups for entry in group]
    assert firsts.count("a") == 1
    sender.gate.set()
    assert await asyncio.gather(*tasks) == ["A1", "A2", "B1", "A3"]
    assert [entry for group in sender.groups for entry in group if entry[0] == "a"] == ["a1", "a2", "a3"]


async def test_one_whose_client_has_gone_is_not_begun() -> None:
    sender = _Sender()
    grouping = _grouping(sender)
    first = asyncio.create_task(grouping.write("a"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    gone = asyncio.create_task(grouping.write("b"))
    await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    sender.gate.set()
    assert await first == "A"
    await asyncio.sleep(0)
    assert sender.groups == [["a"]]


@pytest.mark.requirement("LW-20")
async def test_conflicts_stay_with_the_one_who_caused_them(db: Database, records: Records) -> None:
    def node(family: str) -> dict[str, object]:
        return {"resourceType": "Patient", "name": [{"family": family}]}

    made = await records.save(db, [Change("create", "Patient", None, node(str(number))) for number in range(12)])
    ids = [done.stored.id for done in made]
    changes = [
        Change("put", "Patient", id_, node(f"{number} changed"), 7 if number % 4 == 0 else 1)
        for number, id_ in enumerate(ids)
    ]
    done = await asyncio.gather(*(records.save(db, [change]) for change in changes), return_exceptions=True)
    for number, result in enumerate(done):
        if number % 4 == 0:
            assert isinstance(result, VersionConflictError)
        else:
            assert isinstance(result, list)
            [written] = result
            assert written.stored.id == ids[number]
            assert written.stored.version == 2
            assert f"{number} changed".encode() in written.stored.body


async def test_many_at_once_each_get_their_own(db: Database, records: Records, identities: Identities) -> None:
    nodes = [{"resourceType": "Patient", "name": [{"family": f"Nº {number}"}]} for number in range(100)]
    made = await asyncio.gather(*(records.save(db, [Change("create", "Patient", None, node)]) for node in nodes))
    for number, [written] in enumerate(made):
        assert f'Nº {number}"'.encode() in written.stored.body
        assert identities.address("Patient", written.stored.id).minted
    async with db.read() as conn:
        for number, [written] in enumerate(made):
            found = await records.read(conn, "Patient", written.stored.id)
            assert found is not None
            assert found.body == written.stored.body, number
