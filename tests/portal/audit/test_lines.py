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
from kuska.security.domain.sealing import PURPOSES

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
    # What a stranger named, such as a way of asking for tokens that there is not.
    unknown = said(kind="token", interaction="something-new")
    assert unknown.what == "Accesos de aplicaciones: hizo"
    assert [(fact.label, fact.said) for fact in unknown.numbers] == [("Lo que pidió", "something-new")]


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
    assert said(caller=Caller(kind="system")).who == "Kuska, por sí mismo"


def test_whose_account_and_what_it_was_and_is() -> None:
    shown = said(
        kind="account",
        interaction="roles",
        caller=Caller(kind="person", account="a2"),
        detail=(("account", "a1"), ("before", "physician"), ("after", "physician auditor")),
    )
    assert (shown.what, shown.whose) == ("Cuentas: asignó roles", "Elena Vargas")
    assert told(shown) == ["Roles: Médica o médico → Médica o médico, Auditoría"]
    taken = said(kind="account", interaction="roles", detail=(("account", "a3"), ("before", "auditor"), ("after", "")))
    assert (taken.whose, told(taken)) == ("a3", ["Roles: Auditoría → ninguno"])
    corrected = said(kind="account", interaction="corrected", detail=(("account", "a3"), ("fields", "email")))
    assert told(corrected) == ["Datos: correo"]
    # Who does something with the own account is said already.
    assert said(kind="account", interaction="password-changed", detail=(("account", "a1"),)).whose == ""


def test_what_of_a_role_changed() -> None:
    shown = said(
        kind="role",
        interaction="edit",
        detail=(
            ("role", "auditor"),
            ("version", "3"),
            ("reach", "care > all"),
            ("scopes", "+user/Observation.rs -user/Condition.rs"),
            ("features", "+audit.read"),
            ("purposes", "-TREAT"),
            ("countries", "+CL"),
            ("factors", "True > False"),
        ),
    )
    assert told(shown) == [
        "Rol: Auditoría",
        "Versión: 3",
        "De quién: personas a su cargo → todas las personas",
        "Permisos en la historia: ahora también Ver: resultados y mediciones; ya no Ver: problemas y diagnósticos",
        "Además puede: ahora también ver la auditoría",
        "Para qué: ya no Atención de salud",
        "Otros países: ahora también CL",
        "Pide segundo factor: sí → no",
    ]
    made = said(kind="role", interaction="edit", detail=(("role", "nueva"), ("reach", "None > care")))
    assert told(made) == ["Rol: nueva", "De quién: personas a su cargo"]
    # The trail keeps no more than so much of a long list.
    assert told(said(kind="role", interaction="edit", detail=(("scopes", "+user/Observ…"),))) == [
        "Permisos en la historia: ahora también user/Observ…"
    ]


def test_which_application_and_what_it_may() -> None:
    gone = said(kind="client", interaction="withdraw", detail=(("client", "lab"),))
    assert (gone.what, told(gone)) == ("Aplicaciones: retiró", ["Aplicación: Laboratorio Andino"])
    given = said(
        kind="token",
        interaction="issued",
        detail=(("jti", "j1"), ("grant", "g1"), ("scope", "openid patient/Observation.rs?category=laboratory")),
    )
    assert told(given) == [
        "Permite: Saber que es usted quien ingresa; Ver: resultados y mediciones (category = laboratory)"
    ]
    assert [(fact.label, fact.said) for fact in given.numbers] == [("Token", "j1"), ("Permiso", "g1")]


def test_what_an_export_was_asked_for() -> None:
    asked = (("form", "csv"), ("account", "a1"), ("kind", "login"), ("outcome", "failed"))
    since, now = ("since", "2026-11-01 00:00:00-05:00"), ("until", "2026-11-21 00:00:00+00:00")
    shown = said(kind="export", interaction="audit", action="R", detail=(*asked, since, now))
    assert told(shown) == [
        "Formato: csv",
        "Cuenta: Elena Vargas",
        "Qué: Inicio de sesión",
        "Resultado: Rechazado",
        "Desde: 2026-11-01 00:00",
    ]
    ended = said(kind="export", interaction="audit", detail=(("until", "2026-11-10 00:00:00-05:00"),))
    assert told(ended) == ["Hasta: 2026-11-10 00:00"]


def test_which_keys_were_changed() -> None:
    shown = said(kind="key", interaction="rotate", detail=(("keys", "record 2, pseudonym-index 1, new-one 3"),))
    assert told(shown) == ["Llaves: historia 2, índice de seudónimos 1, new-one 3"]
    for lang in ("es", "en"):
        assert not {purpose for purpose in PURPOSES if f"auditing.key-{purpose}" not in catalogue(lang)}


def test_which_page_was_refused() -> None:
    shown = said(kind="door", interaction="/admin/cuentas/{id}/funciones", outcome="4", reason="security.feature")
    assert shown.what == "Intento de acceso: quiso usar la página «Cuentas»"
    assert (shown.things, shown.reason) == ("/admin/cuentas/…/funciones", "su rol no lo permite")
    review = said(kind="door", interaction="/urgencia/revision", outcome="4", reason="security.feature")
    assert review.what == "Intento de acceso: quiso usar la página «Revisión de urgencias»"
    assert said(kind="rest", interaction="/elsewhere").what == "Intento de acceso: quiso usar una página"
    tried = said(kind="account", interaction="accounts.write", outcome="8", reason="security.feature")
    assert tried.what == "Cuentas: quiso invitar personas, asignar roles y deshabilitar cuentas"


def test_a_reason_has_no_gaps() -> None:
    refused: dict[str, Any] = {"outcome": "4", "kind": "rest", "interaction": "read"}
    assert said(reason="search.no-such-resource", **refused).reason == "no existe, o no es para quien preguntó"
    assert said(reason="search.bad-date", **refused).reason == "la búsqueda no se podía atender como estaba escrita"
    assert said(reason="security.code-unknown", **refused).reason == "el código no existe o es de otra aplicación"
    # What has no words is for who follows it up.
    down = said(kind="login", interaction="external-sign-in", outcome="4", reason="token endpoint: 500")
    assert down.reason == "el otro proveedor no respondió como debía"
    assert [(fact.label, fact.said) for fact in down.numbers] == [("Motivo anotado", "token endpoint: 500")]
    # What the person wrote.
    opened = said(kind="break-glass", interaction="open", reason="Llega inconsciente {y} solo")
    assert (opened.reason, opened.numbers) == ("Llega inconsciente {y} solo", ())


def told(shown: Any) -> list[str]:
    return [f"{fact.label}: {fact.said}" for fact in shown.facts]


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
