"""What each kind of caller may do with the record, through its door."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from tests.fhir import given
from tests.fhir.given import bundle, entry
from tests.fhir.security.conftest import House, about, ids

from kuska.fhir.domain import call as calls
from kuska.fhir.domain.search.request import SearchRequest
from kuska.fhir.routes import app as routes
from kuska.fhir.store.records import Change
from kuska.fhir.usecases.nobody import nobody
from kuska.fhir.usecases.table import ACTIONS, FOR_ALL, INTERACTIONS, NEEDS, OPERATIONS, READING
from kuska.kit.json import Node, decode, encode
from kuska.security.api import RefusedByPolicyError

pytestmark = pytest.mark.requirement("HC-04", "LW-16")


# --- the door ----------------------------------------------------------------------------------------------------------


async def test_every_interaction_says_what_it_needs() -> None:
    assert NEEDS.keys() == routes._TABLE.keys()
    places = [place for place in vars(calls).values() if isinstance(place, calls.Place)]
    assert {name for place in places for name in place.methods.values()} <= NEEDS.keys()
    assert {name for name, needs in NEEDS.items() if needs == FOR_ALL} == {"capabilities", "openapi"}
    assert INTERACTIONS.keys() - READING <= ACTIONS.keys()


async def test_nobody_gets_in_but_to_what_describes_the_record(house: House) -> None:
    for path in ("metadata", "openapi.json"):
        assert (await house["nobody"].get(path)).status_code == 200
    for method, path in (
        ("GET", "Patient/anna"),
        ("GET", "Patient"),
        ("GET", "_history"),
        ("GET", "nonsense"),
        ("POST", ""),
    ):
        answer = await house["nobody"].request(method, path)
        given.is_outcome(answer, 401, "security.unauthenticated")
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert (await house["nobody"].get("Patient/anna", headers={"authorization": "Bearer forged"})).status_code == 401
    assert (await house["nobody"].get("Patient/anna", headers={"cookie": "kuska=anna"})).status_code == 401


async def test_a_stranger_is_not_told_the_body_was_wrong(house: House) -> None:
    """The body is not even read."""
    answer = await house["nobody"].post("Patient", content=b"{", headers={"content-type": "application/fhir+json"})
    assert answer.status_code == 401


async def test_another_tenants_token_opens_nothing(house: House) -> None:
    assert (await house["stranger"].get("Patient/anna")).status_code == 403


async def test_a_purpose_that_is_not_the_roles(house: House) -> None:
    assert (await house["drcano"].get("Patient/anna", headers={"x-purpose-of-use": "HRESCH"})).status_code == 403
    assert (await house["drcano"].get("Patient/anna", headers={"x-purpose-of-use": "ETREAT"})).status_code == 200


async def test_the_openapi_document_says_how_a_purpose_is_given(house: House) -> None:
    paths = (await house["nobody"].get("openapi.json")).json()["paths"]
    assert "parameters" not in paths["/metadata"]
    assert {one["parameters"][0]["name"] for path, one in paths.items() if path != "/metadata"} == {"X-Purpose-Of-Use"}


async def test_the_history_of_a_type_is_for_who_may_see_all_of_it(house: House) -> None:
    for path in ("Observation/_history", "_history"):
        assert (await house["anna"].get(path)).status_code == 403
    assert (await house["anna"].get("Observation/anna-1/_history")).status_code == 200


async def test_the_capability_statement_says_where_tokens_come_from(house: House) -> None:
    [rest] = (await house["nobody"].get("metadata")).json()["rest"]
    [service] = rest["security"]["service"]
    assert service["coding"][0]["code"] == "SMART-on-FHIR"
    [uris] = rest["security"]["extension"]
    assert {one["url"]: one["valueUri"] for one in uris["extension"]}["token"] == "http://localhost/oauth/token"


async def test_without_a_visit_there_is_nothing(house: House) -> None:
    record = await house.archive.for_visit(nobody())
    for attempt in (
        record.search.search(SearchRequest(type="Patient", parameters=())),
        record.records.save(house.archive.db, [Change("create", "Patient", None, given.patient())]),
    ):
        with pytest.raises(Exception, match="forbidden"):
            await attempt
    async with house.archive.db.read() as conn:
        with pytest.raises(Exception, match="forbidden"):
            await record.records.read(conn, "Patient", "anna")


# What answers nobody without refusing, and why nothing of the record is given out by it.
ANSWERED = {"validate type": "reads nothing of the record"}


async def test_every_use_case_refuses_nobody_by_itself(house: House) -> None:
    """Past what is asked at the door. A use case that asks the policy for nothing is seen here."""
    record = await house.archive.for_visit(nobody())
    cases = {**INTERACTIONS, **{" ".join(place): use_case for place, use_case in OPERATIONS.items()}}
    del cases["operation"]  # each of them by itself
    answered: set[str] = set()
    for name, use_case in cases.items():
        call = calls.Call(name, "Patient", "anna", "1", base="http://localhost/fhir", patch=[])
        if name.startswith(("conditional", "search")):
            call.query, call.if_none_exist = "_id=anna", "identifier=1"
        if name not in READING and name != "validate instance" and "everything" not in name:
            call.node = decode(encode(given.patient(id="anna")))
        call.type = "" if name.endswith("system") else call.type
        call.id = "" if name.endswith("type") else call.id
        try:
            await use_case(record, call)
        except RefusedByPolicyError:
            continue
        answered.add(name)
    assert answered == ANSWERED.keys()


# --- scopes --------------------------------------------------------------------------------------------------------------


async def test_a_scope_for_one_type_opens_one_type(house: House) -> None:
    caller = house["anna-observations"]
    assert (await caller.get("Observation/anna-1")).status_code == 200
    for path in ("Patient/anna", "Condition", "Condition/anna-tos", "Patient/anna/$everything"):
        assert (await caller.get(path)).status_code == 403
    everything = ids(await caller.get("http://localhost/fhir?_type=Observation,Condition,Patient&_count=500"))
    assert everything
    assert {one.partition("/")[0] for one in everything} == {"Observation"}
    along = await caller.get("Observation?_id=anna-1&_include=Observation:subject&_include=*")
    assert ids(along, "include") == []
    assert ids(await caller.get("Observation?subject:Patient.family=Anna")) == []


async def test_a_scope_to_read_is_none_to_search(house: House) -> None:
    assert (await house["drcano-reads"].get("Observation/anna-1")).status_code == 200
    for path in ("Observation", "Patient/anna/Observation", "Observation/_history"):
        assert (await house["drcano-reads"].get(path)).status_code == 403
    answer = await house["drcano-reads"].post("Observation", json=about("anna", "x"))
    assert answer.status_code == 403


async def test_a_scope_with_a_restriction(house: House) -> None:
    caller = house["anna-laboratory"]
    assert ids(await caller.get("Observation?_id=anna-1,anna-2,anna-3")) == ["Observation/anna-1", "Observation/anna-2"]
    assert (await caller.get("Observation/anna-1")).status_code == 200
    assert (await caller.get("Observation/anna-3")).status_code == 404
    assert (await caller.get("Observation/anna-3/_history")).status_code == 404
    assert (await caller.get("Observation?_id=anna-3&_summary=count")).json()["total"] == 0
    assert ids(await caller.get("Observation?category=vital-signs")) == []
    found = ids(await caller.get("Patient/anna/$everything?_count=100"))
    assert "Observation/anna-1" in found
    assert "Observation/anna-3" not in found


# --- care ------------------------------------------------------------------------------------------------------------------


async def test_a_physician_sees_who_is_in_their_care(house: House) -> None:
    assert ids(await house["drcano"].get("Patient")) == ["Patient/anna"]
    assert ids(await house["drdiaz"].get("Patient")) == ["Patient/berta", "Patient/carla"]
    assert (await house["drcano"].get("Observation/berta-1")).status_code == 404
    assert ids(await house["drcano"].get("Patient?_has:Observation:patient:code=4548-4")) == ["Patient/anna"]


async def test_a_physicians_token_about_one_patient_needs_the_care_as_well(house: House) -> None:
    caller = house["drcano-about-berta"]
    assert ids(await caller.get("Patient")) == []
    assert (await caller.get("Observation/berta-1")).status_code == 404
    assert (await caller.get("Observation/anna-1")).status_code == 404


@pytest.mark.parametrize(
    "link",
    [
        {
            "resourceType": "CareTeam",
            "status": "active",
            "participant": [{"member": {"reference": "Practitioner/drcano"}}],
        },
        {"resourceType": "EpisodeOfCare", "status": "active", "careManager": {"reference": "Practitioner/drcano"}},
        {
            "resourceType": "ServiceRequest",
            "status": "active",
            "intent": "order",
            "requester": {"reference": "Practitioner/drcano"},
            "authoredOn": "2026-10-01",
        },
        {
            "resourceType": "Appointment",
            "status": "proposed",
            "participant": [
                {"actor": {"reference": "Practitioner/drcano"}, "status": "accepted"},
                {"actor": {"reference": "Patient/late"}, "status": "accepted"},
            ],
        },
        {"resourceType": "Patient", "generalPractitioner": [{"reference": "Practitioner/drcano"}]},
        {"resourceType": "Encounter", "participant": [{"individual": {"reference": "PractitionerRole/cano-here"}}]},
    ],
    ids=lambda link: str(link["resourceType"]),
)
async def test_what_brings_a_patient_into_care_and_out_again(house: House, link: Node) -> None:
    patient: Node = {"resourceType": "Patient", "id": "late"}
    role = {"resourceType": "PractitionerRole", "id": "cano-here", "practitioner": {"reference": "Practitioner/drcano"}}
    await house.put(patient, role)
    assert (await house["drcano"].get("Patient/late")).status_code == 404
    whole: Node = {"id": "link" if link["resourceType"] != "Patient" else "late", **link}
    match link["resourceType"]:
        case "Encounter":
            whole |= {"status": "in-progress", "class": {"code": "AMB"}, "subject": {"reference": "Patient/late"}}
        case "EpisodeOfCare":
            whole |= {"patient": {"reference": "Patient/late"}}
        case "CareTeam" | "ServiceRequest":
            whole |= {"subject": {"reference": "Patient/late"}}
        case _:
            pass
    await house.put(whole)
    assert (await house["drcano"].get("Patient/late")).status_code == 200
    over = "cancelled" if link["resourceType"] == "Appointment" else "entered-in-error"
    await house.put({**whole, "status": over} if "status" in whole else patient)
    assert (await house["drcano"].get("Patient/late")).status_code == 404


async def test_care_ends_with_time(house: House) -> None:
    assert (await house["drcano"].get("Patient/anna")).status_code == 200
    house.clock.advance(timedelta(days=400))
    try:
        assert (await house["drcano"].get("Patient/anna")).status_code == 404
    finally:
        house.clock.advance(-timedelta(days=400))
        house.archive.care.forget()


async def test_nobody_brings_patients_into_their_own_care(house: House) -> None:
    visit = about("berta", "x", "Encounter", participant=[{"individual": {"reference": "Practitioner/drcano"}}])
    assert (await house["drcano"].post("Encounter", json=visit)).status_code == 403
    order = {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/berta"},
        "requester": {"reference": "Practitioner/drcano"},
    }
    assert (await house["drcano"].post("ServiceRequest", json=order)).status_code == 403


# --- roles for everybody's data --------------------------------------------------------------------------------------------


async def test_admissions_and_results_see_all_patients_and_not_each_others_part(house: House) -> None:
    assert ids(await house["admissions"].get("Patient?_id=anna,berta,carla")) == [
        "Patient/anna",
        "Patient/berta",
        "Patient/carla",
    ]
    assert (await house["admissions"].get("Observation/anna-1")).status_code == 403
    assert ids(await house["admissions"].get("Patient?_id=anna&_revinclude=Observation:subject"), "include") == []
    assert ids(await house["admissions"].get("Patient?_has:Observation:patient:code=4548-4")) == []
    created = await house["admissions"].post("Patient", json=given.patient())
    assert created.status_code == 201
    assert (await house["results"].get("Observation/berta-1")).status_code == 200
    assert (await house["results"].get("Condition/berta-tos")).status_code == 403


# --- consent -----------------------------------------------------------------------------------------------------------------


def consent(patient: str, key: str, effect: str, *actors: str, **provision: Any) -> Node:
    code = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}]}
    return {
        "resourceType": "Consent",
        "id": key,
        "status": "active",
        "scope": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]
        },
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": f"Patient/{patient}"},
        "policyRule": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "OPTIN"}]},
        "provision": {
            "type": effect,
            **({"actor": [{"role": code, "reference": {"reference": actor}} for actor in actors]} if actors else {}),
            **provision,
        },
    }


async def test_a_refusal_holds_at_once_and_until_it_is_taken_back(house: House) -> None:
    assert (await house["drdiaz"].get("Observation/carla-1")).status_code == 200
    await house.put(consent("carla", "no", "deny", "Practitioner/drdiaz"))
    assert (await house["drdiaz"].get("Observation/carla-1")).status_code == 404
    assert ids(await house["drdiaz"].get("Patient")) == ["Patient/berta"]
    assert (await house["drdiaz"].get("Observation?subject=Patient/carla&_summary=count")).json()["total"] == 0
    answer = await house["drdiaz"].post("Observation", json=about("carla", "x"))
    assert answer.status_code == 403
    await house.put({**consent("carla", "no", "deny", "Practitioner/drdiaz"), "status": "inactive"})
    assert (await house["drdiaz"].get("Observation/carla-1")).status_code == 200


async def test_a_refusal_reaches_callers_who_see_everybody(house: House) -> None:
    await house.put(consent("carla", "no-results", "deny"))
    try:
        assert (await house["results"].get("Observation/carla-1")).status_code == 404
        assert "Observation/carla-1" not in ids(await house["results"].get("Observation?_count=200"))
        assert (await house["results"].put("Observation/carla-1", json=about("carla", "carla-1"))).status_code == 403
        slipped = about("anna", "x", performer=[{"reference": "Patient/carla"}])
        assert (await house["results"].post("Observation", json=slipped)).status_code == 403
    finally:
        await house.put({**consent("carla", "no-results", "deny"), "status": "inactive"})
    assert (await house["results"].get("Observation/carla-1")).status_code == 200


async def test_a_partner_sees_who_let_it_in(house: House) -> None:
    assert ids(await house["partner"].get("Patient")) == []
    assert (await house["partner"].get("Observation/berta-1")).status_code == 404
    await house.put(consent("berta", "yes", "permit", "Organization/clinic"))
    assert ids(await house["partner"].get("Patient")) == ["Patient/berta"]
    assert (await house["partner"].get("Observation/berta-1")).status_code == 200
    assert (await house["partner"].get("Observation/anna-1")).status_code == 404
    await house.put({**consent("berta", "yes", "permit", "Organization/clinic"), "status": "inactive"})
    assert ids(await house["partner"].get("Patient")) == []


async def test_a_consent_by_rest_counts_like_one_from_inside(house: House) -> None:
    made = bundle(
        "transaction", entry("PUT", "Consent/by-rest", consent("berta", "by-rest", "deny", "Practitioner/drdiaz"))
    )
    assert (await house["drdiaz"].post("", json=made)).status_code == 403  # a physician does not write consents
    assert (await house["steward"].post("", json=made)).status_code == 200
    assert (await house["drdiaz"].get("Observation/berta-1")).status_code == 404
    both = await asyncio.gather(*(house["drdiaz"].get("Observation/berta-1") for _ in range(5)))
    assert {answer.status_code for answer in both} == {404}
    lifted = {**consent("berta", "by-rest", "deny", "Practitioner/drdiaz"), "status": "inactive"}
    assert (await house["steward"].put("Consent/by-rest", json=lifted)).status_code == 200
    assert (await house["drdiaz"].get("Observation/berta-1")).status_code == 200
