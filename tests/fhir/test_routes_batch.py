"""Batches: every entry its own outcome, few commits."""

from __future__ import annotations

import httpx
import pytest
from tests.fhir import given
from tests.fhir.conftest import client_of, unguarded
from tests.fhir.given import bundle, entry

from kuska.fhir.api import Archive
from kuska.infra.postgres.database import Database

pytestmark = pytest.mark.requirement("HC-01")


async def sent(client: httpx.AsyncClient, *entries: given.Node, **headers: str) -> list[given.Node]:
    response = await client.post("", json=bundle("batch", *entries), headers=headers)
    assert response.status_code == 200, response.text
    assert response.json()["type"] == "batch-response"
    return response.json()["entry"]


def statuses(answers: list[given.Node]) -> list[str]:
    return [answer["response"]["status"][:3] for answer in answers]


async def test_each_entry_has_its_own_outcome(client: httpx.AsyncClient) -> None:
    known, value = given.key(), given.key()
    await client.put(f"Patient/{known}", json=given.patient(id=known))
    answers = await sent(
        client,
        entry("POST", "Patient", given.patient()),
        entry("POST", "Patient", given.patient(gender="nonsense")),
        entry("GET", f"Patient/{known}"),
        entry("GET", "Patient/never-there"),
        entry("GET", "Nonsense/1"),
        entry("PUT", f"Patient/{known}", given.patient(id=known, active=False), ifMatch='W/"9"'),
        entry("POST", "Patient", given.identified(value), ifNoneExist=f"identifier={value}"),
        {"resource": given.patient()},
        entry("POST", "", bundle("batch")),
        entry("HEAD", f"Patient/{known}"),
        entry("GET", f"Patient?_id={known}"),
    )
    assert statuses(answers) == ["201", "422", "200", "404", "404", "412", "201", "400", "400", "200", "200"]
    for index in (1, 3, 4, 5, 7, 8):
        assert answers[index]["response"]["outcome"]["resourceType"] == "OperationOutcome"
    assert answers[2]["resource"]["id"] == known
    assert "resource" not in answers[9]
    assert answers[10]["resource"]["type"] == "searchset"
    assert (await client.get(f"Patient/{known}")).headers["etag"] == 'W/"1"'


async def test_one_stale_version_does_not_spoil_the_others(client: httpx.AsyncClient) -> None:
    ids = [given.key() for _ in range(3)]
    for id_ in ids:
        await client.put(f"Patient/{id_}", json=given.patient(id=id_))
    answers = await sent(
        client,
        *(
            entry("PUT", f"Patient/{id_}", given.patient(id=id_, active=False), ifMatch=f'W/"{tag}"')
            for id_, tag in zip(ids, (1, 5, 1), strict=True)
        ),
    )
    assert statuses(answers) == ["200", "412", "200"]
    assert [(await client.get(f"Patient/{id_}")).json()["active"] for id_ in ids] == [False, True, False]


async def test_two_changes_of_one_resource_both_happen(client: httpx.AsyncClient) -> None:
    id_ = given.key()
    answers = await sent(
        client,
        entry("PUT", f"Patient/{id_}", given.patient(id=id_)),
        entry("PUT", f"Patient/{id_}", given.patient(id=id_, active=False)),
        entry("GET", f"Patient/{id_}"),
    )
    assert statuses(answers) == ["201", "200", "200"]
    assert answers[2]["resource"]["meta"]["versionId"] == "2"


async def test_changes_of_one_resource_keep_their_order(client: httpx.AsyncClient) -> None:
    id_, new, value = given.key(), given.key(), given.key()
    await client.put(f"Patient/{id_}", json=given.patient(id=id_))
    rename = {"name": "operation", "part": [
        {"name": "type", "valueCode": "replace"},
        {"name": "path", "valueString": "Patient.gender"},
        {"name": "value", "valueCode": "other"},
    ]}  # fmt: skip
    answers = await sent(
        client,
        entry("PATCH", f"Patient/{id_}", {"resourceType": "Parameters", "parameter": [rename]}),
        entry("PUT", f"Patient/{id_}", given.patient(id=id_, active=False)),
        entry("PUT", f"Patient/{new}", given.patient(id=new), ifNoneMatch="*"),
        entry("DELETE", f"Patient/{new}"),
        entry("PUT", f"Patient?identifier={value}", given.identified(value, id=value)),
        entry("PUT", f"Patient/{value}", given.identified(value, id=value, active=False)),
        entry("DELETE", f"Patient?identifier={value}"),
    )
    assert statuses(answers) == ["200", "200", "201", "204", "201", "200", "204"]
    found = (await client.get(f"Patient/{id_}")).json()
    assert (found["gender"], found["active"], found["meta"]["versionId"]) == ("female", False, "3")
    assert [(await client.get(f"Patient/{one}")).status_code for one in (new, value)] == [410, 410]


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_what_is_read_by_post_is_given_too(client: httpx.AsyncClient, kind: str) -> None:
    id_ = given.key()
    await client.put(f"Patient/{id_}", json=given.patient(id=id_))
    nothing = {"resourceType": "Parameters"}
    asked = bundle(
        kind,
        entry("POST", f"Patient/_search?_id={id_}"),
        entry("POST", "Patient/$validate", given.patient()),
        entry("POST", f"Patient/{id_}/$everything", nothing),
        entry("GET", "metadata"),
        entry("HEAD", "metadata"),
        entry("POST", "Patient", given.patient()),
    )
    response = await client.post("", json=asked)
    assert response.status_code == 200, response.text
    answers = response.json()["entry"]
    assert statuses(answers) == ["200"] * 5 + ["201"]
    found, judged, everything, described, *others = answers
    assert [one["resource"]["id"] for one in found["resource"]["entry"]] == [id_]
    assert judged["resource"]["resourceType"] == "OperationOutcome"
    assert [one["resource"]["id"] for one in everything["resource"]["entry"]] == [id_]
    assert described["resource"] == (await client.get("metadata")).json()
    assert not [one for one in others if "resource" in one]


async def test_a_search_in_a_bundle_has_its_parameters_in_its_url(client: httpx.AsyncClient) -> None:
    [answer] = await sent(client, entry("POST", "Patient/_search", {"resourceType": "Parameters"}))
    [issue] = answer["response"]["outcome"]["issue"]
    assert issue["details"]["coding"][0]["code"] == "interaction.entry-search"


async def test_prefer_and_conditional_read(client: httpx.AsyncClient) -> None:
    create = entry("POST", "Patient", given.patient())
    answers = await sent(client, create, prefer="return=representation")
    stored = answers[0]["resource"]
    unchanged = await sent(client, entry("GET", f"Patient/{stored['id']}", ifNoneMatch='W/"1"'))
    assert statuses(unchanged) == ["304"]
    assert "resource" not in unchanged[0]


async def test_many_creates_are_few_commits(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    commits = 0
    single, transact = Database.single, Database.transact

    async def counted_single(self: Database, work: object) -> object:
        nonlocal commits
        commits += 1
        return await single(self, work)

    async def counted_transact(self: Database, work: object) -> object:
        nonlocal commits
        commits += 1
        return await transact(self, work)

    monkeypatch.setattr(Database, "single", counted_single)
    monkeypatch.setattr(Database, "transact", counted_transact)
    async with client_of(unguarded(archive)) as client:
        answers = await sent(client, *(entry("POST", "Patient", given.patient()) for _ in range(500)))
    assert set(statuses(answers)) == {"201"}
    assert commits <= 3
