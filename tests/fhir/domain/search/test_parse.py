from __future__ import annotations

import pytest
from tests.fhir.unguarded import parser_of, sight_of

from kuska.fhir.domain.definitions.load import definitions
from kuska.fhir.domain.identity import Identities
from kuska.fhir.domain.indexing.keys import exact_hash, system_hash
from kuska.fhir.domain.search.parse import Parsed
from kuska.fhir.domain.search.request import Compartment, SearchRequest
from kuska.fhir.domain.search.tree import (
    AllOf,
    AnyOf,
    Chain,
    Condition,
    DateTest,
    Ids,
    Match,
    Not,
    NumberTest,
    PairTest,
    Present,
    RefersTo,
    Reverse,
    TextIs,
    TokenIs,
    Updated,
    WordStarts,
)
from kuska.kit.errors import IncorrectError, Issue

pytestmark = pytest.mark.requirement("HC-01")

D = definitions()
IDS = Identities(b"key")
BASE = "https://record.example/fhir"
DAY = 86_400_000_000
PARSER = parser_of(IDS, [BASE], lambda: 20_000 * DAY)
EVERYBODY = sight_of(IDS)


def parsed(type_: str | None, *parameters: tuple[str, str], lenient: bool = False, **more: Compartment) -> Parsed:
    return PARSER.parse(
        SearchRequest(type=type_, parameters=parameters, handling="lenient" if lenient else "strict", **more), EVERYBODY
    )


def conditions(type_: str, *parameters: tuple[str, str]) -> tuple[Condition, ...]:
    return parsed(type_, *parameters).query.finds[0].conditions


def condition(type_: str, name: str, value: str) -> Condition:
    [found] = conditions(type_, (name, value))
    return found


def row_tests(type_: str, name: str, value: str) -> tuple[object, ...]:
    found = condition(type_, name, value)
    assert isinstance(found, Match)
    return found.groups[0]


def refused(type_: str | None, *parameters: tuple[str, str]) -> list[Issue]:
    with pytest.raises(IncorrectError) as caught:
        parsed(type_, *parameters)
    return list(caught.value.issues)


def key(type_: str, code: str) -> int:
    return D.search[type_][code].key


def rid(type_: str, id_: str) -> int:
    return IDS.address(type_, id_).rid


LOINC = system_hash("http://loinc.org")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("8480-6", [TokenIs("8480-6", None)]),
        ("http://loinc.org|8480-6", [TokenIs("8480-6", LOINC)]),
        ("|8480-6", [TokenIs("8480-6", 0)]),
        ("http://loinc.org|", [TokenIs(None, LOINC)]),
        ("a,b", [TokenIs("a", None), TokenIs("b", None)]),
        (r"a\,b", [TokenIs("a,b", None)]),
        (r"http://loinc.org|a\|b\\c", [TokenIs("a|b\\c", LOINC)]),
    ],
)
def test_tokens(value: str, expected: list[TokenIs]) -> None:
    assert list(row_tests("Observation", "code", value)) == expected


def test_aliases_use_the_rows_of_others() -> None:
    found = condition("Observation", "combo-code", "x")
    assert isinstance(found, Match)
    assert set(found.keys) == {key("Observation", "code"), key("Observation", "component-code")}


def test_not_and_missing() -> None:
    assert isinstance(condition("Encounter", "class:not", "AMB"), Not)
    assert isinstance(condition("Encounter", "class:missing", "true"), Not)
    assert isinstance(condition("Encounter", "class:missing", "false"), Present)
    patient = condition("Observation", "patient:missing", "false")
    assert isinstance(patient, Present)
    assert patient.target_types == (D.type_numbers["Patient"],)


def test_strings() -> None:
    assert row_tests("Patient", "family", "Huamán") == (WordStarts("huaman"),)
    words = conditions("Patient", ("name", "Rosa Huamán"))
    assert [c.groups for c in words if isinstance(c, Match)] == [((WordStarts("rosa"),),), ((WordStarts("huaman"),),)]
    assert row_tests("Patient", "family:exact", "Huamán") == (TextIs("huaman", exact_hash("Huamán")),)
    several = condition("Patient", "name", "Rosa Huamán,Ana")
    assert isinstance(several, AnyOf)
    assert isinstance(several.conditions[0], AllOf)


def test_dates_keep_their_precision() -> None:
    assert row_tests("Patient", "birthdate", "ge1980") == (DateTest("ge", 3652 * DAY, 4018 * DAY),)
    assert row_tests("Patient", "birthdate", "1980-01-01") == (DateTest("eq", 3652 * DAY, 3653 * DAY),)
    [near] = row_tests("Patient", "birthdate", "ap1980-01-01")
    assert isinstance(near, DateTest)
    assert near.low < 3652 * DAY - 1600 * DAY
    plus = row_tests("Observation", "date", "2020-01-01T00:00:00 05:00")
    assert plus == row_tests("Observation", "date", "2020-01-01T00:00:00+05:00")


def test_two_bounds_of_a_single_value_are_one_condition() -> None:
    [both] = conditions("Patient", ("birthdate", "ge1980"), ("birthdate", "lt1990"))
    assert isinstance(both, Match)
    assert len(both.groups) == 2
    assert len(conditions("Encounter", ("location-period", "ge1980"), ("location-period", "lt1990"))) == 2


def test_quantities_in_canonical_units() -> None:
    [grams] = row_tests("Observation", "value-quantity", "gt2|http://unitsofmeasure.org|g")
    [milligrams] = row_tests("Observation", "value-quantity", "gt2000|http://unitsofmeasure.org|mg")
    assert isinstance(grams, NumberTest)
    assert isinstance(milligrams, NumberTest)
    assert (grams.dim, grams.value) == (milligrams.dim, milligrams.value)
    [bare] = row_tests("Observation", "value-quantity", "5.40")
    assert isinstance(bare, NumberTest)
    assert (bare.low, bare.high, bare.dim) == (5.395, 5.405, None)
    any_system = row_tests("Observation", "value-quantity", "5||mg")
    assert len(any_system) == 2
    assert set(row_tests("Observation", "value-quantity", "120||mmHg")) > set(
        row_tests("Observation", "value-quantity", "120||mm[Hg]")
    )


def test_composites() -> None:
    [pair] = row_tests(
        "Observation", "code-value-quantity", "http://loinc.org|8480-6$gt140|http://unitsofmeasure.org|mm[Hg]"
    )
    assert isinstance(pair, PairTest)
    assert pair.first == TokenIs("8480-6", LOINC)
    assert isinstance(pair.second, NumberTest)
    assert pair.second.prefix == "gt"
    [concepts] = row_tests("Observation", "code-value-concept", r"a\$b$c")
    assert concepts == PairTest(TokenIs("a$b", None), TokenIs("c", None))


def test_references() -> None:
    patient = RefersTo((rid("Patient", "1"),))
    assert row_tests("Observation", "subject", "Patient/1") == (patient,)
    assert row_tests("Observation", "subject", f"{BASE}/Patient/1") == (patient,)
    assert row_tests("Observation", "subject:Patient", "1") == (patient,)
    assert row_tests("Observation", "patient", "1") == (patient,)
    [untyped] = row_tests("Observation", "subject", "1")
    assert isinstance(untyped, RefersTo)
    assert len(untyped.rids) == 4  # Device, Group, Location, Patient
    [elsewhere] = row_tests("Observation", "subject", "https://other.example/Patient/1")
    assert elsewhere != patient


def test_chains() -> None:
    found = condition("Observation", "subject:Patient.organization.name", "x")
    assert isinstance(found, Chain)
    assert found.target_type == D.type_numbers["Patient"]
    assert isinstance(found.inner, Chain)
    untyped = condition("Observation", "subject.identifier", "x")
    assert isinstance(untyped, AnyOf)
    assert len(untyped.conditions) == 4


def test_has() -> None:
    found = condition("Patient", "_has:Observation:patient:_has:DiagnosticReport:result:code", "x")
    assert isinstance(found, Reverse)
    assert isinstance(found.inner, Reverse)
    assert isinstance(found.inner.inner, Match)
    with_chain = condition("Patient", "_has:Observation:patient:encounter:Encounter.class", "x")
    assert isinstance(with_chain, Reverse)
    assert isinstance(with_chain.inner, Chain)


def test_parameters_of_every_type() -> None:
    assert condition("Patient", "_id", "a,b") == Ids((rid("Patient", "a"), rid("Patient", "b")))
    assert condition("Patient", "_lastUpdated", "ge1970-01-02") == Updated(DAY, None)
    assert condition("Patient", "_lastUpdated", "ne1970-01-02") == Not(Updated(DAY, 2 * DAY))
    listed = condition("Patient", "_list", "7")
    assert listed == Reverse((key("List", "item"),), D.type_numbers["List"], Ids((rid("List", "7"),)))


def test_the_bucket_of_a_patient_is_asked_alone() -> None:
    bucket = IDS.address("Patient", "1").bucket
    for name, value in (("subject", "Patient/1"), ("patient", "1"), ("patient", "Patient/1"), ("subject:Patient", "1")):
        assert parsed("Observation", (name, value)).query.finds[0].bucket == bucket
    for name, value in (("subject", "1"), ("subject", "Group/1"), ("patient", "1,2"), ("performer", "Patient/1")):
        assert parsed("Observation", (name, value)).query.finds[0].bucket is None


def test_compartments() -> None:
    found = parsed("Observation", compartment=Compartment("Patient", "1")).query.finds[0]
    [member] = found.conditions
    assert isinstance(member, Match)
    assert set(member.keys) == {key("Observation", "subject"), key("Observation", "performer")}
    every = parsed(None, compartment=Compartment("Encounter", "1")).query.finds
    assert D.type_numbers["Observation"] in {find.type for find in every}
    assert D.type_numbers["Organization"] not in {find.type for find in every}


def test_whole_system() -> None:
    finds = parsed(None, ("_type", "Patient,Encounter"), ("_tag", "x")).query.finds
    assert {find.type for find in finds} == {D.type_numbers["Patient"], D.type_numbers["Encounter"]}
    assert len(parsed(None, ("_lastUpdated", "ge2020")).query.finds) == len(D.resource_types)


def test_controls() -> None:
    query = parsed(
        "Observation",
        ("_count", "5"),
        ("_sort", "-date,code"),
        ("_total", "accurate"),
        ("_include", "Observation:patient"),
        ("_include:iterate", "Patient:organization:Organization"),
        ("_revinclude", "Provenance:target"),
        ("_include", "*"),
    ).query
    assert (query.count, query.total, query.count_only) == (5, "accurate", False)
    assert [(k.by, k.descending) for k in query.sort[0]] == [("date", True), ("token", False)]
    first, second, third, fourth = query.includes
    assert first.target_types == (D.type_numbers["Patient"],)
    assert (second.iterate, second.target_types) == (True, (D.type_numbers["Organization"],))
    assert third.reverse
    assert (fourth.source_type, fourth.keys) == (None, ())
    for parameter in (("_summary", "count"), ("_count", "0")):
        counted = parsed("Patient", parameter).query
        assert (counted.count_only, counted.total) == (True, "accurate")


@pytest.mark.parametrize(
    ("type_", "name", "value", "message"),
    [
        ("Patient", "nmae", "x", "search.unknown-parameter-closest"),
        ("Patient", "qqqqq", "x", "search.unknown-parameter"),
        ("Patient", "_text", "x", "search.unsupported-parameter"),
        ("Location", "near", "0|0", "search.unsupported-parameter"),
        ("Patient", "_contained", "true", "search.unsupported-parameter"),
        ("Patient", "gender:in", "x", "search.bad-modifier"),
        ("Patient", "name:not", "x", "search.bad-modifier"),
        ("Patient", "birthdate:exact", "2020", "search.bad-modifier"),
        ("Observation", "subject:Organization", "1", "search.bad-modifier"),
        ("Observation", "code:of-type", "a|b|c", "search.idle-modifier"),
        ("Patient", "gender:text", "x", "search.idle-modifier"),
        ("Patient", "telecom:text", "x", "search.idle-modifier"),
        ("QuestionnaireResponse", "questionnaire:identifier", "x", "search.idle-modifier"),
        ("Observation", "subject:Organization.name", "x", "search.wrong-target"),
        ("Observation", "code.name", "x", "search.not-a-reference"),
        ("Observation", "subject", "Organization/1", "search.wrong-target"),
        ("Observation", "subject", "a b", "search.bad-reference"),
        ("Patient", "birthdate", "2020-02-30", "search.bad-date"),
        ("Patient", "birthdate", "gte2020", "search.bad-date"),
        ("Observation", "value-quantity", "five", "search.bad-number"),
        ("Observation", "value-quantity", "5|mg", "search.bad-quantity"),
        ("Observation", "code-value-quantity", "8480-6", "search.bad-composite"),
        ("Observation", "code", "|", "search.bad-token"),
        ("Patient", "identifier:of-type", "a|b", "search.bad-of-type"),
        ("Patient", "name", "", "search.empty-value"),
        ("Patient", "name", "-", "search.nothing-to-find"),
        ("Patient", "name:missing", "yes", "search.bad-boolean"),
        ("Patient", "_has:Observation:patient", "x", "search.bad-has"),
        ("Patient", "_has:Observation:encounter:code", "x", "search.wrong-target"),
        ("Patient", "_has:Nothing:patient:code", "x", "search.unknown-type"),
        ("Patient", "_count", "-1", "search.bad-count"),
        ("Patient", "_total", "yes", "search.bad-choice"),
        ("Patient", "_summary", "yes", "search.bad-choice"),
        ("Patient", "_sort", "nmae", "search.unknown-parameter-closest"),
        ("Observation", "_sort", "code-value-quantity", "search.bad-sort"),
        ("Patient", "_include", "Patient", "search.bad-include"),
        ("Patient", "_include", "Patient:name", "search.not-a-reference"),
        ("Patient", "_list", "$current-problems", "search.functional-list"),
    ],
)
def test_refusals_say_why(type_: str, name: str, value: str, message: str) -> None:
    [issue] = refused(type_, (name, value))
    assert issue.message == message


@pytest.mark.parametrize(
    ("type_", "name", "value"),
    [
        ("Patient", "identifier:of-type", "a|b|c"),
        ("Patient", "identifier:text", "x"),
        ("Patient", "_tag:text", "x"),
        ("Observation", "combo-code:text", "x"),
        ("Observation", "patient:identifier", "x"),
        ("Group", "value:text", "x"),
    ],
)
def test_modifiers_that_find_something(type_: str, name: str, value: str) -> None:
    assert parsed(type_, (name, value)).query.finds


def test_every_bad_parameter_is_told() -> None:
    assert len(refused("Patient", ("nmae", "x"), ("birthdate", "x"), ("gender", "male"))) == 2


def test_the_closest_name_is_suggested() -> None:
    [issue] = refused("Patient", ("birthDate", "2020"))
    assert issue.params["closest"] == "birthdate"


def test_lenient_ignores_what_is_unknown_but_not_what_is_wrong() -> None:
    found = parsed("Patient", ("nmae", "x"), ("gender", "male"), lenient=True)
    assert found.understood == (("gender", "male"),)
    assert [issue.severity for issue in found.warnings] == ["warning"]
    with pytest.raises(IncorrectError):
        parsed("Patient", ("birthdate", "x"), lenient=True)


def test_chains_are_bounded() -> None:
    name = ".".join(["partof:Organization"] * 60)
    [issue] = refused("Organization", (f"{name}.name", "x"))
    assert issue.message == "search.too-deep"


def test_a_cursor_is_bound_to_what_is_asked_not_to_how_much_of_it() -> None:
    one = parsed("Patient", ("name", "a"), ("_count", "5"), ("_cursor", "x")).query.binding
    assert one == parsed("Patient", ("name", "a"), ("_count", "50"), ("_total", "accurate")).query.binding
    assert one != parsed("Patient", ("name", "b")).query.binding
    assert one != parsed("Patient", ("name", "a"), ("_sort", "name")).query.binding


@pytest.mark.parametrize("type_", D.resource_types)
def test_every_parameter_of_r4_can_be_asked(type_: str) -> None:
    values = {
        "token": "x",
        "string": "x",
        "uri": "http://x",
        "date": "2020",
        "number": "1",
        "quantity": "1",
        "reference": "http://x/y",
    }
    for code, parameter in D.search[type_].items():
        if not parameter.answered_by or parameter.type == "special":
            continue
        if parameter.type == "composite":
            value = "$".join(values[component.type] for component in parameter.components)
        else:
            value = "2020" if code == "_lastUpdated" else values[parameter.type]
        parsed(type_, (code, value))
        if code not in ("_id", "_lastUpdated"):
            parsed(type_, (f"{code}:missing", "true"))
            if parameter.type != "composite":
                parsed(type_, ("_sort", code))


def test_two_bounds_of_the_last_change_are_one_condition() -> None:
    found = conditions("Patient", ("_lastUpdated", "ge1970-01-02"), ("_lastUpdated", "lt1970-01-05"))
    assert found == (Updated(DAY, 4 * DAY),)
