"""Patient Anna's token, and everything one could try with it to reach Berta's record. Nothing of it works."""

from __future__ import annotations

import pytest
from tests.fhir import given
from tests.fhir.given import bundle, entry
from tests.fhir.security.conftest import House, about, ids

from kuska.fhir.store.records import Change
from kuska.security.api import visit_off

pytestmark = pytest.mark.requirement("HC-04", "LW-16")

MINE = ["Observation/anna-1", "Observation/anna-2", "Observation/anna-3"]


# --- by id -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["Patient/{0}", "Observation/{0}-1", "Patient/{0}/_history", "Observation/{0}-1/_history/1"]
)
async def test_what_is_mine_is_there_and_what_is_not_is_answered_like_nothing(house: House, path: str) -> None:
    assert (await house["anna"].get(path.format("anna"))).status_code == 200
    theirs = await house["anna"].get(path.format("berta"))
    nothing = await house["anna"].get(path.format("nobody"))
    assert theirs.status_code == nothing.status_code == 404
    assert theirs.text.replace("berta", "") == nothing.text.replace("nobody", "")
    assert theirs.headers.keys() == nothing.headers.keys()


@pytest.mark.parametrize(
    "headers",
    [{"if-none-match": 'W/"1"'}, {"if-modified-since": "Fri, 01 Jan 2100 00:00:00 GMT"}, {"if-match": 'W/"1"'}],
)
async def test_conditional_reads_tell_nothing(house: House, headers: dict[str, str]) -> None:
    assert (await house["anna"].get("Observation/berta-1", headers=headers)).status_code == 404
    assert (await house["anna"].head("Observation/berta-1", headers=headers)).status_code == 404


@pytest.mark.parametrize("query", ["_elements=id", "_summary=true", "_summary=text", "_format=json"])
async def test_parts_of_what_is_not_mine(house: House, query: str) -> None:
    assert (await house["anna"].get(f"Observation/berta-1?{query}")).status_code == 404


async def test_what_was_deleted_is_gone_for_whose_it_was_and_unknown_to_others(house: House) -> None:
    await house.put(about("berta", "berta-gone"), about("anna", "anna-gone"))
    for name in ("berta", "anna"):
        assert (await house["results"].delete(f"Observation/{name}-gone")).status_code == 403  # nobody deletes findings
    record = await house.archive.for_visit(visit_off())
    await record.write([Change("delete", "Observation", "berta-gone"), Change("delete", "Observation", "anna-gone")])
    assert (await house["anna"].get("Observation/anna-gone")).status_code == 410
    for path in ("Observation/berta-gone", "Observation/berta-gone/_history", "Observation/berta-gone/_history/1"):
        assert (await house["anna"].get(path)).status_code == 404
    history = await house["anna"].get("Observation/anna-gone/_history")
    assert [one["request"]["method"] for one in history.json()["entry"]] == ["DELETE", "PUT"]


async def test_versions_from_when_it_was_somebody_elses(house: House) -> None:
    """Written down under Berta first, then put right: Anna sees what is about her, and Berta nothing any more."""
    await house.put(about("berta", "moved", valueQuantity={"value": 1}))
    await house.put(about("anna", "moved", valueQuantity={"value": 2}))
    assert (await house["anna"].get("Observation/moved/_history/2")).status_code == 200
    assert (await house["anna"].get("Observation/moved/_history/1")).status_code == 404
    history = await house["anna"].get("Observation/moved/_history")
    assert [one["resource"]["meta"]["versionId"] for one in history.json()["entry"]] == ["2"]
    for path in ("Observation/moved", "Observation/moved/_history/1", "Observation/moved/_history"):
        assert (await house["berta"].get(path)).status_code == 404


@pytest.mark.parametrize("path", ["_history", "Observation/_history", "Patient/_history?_since=2020"])
async def test_history_of_everything_is_for_who_may_see_everything(house: House, path: str) -> None:
    given.is_outcome(await house["anna"].get(path), 403, "security.forbidden")


@pytest.mark.parametrize(
    "path",
    [
        "//Observation/berta-1",
        "Observation//berta-1",
        "Observation/anna-1/../berta-1",
        "Observation/%2e%2e/Observation/berta-1",
        "Observation/berta-1;x=1",
        "Observation/berta-1/",
        "Observation/berta-1%20",
        "Observation/berta%2D1",
        "observation/berta-1",
        "Patient/anna/Observation/berta-1",
        "Patient/anna/../berta",
        "Observation/anna-1/_history/1/../../../berta-1",
    ],
)
async def test_paths_that_try_to_be_something_else(house: House, path: str) -> None:
    answer = await house["anna"].get(f"http://localhost/fhir/{path}")
    assert answer.status_code in (400, 404)
    assert "valueQuantity" not in answer.text


# --- searches --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        "Observation?_id=anna-1,anna-2,anna-3,berta-1,berta-2,berta-3",
        "Observation?_id=anna-1,anna-2,anna-3,berta-1&_total=accurate",
        "Observation?_count=1000",
        "Observation?subject=Patient/anna,Patient/berta",
        "Observation?subject:missing=false&_lastUpdated=gt2020",
        "Observation?code:not=1234-5",
    ],
)
async def test_a_search_finds_what_is_mine(house: House, query: str) -> None:
    answer = await house["anna"].get(query)
    found = [one for one in ids(answer) if one not in ("Observation/moved", "Observation/anna-gone")]
    assert found == MINE
    if "_total" in query:
        assert answer.json()["total"] == 3


@pytest.mark.parametrize("control", ["_total=accurate", "_total=estimate", "_summary=count", "_count=0"])
@pytest.mark.parametrize("question", ["subject=Patient/berta", "_id=berta-1", "code=4548-4&subject=Patient/berta"])
async def test_counts_tell_nothing(house: House, control: str, question: str) -> None:
    answer = (await house["anna"].get(f"Observation?{question}&{control}")).json()
    assert answer.get("total", 0) == 0
    assert not answer.get("entry")


@pytest.mark.parametrize(
    "path", ["Patient/berta/Observation", "Patient/berta/*", "Patient/berta/Condition?code:text=tos"]
)
async def test_the_compartment_of_another(house: House, path: str) -> None:
    assert ids(await house["anna"].get(path)) == []
    assert (
        ids(await house["anna"].post(f"{path.partition('?')[0]}/_search", data={})) == [] if "*" not in path else True
    )


@pytest.mark.parametrize(
    "query",
    [
        "?_type=Observation,Condition,Patient&_count=100",
        "?_type=Patient&_lastUpdated=gt2020",
        "?_id=berta,berta-1,anna-1",
    ],
)
async def test_a_search_over_all_types(house: House, query: str) -> None:
    found = ids(await house["anna"].get(f"http://localhost/fhir{query}"))
    assert found
    assert not [one for one in found if "berta" in one or "carla" in one]


@pytest.mark.parametrize(
    "query",
    [
        "Practitioner?_id=drdiaz&_revinclude=Encounter:participant",
        "Practitioner?_id=drdiaz&_revinclude=*",
        "Practitioner?_id=drdiaz&_revinclude=Encounter:participant&_include:iterate=Encounter:subject",
        "Practitioner?_revinclude=Encounter:practitioner&_revinclude:iterate=Observation:encounter",
        "Organization?_revinclude=*&_revinclude:iterate=*",
    ],
)
async def test_what_comes_along_is_mine_as_well(house: House, query: str) -> None:
    found = ids(await house["anna"].get(query))
    assert not [one for one in found if "berta" in one or "carla" in one]


async def test_what_points_here_comes_along_when_it_is_mine(house: House) -> None:
    answer = await house["anna"].get(
        "Practitioner?_id=drcano&_revinclude=Encounter:participant&_include:iterate=Encounter:subject"
    )
    assert ids(answer, "include") == ["Encounter/anna-visit", "Patient/anna"]


async def test_an_include_is_not_followed_through_what_is_not_mine(house: House) -> None:
    await house.put(
        about("berta", "bridge", hasMember=[{"reference": "Observation/anna-1"}]),
        about("anna", "start", hasMember=[{"reference": "Observation/bridge"}]),
    )
    answer = await house["anna"].get("Observation?_id=start&_include=Observation:has-member&_include:iterate=*")
    assert "Observation/bridge" not in ids(answer)
    assert "Observation/anna-1" not in ids(answer)


@pytest.mark.parametrize(
    "query",
    [
        "Practitioner?_has:Encounter:participant:subject=Patient/berta",
        "Practitioner?_has:Encounter:participant:subject.family=Berta",
        "Practitioner?_has:Encounter:participant:_id=berta-visit",
        "Practitioner?_has:Encounter:participant:_has:Observation:encounter:_id=berta-1",
        "Practitioner?_has:Encounter:participant:subject:Patient.identifier=berta",
    ],
)
async def test_who_treats_another_is_not_found_out_by_has(house: House, query: str) -> None:
    assert ids(await house["anna"].get(query)) == []
    assert ids(await house["anna"].get(query.replace("berta", "anna").replace("Berta", "Anna"))) == (
        [] if "Observation" in query else ["Practitioner/drcano"]
    )


async def test_a_chain_is_no_oracle(house: House) -> None:
    """Anna's own list points to Berta's observation; asking through it tells nothing of it."""
    await house.put(
        {
            "resourceType": "List",
            "id": "pry",
            "status": "current",
            "mode": "working",
            "subject": {"reference": "Patient/anna"},
            "entry": [{"item": {"reference": "Observation/berta-1"}}, {"item": {"reference": "Patient/berta"}}],
        }
    )
    for name in ("drcano",):  # who may search lists of Anna
        assert ids(await house[name].get("List?item:Observation.code=4548-4&_id=pry")) == []
        assert ids(await house[name].get("List?item:Patient.family=Berta&_id=pry")) == []
        assert ids(await house[name].get("List?item:Observation.subject:Patient.family=Anna&_id=anna-list")) == [
            "List/anna-list"
        ]
        assert ids(await house[name].get("Observation?_list=pry")) == []
        assert ids(await house[name].get("Observation?_list=berta-list")) == []
        assert ids(await house[name].get("Observation?_list=anna-list")) == ["Observation/anna-1"]


async def test_everything_is_everything_of_mine(house: House) -> None:
    own = ids(await house["anna"].get("Patient/anna/$everything?_count=500"))
    assert "Observation/anna-1" in own
    assert not [one for one in own if "berta" in one or "carla" in one]
    theirs = await house["anna"].get("Patient/berta/$everything")
    nothing = await house["anna"].get("Patient/nobody/$everything")
    assert theirs.status_code == nothing.status_code == 404
    assert theirs.text.replace("berta", "") == nothing.text.replace("nobody", "")
    assert (await house["anna"].get("Encounter/berta-visit/$everything")).status_code == 404


async def test_a_cursor_of_another_caller_is_none(house: House) -> None:
    page = await house["drcano"].get("Observation?_count=1")
    [following] = [link["url"] for link in page.json()["link"] if link["relation"] == "next"]
    assert (await house["drcano"].get(following)).status_code == 200
    given.is_outcome(await house["anna"].get(following), 400, "search.bad-cursor")
    page = await house["anna"].get("Patient/anna/$everything?_count=1")
    [following] = [link["url"] for link in page.json()["link"] if link["relation"] == "next"]
    assert (await house["anna"].get(following)).status_code == 200
    assert (await house["drcano"].get(following)).status_code == 400


async def test_pages_end_where_mine_end(house: House) -> None:
    found: list[str] = []
    url = "Observation?_count=2&_sort=-date"
    while url:
        page = await house["anna"].get(url)
        found += ids(page)
        url = next((link["url"] for link in page.json()["link"] if link["relation"] == "next"), "")
    assert set(MINE) <= set(found)
    assert not [one for one in found if "berta" in one or "carla" in one]


# --- writes: a patient's role writes nothing, a physician writes in their care ------------------------------------------


async def test_a_patient_writes_nothing_however_wide_the_token(house: House) -> None:
    anna = house["anna"]
    answers = [
        await anna.post("Observation", json=about("anna", "x")),
        await anna.put("Observation/anna-1", json=about("anna", "anna-1")),
        await anna.delete("Observation/anna-1"),
        await anna.patch("Observation/anna-1", json=[], headers={"content-type": "application/json-patch+json"}),
        await anna.delete("Observation?_id=anna-1"),
    ]
    assert {answer.status_code for answer in answers} == {403}
    assert len({answer.text for answer in answers}) == 1


async def test_care_is_needed_to_write(house: House) -> None:
    mine, theirs = about("anna", "x"), about("berta", "x")
    assert (await house["drcano"].post("Observation", json=mine)).status_code == 201
    given.is_outcome(await house["drcano"].post("Observation", json=theirs), 403, "security.forbidden")


async def test_an_id_that_is_taken_is_answered_like_one_that_is_free(house: House) -> None:
    taken = await house["drcano"].put("Observation/berta-1", json=about("anna", "berta-1"))
    free = await house["drcano"].put("Observation/unheard-of", json=about("anna", "unheard-of"))
    assert taken.status_code == free.status_code == 403
    assert taken.text == free.text
    assert (await house["berta"].get("Observation/berta-1")).json()["subject"] == {"reference": "Patient/berta"}


async def test_nothing_is_moved_from_or_to_another(house: House) -> None:
    assert (await house["drcano"].put("Observation/anna-2", json=about("berta", "anna-2"))).status_code == 403
    patch = [{"op": "replace", "path": "/subject/reference", "value": "Patient/berta"}]
    headers = {"content-type": "application/json-patch+json"}
    assert (await house["drcano"].patch("Observation/anna-2", json=patch, headers=headers)).status_code == 403
    assert (await house["drcano"].patch("Observation/berta-2", json=patch, headers=headers)).status_code == 404
    assert (await house["drcano"].patch("Observation/nobody-2", json=patch, headers=headers)).status_code == 404
    assert (await house["anna"].get("Observation/anna-2")).json()["meta"]["versionId"] == "1"
    note = [{"op": "add", "path": "/note", "value": [{"text": "repetir"}]}]
    assert (await house["drcano"].patch("Observation/anna-2", json=note, headers=headers)).status_code == 200


async def test_a_second_patient_in_a_resource_opens_no_door(house: House) -> None:
    """Anna is Berta's performer here: it is in both compartments, and Berta's all the same."""
    slipped = about("berta", "x", performer=[{"reference": "Patient/anna"}])
    assert (await house["drcano"].post("Observation", json=slipped)).status_code == 403
    both = {
        "resourceType": "Appointment",
        "id": "both",
        "status": "proposed",
        "participant": [{"actor": {"reference": f"Patient/{name}"}, "status": "accepted"} for name in ("anna", "berta")]
        + [{"actor": {"reference": "Practitioner/drcano"}, "status": "accepted"}],
    }
    await house.put({**both, "participant": [both["participant"][0], both["participant"][2]]})
    assert (await house["drcano"].put("Appointment/both", json=both)).status_code == 403
    assert (await house["drcano"].get("Observation/berta-1")).status_code == 404


async def test_a_transaction_is_all_or_nothing_of_what_is_allowed(house: House) -> None:
    good, bad = about("anna", "x"), about("berta", "x")
    mixed = bundle("transaction", entry("POST", "Observation", good), entry("POST", "Observation", bad))
    before = len(ids(await house["anna"].get("Observation?_count=500")))
    given.is_outcome(await house["drcano"].post("", json=mixed), 403, "security.forbidden")
    assert len(ids(await house["anna"].get("Observation?_count=500"))) == before
    reading = bundle("transaction", entry("GET", "Observation/berta-1"))
    assert (await house["drcano"].post("", json=reading)).status_code == 404
    linked = {**good, "subject": {"reference": "Patient?identifier=https://example.org/ids|berta"}}
    answer = await house["drcano"].post("", json=bundle("transaction", entry("POST", "Observation", linked)))
    assert answer.status_code == 412
    hidden = bundle("transaction", entry("PUT", "Observation/berta-1", about("anna", "berta-1")))
    assert (await house["drcano"].post("", json=hidden)).status_code == 403


async def test_a_batch_is_judged_entry_by_entry(house: House) -> None:
    asked = bundle(
        "batch",
        entry("GET", "Observation/anna-1"),
        entry("GET", "Observation/berta-1"),
        entry("GET", "Observation?subject=Patient/berta"),
        entry("POST", "Observation", about("anna", "x")),
        entry("POST", "Observation", about("berta", "x")),
        entry("DELETE", "Observation/berta-1"),
        entry("GET", "Patient/berta/$everything"),
    )
    answer = (await house["drcano"].post("", json=asked)).json()
    assert [one["response"]["status"][:3] for one in answer["entry"]] == [
        "200",
        "404",
        "200",
        "201",
        "403",
        "403",
        "404",
    ]
    assert "entry" not in answer["entry"][2]["resource"]


async def test_deleting_what_one_does_not_see_is_deleting_nothing(house: House) -> None:
    """Nobody deletes what belongs to patients, whom they see or not. Of a role made for it: test_made_roles.py."""
    assert (await house["drcano"].delete("Observation/berta-1")).status_code == 403
    assert (await house["drcano"].delete("Observation/nobody-1")).status_code == 403
