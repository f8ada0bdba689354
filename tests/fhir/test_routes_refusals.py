"""What must not be done silently: empty conditions, another's id, half a resource, references left unresolved."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from tests.fhir import given
from tests.fhir.given import bundle, entry

pytestmark = pytest.mark.requirement("HC-01")


@pytest.mark.parametrize("header", ["if-match", "if-none-match", "if-none-exist"])
async def test_an_empty_condition_is_none(client: httpx.AsyncClient, header: str) -> None:
    id_ = given.key()
    resource = given.patient(id=id_)
    if header == "if-none-exist":
        response = await client.post("Patient", json=resource, headers={header: " "})
    else:
        response = await client.put(f"Patient/{id_}", json=resource, headers={header: ""})
    given.is_outcome(response, 400, "interaction.empty-condition")
    given.is_outcome(await client.get(f"Patient/{id_}"), 404)


async def test_an_empty_condition_of_an_entry(client: httpx.AsyncClient) -> None:
    wrong = bundle("batch", entry("POST", "Patient", given.patient(), ifNoneExist=" "))
    [answer] = (await client.post("", json=wrong)).json()["entry"]
    assert answer["response"]["status"].startswith("400")
    assert answer["response"]["outcome"]["issue"][0]["details"]["coding"][0]["code"] == "interaction.empty-condition"


@pytest.mark.parametrize("id_", [".", ".."])
async def test_ids_that_are_steps_of_a_path(client: httpx.AsyncClient, id_: str) -> None:
    by_url = bundle("transaction", entry("PUT", f"Patient/{id_}", given.patient(id=id_)))
    given.is_outcome(await client.post("", json=by_url), 400, "interaction.bad-id")
    by_condition = await client.put(f"Patient?identifier={given.key()}", json=given.patient(id=id_))
    given.is_outcome(by_condition, 400, "interaction.bad-id")


async def test_an_id_that_is_a_number(client: httpx.AsyncClient) -> None:
    response = await client.put("Patient/12", json=given.patient(id=12))
    issue = given.is_outcome(response, 400, "interaction.id-not-text", "Patient.id")
    assert '"12"' in issue["diagnostics"]


@pytest.mark.parametrize(("method", "url"), [("POST", "Patient"), ("PUT", "Patient/1")])
async def test_an_empty_body_is_told_so(client: httpx.AsyncClient, method: str, url: str) -> None:
    issue = given.is_outcome(await client.request(method, url, json={}), 400, "interaction.no-type")
    assert "None" not in issue["diagnostics"]
    assert "Patient" in issue["diagnostics"]
    for body in ({}, {"resourceType": "Bundle"}):
        assert "None" not in given.is_outcome(await client.post("", json=body), 400)["diagnostics"]


async def test_a_version_that_was_a_deletion(client: httpx.AsyncClient) -> None:
    url = f"Patient/{given.key()}"
    resource = given.patient(id=url.partition("/")[2])
    await client.put(url, json=resource)
    await client.delete(url)
    response = await client.put(url, json=resource, headers={"if-match": 'W/"2"'})
    assert "deleted" in given.is_outcome(response, 412, "store.version-conflict")["diagnostics"]


async def test_part_of_a_resource_is_no_update(client: httpx.AsyncClient) -> None:
    value = given.key()
    made = (await client.post("Patient", json=given.identified(value))).json()
    found = (await client.get(f"Patient?_id={made['id']}&_elements=gender")).json()
    part = found["entry"][0]["resource"]
    for url in (f"Patient/{made['id']}", f"Patient?identifier={value}"):
        given.is_outcome(await client.put(url, json=part), 422, "interaction.subsetted", "Patient.meta.tag")
    for kind in ("batch", "transaction"):
        response = await client.post("", json=bundle(kind, entry("PUT", f"Patient/{made['id']}", part)))
        assert "interaction.subsetted" in response.text
    assert (await client.get(f"Patient/{made['id']}")).json() == made


# --- conditional references outside transactions -----------------------------------------------------------------------


async def test_a_conditional_reference_is_not_stored_as_it_stands(client: httpx.AsyncClient) -> None:
    value, id_ = given.key(), given.key()
    await client.post("Patient", json=given.identified(value))
    resource = given.observation(f"Patient?identifier={value}", id=id_)
    for method, url in (("POST", "Observation"), ("PUT", f"Observation/{id_}")):
        response = await client.request(method, url, json=resource)
        given.is_outcome(response, 422, "interaction.conditional-reference", "Observation.subject.reference")
        assert value not in response.text, "the condition may identify a person"
    batch = bundle("batch", entry("POST", "Observation", resource), entry("PUT", f"Observation/{id_}", resource))
    answers = (await client.post("", json=batch)).json()["entry"]
    assert [answer["response"]["status"][:3] for answer in answers] == ["422", "422"]
    given.is_outcome(await client.get(f"Observation/{id_}"), 404)


async def test_a_patch_brings_no_conditional_reference(client: httpx.AsyncClient) -> None:
    id_ = (await client.post("Observation", json=given.observation("Patient/1"))).json()["id"]
    patch = [{"op": "replace", "path": "/subject/reference", "value": "Patient?identifier=x"}]
    headers = {"content-type": "application/json-patch+json"}
    response = await client.patch(f"Observation/{id_}", json=patch, headers=headers)
    given.is_outcome(response, 422, "interaction.conditional-reference")


async def test_a_stored_bundle_keeps_its_conditional_references(client: httpx.AsyncClient) -> None:
    inner = bundle("transaction", entry("POST", "Observation", given.observation("Patient?identifier=x")))
    assert (await client.post("Bundle", json=inner)).status_code == 201


# --- compartments, operations ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("Group/x/Observation", 404, "interaction.no-compartment"),
        ("Observation/x/*", 404, "interaction.no-compartment"),
        ("Patient/x/Nonsense", 400, "search.not-in-compartment"),
        ("Patient/x/Organization", 400, "search.not-in-compartment"),
    ],
)
async def test_compartments_there_are_not(client: httpx.AsyncClient, path: str, status: int, message: str) -> None:
    given.is_outcome(await client.get(path), status, message)
    given.is_outcome(await client.post(f"{path}/_search"), status, message)


async def everything(client: httpx.AsyncClient, patient: str, *parameters: given.Node) -> httpx.Response:
    body = {"resourceType": "Parameters", "parameter": list(parameters)}
    return await client.post(f"Patient/{patient}/$everything", json=body)


def types(response: httpx.Response) -> set[str]:
    assert response.status_code == 200, response.text
    return {one["resource"]["resourceType"] for one in response.json()["entry"]}


async def test_everything_by_post(client: httpx.AsyncClient) -> None:
    patient = (await client.post("Patient", json=given.patient())).json()["id"]
    await client.post("Observation", json=given.observation(f"Patient/{patient}"))
    condition = {"resourceType": "Condition", "subject": {"reference": f"Patient/{patient}"}}
    await client.post("Condition", json=condition)
    observations, conditions = ({"name": "_type", "valueCode": name} for name in ("Observation", "Condition"))
    assert types(await everything(client, patient, observations)) == {"Observation"}
    assert types(await everything(client, patient, observations, conditions)) == {"Observation", "Condition"}
    url = f"Patient/{patient}/$everything?_type=Observation&_type=Condition"
    assert types(await client.get(url)) == {"Observation", "Condition"}
    late = await everything(client, patient, observations, {"name": "start", "valueDate": "2026-04-01"})
    assert "entry" not in late.json()
    page = await everything(client, patient, {"name": "_count", "valueInteger": 1}, observations, conditions)
    assert len(page.json()["entry"]) == 1
    following = next(link["url"] for link in page.json()["link"] if link["relation"] == "next")
    assert "_type=Observation,Condition" in following
    assert types(page) | types(await client.get(following)) == {"Observation", "Condition"}
    assert types(await everything(client, patient)) == {"Patient", "Observation", "Condition"}


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        ({"name": "nonsense", "valueString": "x"}, "search.unknown-parameter"),
        ({"name": "_type", "valueCode": "Nonsense"}, "search.unknown-type"),
        ({"name": "_type", "resource": {"resourceType": "Patient"}}, "interaction.parameter-shape"),
        ({"name": "_type"}, "interaction.parameter-shape"),
        ({"name": "_type", "valueCode": ["Observation"]}, "interaction.parameter-shape"),
        ({"valueCode": "Observation"}, "interaction.parameter-shape"),
        ("_type", "interaction.parameter-shape"),
    ],
)
async def test_everything_refuses_what_it_does_not_take(
    client: httpx.AsyncClient, parameter: Any, message: str
) -> None:
    patient = (await client.post("Patient", json=given.patient())).json()["id"]
    given.is_outcome(await everything(client, patient, parameter), 400, message)


async def test_everything_wants_parameters(client: httpx.AsyncClient) -> None:
    response = await client.post("Patient/x/$everything", json=given.patient())
    given.is_outcome(response, 400, "interaction.other-type")


async def test_a_lenient_everything_goes_on_and_says_so(client: httpx.AsyncClient) -> None:
    patient = (await client.post("Patient", json=given.patient())).json()["id"]
    lenient = {"prefer": "handling=lenient"}
    body = (await client.get(f"Patient/{patient}/$everything?_counts=1", headers=lenient)).json()
    assert [one["resource"].get("id") for one in body["entry"] if one["search"]["mode"] == "match"] == [patient]
    [warning] = [one["resource"] for one in body["entry"] if one["search"]["mode"] == "outcome"]
    assert [(issue["severity"], "'_counts'" in issue["diagnostics"]) for issue in warning["issue"]] == [
        ("warning", True)
    ]
    assert "_counts" not in body["link"][0]["url"]
    wrong = await client.get(f"Patient/{patient}/$everything?_type=Nonsense", headers=lenient)
    given.is_outcome(wrong, 400, "search.unknown-type")


async def test_a_linked_patient_is_among_everything(client: httpx.AsyncClient) -> None:
    patient = (await client.post("Patient", json=given.patient())).json()["id"]
    link = [{"other": {"reference": f"Patient/{patient}"}, "type": "replaced-by"}]
    double = (await client.post("Patient", json=given.patient(link=link))).json()["id"]
    for one, found in ((patient, {patient, double}), (double, {double})):
        body = (await client.get(f"Patient/{one}/$everything")).json()
        assert {entry["resource"]["id"] for entry in body["entry"]} == found


async def test_a_lenient_search_says_what_it_did(client: httpx.AsyncClient) -> None:
    query = {"famly": "x", "birthdate:exact": "2000", "identifier": given.key()}
    body = (await client.get("Patient", params=query, headers={"prefer": "handling=lenient"})).json()
    issues = body["entry"][0]["resource"]["issue"]
    assert {issue["severity"] for issue in issues} == {"warning"}
    texts = [issue["diagnostics"] for issue in issues]
    assert ["'famly'" in texts[0], "'birthdate:exact'" in texts[1]] == [True, True]
    assert "Nothing was searched" not in "".join(texts)


@pytest.mark.parametrize("language", ["es", "en"])
@pytest.mark.parametrize("path", ["Patient.nope", "Patient.name.(", "Patient.name.nonsense()"])
async def test_a_bad_path_of_a_patch_is_said_in_words(client: httpx.AsyncClient, path: str, language: str) -> None:
    id_ = (await client.post("Patient", json=given.patient())).json()["id"]
    parts = [{"name": "type", "valueCode": "delete"}, {"name": "path", "valueString": path}]
    body = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}
    response = await client.patch(f"Patient/{id_}", json=body, headers={"accept-language": language})
    assert response.status_code in (400, 422), response.text
    issue = response.json()["issue"][0]
    assert issue["details"]["coding"][0]["code"] not in issue["diagnostics"]
    assert "{" not in issue["diagnostics"]
