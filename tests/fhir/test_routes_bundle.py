"""Transactions: all or nothing, references, conditions, order, errors that name their entry."""

from __future__ import annotations

import asyncio
import base64
import json
import uuid
from typing import Any

import httpx
import pytest
from tests.fhir import given
from tests.fhir.given import bundle, entry

from kuska.fhir.store.records import Records
from kuska.infra.postgres.errors import ContentionError
from kuska.kit.errors import Issue

pytestmark = [pytest.mark.requirement("HC-01"), pytest.mark.requirement("LW-20")]


def urn() -> str:
    return f"urn:uuid:{uuid.uuid4()}"


async def sent(client: httpx.AsyncClient, *entries: given.Node, **headers: str) -> list[given.Node]:
    response = await client.post("", json=bundle("transaction", *entries), headers=headers)
    assert response.status_code == 200, response.text
    body = response.json()
    assert (body["resourceType"], body["type"]) == ("Bundle", "transaction-response")
    return body["entry"]


def address(answer: given.Node) -> str:
    return answer["response"]["location"].partition("/_history")[0]


async def read(client: httpx.AsyncClient, url: str) -> given.Node:
    response = await client.get(url)
    assert response.status_code == 200, response.text
    return response.json()


async def total(client: httpx.AsyncClient, value: str) -> int:
    return len((await client.get(f"Patient?identifier={value}")).json().get("entry", []))


async def test_placeholders_become_references_whatever_the_order(client: httpx.AsyncClient) -> None:
    one, two = urn(), urn()
    answers = await sent(
        client,
        entry("POST", "Observation", given.observation(one, encounter={"reference": two})),
        entry("POST", "Patient", given.patient(), one),
        entry("POST", "Encounter", encounter(one), two),
    )
    assert [answer["response"]["status"] for answer in answers] == ["201 Created"] * 3
    observation = await read(client, address(answers[0]))
    assert observation["subject"]["reference"] == address(answers[1])
    assert observation["encounter"]["reference"] == address(answers[2])
    assert (await read(client, address(answers[2])))["subject"]["reference"] == address(answers[1])
    assert answers[0]["response"]["etag"] == 'W/"1"'
    assert answers[0]["response"]["lastModified"] == observation["meta"]["lastUpdated"]


def encounter(subject: str) -> given.Node:
    system = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
    return {
        "resourceType": "Encounter",
        "status": "finished",
        "class": {"system": system, "code": "AMB"},
        "subject": {"reference": subject},
    }


async def test_what_is_rewritten_and_what_is_not(client: httpx.AsyncClient) -> None:
    one, doc = urn(), urn()
    document = {
        "resourceType": "DocumentReference",
        "status": "current",
        "subject": {"reference": one},
        "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": doc},
        "content": [{"attachment": {"contentType": "text/plain", "url": one}}],
        "extension": [{"url": "http://example.org/e", "valueUri": one}],
        "text": {
            "status": "generated",
            "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="{one}">x</a><a href="#y">y</a> {one}</div>',
        },
    }
    answers = await sent(
        client, entry("POST", "DocumentReference", document, doc), entry("POST", "Patient", given.patient(), one)
    )
    stored, patient = await read(client, address(answers[0])), address(answers[1])
    assert stored["subject"]["reference"] == patient
    assert stored["content"][0]["attachment"]["url"] == patient
    assert stored["extension"][0]["valueUri"] == patient
    assert f'<a href="{patient}">x</a><a href="#y">y</a> {one}' in stored["text"]["div"]
    assert stored["masterIdentifier"]["value"] == doc, "an identifier is no reference"


async def test_references_of_a_source_server_are_rewritten(client: httpx.AsyncClient) -> None:
    source = "https://source.example.org/fhir/"
    answers = await sent(
        client,
        entry("POST", "Patient", given.patient(id="7"), f"{source}Patient/7"),
        entry("POST", "Observation", given.observation("Patient/7"), f"{source}Observation/1"),
        entry("POST", "Observation", given.observation(f"{source}Patient/7/_history/3"), f"{source}Observation/2"),
        entry("POST", "Observation", given.observation(f"{source}Patient/8"), f"{source}Observation/3"),
    )
    patient = address(answers[0])
    subjects = [(await read(client, address(answer)))["subject"]["reference"] for answer in answers[1:]]
    assert subjects == [patient, patient, f"{source}Patient/8"]


async def test_order_of_processing_and_of_the_answer(client: httpx.AsyncClient) -> None:
    old, new = given.key(), given.key()
    await client.put(f"Patient/{old}", json=given.patient(id=old))
    answers = await sent(
        client,
        entry("GET", f"Patient/{new}"),
        entry("PUT", f"Patient/{new}", given.patient(id=new)),
        entry("POST", "Patient", given.patient()),
        entry("DELETE", f"Patient/{old}"),
        entry("GET", f"Patient?_id={new}"),
    )
    assert [answer["response"]["status"][:3] for answer in answers] == ["200", "201", "201", "204", "200"]
    assert answers[0]["resource"]["id"] == new, "reads come last and see what was written"
    assert [one["resource"]["id"] for one in answers[4]["resource"]["entry"]] == [new]
    assert (await client.get(f"Patient/{old}")).status_code == 410


async def test_a_bad_entry_changes_nothing_and_is_named(client: httpx.AsyncClient) -> None:
    value = given.key()
    entries = [entry("POST", "Patient", given.identified(value)) for _ in range(3)]
    entries.append(entry("POST", "Patient", given.patient(gender="nonsense")))
    response = await client.post("", json=bundle("transaction", *entries))
    given.is_outcome(response, 422)
    places = [place for issue in response.json()["issue"] for place in issue.get("expression", [])]
    assert any(place.startswith("Bundle.entry[3].resource") and place.endswith("gender") for place in places), places
    assert await total(client, value) == 0


@pytest.mark.parametrize(
    ("bad", "status", "message", "place"),
    [
        (entry("PUT", "Patient/a", given.patient(id="b")), 400, "interaction.id-differs", ""),
        (entry("POST", "Nonsense", given.patient()), 404, "interaction.unknown-type", "Bundle.entry[1].request"),
        (entry("POST", "Observation", given.patient()), 400, "interaction.other-type", ""),
        (entry("POST", "Patient"), 400, "interaction.entry-resource", "Bundle.entry[1].resource"),
        (entry("FETCH", "Patient"), 400, "interaction.entry-method", "Bundle.entry[1].request.method"),
        ({"resource": given.patient()}, 400, "interaction.entry-request", "Bundle.entry[1].request"),
        ({"request": {"method": "GET"}}, 400, "interaction.entry-url", "Bundle.entry[1].request.url"),
        (entry("GET", "Patient/never-there"), 404, "interaction.not-found", "Bundle.entry[1].request"),
        (
            entry("DELETE", "Patient/x", ifMatch='W/"4"'),
            412,
            "store.version-conflict",
            "Bundle.entry[1].request.ifMatch",
        ),
        (entry("POST", "", bundle("batch")), 400, "interaction.entry-not-supported", "Bundle.entry[1].request"),
        (
            entry("POST", "Observation", given.observation(f"urn:uuid:{uuid.uuid4()}")),
            400,
            "interaction.unresolved-reference",
            "Bundle.entry[1].resource.subject.reference",
        ),
        (
            entry("POST", "Observation", given.observation("Patient?identifier=nobody-has-this")),
            412,
            "interaction.no-match",
            "Bundle.entry[1].resource.subject.reference",
        ),
    ],
)
async def test_bad_entries(client: httpx.AsyncClient, bad: given.Node, status: int, message: str, place: str) -> None:
    value = given.key()
    response = await client.post("", json=bundle("transaction", entry("POST", "Patient", given.identified(value)), bad))
    # Entries that cannot even be read are all answered with 400, whatever each alone would be.
    given.is_outcome(response, 400 if message == "interaction.unknown-type" else status, message, place)
    assert await total(client, value) == 0


async def test_conditional_references(client: httpx.AsyncClient) -> None:
    value, other = given.key(), given.key()
    known = (await client.post("Patient", json=given.identified(value))).json()["id"]
    one = urn()
    answers = await sent(
        client,
        entry("POST", "Observation", given.observation(f"Patient?identifier={given.SYSTEM}|{value}")),
        entry("POST", "Patient", given.identified(other), one, ifNoneExist=f"identifier={other}"),
        entry("POST", "Observation", given.observation(f"Patient?identifier={other}")),
        entry("POST", "Observation", given.observation(one)),
    )
    subjects = [(await read(client, address(answers[index])))["subject"]["reference"] for index in (0, 2, 3)]
    assert subjects == [f"Patient/{known}", address(answers[1]), address(answers[1])]


async def test_conditional_entries(client: httpx.AsyncClient) -> None:
    value, gone = given.key(), given.key()
    first = (await client.post("Patient", json=given.identified(value))).json()["id"]
    await client.post("Patient", json=given.identified(gone))
    one = urn()
    answers = await sent(
        client,
        entry("POST", "Patient", given.identified(value, active=False), one, ifNoneExist=f"identifier={value}"),
        entry("POST", "Observation", given.observation(one)),
        entry("DELETE", f"Patient?identifier={gone}"),
        entry("DELETE", f"Patient?identifier={given.key()}"),
    )
    assert [answer["response"]["status"][:3] for answer in answers] == ["200", "201", "204", "204"]
    assert address(answers[0]) == f"Patient/{first}"
    assert (await read(client, address(answers[1])))["subject"]["reference"] == f"Patient/{first}"
    assert (await read(client, f"Patient/{first}"))["active"] is True
    assert await total(client, gone) == 0

    updated = await sent(client, entry("PUT", f"Patient?identifier={value}", given.identified(value, active=False)))
    assert updated[0]["response"]["status"][:3] == "200"
    assert address(updated[0]) == f"Patient/{first}"


async def test_the_same_condition_twice_is_one_resource(client: httpx.AsyncClient) -> None:
    value, one, two = given.key(), urn(), urn()
    answers = await sent(
        client,
        entry("POST", "Patient", given.identified(value), one, ifNoneExist=f"identifier={value}"),
        entry("POST", "Patient", given.identified(value), two, ifNoneExist=f"identifier={value}"),
        entry("POST", "Observation", given.observation(two)),
    )
    assert [answer["response"]["status"][:3] for answer in answers] == ["201", "200", "201"]
    assert address(answers[0]) == address(answers[1])
    assert (await read(client, address(answers[2])))["subject"]["reference"] == address(answers[0])
    assert await total(client, value) == 1


async def test_overlapping_entries_are_refused(client: httpx.AsyncClient) -> None:
    value = given.key()
    id_ = (await client.post("Patient", json=given.identified(value))).json()["id"]
    for other in (
        entry("DELETE", f"Patient/{id_}"),
        entry("PUT", f"Patient?identifier={value}", given.identified(value)),
        entry("PUT", f"Patient/{id_}", given.identified(value, id=id_, gender="other")),
    ):
        response = await client.post(
            "", json=bundle("transaction", entry("PUT", f"Patient/{id_}", given.identified(value, id=id_)), other)
        )
        given.is_outcome(response, 400, "interaction.entries-overlap")
    assert (await client.get(f"Patient/{id_}")).headers["etag"] == 'W/"1"'


async def test_patches_in_a_transaction(client: httpx.AsyncClient) -> None:
    id_ = (await client.post("Patient", json=given.patient())).json()["id"]
    operations = json.dumps([{"op": "replace", "path": "/active", "value": False}]).encode()
    binary = {
        "resourceType": "Binary",
        "contentType": "application/json-patch+json",
        "data": base64.b64encode(operations).decode(),
    }
    answers = await sent(client, entry("PATCH", f"Patient/{id_}", binary), prefer="return=representation")
    assert answers[0]["response"]["status"][:3] == "200"
    assert answers[0]["resource"]["active"] is False
    parts = [
        {"name": "type", "valueCode": "delete"},
        {"name": "path", "valueString": "Patient.gender"},
    ]
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}
    answers = await sent(client, entry("PATCH", f"Patient/{id_}", parameters), prefer="return=representation")
    assert "gender" not in answers[0]["resource"]
    missing = await client.post("", json=bundle("transaction", entry("PATCH", "Patient/never-there", binary)))
    given.is_outcome(missing, 404, "interaction.not-found", "Bundle.entry[0].request")


async def test_prefer_decides_what_comes_back(client: httpx.AsyncClient) -> None:
    create = entry("POST", "Patient", given.patient())
    assert "resource" not in (await sent(client, create))[0]
    assert "resource" not in (await sent(client, create, prefer="return=minimal"))[0]
    assert (await sent(client, create, prefer="return=representation"))[0]["resource"]["active"] is True


async def test_empty_and_wrong_bundles(client: httpx.AsyncClient) -> None:
    empty = await client.post("", json={"resourceType": "Bundle", "type": "transaction"})
    assert empty.status_code == 200
    assert "entry" not in empty.json()
    given.is_outcome(await client.post("", json=given.patient()), 400, "interaction.bundle-expected")
    given.is_outcome(await client.post("", json=bundle("collection")), 400, "interaction.bundle-type", "Bundle.type")
    given.is_outcome(
        await client.post("", json={"resourceType": "Bundle", "type": "batch", "entry": [1]}),
        400,
        "interaction.bundle-entries",
    )
    many = bundle("batch", *(entry("GET", "Patient/1") for _ in range(2001)))
    given.is_outcome(await client.post("", json=many), 400, "interaction.bundle-too-long")


async def test_crossing_transactions_all_succeed(client: httpx.AsyncClient) -> None:
    """Everyone updates the same resources, in different orders: deadlocks, if any, are nobody's business."""
    ids = [given.key() for _ in range(6)]
    await sent(client, *(entry("PUT", f"Patient/{id_}", given.patient(id=id_)) for id_ in ids))

    async def one(number: int) -> httpx.Response:
        turned = ids[number % 6 :] + ids[: number % 6]
        updates = (given.patient(id=id_, multipleBirthInteger=number) for id_ in turned)
        return await client.post(
            "", json=bundle("transaction", *(entry("PUT", f"Patient/{u['id']}", u) for u in updates))
        )

    responses = await asyncio.gather(*map(one, range(18)))
    assert {response.status_code for response in responses} == {200}, [r.text for r in responses]
    finals = [(await read(client, f"Patient/{id_}")) for id_ in ids]
    assert len({final["multipleBirthInteger"] for final in finals}) == 1, "each transaction as a whole"
    assert {final["meta"]["versionId"] for final in finals} == {"19"}


async def test_parallel_transactions_with_one_condition_make_one(client: httpx.AsyncClient) -> None:
    value, other = given.key(), given.key()

    async def one(number: int) -> httpx.Response:
        entries: list[Any] = [
            entry("POST", "Patient", given.identified(value), ifNoneExist=f"identifier={value}"),
            entry("POST", "Patient", given.identified(other), ifNoneExist=f"identifier={other}"),
        ]
        return await client.post("", json=bundle("transaction", *(entries if number % 2 else reversed(entries))))

    responses = await asyncio.gather(*map(one, range(12)))
    assert {response.status_code for response in responses} == {200}
    assert (await total(client, value), await total(client, other)) == (1, 1)


async def test_errors_speak_the_readers_language(client: httpx.AsyncClient) -> None:
    bad = bundle("transaction", entry("FETCH", "Patient"))
    spanish = await client.post("", json=bad, headers={"accept-language": "es-PE"})
    english = await client.post("", json=bad, headers={"accept-language": "en"})
    assert "debe ser" in given.is_outcome(spanish, 400)["diagnostics"]
    assert "must be" in given.is_outcome(english, 400)["diagnostics"]


async def test_a_repeated_transaction_is_the_same_one(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deadlock after the references were filled in: the repeat starts from what the client sent."""
    attempts = 0
    write = Records.write

    async def unlucky(self: Records, tx: Any, changes: Any) -> Any:
        nonlocal attempts
        attempts += 1
        done = await write(self, tx, changes)
        if attempts < 3:
            raise ContentionError(Issue(code="lock-error", message="database.contention"))
        return done

    monkeypatch.setattr(Records, "write", unlucky)
    value, one = given.key(), urn()
    text = f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="{one}">x</a></div>'
    narrative = {"status": "generated", "div": text}
    answers = await sent(
        client,
        entry("POST", "Observation", given.observation(one, text=narrative)),
        entry("POST", "Patient", given.identified(value), one),
    )
    assert attempts == 3
    observation, patient = await read(client, address(answers[0])), address(answers[1])
    assert observation["subject"]["reference"] == patient
    assert f'href="{patient}"' in observation["text"]["div"]
    assert await total(client, value) == 1


async def test_a_large_transaction_does_not_hold_up_others(client: httpx.AsyncClient) -> None:
    one = urn()
    large = bundle(
        "transaction",
        entry("POST", "Patient", given.patient(), one),
        *(entry("POST", "Observation", given.observation(one)) for _ in range(1900)),
    )
    raw = json.dumps(large)
    running = asyncio.create_task(client.post("", content=raw, headers={"content-type": "application/fhir+json"}))
    answered = 0
    while not running.done():
        assert (await client.get("Patient/never-there")).status_code == 404
        answered += 1
        await asyncio.sleep(0.001)
    assert (await running).status_code == 200
    # About 35 as measured. Were the transaction one piece, it would be two: one before it, one after.
    assert answered > 5
