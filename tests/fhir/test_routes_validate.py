"""`$validate` as strictly as it is asked to be; writes go on taking what the standard obliges a server to take."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from tests.fhir import given
from tests.fhir.security.conftest import House, about, house

pytestmark = pytest.mark.requirement("HC-01")
__all__ = ["house"]
UNKNOWN = [{"url": "https://hospital.pe/StructureDefinition/turno", "valueString": "x"}]
EXAMPLE = [{"url": "http://example.org/turno", "valueString": "x"}]


def found(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [
        issue["details"]["coding"][0]["code"].removeprefix("validation.")
        for issue in answer.json()["issue"]
        if issue["severity"] == "error"
    ]


@pytest.mark.parametrize(
    ("node", "check", "problem"),
    [
        (given.patient(extension=UNKNOWN), "extensions", "unknown-extension"),
        (given.patient(extension=EXAMPLE), "example-urls", "example-url"),
        ({"resourceType": "Communication", "status": "completed", "note": [{"text": "<b>x</b>"}]}, "markdown", "html-in-markdown"),
        (given.observation("Patient/nobody-at-all"), "references", "reference-not-found"),
    ],
)  # fmt: skip
async def test_strict_where_it_is_asked_for_and_only_there(
    client: httpx.AsyncClient, node: dict[str, Any], check: str, problem: str
) -> None:
    url = f"{node['resourceType']}/$validate"
    assert found(await client.post(url, json=node)) == []
    assert found(await client.post(f"{url}?check={check}", json=node)) == [problem]
    assert found(await client.post(f"{url}?check=extensions,example-urls&check=markdown,references", json=node)) == [
        problem
    ]
    named = [{"name": "resource", "resource": node}, {"name": "check", "valueCode": check}]
    assert found(await client.post(url, json={"resourceType": "Parameters", "parameter": named})) == [problem]
    assert (await client.post(node["resourceType"], json=node)).status_code == 201


async def test_a_domain_whose_extensions_are_known(client: httpx.AsyncClient) -> None:
    url = "Patient/$validate?check=extensions&extension-domain=https://hospital.pe/"
    assert found(await client.post(url, json=given.patient(extension=UNKNOWN))) == []
    other = [{**UNKNOWN[0], "url": "https://otro.pe/x"}]
    assert found(await client.post(url, json=given.patient(extension=other))) == ["unknown-extension"]


async def test_a_misspelt_check_is_no_check(client: httpx.AsyncClient) -> None:
    answer = await client.post("Patient/$validate?check=extension", json=given.patient())
    given.is_outcome(answer, 400, "interaction.bad-value")


async def test_references_lead_into_the_document_or_into_the_record(client: httpx.AsyncClient) -> None:
    url = "Observation/$validate?check=references"
    id_ = (await client.post("Patient", json=given.patient())).json()["id"]
    assert found(await client.post(url, json=given.observation(f"Patient/{id_}/_history/1"))) == []
    assert found(await client.post(url, json=given.observation("https://elsewhere.pe/fhir/Patient/1"))) == []
    parameters = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "a", "resource": given.patient(id="here")},
            {"name": "b", "resource": given.observation("Patient/here")},
        ],
    }
    assert found(await client.post("Parameters/$validate?check=references", json=parameters)) == []
    await client.delete(f"Patient/{id_}")
    assert found(await client.post(url, json=given.observation(f"Patient/{id_}"))) == ["reference-not-found"]
    many = given.observation("Patient/x", hasMember=[{"reference": f"Observation/{n}"} for n in range(501)])
    given.is_outcome(await client.post(url, json=many), 400, "interaction.too-many-references")


async def test_who_may_not_see_a_patient_is_not_told_that_there_is_one(house: House) -> None:
    """Of those in care: theirs is found; another's is like nobody's."""
    answers = {
        name: (await house["drcano"].post("Observation/$validate?check=references", json=about(name, "x"))).json()
        for name in ("anna", "berta", "nobody")
    }
    assert answers["anna"]["issue"][0]["severity"] == "information"
    told = [str(answers[name]).replace(name, "…") for name in ("berta", "nobody")]
    assert told[0] == told[1]
    assert "reference-not-found" in told[0]


async def test_what_the_standard_defines_says_of_what_type_it_is(client: httpx.AsyncClient) -> None:
    """Known without looking anything up, so that writes know it too."""
    node = {"resourceType": "QuestionnaireResponse", "status": "completed"}
    wrong = {**node, "questionnaire": "http://hl7.org/fhir/ValueSet/example-extensional"}
    given.is_outcome(
        await client.post("QuestionnaireResponse", json=wrong),
        422,
        "validation.wrong-target",
        "QuestionnaireResponse.questionnaire",
    )
    for good in ("http://hl7.org/fhir/Questionnaire/x|1", "http://hl7.org/fhir/uv/x", "https://mi.pe/ValueSet/x"):
        answer = await client.post("QuestionnaireResponse", json={**node, "questionnaire": good})
        assert answer.status_code == 201
