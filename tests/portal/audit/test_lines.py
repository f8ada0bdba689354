"""How a line of the trail reads to a person."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from kuska.fhir.routes.app import _TABLE as INTERACTIONS  # pyright: ignore[reportPrivateUsage]
from kuska.kit.messages import catalogue
from kuska.portal.audit.pages import line
from kuska.portal.ui.rendering import translator
from kuska.security.contracts import Caller, Event

pytestmark = pytest.mark.requirement("HC-09")
NAMES = {"a1": "Elena Vargas", "lab": "Laboratorio Andino"}
READ = Event(
    id="1",
    at=datetime(2026, 11, 21, tzinfo=UTC),
    action="E",
    kind="rest",
    interaction="search-type",
    caller=Caller(kind="person", account="a1"),
)


def said(event: Event = READ, lang: str = "es", **changed: Any) -> Any:
    return line(replace(event, **changed), NAMES, translator(lang), lang)


def test_a_search_says_that_it_searched_and_for_what() -> None:
    shown = said(query="Observation?code=718-7", entities=("Observation/1",))
    assert shown.what == "Registro clínico: buscó"
    assert (shown.things, shown.query) == ("Observation/1", "Observation?code=718-7")


def test_what_a_word_means_depends_on_the_kind() -> None:
    assert said(kind="account", interaction="register").what == "Cuentas: pidió una cuenta"
    assert said(kind="client", interaction="register").what == "Aplicaciones: registró"
    assert said(kind="factor", interaction="totp-added").what == "Segundo factor: agregó una aplicación de códigos"
    assert said(interaction="something-new").what == "Registro clínico: hizo"
    assert said(kind="account", interaction="something-new").what == "Cuentas: something-new"


def test_of_many_patients_some_are_shown_and_the_others_counted() -> None:
    shown = said(patients=tuple(f"p{number}" for number in range(200)))
    assert (shown.patients, shown.more) == (("p0", "p1", "p2", "p3", "p4"), 195)


def test_who_it_was_is_said_by_name() -> None:
    assert said(caller=Caller(kind="partner", account="lab", client="lab")).who == "Laboratorio Andino"
    assert said(caller=Caller(kind="person", account="a1", client="lab")).who == "Elena Vargas · Laboratorio Andino"
    assert (
        said(caller=Caller(kind="system", account="system:registration")).who == "Kuska (busca a quien crea su cuenta)"
    )
    assert said(caller=Caller(kind="system", account="operator")).who == "Operador de la máquina"


def test_what_was_seen_through_broken_glass_is_marked() -> None:
    assert said(detail=(("glass", "g1"),)).glass
    assert not said().glass


def test_each_interaction_of_the_record_and_each_kind_has_its_own_words() -> None:
    for lang in ("es", "en"):
        known = catalogue(lang)
        missing = [one for one in INTERACTIONS if f"auditing.did-rest-{one}" not in known]
        assert sorted(missing) == ["capabilities", "openapi"], "open to all"
        kinds = [text for key, text in known.items() if key.startswith("auditing.kind-")]
        assert len(set(kinds)) == len(kinds)
