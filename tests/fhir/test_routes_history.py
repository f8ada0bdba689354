"""history of an instance, a type, the system: order, pages, _since, _at."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from tests.fhir import given

pytestmark = pytest.mark.requirement("HC-01")


async def versions(client: httpx.AsyncClient, count: int) -> list[given.Node]:
    """A patient with this many versions, some milliseconds apart."""
    made = [(await client.post("Patient", json=given.patient())).json()]
    for number in range(1, count):
        await asyncio.sleep(0.003)
        changed = {**made[0], "multipleBirthInteger": number}
        made.append((await client.put(f"Patient/{made[0]['id']}", json=changed)).json())
    return made


def moment(resource: given.Node, micros: int = 0) -> str:
    when = datetime.fromisoformat(resource["meta"]["lastUpdated"]) + timedelta(microseconds=micros)
    return quote(when.isoformat(timespec="milliseconds"))


async def pages(client: httpx.AsyncClient, url: str) -> list[list[given.Node]]:
    found: list[list[given.Node]] = []
    while url:
        body = (await client.get(url)).json()
        assert body["type"] == "history", body
        found.append(body.get("entry", []))
        url = next((link["url"] for link in body["link"] if link["relation"] == "next"), "")
    return found


def shown(entries: list[given.Node]) -> list[str]:
    return [entry["response"]["etag"] for entry in entries]


async def test_instance(client: httpx.AsyncClient) -> None:
    made = await versions(client, 3)
    url = f"Patient/{made[0]['id']}"
    await client.delete(url)
    await client.put(url, json=made[0])
    body = (await client.get(f"{url}/_history")).json()
    assert body["total"] == 5
    assert shown(body["entry"]) == ['W/"5"', 'W/"4"', 'W/"3"', 'W/"2"', 'W/"1"']
    requests = [(entry["request"]["method"], entry["request"]["url"]) for entry in body["entry"]]
    assert requests == [("PUT", url), ("DELETE", url), ("PUT", url), ("PUT", url), ("POST", "Patient")]
    assert "resource" not in body["entry"][1]
    assert body["entry"][4]["resource"] == made[0]
    assert body["entry"][0]["fullUrl"] == f"http://localhost/fhir/{url}"
    given.is_outcome(await client.get("Patient/never-there/_history"), 404, "interaction.not-found")


async def test_pages_of_an_instance(client: httpx.AsyncClient) -> None:
    made = await versions(client, 5)
    found = await pages(client, f"Patient/{made[0]['id']}/_history?_count=2")
    assert [shown(page) for page in found] == [['W/"5"', 'W/"4"'], ['W/"3"', 'W/"2"'], ['W/"1"']]


async def test_since_and_at(client: httpx.AsyncClient) -> None:
    made = await versions(client, 4)
    url = f"Patient/{made[0]['id']}/_history"

    async def ask(query: str) -> list[str]:
        return [tag for page in await pages(client, f"{url}?{query}") for tag in shown(page)]

    assert await ask(f"_since={moment(made[2])}") == ['W/"4"', 'W/"3"']
    assert await ask(f"_since={moment(made[3], 1000)}") == []
    assert await ask(f"_at={moment(made[1], 1000)}") == ['W/"2"']
    assert await ask(f"_at={moment(made[0], -1000)}") == []
    year = made[0]["meta"]["lastUpdated"][:4]
    assert await ask(f"_at={year}") == ['W/"4"', 'W/"3"', 'W/"2"', 'W/"1"']
    assert await ask(f"_at={year}&_count=1") == ['W/"4"', 'W/"3"', 'W/"2"', 'W/"1"']


async def test_type_and_system(fresh_client: httpx.AsyncClient) -> None:
    client = fresh_client
    patients = [await versions(client, 2) for _ in range(3)]
    observation = (await client.post("Observation", json=given.observation(f"Patient/{patients[0][0]['id']}"))).json()
    await client.delete(f"Patient/{patients[1][0]['id']}")
    expected = [
        ("Patient", patients[1][0]["id"], 'W/"3"'),
        *(("Patient", made[version]["id"], f'W/"{version + 1}"') for made in reversed(patients) for version in (1, 0)),
    ]

    def seen(entries: list[given.Node]) -> list[tuple[str, str, str]]:
        return [(*entry["fullUrl"].split("/")[-2:], entry["response"]["etag"]) for entry in entries]

    assert seen((await client.get("Patient/_history")).json()["entry"]) == expected
    for size in (1, 2, 3):
        found = await pages(client, f"Patient/_history?_count={size}")
        assert [entry for page in found for entry in seen(page)] == expected
    everything = seen((await client.get("_history")).json()["entry"])
    assert everything == [expected[0], ("Observation", observation["id"], 'W/"1"'), *expected[1:]]
    since = seen((await client.get(f"_history?_since={moment(observation)}")).json()["entry"])
    assert since == everything[:2]


async def test_type_as_it_was(fresh_client: httpx.AsyncClient) -> None:
    client = fresh_client
    made = [await versions(client, 3) for _ in range(2)]
    await asyncio.sleep(0.003)
    await client.delete(f"Patient/{made[0][0]['id']}")

    async def ask(query: str) -> set[tuple[str, str]]:
        found = await pages(client, f"Patient/_history?{query}")
        return {(entry["fullUrl"].rpartition("/")[2], entry["response"]["etag"]) for page in found for entry in page}

    one, two = made[0][0]["id"], made[1][0]["id"]
    assert await ask(f"_at={moment(made[0][1], 1000)}") == {(one, 'W/"2"')}
    assert await ask(f"_at={moment(made[1][0], 1000)}&_count=1") == {(one, 'W/"3"'), (two, 'W/"1"')}
    assert await ask(f"_at={moment(made[1][2], 1000)}") == {(one, 'W/"3"'), (two, 'W/"3"')}
    assert len(await ask(f"_at={made[0][0]['meta']['lastUpdated'][:4]}")) == 7


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("_since=yesterday", "interaction.bad-value"),
        ("_at=2026-13", "interaction.bad-value"),
        ("_count=0", "interaction.bad-value"),
        ("_count=x", "interaction.bad-value"),
        ("_since=2026&_at=2026", "interaction.bad-value"),
        ("_snice=2026", "interaction.unknown-parameter"),
        ("_cursor=abc", "interaction.bad-cursor"),
    ],
)
async def test_bad_questions(client: httpx.AsyncClient, query: str, message: str) -> None:
    for place in ("Patient/_history", "_history"):
        given.is_outcome(await client.get(f"{place}?{query}"), 400, message)


async def test_a_cursor_belongs_to_its_question(client: httpx.AsyncClient) -> None:
    made = await versions(client, 3)
    body: Any = (await client.get(f"Patient/{made[0]['id']}/_history?_count=1")).json()
    url = next(link["url"] for link in body["link"] if link["relation"] == "next")
    other = (await client.post("Patient", json=given.patient())).json()["id"]
    given.is_outcome(await client.get(url.replace(made[0]["id"], other)), 400, "interaction.bad-cursor")


async def test_what_came_back_was_created(fresh_client: httpx.AsyncClient) -> None:
    """The history says what the update was answered."""
    url, resource = "Patient/back", given.patient(id="back")
    answered = [(await fresh_client.put(url, json=resource)).status_code]
    await fresh_client.delete(url)
    answered.append((await fresh_client.put(url, json=resource)).status_code)
    answered.append((await fresh_client.put(url, json={**resource, "active": False})).status_code)
    assert answered == [201, 201, 200]
    for path in (f"{url}/_history", "Patient/_history", "_history", f"{url}/_history?_count=1"):
        found = [entry for page in await pages(fresh_client, path) for entry in page]
        assert [entry["response"]["status"] for entry in found] == ["200", "201", "204", "201"], path
