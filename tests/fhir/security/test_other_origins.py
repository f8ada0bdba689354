"""Applications in browsers read the record from their own origin: by a Bearer token, never by a cookie."""

from __future__ import annotations

import httpx
import pytest
from tests.fhir.conftest import client_of
from tests.fhir.security.conftest import House

from kuska.fhir.routes import FhirApp
from kuska.kit.errors import Issue
from kuska.security.api import Visit
from kuska.security.usecases.limits import ThrottledError

pytestmark = [pytest.mark.requirement("AP-10")]
ELSEWHERE = {"origin": "https://app.example.org"}
BEFORE = {**ELSEWHERE, "access-control-request-method": "GET", "access-control-request-headers": "authorization"}


def of_cors(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}


@pytest.mark.parametrize("path", ["Patient/anna", "Patient/nobody", "Condition/anna-tos", "nonsense", "", "metadata"])
async def test_a_browser_that_asks_first_is_told_the_same_everywhere(house: House, path: str) -> None:
    place = len(house.trail.events)
    answer = await house["nobody"].options(path, headers=BEFORE)
    told = of_cors(answer)
    assert (answer.status_code, answer.content) == (204, b"")
    assert told["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in told
    assert {"Authorization", "If-Match", "X-Purpose-Of-Use"} <= set(told["access-control-allow-headers"].split(", "))
    assert "PATCH" in told["access-control-allow-methods"]
    assert told == of_cors(await house["anna"].options("Patient/berta", headers=BEFORE))
    assert not house.trail.since(place), "nobody asked for anything of anybody"


async def test_options_that_is_no_browsers_question_meets_the_door(house: House) -> None:
    assert (await house["nobody"].options("Patient/anna", headers=ELSEWHERE)).status_code == 401
    assert (await house["anna"].options("Patient/anna", headers=ELSEWHERE)).status_code == 405


async def test_with_a_token_the_answer_is_readable_with_what_a_client_needs_of_it(house: House) -> None:
    answer = await house["anna"].get("Patient/anna", headers=ELSEWHERE)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*")
    exposed = {name.lower() for name in answer.headers["access-control-expose-headers"].split(", ")}
    assert {"etag", "location", "last-modified", "x-request-id", "retry-after", "www-authenticate"} <= exposed
    refused = await house["anna"].get("Patient/berta", headers=ELSEWHERE)
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (404, "*")


@pytest.mark.parametrize("cookie", ["kuska=anna", "__Host-kuska=anna", "authorization=Bearer anna"])
async def test_a_cookie_that_came_along_opens_nothing(house: House, cookie: str) -> None:
    answer = await house["nobody"].get("Patient/anna", headers={**ELSEWHERE, "cookie": cookie})
    assert answer.status_code == 401
    assert "access-control-allow-credentials" not in answer.headers
    assert answer.headers["access-control-allow-origin"] != ELSEWHERE["origin"]


async def test_who_is_no_browser_is_not_told_about_origins(house: House) -> None:
    assert not of_cors(await house["anna"].get("Patient/anna"))


async def test_the_capability_statement_says_so(house: House) -> None:
    assert (await house["nobody"].get("metadata")).json()["rest"][0]["security"]["cors"] is True


class _Busy:
    async def enter(self, *_: object, **__: object) -> Visit:
        raise ThrottledError(41.2)


@pytest.mark.requirement("QX-10")
async def test_who_asks_too_much_is_told_when_to_come_back(house: House) -> None:
    async with client_of(FhirApp(house.archive, _Busy())) as client:
        answer = await client.get("Patient/anna", headers=ELSEWHERE)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "42")
    assert answer.json()["issue"][0]["code"] == Issue(code="throttled", message="security.throttled").code
