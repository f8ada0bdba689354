"""Searches that go through canonical URLs: chains, _has, _include and _revinclude."""

from __future__ import annotations

import httpx
import pytest
from tests.fhir import given
from tests.fhir.conftest import BASE
from tests.fhir.test_routes_search import ids

from kuska.fhir.store.search import canonicals

pytestmark = pytest.mark.requirement("HC-01")


class Forms:
    """Two versions of one questionnaire, another without a version, and answers to them."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.url = f"http://example.org/Questionnaire/{given.key()}"
        self.title = given.key()
        self.names: dict[str, str] = {}

    async def put(self, name: str, type_: str, **members: object) -> None:
        self.names[name] = f"{name}-{given.key()}"
        node = {"resourceType": type_, "id": self.names[name], "status": "active", **members}
        assert (await self.client.put(f"{type_}/{node['id']}", json=node)).status_code == 201

    async def fill(self) -> Forms:
        for version in ("1", "2"):
            await self.put(
                f"form{version}", "Questionnaire", url=self.url, version=version, title=f"{self.title} v{version}"
            )
        await self.put("other", "Questionnaire", url=f"{self.url}-other", title="another")
        for name, canonical in (
            ("any", self.url),
            ("one", f"{self.url}|1"),
            ("two", f"{self.url}|2"),
            ("nine", f"{self.url}|9"),
            ("else", f"{self.url}-other|7"),
        ):
            await self.put(name, "QuestionnaireResponse", questionnaire=canonical, status="completed")
        return self

    async def found(self, query: str, mode: str = "match") -> set[str]:
        response = await self.client.get(query)
        assert response.status_code == 200, response.text
        known = {id_: name for name, id_ in self.names.items()}
        return {known[id_] for id_ in ids(response.json(), mode) if id_ in known}


@pytest.fixture
async def forms(client: httpx.AsyncClient) -> Forms:
    return await Forms(client).fill()


async def test_chains(forms: Forms) -> None:
    for name in ("questionnaire", "questionnaire:Questionnaire"):
        assert await forms.found(f"QuestionnaireResponse?{name}.title={forms.title} v1") == {"any", "one", "nine"}
        assert await forms.found(f"QuestionnaireResponse?{name}.title={forms.title}") == {"any", "one", "two", "nine"}
    assert await forms.found(f"QuestionnaireResponse?questionnaire.url={forms.url}-other") == {"else"}
    assert await forms.found("QuestionnaireResponse?questionnaire.title=nobody has this") == set()


async def test_has(forms: Forms) -> None:
    has = "Questionnaire?_has:QuestionnaireResponse:questionnaire"
    assert await forms.found(f"{has}:_id={forms.names['one']}") == {"form1"}
    assert await forms.found(f"{has}:_id={forms.names['any']}") == {"form1", "form2"}
    assert await forms.found(f"{has}:status=completed&url={forms.url}-other") == {"other"}


async def test_includes(forms: Forms) -> None:
    one, two = forms.names["one"], forms.names["two"]
    for value in ("QuestionnaireResponse:questionnaire", "QuestionnaireResponse:*", "*"):
        asked = f"QuestionnaireResponse?_id={{}}&_include={value}"
        assert await forms.found(asked.format(one), "include") == {"form1"}
        assert await forms.found(asked.format(f"{one},{two}"), "include") == {"form1", "form2"}
        assert await forms.found(asked.format(forms.names["else"]), "include") == {"other"}
    for value in ("QuestionnaireResponse:questionnaire", "*"):
        asked = f"Questionnaire?_id={forms.names['form1']}&_revinclude={value}"
        assert await forms.found(asked, "include") == {"any", "one", "nine"}


async def test_a_canonical_may_be_an_address_of_ours(client: httpx.AsyncClient) -> None:
    forms = Forms(client)
    await forms.put("form", "Questionnaire", title=forms.title)
    for name, base in (("relative", ""), ("absolute", f"{BASE}/")):
        canonical = f"{base}Questionnaire/{forms.names['form']}"
        await forms.put(name, "QuestionnaireResponse", questionnaire=canonical, status="completed")
    asked = f"QuestionnaireResponse?questionnaire.title={forms.title}"
    assert "relative" in await forms.found(asked)
    assert await forms.found(f"QuestionnaireResponse?_id={forms.names['relative']}&_include=*", "include") == {"form"}


async def test_too_many_to_look_at_are_refused(forms: Forms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canonicals, "MOST_NAMED", 1)
    asked = f"QuestionnaireResponse?_id={forms.names['one']}&_include=QuestionnaireResponse:questionnaire"
    given.is_outcome(await forms.client.get(asked), 400, "search.too-many-canonicals")
