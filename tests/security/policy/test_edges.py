"""Roles that do not come with the program, and combinations that the tables do not have."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.security.policy.situations import HERE, LETTERS, NOW, TYPES, access, caller

from kuska.security.contracts import Access, Caller
from kuska.security.domain.consents import ConsentRule
from kuska.security.domain.directory import DIRECTORY, OF_SEVERAL, PERSONAL
from kuska.security.domain.policy import Facts, Granted, decide
from kuska.security.domain.roles import role, shipped
from kuska.security.domain.scopes import parse
from kuska.security.errors import NobodyError

pytestmark = pytest.mark.requirement("LW-29")


def with_role(who: Caller, facts: Facts | None = None, **content: Any) -> Access:
    made = role("made", 1, {"reach": "all", "purposes": ["TREAT"], **content})
    who = replace(who, roles=("made",))
    return Granted(who, decide(who, "", {"made": made}, facts or Facts(patient="self"), place=HERE, now=NOW))


@pytest.mark.parametrize("reach", ["own", "care", "consented"])
def test_what_does_not_say_whose_it_is_is_for_who_may_see_all(reach: str) -> None:
    """Even with the scope of everything."""
    given = with_role(caller(), reach=reach, scopes=["user/*.cruds"])
    for type_ in TYPES:
        for letter in LETTERS:
            ways = given.ways(type_, letter)
            assert bool(ways) == (type_ in DIRECTORY | PERSONAL), type_
            assert {way.reach for way in ways} <= ({"all"} if type_ in DIRECTORY else {reach})
    for type_ in OF_SEVERAL | {"Binary", "Bundle", "Task", "Device", "Parameters"}:
        assert not given.ways(type_, "r")
        assert with_role(caller(), scopes=["user/*.cruds"]).ways(type_, "r")


def test_the_trail_asks_for_its_feature_and_is_written_by_nobody() -> None:
    assert not with_role(caller(), scopes=["user/*.cruds"]).ways("AuditEvent", "r")
    given = with_role(caller(), scopes=["user/*.cruds"], features=["audit.read"], factors=True)
    assert [letter for letter in LETTERS if given.ways("AuditEvent", letter)] == ["r", "s"]
    own = with_role(caller(), reach="care", scopes=["user/*.cruds"], features=["audit.read"], factors=True)
    assert not own.ways("AuditEvent", "r")


@pytest.mark.parametrize("scopes", [None, "system/*.cruds", "user/*.cruds", "patient/*.cruds"])
def test_people_have_no_scopes_of_machines_and_machines_none_of_people(scopes: str | None) -> None:
    token = None if scopes is None else parse(scopes)
    person = replace(caller(), scopes=token)
    machine = replace(caller(), kind="service", scopes=token, methods=())
    assert not with_role(person, scopes=["system/*.cruds"]).ways("Observation", "r")
    assert not with_role(machine, scopes=["user/*.cruds"]).ways("Observation", "r")
    assert not with_role(machine, scopes=["patient/*.cruds"]).ways("Observation", "r")


def test_what_is_restricted_is_not_free() -> None:
    given = with_role(caller(), scopes=["user/Observation.rs?category=laboratory"])
    (way,) = given.ways("Observation", "r")
    assert way.queries == ((("category", "laboratory"),),)
    assert not given.free("Observation", "r")
    assert with_role(caller(), scopes=["user/Observation.rs"]).free("Observation", "r")


@pytest.mark.parametrize("reach", ["own", "care", "consented"])
def test_only_who_reaches_everybody_is_free(reach: str) -> None:
    """What is free is not judged at all, resource by resource."""
    given = with_role(caller(), reach=reach, scopes=["user/*.cruds"])
    for type_ in TYPES:
        assert given.free(type_, "r") == (type_ in DIRECTORY), type_


def test_whoever_has_refused_makes_nothing_free_but_the_directory() -> None:
    refused = Facts(patient="self", consents={"c": (ConsentRule(patient="p1", effect="deny", depth=0),)})
    given = with_role(caller(), refused, scopes=["user/*.cruds"])
    assert given.withheld == {"p1"}
    for type_ in TYPES:
        may = bool(given.ways(type_, "r"))
        assert given.free(type_, "r") == (may and type_ in DIRECTORY), type_


@pytest.mark.parametrize("who", [{"kind": "anonymous"}, {"account": "", "client": ""}])
def test_who_is_nobody_by_half_is_nobody(who: dict[str, Any]) -> None:
    with pytest.raises(NobodyError):
        access(replace(caller("physician"), **who))


@pytest.mark.parametrize(("kind", "keeps"), [("person", False), ("service", True), ("partner", True)])
def test_an_application_has_no_powers_of_its_person(kind: str, keeps: bool) -> None:
    """Machines have nothing but tokens: theirs are the role's. A person's are the pages'."""
    scope = "user/Patient.r" if kind == "person" else "system/Patient.r"
    who = replace(caller(), kind=kind, scopes=parse(scope))
    assert with_role(who, scopes=[scope], features=["patients.invite"], factors=True).may("patients.invite") is keeps


def test_only_what_is_open_still_names_its_grant() -> None:
    opened = {"p1": NOW + timedelta(seconds=1), "p2": NOW}
    facts = Facts(patient="self", opened=opened, glass={"p1": "g1", "p2": "g2", "p3": "g3"})
    assert decide(caller("physician"), "", shipped(), facts, place=HERE, now=NOW).glass == {"p1": "g1"}


def test_a_second_factor_is_asked_of_people_by_roles_that_ask_for_it() -> None:
    by_password = replace(caller(), methods=("pwd",))
    assert with_role(by_password, scopes=["user/Patient.r"], factors=False).ways("Patient", "r")
    assert not with_role(by_password, scopes=["user/Patient.r"], factors=True).ways("Patient", "r")
    machine = replace(caller(), kind="service", methods=(), scopes=parse("system/Patient.r"))
    assert with_role(machine, scopes=["system/Patient.r"], factors=True).ways("Patient", "r")


@pytest.mark.parametrize(
    ("made_for", "asked", "is_for"),
    [("", "", "TREAT"), ("ETREAT", "", "ETREAT"), ("", "ETREAT", "ETREAT"), ("ETREAT", "ETREAT", "ETREAT")],
)
def test_the_purpose_is_what_is_asked_or_the_tokens_or_the_roles_first(made_for: str, asked: str, is_for: str) -> None:
    who = replace(caller("physician"), purpose=made_for)
    assert decide(who, asked, shipped(), Facts(), place=HERE, now=NOW).purpose == is_for


@pytest.mark.parametrize("durable", [True, False])
def test_a_role_says_whether_its_reads_wait_for_the_trail(durable: bool) -> None:
    assert with_role(caller(), scopes=["user/Patient.r"], durable_reads=durable).durable is durable


def test_restrictions_of_role_and_token_add_up() -> None:
    who = replace(caller(), scopes=parse("user/Observation.rs?status=final"))
    (way,) = with_role(who, scopes=["user/Observation.rs?category=laboratory"]).ways("Observation", "s")
    assert way.queries == ((("category", "laboratory"), ("status", "final")),)


def test_of_two_ways_the_wider_is_enough() -> None:
    given = with_role(caller(), scopes=["user/Observation.rs", "user/*.rs", "user/Observation.r?status=final"])
    assert len(given.ways("Observation", "r")) == 1
    apart = with_role(caller(), scopes=["user/Observation.r?status=final", "user/Observation.r?status=amended"])
    assert len(apart.ways("Observation", "r")) == 2


def test_a_letter_that_is_not_in_the_scope_is_not_had() -> None:
    given = with_role(caller(), scopes=["user/Observation.r"])
    assert [letter for letter in LETTERS if given.ways("Observation", letter)] == ["r"]


def test_glass_that_is_over_is_whole_again() -> None:
    who = caller("physician")
    for until, opened in ((NOW, set[str]()), (NOW + timedelta(seconds=1), {"p1"})):
        facts = Facts(patient="self", opened={"p1": until})
        decision = decide(who, "", shipped(), facts, place=HERE, now=NOW)
        assert decision.opened == opened
        assert decision.durable == bool(opened)
        assert decision.until == (until if opened else None)


@pytest.mark.parametrize(
    ("methods", "opens"),
    [(("operator",), True), (("pwd", "otp"), True), (("pwd",), False), (("pwd", "operator"), False), (("mfa",), False)],
)
def test_a_token_made_at_the_machine_says_so_and_shows_no_factor(methods: tuple[str, ...], opens: bool) -> None:
    assert bool(access(replace(caller("physician"), methods=methods)).ways("Patient", "r")) is opens


@pytest.mark.parametrize("kind", ["person", "partner", "system"])
def test_the_role_of_the_houses_own_systems_is_theirs_alone(kind: str) -> None:
    assert access(caller("service")).ways("Patient", "r")
    given = access(replace(caller("service"), kind=kind))
    assert not any(given.ways(type_, letter) for type_ in TYPES for letter in LETTERS)
