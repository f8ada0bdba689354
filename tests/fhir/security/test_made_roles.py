"""Callers with letters that no role of the program gives: who may delete what is in care, who may change what they may not
read.
"""

from __future__ import annotations

import httpx
import pytest
from tests.fhir.given import bundle, entry
from tests.fhir.security.conftest import House, about

pytestmark = pytest.mark.requirement("HC-04", "LW-16")
JSON_PATCH = {"content-type": "application/json-patch+json"}
LAB = "http://terminology.hl7.org/CodeSystem/observation-category|laboratory"


def same(theirs: httpx.Response, nothing: httpx.Response) -> bool:
    return (
        theirs.status_code == nothing.status_code
        and theirs.text.replace("berta", "") == nothing.text.replace("nobody", "")
        and theirs.headers.keys() == nothing.headers.keys()
    )


async def there(house: House, id_: str) -> bool:
    return (await house[id_.partition("-")[0]].get(f"Observation/{id_}")).status_code == 200


async def test_what_is_hidden_is_deleted_like_nothing_and_stays(house: House) -> None:
    caller = house["keeper-removes"]
    theirs, nothing = await caller.delete("Observation/berta-1"), await caller.delete("Observation/nobody-1")
    assert theirs.status_code == 404
    assert same(theirs, nothing)
    for kind in ("batch", "transaction"):
        asked = [
            (await caller.post("", json=bundle(kind, entry("DELETE", f"Observation/{name}-1")))).json()
            for name in ("berta", "nobody")
        ]
        assert str(asked[0]).replace("berta", "") == str(asked[1]).replace("nobody", ""), kind
        assert "404" in str(asked[0]) or "not-found" in str(asked[0]), kind
    by = {name: await caller.delete(f"Observation?_id={name}-1") for name in ("berta", "nobody")}
    assert same(by["berta"], by["nobody"])
    assert await there(house, "berta-1")


async def test_what_is_in_care_is_deleted(house: House) -> None:
    await house.put(about("anna", "anna-removed"))
    assert (await house["keeper-removes"].delete("Observation/anna-removed")).status_code == 204
    assert not await there(house, "anna-removed")
    # Gone for whoever saw it; what was never theirs is unknown still.
    assert (await house["keeper-removes"].delete("Observation/anna-removed")).status_code == 204


async def test_what_one_sees_and_may_not_delete_is_refused_and_stays(house: House) -> None:
    """There is nothing to hide: it can be read."""
    await house.put(
        about("anna", "anna-kept"),
        about("anna", "anna-spared", category=[{"coding": [{"code": "vital-signs"}]}]),
        about("berta", "berta-spared", category=[{"coding": [{"code": "vital-signs"}]}]),
    )
    caller = house["keeper-removes-some"]
    assert (await caller.delete("Observation/anna-kept")).status_code == 403
    assert await there(house, "anna-kept")
    assert (await caller.delete("Observation/berta-spared")).status_code == 404
    assert await there(house, "berta-spared")
    assert (await caller.delete("Observation/anna-spared")).status_code == 204


PATCHES = {
    "what is so": [{"op": "test", "path": "/status", "value": "final"}],
    "what is not so": [{"op": "test", "path": "/status", "value": "amended"}],
    "a change": [{"op": "replace", "path": "/status", "value": "amended"}],
}


@pytest.mark.parametrize("what", PATCHES)
async def test_who_may_change_and_not_read_learns_nothing_by_patches(house: House, what: str) -> None:
    caller, patch = house["keeper-edits"], PATCHES[what]
    answers = [
        await caller.patch(path, json=patch, headers=JSON_PATCH)
        for path in ("Observation/anna-1", "Observation/berta-1", "Observation/nobody-1")
    ]
    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert len({answer.text for answer in answers}) == 1
    assert '"final"' in (await house["anna"].get("Observation/anna-1")).text
    # Writing it as a whole is theirs, and tells nothing of what was there.
    assert (await caller.put("Observation/anna-2", json=about("anna", "anna-2"))).status_code == 200


@pytest.mark.parametrize("what", PATCHES)
async def test_a_patch_of_what_one_may_not_read_is_a_patch_of_nothing(house: House, what: str) -> None:
    """anna-3 is a vital sign: this caller may change it, and read laboratory only."""
    caller, patch = house["keeper-edits-and-reads-some"], PATCHES[what]
    answers = [
        await caller.patch(f"Observation/{id_}", json=patch, headers=JSON_PATCH)
        for id_ in ("anna-3", "nobody-3", "berta-3")
    ]
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert len({answer.text.replace("anna", "").replace("nobody", "").replace("berta", "") for answer in answers}) == 1
    assert '"final"' in (await house["anna"].get("Observation/anna-3")).text
    await house.put(about("anna", "anna-patched"))
    read = await caller.patch("Observation/anna-patched", json=PATCHES["a change"], headers=JSON_PATCH)
    assert read.status_code == 200
