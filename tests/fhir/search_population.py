"""Small populations and random questions about them, for comparing the search with the model."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from tests.fhir.search_model import GENDER, UCUM, Node

FAMILIES = ["Huamán", "Huaman", "Quispe Mamani", "Núñez", "Nunez", "O'Higgins", "Pérez-Gil", "Ñahui", "Zúñiga"]
GIVENS = ["María José", "Jose", "Ana", "ana", "Ángel"]
WORDS = ["hua", "HUAMAN", "quispe", "mam", "nun", "Núñez", "ohig", "perez", "gil", "ana", "jose mar", "maría hua", "x"]
DATES = ["2020", "2020-02", "2020-02-10", "2020-02-10T10:30:00Z", "2020-02-10T10:30:00.5Z", "2020-02-10T22:00:00-05:00"]
DATES += ["2021-12-31", "2019-06-30T23:59:59+02:00", "2020-03"]
DAYS = ["1980-05-17", "1980-05", "1980", "1999-12-31", "2001-01-01"]
CODES = [
    ("http://loinc.org", "8480-6"),
    ("http://loinc.org", "8462-4"),
    ("urn:other", "8480-6"),
    ("", "local,one"),
    ("http://loinc.org", "a|b$c"),
]
QUANTITIES = [
    ("5.4", UCUM, "mg/dL"),
    ("5.40", UCUM, "mg/dL"),
    ("0.054", UCUM, "g/L"),
    ("6", UCUM, "mg/dL"),
    ("70", UCUM, "kg"),
]
QUANTITIES += [("70000", UCUM, "g"), ("5.4", "urn:units", "mg/dL"), ("5", "", ""), ("-2.5", UCUM, "kg")]
PREFIXES = ["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"]
FORMS = ["http://example.org/form/a", "http://example.org/form/b"]
CANONICALS = [*FORMS, f"{FORMS[0]}|1", f"{FORMS[0]}|2", f"{FORMS[1]}|1", f"{FORMS[0]}|9"]
PROFILES = ["http://example.org/p", "http://example.org/p/one", "http://example.org/q"]


def concept(code: tuple[str, str]) -> Node:
    coding = {"code": code[1]} | ({"system": code[0]} if code[0] else {})
    return {"coding": [coding]}


def quantity(value: tuple[str, str, str], comparator: str | None) -> Node:
    parts = {"value": float(value[0]), "system": value[1], "code": value[2]} | (
        {"comparator": comparator} if comparator else {}
    )
    return {name: part for name, part in parts.items() if part != ""}


def some(**members: Any) -> st.SearchStrategy[Node]:
    """Each member there or not."""
    return st.fixed_dictionaries({}, optional=members)


def to(type_: str, count: int) -> st.SearchStrategy[Node]:
    return st.integers(0, count).map(lambda n: {"reference": f"{type_}/{type_[0].lower()}{n}"})  # the last one dangles


COUNT = {
    "Organization": 3,
    "Patient": 8,
    "Encounter": 6,
    "Observation": 14,
    "Questionnaire": 4,
    "QuestionnaireResponse": 6,
}
META = some(
    tag=st.lists(st.sampled_from([{"code": "a"}, {"system": "urn:t", "code": "b"}]), min_size=1, max_size=2),
    profile=st.lists(st.sampled_from(PROFILES), min_size=1, max_size=2, unique=True),
)
NAME = some(family=st.sampled_from(FAMILIES), given=st.lists(st.sampled_from(GIVENS), min_size=1, max_size=2)).filter(
    bool
)
PERIOD = some(
    start=st.sampled_from(["2020-01-05", "2020-02-10T10:00:00Z"]), end=st.sampled_from(["2020-02-11", "2021-03"])
).filter(bool)
MEASURE = st.builds(quantity, st.sampled_from(QUANTITIES), st.sampled_from([None, None, None, "<", ">"]))
RESOURCES: dict[str, st.SearchStrategy[Node]] = {
    "Organization": some(
        meta=META, alias=st.lists(st.sampled_from(FAMILIES), min_size=1, max_size=1), partOf=to("Organization", 3)
    ).map(lambda n: {**n, "name": "Hospital Ñandú"}),
    "Patient": some(
        meta=META,
        name=st.lists(NAME, min_size=1, max_size=2),
        gender=st.sampled_from(["male", "female"]),
        active=st.booleans(),
        birthDate=st.sampled_from(DAYS),
        identifier=st.lists(
            st.sampled_from([{"system": "urn:dni", "value": "1"}, {"system": "urn:dni", "value": "2"}, {"value": "1"}]),
            min_size=1,
            max_size=2,
        ),
        managingOrganization=to("Organization", 3),
    ),
    "Encounter": some(meta=META, subject=to("Patient", 8), period=PERIOD, serviceProvider=to("Organization", 3)).map(
        lambda n: {**n, "status": "finished", "class": {"system": "urn:class", "code": "AMB" if len(n) % 2 else "IMP"}}
    ),
    "Observation": st.tuples(
        st.sampled_from(CODES),
        some(
            meta=META,
            category=st.lists(st.sampled_from(CODES).map(concept), min_size=1, max_size=2),
            subject=st.one_of(
                to("Patient", 8),
                to("Organization", 3).map(lambda r: {"reference": r["reference"].replace("Organization/o", "Group/g")}),
            ),
            encounter=to("Encounter", 6),
            performer=st.lists(to("Organization", 3), min_size=1, max_size=2),
            effectiveDateTime=st.sampled_from(DATES),
            valueQuantity=MEASURE,
            component=st.lists(
                st.builds(lambda c, q: {"code": concept(c), "valueQuantity": q}, st.sampled_from(CODES), MEASURE),
                min_size=1,
                max_size=2,
            ),
        ),
        st.one_of(st.none(), st.none(), PERIOD),
    ).map(lambda parts: _observation(*parts)),
    "Questionnaire": some(
        url=st.sampled_from(FORMS),
        version=st.sampled_from(["1", "2"]),
        title=st.sampled_from(FAMILIES),
        status=st.just("draft"),
    ).map(lambda n: {"status": "active", **n}),
    "QuestionnaireResponse": some(
        questionnaire=st.sampled_from(CANONICALS), subject=to("Patient", 8), status=st.just("completed")
    ).map(lambda n: {"status": "in-progress", **n}),
}


def _observation(code: tuple[str, str], node: Node, period: Node | None) -> Node:
    if period is not None and "effectiveDateTime" not in node:
        node = {**node, "effectivePeriod": period}
    return {**node, "status": "final", "code": concept(code)}


LETTERS = {"QuestionnaireResponse": "r"}


@st.composite
def populations(draw: st.DrawFn) -> dict[str, Node]:
    found: dict[str, Node] = {}
    for type_, count in COUNT.items():
        for number in range(draw(st.integers(count // 2, count))):
            id_ = f"{LETTERS.get(type_, type_[0].lower())}{number}"
            found[f"{type_}/{id_}"] = {"resourceType": type_, "id": id_, **draw(RESOURCES[type_])}
    return found


# --- questions ---------------------------------------------------------------------------------------------------------


_KINDS = {
    "Patient": [
        "name",
        "family",
        "given",
        "gender",
        "active",
        "identifier",
        "birthdate",
        "organization",
        "_tag",
        "_profile",
        "_id",
    ],
    "Observation": [
        "code",
        "category",
        "combo-code",
        "subject",
        "patient",
        "encounter",
        "performer",
        "date",
        "value-quantity",
        "code-value-quantity",
        "combo-code-value-quantity",
    ],
    "Encounter": ["class", "subject", "patient", "date", "service-provider", "_tag"],
    "Organization": ["name", "partof", "_profile"],
    "Questionnaire": ["url", "title", "status"],
    "QuestionnaireResponse": ["questionnaire", "subject", "status"],
}


@st.composite
def questions(draw: st.DrawFn, type_: str, depth: int = 2) -> tuple[str, str]:
    """(name, value); values with signs to escape only come without the model's own separators."""
    chained = {
        "Patient": [("organization", "Organization")],
        "Observation": [("subject", "Patient"), ("encounter", "Encounter"), ("performer", "Organization")],
        "Encounter": [("subject", "Patient"), ("service-provider", "Organization")],
        "Organization": [("partof", "Organization")],
        "Questionnaire": [],
        "QuestionnaireResponse": [("questionnaire", "Questionnaire"), ("subject", "Patient")],
    }[type_]
    reverse = {
        "Patient": [("Observation", "patient"), ("Encounter", "subject")],
        "Organization": [("Patient", "organization"), ("Observation", "performer")],
        "Encounter": [("Observation", "encounter")],
        "Observation": [],
        "Questionnaire": [("QuestionnaireResponse", "questionnaire")],
        "QuestionnaireResponse": [],
    }[type_]
    way = draw(st.integers(0, 9)) if depth else 9
    if way < 2 and chained:
        code, target = draw(st.sampled_from(chained))
        name, value = draw(questions(target, depth - 1))
        return f"{code}:{target}.{name}", value
    if way < 4 and reverse:
        source, code = draw(st.sampled_from(reverse))
        name, value = draw(questions(source, depth - 1))
        return f"_has:{source}:{code}:{name}", value
    return draw(_plain(draw(st.sampled_from(_KINDS[type_]))))


@st.composite
def _plain(draw: st.DrawFn, code: str) -> tuple[str, str]:
    if draw(st.integers(0, 9)) == 0 and not code.startswith("_id"):
        return f"{code}:missing", draw(st.sampled_from(["true", "false"]))
    match code:
        case "name" | "family" | "given" | "title":
            modifier = draw(st.sampled_from(["", "", ":exact", ":contains"]))
            values = FAMILIES + GIVENS if modifier else WORDS
            return code + modifier, draw(_several(st.sampled_from(values)))
        case "birthdate":
            return code, draw(_several(st.tuples(st.sampled_from(PREFIXES), st.sampled_from(DAYS)).map("".join)))
        case "date":
            return code, draw(_several(st.tuples(st.sampled_from(PREFIXES), st.sampled_from(DATES)).map("".join)))
        case "value-quantity":
            return code, draw(_several(_quantities()))
        case "code-value-quantity" | "combo-code-value-quantity":
            return code, draw(
                st.tuples(st.sampled_from(["8480-6", "http://loinc.org|8480-6"]), _quantities()).map("$".join)
            )
        case "_id":
            return code, draw(_several(st.sampled_from(["p0", "p1", "p2", "nobody"])))
        case "url" | "questionnaire":
            return code, draw(_several(st.sampled_from(CANONICALS)))
        case "_profile":
            return code + draw(st.sampled_from(["", ":below", ":above"])), draw(
                st.sampled_from([*PROFILES, "http://example.org/p/one/two"])
            )
        case "subject" | "patient":
            return code, draw(_several(st.integers(0, 8).map("Patient/p{}".format)))
        case "organization" | "performer" | "service-provider" | "partof":
            return code, draw(_several(st.integers(0, 3).map("Organization/o{}".format)))
        case "encounter":
            return code, draw(_several(st.integers(0, 6).map("Encounter/e{}".format)))
        case _:
            modifier = draw(st.sampled_from(["", "", "", ":not"]))
            return code + modifier, draw(_several(st.sampled_from(_TOKENS[code])))


_CODES = ["8480-6", "http://loinc.org|8480-6", "http://loinc.org|", "urn:other|8480-6", "|8480-6", "8462-4"]
_TOKENS = {
    "gender": ["male", "female", f"{GENDER}|male"],
    "active": ["true", "false"],
    "identifier": ["1", "urn:dni|1", "|1", "urn:dni|", "urn:dni|2", "3"],
    "_tag": ["a", "b", "urn:t|b", "|a"],
    "status": ["active", "draft", "completed", "in-progress", "http://hl7.org/fhir/publication-status|draft"],
    "class": ["AMB", "urn:class|IMP", "urn:class|"],
    "code": _CODES,
    "category": _CODES,
    "combo-code": _CODES,
}


def _quantities() -> st.SearchStrategy[str]:
    units = st.sampled_from(
        ["", f"|{UCUM}|mg/dL", f"|{UCUM}|g/L", f"|{UCUM}|kg", "||kg", "||mg/dL", "|urn:units|mg/dL"]
    )
    numbers = st.sampled_from(["5.4", "5.40", "5", "0.054", "70", "7e1", "-2.5", "100"])
    return st.tuples(st.sampled_from(PREFIXES), numbers, units).map("".join)


def _several(one: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(one, min_size=1, max_size=2).map(",".join)
