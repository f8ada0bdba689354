"""read, vread, create, update, patch, delete over HTTP: statuses, headers, conditions."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime

import httpx
import pytest
from tests.fhir import given

pytestmark = pytest.mark.requirement("HC-01")


async def created(client: httpx.AsyncClient, resource: given.Node | None = None) -> given.Node:
    response = await client.post("Patient", json=resource or given.patient())
    assert response.status_code == 201, response.text
    return response.json()


async def test_create_gives_id_version_and_place(client: httpx.AsyncClient) -> None:
    response = await client.post("Patient", json=given.patient(id="mine", meta={"versionId": "9"}))
    assert response.status_code == 201
    body = response.json()
    assert body["id"] != "mine"
    assert body["meta"]["versionId"] == "1"
    assert response.headers["etag"] == 'W/"1"'
    assert response.headers["location"] == f"http://localhost/fhir/Patient/{body['id']}/_history/1"
    updated = datetime.fromisoformat(body["meta"]["lastUpdated"])
    assert parsedate_to_datetime(response.headers["last-modified"]) == updated.replace(microsecond=0)


async def test_read_is_what_was_written_and_nothing_else(client: httpx.AsyncClient) -> None:
    sent = given.patient(birthDate="1980-02-29", multipleBirthInteger=2)
    body = await created(client, sent)
    response = await client.get(f"Patient/{body['id']}")
    assert response.status_code == 200
    assert response.json() == body
    found = {name: value for name, value in body.items() if name not in ("id", "meta")}
    assert found == sent
    assert set(body["meta"]) == {"versionId", "lastUpdated"}


async def test_decimals_keep_their_digits(client: httpx.AsyncClient) -> None:
    raw = json.dumps(given.observation("Patient/x")).replace("5.4", "5.400")
    response = await client.post("Observation", content=raw, headers={"content-type": "application/fhir+json"})
    assert response.status_code == 201
    again = await client.get(f"Observation/{response.json()['id']}")
    assert '"value":5.400,' in again.text


async def test_read_of_nothing_and_of_the_deleted(client: httpx.AsyncClient) -> None:
    given.is_outcome(await client.get("Patient/never-there"), 404, "interaction.not-found")
    body = await created(client)
    assert (await client.delete(f"Patient/{body['id']}")).status_code == 204
    response = await client.get(f"Patient/{body['id']}")
    given.is_outcome(response, 410, "interaction.gone")
    assert response.headers["etag"] == 'W/"2"'


async def test_conditional_read(client: httpx.AsyncClient) -> None:
    first = await client.post("Patient", json=given.patient())
    url = f"Patient/{first.json()['id']}"
    unchanged = await client.get(url, headers={"if-none-match": 'W/"1"'})
    assert unchanged.status_code == 304
    assert unchanged.content == b""
    assert unchanged.headers["etag"] == 'W/"1"'
    assert (await client.get(url, headers={"if-none-match": 'W/"7", W/"1"'})).status_code == 304
    assert (await client.get(url, headers={"if-none-match": 'W/"2"'})).status_code == 200
    moment = parsedate_to_datetime(first.headers["last-modified"])
    since = {"if-modified-since": format_datetime(moment, usegmt=True)}
    assert (await client.get(url, headers=since)).status_code == 304
    before = {"if-modified-since": format_datetime(moment - timedelta(seconds=1), usegmt=True)}
    assert (await client.get(url, headers=before)).status_code == 200
    assert (await client.get(url, headers={"if-modified-since": "yesterday"})).status_code == 200


async def test_head_is_get_without_body(client: httpx.AsyncClient) -> None:
    body = await created(client)
    got = await client.get(f"Patient/{body['id']}")
    head = await client.head(f"Patient/{body['id']}")
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["etag"] == got.headers["etag"]
    assert head.headers["content-length"] == str(len(got.content))


async def test_vread(client: httpx.AsyncClient) -> None:
    body = await created(client)
    url = f"Patient/{body['id']}"
    await client.put(url, json={**body, "active": False})
    await client.delete(url)
    first = await client.get(f"{url}/_history/1")
    assert first.json()["active"] is True
    assert first.headers["etag"] == 'W/"1"'
    assert (await client.get(f"{url}/_history/2")).json()["active"] is False
    given.is_outcome(await client.get(f"{url}/_history/3"), 410, "interaction.gone")
    for none in ("4", "0", "x", "1_0", "99999999999"):
        given.is_outcome(await client.get(f"{url}/_history/{none}"), 404, "interaction.not-found")


async def test_update(client: httpx.AsyncClient) -> None:
    body = await created(client)
    url = f"Patient/{body['id']}"
    response = await client.put(url, json={**body, "gender": "unknown"})
    assert response.status_code == 200
    assert response.headers["etag"] == 'W/"2"'
    assert response.json()["gender"] == "unknown"
    same = await client.put(url, json={**body, "gender": "unknown"})
    assert same.status_code == 200
    assert same.headers["etag"] == 'W/"2"', "an unchanged body makes no new version"


async def test_update_as_create_and_after_delete(client: httpx.AsyncClient) -> None:
    id_ = given.key()
    first = await client.put(f"Patient/{id_}", json=given.patient(id=id_))
    assert first.status_code == 201
    assert first.headers["location"].endswith(f"/Patient/{id_}/_history/1")
    await client.delete(f"Patient/{id_}")
    again = await client.put(f"Patient/{id_}", json=given.patient(id=id_))
    assert again.status_code == 201
    assert again.headers["etag"] == 'W/"3"'


async def test_update_wants_the_same_id(client: httpx.AsyncClient) -> None:
    given.is_outcome(await client.put("Patient/a1", json=given.patient()), 400, "interaction.id-missing")
    given.is_outcome(await client.put("Patient/a1", json=given.patient(id="a2")), 400, "interaction.id-differs")
    given.is_outcome(await client.put("Patient/a_1", json=given.patient(id="a_1")), 400, "interaction.bad-id")


async def test_if_match(client: httpx.AsyncClient) -> None:
    body = await created(client)
    url = f"Patient/{body['id']}"
    first = await client.put(url, json={**body, "active": False}, headers={"if-match": 'W/"1"'})
    assert first.status_code == 200
    stale = await client.put(url, json={**body, "gender": "other"}, headers={"if-match": 'W/"1"'})
    given.is_outcome(stale, 412, "store.version-conflict")
    assert (await client.get(url)).headers["etag"] == 'W/"2"'
    given.is_outcome(await client.delete(url, headers={"if-match": 'W/"1"'}), 412)
    patch = [{"op": "replace", "path": "/gender", "value": "other"}]
    headers = {"if-match": 'W/"1"', "content-type": "application/json-patch+json"}
    given.is_outcome(await client.patch(url, json=patch, headers=headers), 412)
    given.is_outcome(await client.put(url, json=body, headers={"if-match": "W/'"}), 400, "interaction.etag-unreadable")
    assert (await client.delete(url, headers={"if-match": 'W/"2"'})).status_code == 204


async def test_if_match_star_wants_it_to_exist(client: httpx.AsyncClient) -> None:
    star, never = {"if-match": "*"}, given.key()
    body = await created(client)
    url = f"Patient/{body['id']}"
    assert (await client.put(url, json={**body, "active": False}, headers=star)).headers["etag"] == 'W/"2"'
    patch = [{"op": "replace", "path": "/gender", "value": "other"}]
    headers = {**star, "content-type": "application/json-patch+json"}
    assert (await client.patch(url, json=patch, headers=headers)).headers["etag"] == 'W/"3"'
    assert (await client.put(f"Patient?_id={body['id']}", json=body, headers=star)).headers["etag"] == 'W/"4"'
    assert (await client.delete(url, headers=star)).status_code == 204
    given.is_outcome(await client.delete(url, headers=star), 412, "interaction.not-there")
    for id_ in (body["id"], never):
        refused = await client.put(f"Patient/{id_}", json=given.patient(id=id_), headers=star)
        given.is_outcome(refused, 412, "interaction.not-there")
    for tag in ("*", 'W/"1"'):
        refused = await client.put(f"Patient?identifier={never}", json=given.patient(), headers={"if-match": tag})
        given.is_outcome(refused, 412)
    assert (await client.get(f"Patient/{never}")).status_code == 404


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_if_match_star_in_a_bundle(client: httpx.AsyncClient, kind: str) -> None:
    body, never = await created(client), given.key()
    put = given.entry("PUT", f"Patient/{body['id']}", {**body, "active": False}, ifMatch="*")
    answer = await client.post("", json=given.bundle(kind, put))
    assert [one["response"]["status"][:3] for one in answer.json()["entry"]] == ["200"]
    refused = await client.post(
        "", json=given.bundle(kind, given.entry("PUT", f"Patient/{never}", given.patient(id=never), ifMatch="*"))
    )
    if kind == "transaction":
        given.is_outcome(refused, 412, "interaction.not-there", "Bundle.entry[0].request.ifMatch")
    else:
        assert refused.json()["entry"][0]["response"]["status"][:3] == "412"
    assert (await client.get(f"Patient/{never}")).status_code == 404


async def test_if_none_match_star_only_creates(client: httpx.AsyncClient) -> None:
    id_ = given.key()
    headers = {"if-none-match": "*"}
    assert (await client.put(f"Patient/{id_}", json=given.patient(id=id_), headers=headers)).status_code == 201
    changed = await client.put(f"Patient/{id_}", json=given.patient(id=id_, active=False), headers=headers)
    given.is_outcome(changed, 412, "interaction.exists-already")
    assert (await client.get(f"Patient/{id_}")).json()["active"] is True


async def test_delete_twice_and_of_nothing(client: httpx.AsyncClient) -> None:
    body = await created(client)
    url = f"Patient/{body['id']}"
    first = await client.delete(url)
    assert (first.status_code, first.content, first.headers["etag"]) == (204, b"", 'W/"2"')
    assert (await client.delete(url)).status_code == 204
    assert (await client.delete(f"Patient/{given.key()}")).status_code == 204


async def test_deleting_what_others_refer_to_is_allowed(client: httpx.AsyncClient) -> None:
    body = await created(client)
    observation = await client.post("Observation", json=given.observation(f"Patient/{body['id']}"))
    assert (await client.delete(f"Patient/{body['id']}")).status_code == 204
    assert (await client.get(f"Observation/{observation.json()['id']}")).status_code == 200


async def test_json_patch(client: httpx.AsyncClient) -> None:
    body = await created(client)
    url = f"Patient/{body['id']}"
    headers = {"content-type": "application/json-patch+json"}
    patch = [{"op": "test", "path": "/active", "value": True}, {"op": "replace", "path": "/active", "value": False}]
    response = await client.patch(url, json=patch, headers=headers)
    assert response.status_code == 200, response.text
    assert response.json()["active"] is False
    assert response.headers["etag"] == 'W/"2"'
    given.is_outcome(await client.patch(url, json=patch, headers=headers), 422)  # the test op fails now
    wrong = [{"op": "replace", "path": "/gender", "value": "nonsense"}]
    given.is_outcome(await client.patch(url, json=wrong, headers=headers), 422)
    identity = [{"op": "replace", "path": "/id", "value": "other"}]
    given.is_outcome(await client.patch(url, json=identity, headers=headers), 400, "interaction.patch-identity")
    given.is_outcome(await client.patch("Patient/never-there", json=patch, headers=headers), 404)
    given.is_outcome(await client.patch(url, json={"a": 1}, headers=headers), 400)
    assert (await client.get(url)).headers["etag"] == 'W/"2"'


async def test_fhirpath_patch(client: httpx.AsyncClient) -> None:
    body = await created(client)
    parts = [
        {"name": "type", "valueCode": "replace"},
        {"name": "path", "valueString": "Patient.gender"},
        {"name": "value", "valueCode": "other"},
    ]
    patch = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}
    response = await client.patch(
        f"Patient/{body['id']}", json=patch, headers={"content-type": "application/fhir+json"}
    )
    assert response.status_code == 200, response.text
    assert response.json()["gender"] == "other"


async def test_invalid_content_is_422_with_every_problem(client: httpx.AsyncClient) -> None:
    wrong = given.patient(gender="f", birthDate="1980-13-01", nonsense=1)
    response = await client.post("Patient", json=wrong)
    given.is_outcome(response, 422)
    places = {issue["expression"][0] for issue in response.json()["issue"] if "expression" in issue}
    assert {"Patient.gender", "Patient.birthDate"} <= places
    assert (await client.put("Patient/a1", json={**wrong, "id": "a1"})).status_code == 422


async def test_bad_json_and_wrong_type_are_400(client: httpx.AsyncClient) -> None:
    headers = {"content-type": "application/fhir+json"}
    for raw in (b"", b"{", b"[]", b"nonsense", b'{"resourceType":"Patient","resourceType":"Patient"}', b"\xff\xfe"):
        given.is_outcome(await client.post("Patient", content=raw, headers=headers), 400)
    given.is_outcome(await client.post("Patient", json=given.observation("Patient/1")), 400, "interaction.other-type")
    given.is_outcome(await client.post("Patient", json={"active": True}), 400, "interaction.no-type")


async def test_parts_of_a_resource(client: httpx.AsyncClient) -> None:
    body = await created(client)
    response = await client.get(f"Patient/{body['id']}?_elements=gender")
    shown = response.json()
    assert set(shown) == {"resourceType", "id", "meta", "gender", "active"}  # active is a modifier
    assert [tag["code"] for tag in shown["meta"]["tag"]] == ["SUBSETTED"]
    assert "name" in (await client.get(f"Patient/{body['id']}?_summary=true")).json()
    given.is_outcome(await client.get(f"Patient/{body['id']}?_summary=x"), 400, "interaction.bad-summary")
    given.is_outcome(await client.get(f"Patient/{body['id']}?_sumary=true"), 400, "interaction.unknown-parameter")
    lenient = {"prefer": "handling=lenient"}
    assert (await client.get(f"Patient/{body['id']}?_sumary=true", headers=lenient)).status_code == 200


async def test_parallel_updates_lose_nothing(client: httpx.AsyncClient) -> None:
    body = await created(client)
    url = f"Patient/{body['id']}"

    async def one(number: int) -> httpx.Response:
        changed = {**body, "multipleBirthInteger": number}
        return await client.put(url, json=changed, headers={"if-match": 'W/"1"'})

    statuses = sorted(response.status_code for response in await asyncio.gather(*map(one, range(10))))
    assert statuses == [200] + [412] * 9

    blind = await asyncio.gather(*(client.put(url, json={**body, "multipleBirthInteger": n}) for n in range(20, 30)))
    assert {response.status_code for response in blind} == {200}
    assert {response.headers["etag"] for response in blind} == {f'W/"{n}"' for n in range(3, 13)}


async def test_parallel_patches_all_take_effect(client: httpx.AsyncClient) -> None:
    body = await created(client)
    url = f"Patient/{body['id']}"
    headers = {"content-type": "application/json-patch+json"}

    async def one(number: int) -> httpx.Response:
        name = {"family": f"Apellido{number}"}
        return await client.patch(url, json=[{"op": "add", "path": "/name/-", "value": name}], headers=headers)

    responses = await asyncio.gather(*map(one, range(12)))
    assert {response.status_code for response in responses} == {200}
    names = (await client.get(url)).json()["name"]
    assert {name["family"] for name in names[1:]} == {f"Apellido{number}" for number in range(12)}
