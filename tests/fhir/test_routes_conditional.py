"""Conditional create, update, patch, delete; what happens when many do it at once."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from typing import Any

import httpx
import pytest
from tests.fhir import given

from kuska.fhir.usecases import criteria as criteria_of
from kuska.fhir.usecases import patch as patch_of

pytestmark = [pytest.mark.requirement("HC-01"), pytest.mark.requirement("LW-20")]


def by(value: str) -> str:
    return f"identifier={given.SYSTEM}|{value}"


async def count(client: httpx.AsyncClient, value: str) -> int:
    return len((await client.get(f"Patient?{by(value)}")).json().get("entry", []))


async def test_conditional_create(client: httpx.AsyncClient) -> None:
    value = given.key()
    headers = {"if-none-exist": by(value)}
    first = await client.post("Patient", json=given.identified(value), headers=headers)
    assert first.status_code == 201
    second = await client.post("Patient", json=given.identified(value, active=False), headers=headers)
    assert second.status_code == 200
    assert second.json() == first.json()
    assert second.headers["location"] == first.headers["location"]
    await client.post("Patient", json=given.identified(value))
    several = await client.post("Patient", json=given.identified(value), headers=headers)
    given.is_outcome(several, 412, "interaction.several-matches")
    assert value not in several.text, "the condition may identify a person"


async def test_conditional_create_wants_a_condition(client: httpx.AsyncClient) -> None:
    for nothing in ("_format=json", "identifier=", "?"):
        response = await client.post("Patient", json=given.patient(), headers={"if-none-exist": nothing})
        given.is_outcome(response, 412, "interaction.no-criteria")
    unknown = await client.post("Patient", json=given.patient(), headers={"if-none-exist": "identifer=x"})
    given.is_outcome(unknown, 400)


async def test_parallel_conditional_creates_make_one(client: httpx.AsyncClient) -> None:
    value = given.key()
    headers = {"if-none-exist": by(value)}
    responses = await asyncio.gather(
        *(client.post("Patient", json=given.identified(value), headers=headers) for _ in range(24))
    )
    statuses = sorted(response.status_code for response in responses)
    assert statuses == [200] * 23 + [201]
    assert len({response.json()["id"] for response in responses}) == 1
    assert await count(client, value) == 1


async def test_parallel_conditional_updates_make_one(client: httpx.AsyncClient) -> None:
    value = given.key()
    responses = await asyncio.gather(
        *(
            client.put(f"Patient?{by(value)}", json=given.identified(value, multipleBirthInteger=number))
            for number in range(16)
        )
    )
    assert sorted(response.status_code for response in responses) == [200] * 15 + [201]
    assert await count(client, value) == 1


async def test_conditional_update(client: httpx.AsyncClient) -> None:
    value = given.key()
    url = f"Patient?{by(value)}"
    first = await client.put(url, json=given.identified(value))
    assert first.status_code == 201
    id_ = first.json()["id"]
    second = await client.put(url, json=given.identified(value, active=False))
    assert second.status_code == 200
    assert (second.json()["id"], second.headers["etag"]) == (id_, 'W/"2"')
    third = await client.put(url, json=given.identified(value, id=id_))
    assert third.headers["etag"] == 'W/"3"'
    other = await client.put(url, json=given.identified(value, id="another"))
    given.is_outcome(other, 400, "interaction.id-differs")
    await client.post("Patient", json=given.identified(value))
    given.is_outcome(await client.put(url, json=given.identified(value)), 412, "interaction.several-matches")


async def test_conditional_update_creates_with_the_clients_id(client: httpx.AsyncClient) -> None:
    value, id_ = given.key(), given.key()
    first = await client.put(f"Patient?{by(value)}", json=given.identified(value, id=id_))
    assert (first.status_code, first.json()["id"]) == (201, id_)


async def test_conditional_patch(client: httpx.AsyncClient) -> None:
    value = given.key()
    url, headers = f"Patient?{by(value)}", {"content-type": "application/json-patch+json"}
    patch = [{"op": "replace", "path": "/active", "value": False}]
    given.is_outcome(await client.patch(url, json=patch, headers=headers), 404, "interaction.no-match")
    await client.post("Patient", json=given.identified(value))
    response = await client.patch(url, json=patch, headers=headers)
    assert (response.status_code, response.json()["active"]) == (200, False)
    await client.post("Patient", json=given.identified(value))
    given.is_outcome(await client.patch(url, json=patch, headers=headers), 412, "interaction.several-matches")


def taking(name: str) -> list[given.Node]:
    """A patch that takes a requested task."""
    return [
        {"op": "replace", "path": "/status", "value": "accepted"},
        {"op": "add", "path": "/owner", "value": {"display": name}},
    ]


async def requested_task(client: httpx.AsyncClient) -> str:
    task = {"resourceType": "Task", "status": "requested", "intent": "order"}
    return (await client.post("Task", json=task)).json()["id"]


async def test_of_parallel_conditional_patches_one_wins(client: httpx.AsyncClient) -> None:
    id_ = await requested_task(client)
    headers = {"content-type": "application/json-patch+json"}
    url = f"Task?_id={id_}&status=requested"
    responses = await asyncio.gather(
        *(client.patch(url, json=taking(f"w{number}"), headers=headers) for number in range(8))
    )
    assert sorted(response.status_code for response in responses) == [200] + [404] * 7
    [won] = [response for response in responses if response.status_code == 200]
    task = (await client.get(f"Task/{id_}")).json()
    assert (task["meta"]["versionId"], task["owner"]) == ("2", won.json()["owner"])


@pytest.mark.parametrize("inside", [False, True])
async def test_a_conditional_patch_hears_of_a_write_that_did_not_wait(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, *, inside: bool
) -> None:
    """A plain update between the search and the read: the patch must not be made of what meets its condition no more."""
    id_ = await requested_task(client)
    patch, readable = taking("late"), patch_of.readable
    taken = {"resourceType": "Task", "id": id_, "status": "accepted", "intent": "order", "owner": {"display": "early"}}

    async def late(*given: Any) -> Any:
        monkeypatch.setattr(patch_of, "readable", readable)
        assert (await client.put(f"Task/{id_}", json=taken)).status_code == 200
        return await readable(*given)

    monkeypatch.setattr(patch_of, "readable", late)
    url = f"Task?_id={id_}&status=requested"
    if inside:
        data = b64encode(json.dumps(patch).encode()).decode()
        binary = {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": data}
        refused = await client.post("", json=given.bundle("transaction", given.entry("PATCH", url, binary)))
    else:
        refused = await client.patch(url, json=patch, headers={"content-type": "application/json-patch+json"})
    given.is_outcome(refused, 404, "interaction.no-match")
    task = (await client.get(f"Task/{id_}")).json()
    assert (task["meta"]["versionId"], task["owner"]["display"]) == ("2", "early")


async def test_conditional_delete(client: httpx.AsyncClient) -> None:
    value = given.key()
    url = f"Patient?{by(value)}"
    assert (await client.delete(url)).status_code == 204
    await client.post("Patient", json=given.identified(value))
    assert (await client.delete(url)).status_code == 204
    assert await count(client, value) == 0
    for _ in range(2):
        await client.post("Patient", json=given.identified(value))
    given.is_outcome(await client.delete(url), 412, "interaction.several-matches")
    assert await count(client, value) == 2
    given.is_outcome(await client.delete("Patient"), 412, "interaction.no-criteria")


async def test_if_none_exist_may_name_the_type(client: httpx.AsyncClient) -> None:
    value = given.key()
    for status in (201, 200):
        headers = {"if-none-exist": f"Patient?{by(value)}"}
        assert (await client.post("Patient", json=given.identified(value), headers=headers)).status_code == status
    headers = {"if-none-exist": f"Observation?{by(value)}"}
    given.is_outcome(await client.post("Patient", json=given.identified(value), headers=headers), 400)


async def test_conditional_update_never_takes_anothers_id(client: httpx.AsyncClient) -> None:
    value, id_ = given.key(), given.key()
    first = await client.put(f"Patient/{id_}", json=given.identified(given.key(), id=id_))
    wrong = given.identified(value, id=id_, active=False)
    given.is_outcome(await client.put(f"Patient?{by(value)}", json=wrong), 412, "interaction.id-of-another")
    transaction = given.bundle("transaction", given.entry("PUT", f"Patient?{by(value)}", wrong))
    refused = await client.post("", json=transaction)
    given.is_outcome(refused, 412, "interaction.id-of-another", "Bundle.entry[0].request")
    batch = given.bundle("batch", given.entry("PUT", f"Patient?{by(value)}", wrong))
    [answer] = (await client.post("", json=batch)).json()["entry"]
    assert answer["response"]["status"].startswith("412")
    assert (await client.get(f"Patient/{id_}")).json() == first.json()
    await client.delete(f"Patient/{id_}")
    assert (await client.put(f"Patient?{by(value)}", json=wrong)).status_code == 201


async def test_one_identifier_in_several_spellings_is_made_once(client: httpx.AsyncClient) -> None:
    value = given.key()
    spellings = (by(value), f"identifier={value}", f"identifier={given.SYSTEM}|{value}&active=true", f"family={value}")
    resource = given.identified(value, name=[{"family": value}])
    responses = await asyncio.gather(
        *(client.post("Patient", json=resource, headers={"if-none-exist": spellings[n % 4]}) for n in range(24))
    )
    assert sorted(response.status_code for response in responses) == [200] * 23 + [201]
    assert await count(client, value) == 1


async def test_one_identifier_in_creates_and_updates_at_once(client: httpx.AsyncClient) -> None:
    value = given.key()
    resource = given.identified(value)
    responses = await asyncio.gather(
        *(client.put(f"Patient?identifier={value}", json=resource) for _ in range(6)),
        *(client.post("Patient", json=resource, headers={"if-none-exist": by(value)}) for _ in range(6)),
        *(
            client.post(
                "",
                json=given.bundle("transaction", given.entry("POST", "Patient", resource, ifNoneExist=by(value))),
            )
            for _ in range(6)
        ),
    )
    assert {response.status_code for response in responses} <= {200, 201}
    assert await count(client, value) == 1


def test_what_a_condition_locks() -> None:
    def locks(*criteria: tuple[str, str], **members: object) -> set[int]:
        return criteria_of.keys("Patient", criteria, given.patient(**members))

    assert locks(("identifier", "s|1")) == locks(("identifier", "1")) == locks(("identifier:exact", "|1"))
    assert locks(("family", "x"), identifier=[{"value": "1"}]) & locks(("identifier", "s|1"))
    assert locks(("identifier", "s|1,t|2")) & locks(("identifier", "2"))
    assert locks(("identifier", r"s|a\|b")) == locks(("identifier", r"a\|b"))
    assert locks(("organization", "Organization/7")) == locks(("organization", "http://x/Organization/7"))
    assert not locks(("identifier", "s|1")) & locks(("identifier", "s|2"))
    assert not locks(("family", "x")) & locks(("birthdate", "2000-01-01")), "the limit: nothing in common"
    assert locks(("identifier", "s|")), "never nothing"
