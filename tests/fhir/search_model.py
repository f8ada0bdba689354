"""What a search finds, written from the text of R4's search page and from nothing of the product's.

Resources are plain JSON; every question walks over all of them. Only the parameters that the property test asks are
here. https://hl7.org/fhir/R4/search.html
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

Node = dict[str, Any]
Span = tuple[datetime, datetime]
FIRST, LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
UCUM = "http://unitsofmeasure.org"
# Units of the vocabulary: what they measure, and how many of the smallest they are.
UNITS = {
    "mg/dL": ("mass/volume", Decimal(1)),
    "g/L": ("mass/volume", Decimal(100)),
    "kg": ("mass", Decimal(1000)),
    "g": ("mass", Decimal(1)),
}


# --- values of resources ---------------------------------------------------------------------------------------------


def codings(concepts: Iterable[Node]) -> list[tuple[str, str]]:
    return [(c.get("system", ""), c["code"]) for concept in concepts for c in concept.get("coding", ())]


def each(node: Node, *names: str) -> list[Any]:
    found: list[Any] = [node]
    for name in names:
        following: list[Any] = []
        for item in found:
            value = item.get(name)
            following += value if isinstance(value, list) else [] if value is None else [value]
        found = following
    return found


def names(patient: Node) -> list[str]:
    return [part for name in each(patient, "name") for key in ("family", "given", "text") for part in each(name, key)]


def identifiers(node: Node) -> list[tuple[str, str]]:
    return [(i.get("system", ""), i["value"]) for i in each(node, "identifier")]


def moment(text: str) -> Span:
    parts = re.fullmatch(
        r"(\d{4})(?:-(\d\d))?(?:-(\d\d))?(?:T(\d\d):(\d\d)(?::(\d\d)(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?", text
    )
    assert parts, text
    year, month, day, hour, minute, second, fraction, zone = parts.groups()
    low = datetime(
        int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0), tzinfo=UTC
    )
    if zone and zone != "Z":
        shift = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:]))
        low = low - shift if zone[0] == "+" else low + shift
    if fraction:
        width = timedelta(seconds=float(10 ** -(len(fraction) - 1)))
        low += timedelta(seconds=float(fraction))
    elif second:
        width = timedelta(seconds=1)
    elif hour:
        width = timedelta(minutes=1)
    elif day:
        width = timedelta(days=1)
    elif month:
        return low, datetime(low.year + (low.month == 12), low.month % 12 + 1, 1, tzinfo=UTC)
    else:
        return low, datetime(low.year + 1, 1, 1, tzinfo=UTC)
    return low, low + width


def period(value: Node) -> Span:
    return moment(value["start"])[0] if "start" in value else FIRST, moment(value["end"])[1] if "end" in value else LAST


def effective(observation: Node) -> list[Span]:
    if "effectivePeriod" in observation:
        return [period(observation["effectivePeriod"])]
    return [moment(observation["effectiveDateTime"])] if "effectiveDateTime" in observation else []


@dataclass(frozen=True)
class Measured:
    low: Decimal
    high: Decimal
    system: str
    code: str

    def in_smallest(self) -> tuple[str, Decimal, Decimal] | None:
        known = UNITS.get(self.code) if self.system == UCUM else None
        return (known[0], self.low * known[1], self.high * known[1]) if known else None


def measured(quantity: Node) -> Measured:
    value = Decimal(str(quantity["value"]))
    low = Decimal("-Infinity") if quantity.get("comparator") == "<" else value
    high = Decimal("Infinity") if quantity.get("comparator") == ">" else value
    return Measured(low, high, quantity.get("system", ""), quantity.get("code", ""))


def references(*path: str) -> Callable[[Node], list[str]]:
    return lambda node: [r["reference"] for r in each(node, *path) if "reference" in r]


def pairs(node: Node) -> list[tuple[list[tuple[str, str]], list[Measured]]]:
    return [(codings(each(node, "code")), [measured(q) for q in each(node, "valueQuantity")])]


def component_pairs(node: Node) -> list[tuple[list[tuple[str, str]], list[Measured]]]:
    return [pair for component in each(node, "component") for pair in pairs(component)]


PUBLICATION = "http://hl7.org/fhir/publication-status"
ANSWERS = "http://hl7.org/fhir/questionnaire-answers-status"
GENDER = "http://hl7.org/fhir/administrative-gender"
COMMON: dict[str, tuple[str, Callable[[Node], list[Any]]]] = {
    "_tag": ("token", lambda n: [(t.get("system", ""), t["code"]) for t in each(n, "meta", "tag")]),
    "_profile": ("uri", lambda n: each(n, "meta", "profile")),
}
PARAMETERS: dict[str, dict[str, tuple[str, Callable[[Node], list[Any]]]]] = {
    "Patient": {
        **COMMON,
        "name": ("string", names),
        "family": ("string", lambda n: each(n, "name", "family")),
        "given": ("string", lambda n: each(n, "name", "given")),
        "gender": ("token", lambda n: [(GENDER, g) for g in each(n, "gender")]),
        "active": ("token", lambda n: [("", "true" if a else "false") for a in each(n, "active")]),
        "identifier": ("token", identifiers),
        "birthdate": ("date", lambda n: [moment(d) for d in each(n, "birthDate")]),
        "organization": ("reference", references("managingOrganization")),
        "general-practitioner": ("reference", references("generalPractitioner")),
    },
    "Observation": {
        **COMMON,
        "code": ("token", lambda n: codings(each(n, "code"))),
        "category": ("token", lambda n: codings(each(n, "category"))),
        "combo-code": ("token", lambda n: codings([*each(n, "code"), *each(n, "component", "code")])),
        "subject": ("reference", references("subject")),
        "patient": ("reference", lambda n: [r for r in references("subject")(n) if r.startswith("Patient/")]),
        "encounter": ("reference", references("encounter")),
        "performer": ("reference", references("performer")),
        "date": ("date", effective),
        "value-quantity": ("quantity", lambda n: [measured(q) for q in each(n, "valueQuantity")]),
        "code-value-quantity": ("pair", pairs),
        "component-code-value-quantity": ("pair", component_pairs),
        "combo-code-value-quantity": ("pair", lambda n: [*pairs(n), *component_pairs(n)]),
    },
    "Encounter": {
        **COMMON,
        "class": ("token", lambda n: [(c.get("system", ""), c["code"]) for c in each(n, "class")]),
        "subject": ("reference", references("subject")),
        "patient": ("reference", references("subject")),
        "date": ("date", lambda n: [period(p) for p in each(n, "period")]),
        "service-provider": ("reference", references("serviceProvider")),
    },
    "Organization": {
        **COMMON,
        "name": ("string", lambda n: [*each(n, "name"), *each(n, "alias")]),
        "partof": ("reference", references("partOf")),
        "identifier": ("token", identifiers),
    },
    "Questionnaire": {
        **COMMON,
        "url": ("uri", lambda n: each(n, "url")),
        "title": ("string", lambda n: each(n, "title")),
        "status": ("token", lambda n: [(PUBLICATION, s) for s in each(n, "status")]),
    },
    "QuestionnaireResponse": {
        **COMMON,
        "questionnaire": ("canonical", lambda n: each(n, "questionnaire")),
        "subject": ("reference", references("subject")),
        "status": ("token", lambda n: [(ANSWERS, s) for s in each(n, "status")]),
    },
}


# --- comparisons -----------------------------------------------------------------------------------------------------


def folded(text: str) -> str:
    plain = "".join(c for c in unicodedata.normalize("NFD", text.casefold()) if not unicodedata.combining(c))
    return " ".join(re.sub(r"[^\w]+", " ", plain.replace("'", "").replace("’", "")).split())


def is_string(values: list[str], wanted: str, modifier: str) -> bool:
    if modifier == "exact":
        return wanted in values
    if modifier == "contains":
        return any(folded(wanted) in folded(value) for value in values)
    words = [word for value in values for word in folded(value).split()]
    return all(any(word.startswith(part) for word in words) for part in folded(wanted).split())


def is_token(values: list[tuple[str, str]], wanted: str) -> bool:
    system, bar, code = wanted.rpartition("|")
    if not bar:
        return any(c == code for _, c in values)
    return any((s == system) and (not code or c == code) for s, c in values)


def in_span(value: tuple[Any, Any], prefix: str, asked: tuple[Any, Any]) -> bool:
    """R4's comparators for two ranges: where the resource's has a part, seen from the search's.

    'equal' of `ge` and `le` is any part in common.
    """
    where: set[str] = set()
    if value[0] < asked[0]:
        where.add("below")
    if value[1] > asked[1]:
        where.add("above")
    if max(value[0], asked[0]) < min(value[1], asked[1]):
        where.add("common")
    match prefix:
        case "eq":
            return where == {"common"}
        case "ne":
            return where != {"common"}
        case "gt":
            return "above" in where
        case "lt":
            return "below" in where
        case "ge":
            return not where.isdisjoint({"common", "above"})
        case "le":
            return not where.isdisjoint({"common", "below"})
        case "sa":
            return where == {"above"}
        case "eb":
            return where == {"below"}
    raise ValueError(prefix)


def in_number(low: Decimal, high: Decimal, prefix: str, asked: Decimal, half: Decimal) -> bool:
    match prefix:
        case "eq" | "ne":
            inside = low >= asked - half and low < asked + half and high <= asked + half
            return inside is (prefix == "eq")
        case "gt":
            return high > asked
        case "lt":
            return low < asked
        case "ge":
            return high >= asked
        case "le":
            return low <= asked
        case "sa":
            return low > asked
        case "eb":
            return high < asked
    raise ValueError(prefix)


def is_quantity(values: list[Measured], wanted: str) -> bool:
    number, _, unit = wanted.partition("|")
    prefix, digits = (number[:2], number[2:]) if number[:2].isalpha() else ("eq", number)
    asked = Decimal(digits)
    half = Decimal(5).scaleb(int(asked.as_tuple().exponent) - 1)
    if half > 1:  # R4's table: 1e2 is [95, 105)
        half /= 10
    if not unit:
        return any(in_number(v.low, v.high, prefix, asked, half) for v in values)
    system, _, code = unit.partition("|")
    for value in values:
        same_unit = value.code == code and system in ("", value.system)
        mine, theirs = value.in_smallest(), Measured(asked, asked, system or UCUM, code).in_smallest()
        if system == UCUM and mine and theirs and mine[0] == theirs[0]:
            factor = UNITS[code][1]
            if in_number(mine[1], mine[2], prefix, theirs[1], half * factor):
                return True
        elif same_unit and in_number(value.low, value.high, prefix, asked, half):
            return True
    return False


def is_pair(values: list[tuple[list[tuple[str, str]], list[Measured]]], wanted: str) -> bool:
    first, _, second = wanted.partition("$")
    return any(is_token(tokens, first) and is_quantity(numbers, second) for tokens, numbers in values)


# --- questions -------------------------------------------------------------------------------------------------------


@dataclass
class Model:
    resources: dict[str, Node] = field(default_factory=dict[str, Node])  # 'Patient/1' -> resource

    def find(self, type_: str, criteria: Iterable[tuple[str, str]]) -> set[str]:
        asked = list(criteria)
        return {
            key
            for key, node in self.resources.items()
            if node["resourceType"] == type_ and all(self.fulfils(key, node, name, value) for name, value in asked)
        }

    def fulfils(self, key: str, node: Node, name: str, value: str) -> bool:
        if name.startswith("_has:"):
            _, source, reference, rest = name.split(":", 3)
            return any(
                key in self.targets(other, reference) and self.fulfils(other_key, other, rest, value)
                for other_key, other in self.resources.items()
                if other["resourceType"] == source
            )
        head, dot, rest = name.partition(".")
        if dot:
            code, _, target = head.partition(":")
            found = self.targets(node, code)
            return any(
                other in self.resources
                and other.startswith(f"{target}/")
                and self.fulfils(other, self.resources[other], rest, value)
                for other in found
            )
        code, _, modifier = name.partition(":")
        if code == "_id":
            return node["id"] in value.split(",")
        kind, read = PARAMETERS[node["resourceType"]][code]
        return self._compare(kind, read(node), modifier, value)

    def targets(self, node: Node, code: str) -> list[str]:
        """What a reference or a canonical of this resource names: 'Patient/1'."""
        kind, read = PARAMETERS[node["resourceType"]][code]
        if kind != "canonical":
            return read(node)
        found: list[str] = []
        for canonical in read(node):
            url, _, version = canonical.partition("|")
            named = {key: other.get("version") for key, other in self.resources.items() if other.get("url") == url}
            exact = [key for key, one in named.items() if version and one == version]
            found += exact or named  # a version that nobody has counts as none
        return found

    def _compare(self, kind: str, values: list[Any], modifier: str, value: str) -> bool:
        if modifier == "missing":
            there = any(tokens and numbers for tokens, numbers in values) if kind == "pair" else bool(values)
            return there is (value == "false")
        options = value.split(",")
        match kind:
            case "string":
                return any(is_string(values, option, modifier) for option in options)
            case "token":
                found = any(is_token(values, option) for option in options)
                return found is (modifier != "not")
            case "uri":
                if modifier == "below":
                    return any(v.startswith(option) for v in values for option in options)
                if modifier == "above":
                    return any(
                        option == v or option.startswith(v.rstrip("/") + "/") for v in values for option in options
                    )
                return any(option in values for option in options)
            case "reference":
                return any(option in values for option in options)
            case "canonical":
                return any(option in (value, value.partition("|")[0]) for value in values for option in options)
            case "quantity":
                return any(is_quantity(values, option) for option in options)
            case "pair":
                return any(is_pair(values, option) for option in options)
            case _:
                return any(self._date(v, option) for v in values for option in options)

    def _date(self, value: Span, option: str) -> bool:
        prefix, text = (option[:2], option[2:]) if option[:2].isalpha() else ("eq", option)
        return in_span(value, prefix, moment(text))

    def sort_value(self, key: str, code: str, *, descending: bool) -> Any:
        """What a resource is sorted by; None when it has no value."""
        node = self.resources[key]
        kind, read = PARAMETERS[node["resourceType"]][code]
        values = read(node)
        if kind == "date":
            values = [low for low, _ in values]
        elif kind == "string":
            values = [_spanish(value) for value in values]
        elif kind == "token":
            values = [code for _, code in values]
        elif kind == "quantity":
            values = [(v.in_smallest() or ("", v.low, v.high))[1] for v in values]
        return (max(values) if descending else min(values)) if values else None


def _spanish(text: str) -> str:
    """ñ is a letter of its own, after n."""
    marked = unicodedata.normalize("NFC", text.casefold()).replace("ñ", "n\uffff")
    return "".join(c for c in unicodedata.normalize("NFD", marked) if not unicodedata.combining(c) and c != "'")
