"""What expressions give, beyond what the public suite asks: references, places, variables, FHIR's own functions."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from kuska.fhir.domain.fhirpath import Dialect, EvaluationError, TypedNode, compile  # noqa: A004
from kuska.fhir.domain.fhirpath.quantity import Quantity

pytestmark = pytest.mark.requirement("HC-01")

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p",
    "contained": [{"resourceType": "Organization", "id": "o", "name": "Posta"}],
    "name": [
        {"use": "official", "family": "Quispe", "given": ["Rosa", "María"]},
        {
            "use": "usual",
            "given": [None, "Rosi"],
            "_given": [{"extension": [{"url": "u", "valueCode": "unknown"}]}, None],
        },
    ],
    "birthDate": "1974-12-25",
    "_birthDate": {"extension": [{"url": "http://example.org/time", "valueDateTime": "1974-12-25T14:35:45-05:00"}]},
    "multipleBirthInteger": 2,
    "managingOrganization": {"reference": "#o"},
    "generalPractitioner": [{"reference": "Practitioner/7"}],
    "extension": [{"url": "weight", "valueQuantity": {"value": Decimal("70.50"), "unit": "kg", "code": "kg"}}],
}
PATIENT["extension"][0]["valueQuantity"]["system"] = "http://unitsofmeasure.org"


def evaluated(expression: str, node: Any = PATIENT, **around: Any) -> list[Any]:
    return compile(expression).evaluate(node, **around)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("name.given", ["Rosa", "María", None, "Rosi"]),
        ("name.given.select($this.hasValue())", [True, True, False, True]),
        ("name[1].given[0].extension('u').value", ["unknown"]),
        ("birthDate.extension('http://example.org/time').value.is(dateTime)", [True]),
        ("multipleBirth", [2]),
        ("multipleBirth is integer", [True]),
        ("multipleBirth.ofType(boolean)", []),
        ("managingOrganization.resolve().name", ["Posta"]),
        ("managingOrganization.resolve().managingOrganization.empty()", [True]),
        ("extension.value > 70 'kg'", [True]),
        ("extension.value = 70500 'g'", [True]),
        ("(extension.value as Quantity).unit", ["kg"]),
        ("name.where(use = 'official').given.first() & ' ' & name.family", ["Rosa Quispe"]),
        ("name.defineVariable('n').given.select(%n.count())", [2, 2, 2, 2]),
        ("defineVariable('a', name.family).select(%a)", ["Quispe"]),
        ("defineVariable('a', 1).select(%a) | defineVariable('a', 2).select(%a)", [1, 2]),
        ("name.select(defineVariable('u', use).select(%u))", ["official", "usual"]),
        ("%resource.id | %context.id | %rootResource.id", ["p"]),
        ("%`vs-administrative-gender`", ["http://hl7.org/fhir/ValueSet/administrative-gender"]),
        ("%`ext-patient-birthTime`", ["http://hl7.org/fhir/StructureDefinition/patient-birthTime"]),
        ("'male'.memberOf(%`vs-administrative-gender`)", [True]),
        ("'m'.memberOf('http://hl7.org/fhir/ValueSet/administrative-gender|4.0.1')", [False]),
        ("conformsTo('http://hl7.org/fhir/StructureDefinition/DomainResource')", [True]),
        ("is(DomainResource) and is(Resource) and is(Person).not()", [True]),
        ("children().ofType(HumanName).count()", [2]),
        ("descendants().where($this is Extension).url", ["weight", "http://example.org/time", "u"]),
        ("repeat(children()).ofType(Coding).empty()", [True]),
        ("birthDate.getValue() + 1 month", ["1975-01-25"]),
        ("@2024-02.lowBoundary() | @2024-02.highBoundary()", ["2024-02-01", "2024-02-29"]),
        ("iif(deceased.exists(), 'x')", []),
        ("name.given.sort($this).first()", [None]),
        ("name.given.where(hasValue()).sort(-$this)", ["Rosi", "Rosa", "María"]),
        ("name.aggregate($total + $this.given.count(), 0)", [4]),
        ("name.select($index)", [0, 1]),
        ("text.`div`.htmlChecks()", []),
        ("checkModifiers('x').id", ["p"]),
        ("{}.toString() & 'x'", ["x"]),
        ("Patient.name.count()", [2]),
        ("Resource.id", ["p"]),
        ("coalesce(name.suffix, name.family)", ["Quispe"]),
        ("@2020-05-06.yearOf()", [2020]),
        ("1 year = 12 months", [True]),
        ("1 year ~ 1 'a'", [True]),
        ("1 month = 30 days", []),
        ("5.4 'mmol/L' > 5300 'umol/L'", [True]),
        ("1 'kg' < 1 'm'", []),
        ("@2024-01-31 + 1 month", ["2024-02-29"]),
        ("@2016 + 365 days", ["2017"]),
        ("@2014 + 23 months", ["2015"]),
        ("@2020-01-01T00:00:00.000Z - 1 millisecond", ["2019-12-31T23:59:59.999Z"]),
        ("@T23:30 + 45 minutes", ["00:15"]),
        ("@2020-01-01T10:00:00+14:00 < @2020-01-01T10:00:00-12:00", [True]),
        ("@2020-01-01T10:00:00 < @2020-01-05T10:00:00Z", [True]),
        ("@2020-01-01T10:00:00 < @2020-01-01T11:00:00Z", []),
        ("2147483647 + 1", []),
        ("'abc'.matchesFull('[a-c]+')", [True]),
        ("'John Smith'.replaceMatches('(\\\\w+) (\\\\w+)', '$2, $1')", ["Smith, John"]),
        ("'31 \\'kg\\''.toQuantity('g')", ["31000 'g'"]),
        ("name.given.join('-')", ["Rosa-María-Rosi"]),
    ],
)
def test_values(expression: str, expected: list[Any]) -> None:
    found = evaluated(expression)
    assert [str(value) if not isinstance(value, str | int | None) else value for value in found] == expected


@pytest.mark.parametrize(
    ("expression", "key"),
    [
        ("name.family.single() + name.given", "not-single"),
        ("name.as(HumanName)", "not-single"),
        ("name.first().startsWith('x')", "wrong-type"),
        ("1 < 'a'", "not-comparable"),
        ("name.first() < 1", "not-comparable"),
        ("'a' - 'b'", "not-calculable"),
        ("@2020 + 1 'kg'", "not-a-duration"),
        ("@2020 + 1 'mo'", "not-a-duration"),
        ("@T10:00 + 1 day", "not-a-duration"),
        ("@T10:00Z", "time-with-zone"),
        ("id is Nothing", "unknown-type"),
        ("%nothing", "unknown-variable"),
        ("defineVariable('a').defineVariable('a')", "variable-defined-twice"),
        ("defineVariable('a', 1).id | %a", "unknown-variable"),
        ("'x'.encode('rot13')", "unknown-encoding"),
        ("elementDefinition()", "unsupported-function"),
        ("'x'.memberOf('http://snomed.info/sct?fhir_vs')", "value-set-unknown"),
        ("conformsTo('http://example.org/Profile')", "profile-unknown"),
        ("'x'.matches('(')", "bad-pattern"),
        ("1.5.round(-1)", "negative"),
    ],
)
def test_errors(expression: str, key: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        evaluated(expression)
    assert caught.value.issues[0].message == f"fhirpath.{key}"


def test_nodes_know_their_type_and_place() -> None:
    [node] = compile("name.given.where($this = 'María')", type_="Patient").items(PATIENT)
    assert isinstance(node, TypedNode)
    assert (node.type, node.key, node.index) == ("string", "given", 1)
    assert node.parent is not None
    assert (node.parent.type, node.parent.key, node.parent.index) == ("HumanName", "name", 0)
    assert node.parent.parent is not None
    assert node.parent.parent.raw is PATIENT


def test_backbone_elements_and_content_references_have_types() -> None:
    questionnaire = {"resourceType": "Questionnaire", "item": [{"linkId": "1", "item": [{"linkId": "1.1"}]}]}
    found = compile("repeat(item)").items(questionnaire)
    assert [node.type for node in found if isinstance(node, TypedNode)] == ["Questionnaire.item"] * 2


def test_references_lead_where_the_caller_says() -> None:
    asked: list[str] = []

    def resolve(reference: str) -> dict[str, Any] | None:
        asked.append(reference)
        return (
            {"resourceType": "Practitioner", "id": "7", "gender": "female"} if reference == "Practitioner/7" else None
        )

    assert evaluated("generalPractitioner.resolve().gender", resolve=resolve) == ["female"]
    assert evaluated("generalPractitioner.resolve() is Practitioner", resolve=resolve) == [True]
    assert asked == ["Practitioner/7"] * 2
    assert evaluated("generalPractitioner.resolve()") == []


def test_references_inside_a_bundle() -> None:
    observation = {"resourceType": "Observation", "id": "o", "subject": {"reference": "Patient/p"}}
    absolute = {"resourceType": "Observation", "id": "a", "subject": {"reference": "urn:uuid:1"}}
    entries = [
        {"fullUrl": "https://h.example/fhir/Patient/p", "resource": PATIENT},
        {"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Patient", "id": "q"}},
        {"fullUrl": "https://h.example/fhir/Observation/o", "resource": observation},
        {"fullUrl": "https://other.example/fhir/Observation/o", "resource": observation},
        {"fullUrl": "https://h.example/fhir/Observation/a", "resource": absolute},
    ]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    assert evaluated("entry[2].resource.subject.resolve().id", bundle) == ["p"]
    # Relative to another server, it is another patient.
    assert evaluated("entry[3].resource.subject.resolve()", bundle) == []
    assert evaluated("entry[4].resource.subject.resolve().id", bundle) == ["q"]
    assert evaluated("entry[0].resource.managingOrganization.resolve().name", bundle) == ["Posta"]


def test_variables_of_the_caller() -> None:
    assert evaluated("%limit + 1", env={"limit": 2}) == [3]
    assert evaluated("%other.name.family", env={"other": PATIENT}) == ["Quispe"]
    assert evaluated("%none.empty()", env={"none": None}) == [True]
    assert evaluated("%resource.id & %rootResource.id", {}, resource={"resourceType": "Basic", "id": "1"}) == ["11"]


def test_trace_shows_and_changes_nothing() -> None:
    shown: list[tuple[str, list[Any]]] = []
    found = evaluated("name.trace('names', use).count()", trace=lambda name, items: shown.append((name, items)))
    assert found == [2]
    assert [(name, [item.raw for item in items]) for name, items in shown] == [("names", ["official", "usual"])]


def test_parts_of_resources_can_be_the_context() -> None:
    assert compile("coding.code", type_="CodeableConcept").evaluate({"coding": [{"code": "x"}]}) == ["x"]
    assert compile("$this > 3", type_="integer").evaluate(4) == [True]
    assert compile("today() > $this", type_="date").evaluate("2020-01-01") == [True]


def test_rules_written_for_r4_are_read_as_they_were_meant() -> None:
    answer = {"answerBoolean": True}
    assert compile("answer is Boolean", dialect=Dialect.R4_DEFINITIONS, type_="Questionnaire.item.enableWhen").evaluate(
        answer
    ) == [True]
    strict = compile("answer is Boolean", type_="Questionnaire.item.enableWhen")
    assert strict.evaluate(answer) == [False]
    assert compile("name.as(HumanName).use", dialect=Dialect.R4_DEFINITIONS).evaluate(PATIENT) == ["official", "usual"]


@pytest.mark.parametrize(
    "node",
    [{"resourceType": "Patient", "name": "x"}, {"resourceType": "Patient", "name": [1, None, ["x"]]}, {}, [], 3, "x"],
)
def test_what_does_not_fit_the_definitions_is_just_not_there(node: Any) -> None:
    compile("name.given | descendants() | name.period.start").evaluate(node)


def test_nothing_is_changed() -> None:
    before = repr(PATIENT)
    evaluated("descendants().select($this | $this)")
    assert repr(PATIENT) == before


def test_decimals_are_exact() -> None:
    assert evaluated("0.1 + 0.2 = 0.3") == [True]
    assert evaluated("extension.value.value.toString()") == ["70.50"]
    assert evaluated("3 'kg' / 2 's'") == [Quantity(Decimal("1.5"), "kg/s")]
