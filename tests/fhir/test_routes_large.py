"""A large body is done elsewhere, by whom it came and noted once; attachments may be larger than what is looked into."""

from __future__ import annotations

import dataclasses
import gzip
import json
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from tests.fhir import given
from tests.fhir.conftest import client_of
from tests.fhir.security.conftest import House, about, house

from kuska.fhir.api import Archive
from kuska.fhir.routes import FhirApp, OpenDoor
from kuska.fhir.usecases import batch
from kuska.infra.web.annex import Lanes, Passed
from kuska.kit.clock import SystemClock

pytestmark = [pytest.mark.requirement("LW-20"), pytest.mark.requirement("HC-01")]
__all__ = ["house"]
_JSON = {"content-type": "application/fhir+json"}
LARGE = given.patient(name=[{"family": "x" * 100}] * 4000)


class Elsewhere:
    """In place of the other process."""

    def __init__(self) -> None:
        self.asked: list[tuple[Mapping[str, Any], bytes]] = []

    async def answer(self, request: Mapping[str, Any], body: bytes) -> Passed:
        self.asked.append((request, body))
        return Passed(201, [(b"x-request-id", b"theirs")], bytearray(b"{}" * 300_000))


async def test_what_is_large_goes_elsewhere_and_what_is_small_does_not(archive: Archive) -> None:
    there = Elsewhere()
    async with client_of(FhirApp(archive, OpenDoor(SystemClock()), annex=there)) as client:
        assert (await client.post("Patient", json=given.patient())).json()["resourceType"] == "Patient"
        assert not there.asked
        headers = _JSON | {"content-encoding": "gzip", "x-request-id": "r-1"}
        packed = gzip.compress(json.dumps(LARGE).encode())
        answer = await client.post("Patient?_pretty=true", content=packed, headers=headers)
    assert (answer.status_code, answer.headers["x-request-id"], len(answer.content)) == (201, "theirs", 600_000)
    [(request, body)] = there.asked
    assert json.loads(body) == LARGE
    told = dict(request["headers"])
    assert (request["method"], request["path"], request["query_string"]) == ("POST", "/fhir/Patient", b"_pretty=true")
    assert told[b"x-request-id"] == b"r-1"
    assert b"content-encoding" not in told  # it is unpacked


async def test_who_may_not_do_it_is_refused_here_and_who_may_is_noted_there(house: House) -> None:
    there = Elsewhere()
    app = FhirApp(house.archive, house.app._door, annex=there)
    large = about("anna", "large", note=[{"text": "x" * 100}] * 4000)
    place = len(house.trail.events)
    async with client_of(app) as client:
        for name, status in (("nobody", 401), ("drcano-reads", 403)):
            refused = await client.post("Observation", json=large, headers={"authorization": f"Bearer {name}"})
            assert refused.status_code == status
        assert not there.asked
        seen = len(house.trail.since(place))
        done = await client.put("Observation/large", json=large, headers={"authorization": "Bearer drcano"})
    assert done.status_code == 201
    assert len(there.asked) == 1
    assert len(house.trail.since(place)) == seen  # the process that did it has told the trail


async def test_what_is_only_large_does_not_wait_for_what_is_huge() -> None:
    large, huge = Elsewhere(), Elsewhere()
    lanes = Lanes(large, huge, 1000)
    await lanes.answer({}, b"x" * 1000)
    await lanes.answer({}, b"x" * 1001)
    assert [len(body) for _, body in large.asked] == [1000]
    assert [len(body) for _, body in huge.asked] == [1001]


async def test_a_batch_is_written_in_pieces_of_bounded_size(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "_TOGETHER_BYTES", 2000)
    sizes: list[int] = []
    together = batch._together

    async def seen(record: Any, changes: Any, done: Any) -> None:
        sizes.append(len(changes))
        await together(record, changes, done)

    monkeypatch.setattr(batch, "_together", seen)
    names = (500, 500, 500, 3000, 500, 500, 500, 500)
    entries = [given.entry("POST", "Patient", given.patient(name=[{"family": "x" * size}])) for size in names]
    async with limited(archive) as client:
        answer = await client.post("", json=given.bundle("batch", *entries))
    assert {entry["response"]["status"] for entry in answer.json()["entry"]} == {"201 Created"}
    assert sizes == [3, 1, 3, 1]


def limited(archive: Archive, **limits: int) -> httpx.AsyncClient:
    settings = dataclasses.replace(archive.settings, **limits)
    nobodys = dataclasses.replace(archive.nobodys, settings=settings)
    return client_of(FhirApp(dataclasses.replace(archive, nobodys=nobodys), OpenDoor(SystemClock())))


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_attachments_are_not_counted_as_what_is_looked_into(archive: Archive, kind: str) -> None:
    photo = [{"contentType": "image/png", "data": b64encode(bytes(300_000)).decode()}]
    with_photo, with_names = given.patient(photo=photo), given.patient(name=[{"family": "x" * 100}] * 1000)
    async with limited(archive, max_resource_bytes=100_000) as client:
        assert (await client.post("Patient", json=with_photo)).status_code == 201
        given.is_outcome(await client.post("Patient", json=with_names), 413, "interaction.body-too-large")
        for node, status in ((with_photo, 200), (with_names, 413)):
            answer = await client.post("", json=given.bundle(kind, given.entry("POST", "Patient", node)))
            assert answer.status_code == status


async def test_a_resource_that_is_too_large_is_not_even_decoded(archive: Archive) -> None:
    async with limited(archive, max_resource_bytes=100_000) as client:
        answer = await client.post("Patient", content=b"[" * 200_000, headers=_JSON)
    given.is_outcome(answer, 413, "interaction.body-too-large")
