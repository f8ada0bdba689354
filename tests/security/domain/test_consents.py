"""What a Consent says about who may read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from kuska.security.domain.consent_reading import ROLES, consent_rules
from kuska.security.domain.consents import ConsentRule, turns, wishes

pytestmark = [pytest.mark.requirement("QX-10"), pytest.mark.requirement("LW-16")]
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
TYPES = "http://hl7.org/fhir/resource-types"


def consent(provision: dict[str, Any] | None = None, **changed: Any) -> dict[str, Any]:
    node = {
        "resourceType": "Consent",
        "status": "active",
        "scope": {"coding": [{"code": "patient-privacy"}]},
        "category": [{"coding": [{"code": "59284-0"}]}],
        "patient": {"reference": "Patient/1"},
        **({"provision": provision} if provision is not None else {}),
    }
    return {**node, **changed}


def actor(reference: str) -> dict[str, Any]:
    return {"role": {"coding": [{"code": "PRCP"}]}, "reference": {"reference": reference}}


def rules(provision: dict[str, Any], **changed: Any) -> tuple[ConsentRule, ...]:
    return consent_rules(consent(provision, **changed))


def effect(
    *consents: dict[str, Any], actors: tuple[str, ...] = (), purposes: tuple[str, ...] = ("TREAT",), type_: str = ""
) -> str:
    read = {str(number): consent_rules(one) for number, one in enumerate(consents)}
    said = wishes(read, frozenset(actors), frozenset(purposes), NOW)
    if "1" in said.withheld_by_type.get(type_, said.withheld):
        return "withheld"
    return "let in" if "1" in said.consented_by_type.get(type_, said.consented) else "nothing"


def test_a_refusal_of_everything() -> None:
    (one,) = rules({"type": "deny"})
    assert one == ConsentRule(patient="1", effect="deny", depth=0)


@pytest.mark.parametrize(
    "changed",
    [
        {"status": "inactive"},
        {"status": "draft"},
        {"status": "entered-in-error"},
        {"scope": {"coding": [{"code": "treatment"}]}},
        {"scope": {"coding": [{"code": "adr"}]}},
        {"patient": {"reference": "Group/1"}},
        {"patient": {"display": "somebody"}},
        {"patient": {"reference": "https://elsewhere.example/fhir/Patient/1"}},
    ],
)
def test_what_says_nothing_about_reading(changed: dict[str, Any]) -> None:
    assert rules({"type": "deny"}, **changed) == ()


def test_references_to_this_server_are_read_whatever_their_form() -> None:
    node = consent({"type": "deny", "actor": [actor("https://here.example/fhir/Practitioner/2/_history/1")]})
    (one,) = consent_rules(node, bases=["https://here.example/fhir"])
    assert one.actors == ("Practitioner/2",)


def test_research_alone_says_nothing_about_treatment() -> None:
    refusal = consent({"type": "deny"}, scope={"coding": [{"code": "research"}]})
    assert effect(refusal, purposes=("TREAT",)) == "nothing"
    assert effect(refusal, purposes=("HRESCH",)) == "withheld"


def test_the_older_form_without_a_type() -> None:
    out = {"coding": [{"code": "OPTOUT"}]}
    assert effect(consent({}, policyRule=out)) == "withheld"
    assert effect(consent(policyRule=out)) == "withheld"
    in_ = {"coding": [{"code": "OPTIN"}]}
    assert (
        effect(consent({"actor": [actor("Practitioner/1")]}, policyRule=in_), actors=("Practitioner/1",)) == "nothing"
    )


def test_the_deepest_rule_that_applies_decides() -> None:
    node = consent(
        {
            "type": "deny",
            "provision": [
                {
                    "type": "permit",
                    "actor": [actor("Practitioner/mine")],
                    "provision": [{"type": "deny", "class": [{"system": TYPES, "code": "Observation"}]}],
                }
            ],
        }
    )
    assert effect(node) == "withheld"
    assert effect(node, actors=("Practitioner/mine",)) == "let in"
    assert effect(node, actors=("Practitioner/mine",), type_="Observation") == "withheld"
    # The exception to the exception is about that practitioner only.
    assert effect(node, actors=("Practitioner/other",), type_="Observation") == "withheld"


def test_types_that_are_withheld_leave_the_others() -> None:
    node = consent({"type": "deny", "class": [{"system": TYPES, "code": "Observation"}]})
    assert effect(node, type_="Observation") == "withheld"
    assert effect(node, type_="Condition") == "nothing"


def test_between_two_consents_the_refusal_is_stronger() -> None:
    refusal = consent({"type": "deny", "actor": [actor("Organization/us")]})
    permission = consent({"type": "permit", "actor": [actor("Organization/us")]})
    assert effect(permission, actors=("Organization/us",)) == "let in"
    assert effect(permission, refusal, actors=("Organization/us",)) == "withheld"
    assert effect(refusal, permission, actors=("Organization/us",)) == "withheld"


def test_a_permission_of_everything_to_everybody_lets_in_nobody_in_particular() -> None:
    assert effect(consent({"type": "permit"}), actors=("Organization/us",)) == "nothing"


def test_a_permission_for_a_purpose_is_for_that_purpose() -> None:
    node = consent({"type": "permit", "purpose": [{"code": "HRESCH"}]})
    assert effect(node, purposes=("HRESCH",)) == "let in"
    assert effect(node, purposes=("TREAT",)) == "nothing"


def test_a_role_can_be_named() -> None:
    named = {"role": {"coding": []}, "reference": {"identifier": {"system": ROLES, "value": "results"}}}
    node = consent({"type": "deny", "actor": [named]})
    assert effect(node, actors=("role:results",)) == "withheld"
    assert effect(node, actors=("role:physician",)) == "nothing"


def test_a_general_refusal_does_not_keep_the_reception_from_finding_the_person() -> None:
    assert effect(consent({"type": "deny"}), purposes=("PATADMIN", "HOPERAT")) == "nothing"
    clerk = consent({"type": "deny", "actor": [actor("Practitioner/clerk")]})
    assert effect(clerk, actors=("Practitioner/clerk",), purposes=("PATADMIN", "HOPERAT")) == "withheld"


def test_a_refusal_that_says_what_it_is_about_holds_at_the_reception_too() -> None:
    desk = consent({"type": "deny", "purpose": [{"code": "PATADMIN"}]})
    assert effect(desk, purposes=("PATADMIN",)) == "withheld"
    assert effect(desk, purposes=("TREAT",)) == "nothing"
    coverage = consent({"type": "deny", "class": [{"system": TYPES, "code": "Coverage"}]})
    assert effect(coverage, purposes=("PATADMIN",), type_="Coverage") == "withheld"
    assert effect(coverage, purposes=("PATADMIN",), type_="Patient") == "nothing"


def test_an_exception_for_everybody_holds_at_the_reception_too() -> None:
    """Only a refusal of everything is not heard there, not what is excepted from one."""
    for_some = {"type": "deny", "actor": [actor("Organization/us")]}
    excepted = consent({**for_some, "provision": [{"type": "permit", "purpose": [{"code": "PATADMIN"}]}]})
    assert effect(excepted, actors=("Organization/us",), purposes=("PATADMIN",)) == "let in"
    assert effect(excepted, actors=("Organization/us",), purposes=("TREAT",)) == "withheld"


def test_one_type_may_be_let_in_where_all_is_refused() -> None:
    results = {
        "type": "permit",
        "class": [{"system": TYPES, "code": "Observation"}],
        "actor": [actor("Organization/us")],
    }
    node = consent({"type": "deny", "provision": [results]})
    assert effect(node, actors=("Organization/us",), type_="Observation") == "let in"
    assert effect(node, actors=("Organization/us",), type_="Condition") == "withheld"
    assert effect(node, actors=("Organization/other",), type_="Observation") == "withheld"


def test_what_is_said_of_one_type_is_not_heard_of_another() -> None:
    """Of several types in one Consent: letting somebody see conditions does not show them the results."""
    observation, condition = ([{"system": TYPES, "code": code}] for code in ("Observation", "Condition"))
    node = consent(
        {
            "type": "deny",
            "class": observation,
            "provision": [{"type": "permit", "class": condition, "actor": [actor("Organization/us")]}],
        }
    )
    assert effect(node, actors=("Organization/us",), type_="Observation") == "withheld"
    assert effect(node, actors=("Organization/us",), type_="Condition") == "let in"
    assert effect(node, actors=("Organization/us",), type_="Patient") == "nothing"


@pytest.mark.parametrize(
    "limit",
    [
        {"actor": [actor("CareTeam/1")]},
        {"actor": [actor("https://elsewhere.example/fhir/Organization/us")]},
        {"actor": [{"reference": {"display": "the clinic"}}]},
        {"code": [{"coding": [{"code": "7804"}]}]},
        {"data": [{"meaning": "instance", "reference": {"reference": "Observation/1"}}]},
        {"securityLabel": [{"code": "R"}]},
        {"dataPeriod": {"start": "2020"}},
        {"class": [{"system": "urn:ietf:bcp:13", "code": "application/pdf"}]},
        {"period": {"start": "yesterday"}},
        {"purpose": [{"code": "SOMETHING-NEW"}]},
    ],
)
def test_what_is_not_understood_is_read_to_the_patients_safety(limit: dict[str, Any]) -> None:
    assert effect(consent({"type": "deny", **limit}), actors=("Organization/us",), type_="Patient") == "withheld"
    assert effect(consent({"type": "permit", **limit}), actors=("Organization/us",)) == "nothing"


def test_one_actor_who_is_not_understood_does_not_spoil_a_permission_of_another() -> None:
    node = consent({"type": "permit", "actor": [actor("CareTeam/1"), actor("Organization/us")]})
    assert effect(node, actors=("Organization/us",)) == "let in"


def test_permission_to_correct_is_not_permission_to_read() -> None:
    act = [{"coding": [{"code": "correct"}]}]
    node = consent({"type": "permit", "actor": [actor("Organization/us")], "action": act})
    assert effect(node, actors=("Organization/us",)) == "nothing"


@pytest.mark.parametrize(
    ("start", "end", "begins", "ends"),
    [
        ("2026", "2026", datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        ("2026-12", "2026-12", datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        ("2026-02", "2026-02", datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-11-21", "2026-11-21", datetime(2026, 11, 21, tzinfo=UTC), datetime(2026, 11, 22, tzinfo=UTC)),
        (
            "2026-11-21T10:00:00-05:00",
            "2026-11-21T11:00:00-05:00",
            datetime(2026, 11, 21, 15, tzinfo=UTC),
            datetime(2026, 11, 21, 16, 0, 1, tzinfo=UTC),
        ),
    ],
)
def test_a_period_ends_with_the_last_moment_it_names(start: str, end: str, begins: datetime, ends: datetime) -> None:
    (one,) = rules({"type": "deny", "period": {"start": start, "end": end}})
    assert (one.begins, one.ends) == (begins, ends)


def test_days_are_those_of_the_place() -> None:
    (one,) = consent_rules(consent({"type": "deny", "period": {"end": "2026-11-21"}}), zone=ZoneInfo("America/Lima"))
    assert one.ends == datetime(2026, 11, 22, 5, tzinfo=UTC)


def test_an_exception_lasts_no_longer_than_what_it_is_an_exception_to() -> None:
    _, inner = rules(
        {
            "type": "permit",
            "actor": [actor("Organization/us")],
            "period": {"start": "2026-01-01", "end": "2026-12-31"},
            "provision": [{"type": "deny", "period": {"start": "2025-01-01", "end": "2027-01-01"}}],
        }
    )
    assert inner.begins == datetime(2026, 1, 1, tzinfo=UTC)
    assert inner.ends == datetime(2027, 1, 1, tzinfo=UTC)
    assert inner.actors == ("Organization/us",)


def test_time_bounds_hold_to_the_moment() -> None:
    one = ConsentRule(patient="1", effect="deny", depth=0, begins=NOW, ends=NOW + timedelta(hours=1))
    nobody: frozenset[str] = frozenset()
    assert not one.applies(nobody, nobody, NOW - timedelta(microseconds=1))
    assert one.applies(nobody, nobody, NOW)
    assert not one.applies(nobody, nobody, NOW + timedelta(hours=1))
    assert turns([one], NOW - timedelta(days=1)) == NOW
    assert turns([one], NOW) == NOW + timedelta(hours=1)
    assert turns([one], NOW + timedelta(hours=1)) is None


@pytest.mark.parametrize(
    "provision",
    [
        {"type": "deny", "actor": [{}], "class": [{}], "purpose": [{}], "period": {}, "action": [{}]},
        {"provision": [{"provision": [{"type": "deny"}]}]},
        {"type": "deny", "actor": [{"reference": {"reference": "a b/c d"}}]},
        {"type": "deny", "period": {"start": "0000-00-00", "end": "9999-12-31"}},
        {"type": "deny", "period": {"end": "9999"}},
    ],
)
def test_odd_but_valid_forms_do_not_fail(provision: dict[str, Any]) -> None:
    assert all(one.effect == "deny" for one in rules(provision))
