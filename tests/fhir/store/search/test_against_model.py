"""The search finds what R4's text says, whatever the population and the question: compared with a naive model."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.fhir.search_model import Model, Node
from tests.fhir.search_population import COUNT, RESOURCES, populations, questions
from tests.fhir.unguarded import records_of, service_of

from kuska.fhir.domain.identity import Identities
from kuska.fhir.domain.search.request import CURSOR, SearchPage, SearchRequest
from kuska.fhir.store.facts import own_key
from kuska.fhir.store.records import Change
from kuska.infra.postgres.database import Database
from kuska.kit.json import decode
from kuska.kit.paging import Cursors

pytestmark = pytest.mark.requirement("HC-01")

_TABLES = "resource, history, home, token, string, date, quantity, reference, composite, change"


class Stage:
    """A record of its own that holds one population at a time."""

    def __init__(self, db: Database, identities: Identities) -> None:
        self._db = db
        self.records = records_of(identities)
        self.service = service_of(db, self.records, identities, Cursors(b"test"))

    async def fill(self, population: dict[str, Node]) -> Model:
        async with self._db.write() as tx:
            for table in _TABLES.split(", "):
                await tx.execute(f"delete from fhir.{table}")
        await self.put(list(population.values()))
        return Model(dict(population))

    async def put(self, nodes: Sequence[Node]) -> None:
        changes = [Change("put", n["resourceType"], n["id"], decode(json.dumps(n).encode())) for n in nodes]
        async with self._db.write() as tx:
            await self.records.write(tx, changes)

    async def delete(self, keys: Sequence[str]) -> None:
        async with self._db.write() as tx:
            await self.records.write(tx, [Change("delete", *key.split("/")) for key in keys])

    async def page(self, type_: str, parameters: Sequence[tuple[str, str]], cursor: str | None = None) -> SearchPage:
        more = ((CURSOR, cursor),) if cursor else ()
        return await self.service.search(SearchRequest(type=type_, parameters=(*parameters, *more)))

    async def all(self, type_: str, parameters: Sequence[tuple[str, str]]) -> tuple[list[str], SearchPage]:
        page = first = await self.page(type_, parameters)
        found = keys(page)
        while page.next:
            page = await self.page(type_, parameters, page.next)
            found += keys(page)
        return found, first


def keys(page: SearchPage) -> list[str]:
    return [f"{match.type}/{match.id}" for match in page.matches]


@pytest.fixture(scope="module")
async def stage(own_db: Database) -> Stage:
    return Stage(own_db, Identities(await own_db.transact(lambda tx: own_key(tx, "identities"))))


@pytest.fixture(scope="module", params=[2000, 2], ids=["small sets whole", "everything walked"])
async def few(request: pytest.FixtureRequest) -> AsyncIterator[int]:
    """With `FEW` = 2 nearly every set is large, so that walks, windows and whole sets are used on small data too."""
    patch = pytest.MonkeyPatch()
    for module, names in _SIZES.items():
        for name, small in names.items():
            if request.param == 2:
                patch.setattr(f"kuska.fhir.store.search.{module}.{name}", small)
    yield request.param
    patch.undo()


_SIZES: dict[str, dict[str, Any]] = {
    "sets": {"FEW": 2, "MANY": 4, "MOST_PAIRS": 5, "_PIECE": 3},
    "walks": {"FEW": 2, "_FIRST_PIECE": 2, "_LARGEST_PIECE": 3, "_PATIENCE_TYPE": 5, "_PATIENCE": 4},
    "sorting": {"_FIRST_PIECE": 2, "_LARGEST_PIECE": 3, "_PATIENCE": 6},
}
# KUSKA_TEST_SEARCH_EXAMPLES=500 looks for new mistakes: that many populations, other ones each time.
_MORE = os.environ.get("KUSKA_TEST_SEARCH_EXAMPLES")
_SETTINGS = settings(
    max_examples=int(_MORE or 25),
    deadline=None,
    derandomize=not _MORE,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
TYPES = sorted(COUNT)


@_SETTINGS
@given(population=populations(), data=st.data())
async def test_finds_what_the_model_finds(
    stage: Stage, few: int, population: dict[str, Node], data: st.DataObject
) -> None:
    model = await stage.fill(population)
    for _ in range(20):
        type_ = data.draw(st.sampled_from(TYPES))
        criteria = data.draw(st.lists(questions(type_), min_size=0, max_size=3))
        shown = [("_count", str(data.draw(st.integers(1, 4)))), ("_total", "accurate")]
        found, first = await stage.all(type_, [*criteria, *shown])
        expected = model.find(type_, criteria)
        assert set(found) == expected, criteria
        assert len(found) == len(expected), criteria
        assert first.total == len(expected), criteria


SORTS = {
    "Patient": ["birthdate", "family", "gender", "given"],
    "Observation": ["date", "code"],
    "Encounter": ["date", "class"],
    "Organization": ["name"],
    "Questionnaire": ["title", "status"],
    "QuestionnaireResponse": ["status"],
}


@_SETTINGS
@given(population=populations(), data=st.data())
async def test_sorts_as_the_model(stage: Stage, few: int, population: dict[str, Node], data: st.DataObject) -> None:
    model = await stage.fill(population)
    for _ in range(12):
        type_ = data.draw(st.sampled_from(TYPES))
        criteria = data.draw(st.lists(questions(type_), max_size=1))
        levels = data.draw(
            st.lists(
                st.tuples(st.sampled_from(SORTS[type_]), st.booleans()),
                min_size=1,
                max_size=2,
                unique_by=lambda level: level[0],
            )
        )
        sort = ",".join(f"{'-' if down else ''}{code}" for code, down in levels)
        size = data.draw(st.integers(1, 5))
        found, _ = await stage.all(type_, [*criteria, ("_sort", sort), ("_count", str(size))])
        assert sorted(found) == sorted(model.find(type_, criteria)), (criteria, sort)
        for before, after in pairwise(found):
            assert _in_order(model, before, after, levels), (sort, before, after)


def _in_order(model: Model, before: str, after: str, levels: list[tuple[str, bool]]) -> bool:
    for code, down in levels:
        left = model.sort_value(before, code, descending=down)
        right = model.sort_value(after, code, descending=down)
        if left == right:
            continue
        if left is None or right is None:
            return right is None
        return (left > right) if down else (left < right)
    return True


@_SETTINGS
@given(population=populations(), data=st.data())
async def test_pages_lose_and_double_nothing_while_others_write(
    stage: Stage, few: int, population: dict[str, Node], data: st.DataObject
) -> None:
    model = await stage.fill(population)
    type_ = data.draw(st.sampled_from(["Patient", "Observation"]))
    criteria = data.draw(st.lists(questions(type_, 0), max_size=2))
    sort = data.draw(st.sampled_from([[], [("_sort", SORTS[type_][0])], [("_sort", "-" + SORTS[type_][0])]]))
    parameters = [*criteria, *sort, ("_count", str(data.draw(st.integers(1, 3))))]
    before = model.find(type_, criteria)
    touched: set[str] = set()
    page = await stage.page(type_, parameters)
    found = keys(page)
    fresh = 100
    while page.next:
        for _ in range(data.draw(st.integers(0, 3))):
            key = data.draw(
                st.sampled_from([*sorted(k for k in population if k.startswith(type_)), f"{type_}/new{fresh}"])
            )
            fresh += 1
            touched.add(key)
            if data.draw(st.booleans()):
                await stage.delete([key])
            else:
                id_ = key.split("/")[1]
                await stage.put([{"resourceType": type_, "id": id_, **data.draw(RESOURCES[type_])}])
        page = await stage.page(type_, parameters, page.next)
        found += keys(page)
    untouched = [key for key in found if key not in touched]
    assert len(untouched) == len(set(untouched))
    assert set(untouched) == before - touched
    if not sort:
        assert len(found) == len(set(found))
