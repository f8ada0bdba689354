"""Bring the synthetic population into a record. Doing it again adds nothing; asking for more people adds only those."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kuska.app.demo.population.facilities import facilities
from kuska.app.demo.population.links import Ids
from kuska.app.demo.population.people import DEFAULT_MIX, Life, people
from kuska.fhir import api
from kuska.fhir.api import Record
from kuska.kit.messages import Tell, silent

# Lives on their way at once: enough to keep the database busy, few enough to stay small in memory.
_AT_ONCE = 6


@dataclass(frozen=True, slots=True)
class Seeded:
    people: int  # in the population that was asked for
    added: int  # of them, new in this record
    resources: int  # added


async def seed_demo(
    record: Record,
    patients: int = 200,
    *,
    seed: int = 1,
    mix: Mapping[str, float] = DEFAULT_MIX,
    progress: Tell = silent,
) -> Seeded:
    """Ids are the generator's own, and each life is one transaction: a Patient that is there proves its life is.

    An interrupted run leaves whole lives only; the next one adds the rest.
    """
    shared = await _shared(record, seed)
    added = resources = 0
    lives = people(patients, seed, mix, ids=Ids.CLIENT)
    done = 0
    for group in _groups(lives, _AT_ONCE):
        for count in await asyncio.gather(*(_store(record, life) for life in group)):
            added += count > 0
            resources += count
        done += len(group)
        if added and done % 60 < _AT_ONCE:
            progress("demo.people", done=done, all=patients)
    return Seeded(patients, added, shared + resources)


async def _shared(record: Record, seed: int) -> int:
    """Facilities, staff and payers; the last one there proves that all are."""
    nodes = [entry["resource"] for entry in facilities(seed, Ids.CLIENT)["entry"]]
    if await api.read(record, nodes[-1]["resourceType"], nodes[-1]["id"]) is not None:
        return 0
    return len(await api.upsert_many(record, nodes))


async def _store(record: Record, life: Life) -> int:
    """How many resources were added: none when the life is there."""
    if await api.read(record, "Patient", life.patient) is not None:
        return 0
    return len(await api.upsert_many(record, life.resources()))


def _groups(lives: Iterable[Life], size: int) -> Iterable[list[Life]]:
    group: list[Life] = []
    for life in lives:
        group.append(life)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group
