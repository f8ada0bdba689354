"""One parameter with its value, as a condition: what each type of parameter and each modifier means.

See https://hl7.org/fhir/R4/search.html#ptypes and #modifiers. Hashes, folded texts and date spans come from the same
functions that make the index rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from kuska.fhir.domain.definitions.model import SearchParameter
from kuska.fhir.domain.indexing.dates import Calendar
from kuska.fhir.domain.indexing.keys import MAX_CODE, exact_hash, fold, system_hash, token_code, words
from kuska.fhir.domain.search import problems
from kuska.fhir.domain.search.naming import Names
from kuska.fhir.domain.search.quantities import number_test, quantity_tests
from kuska.fhir.domain.search.references import References
from kuska.fhir.domain.search.times import date_test
from kuska.fhir.domain.search.tree import (
    AllOf,
    AnyOf,
    CodeStarts,
    Condition,
    Match,
    Not,
    PairTest,
    Present,
    RefersTo,
    SecondTest,
    Shown,
    Table,
    Test,
    TextContains,
    TextIs,
    TokenIs,
    WordStarts,
)
from kuska.fhir.domain.search.values import plain, split

_TABLES: dict[str, Table] = {
    "token": "token",
    "uri": "token",
    "string": "string",
    "date": "date",
    "number": "quantity",
    "quantity": "quantity",
    "reference": "reference",
    "composite": "composite",
}
_MODIFIERS = {
    "token": ("missing", "not", "text", "of-type"),
    "uri": ("missing", "above", "below"),
    "string": ("missing", "exact", "contains"),
    "reference": ("missing", "identifier"),
}


def table(parameter: SearchParameter) -> Table:
    return _TABLES[parameter.type]


# What a modifier looks at; with a parameter that has nothing of it, it would never find anything.
_NEEDS = {
    "of-type": ("Identifier",),
    "text": ("CodeableConcept", "Coding", "Identifier"),
    "identifier": ("Reference",),
}


class Conditions:
    """`now`: microseconds since 1970, for `ap`."""

    def __init__(self, names: Names, references: References, now: Callable[[], int], calendar: Calendar) -> None:
        self._names = names
        self._references = references
        self._now = now
        self._calendar = calendar

    def condition(self, parameter: SearchParameter, modifier: str | None, text: str) -> Condition:
        self._check(parameter, modifier)
        if modifier == "missing":
            return self._missing(parameter, text)
        values = [value for value in split(text, ",") if value]
        if not values:
            raise problems.bad_value(parameter.code, text, "search.empty-value")
        match parameter.type:
            case "string":
                return self._string(parameter, modifier, values)
            case "token":
                return self._token(parameter, modifier, values)
            case "uri":
                tests = [test for value in values for test in _uri(plain(value), modifier)]
            case "reference" if modifier == "identifier":
                keys = self._names.variant(parameter, "identifier")
                return Match("token", keys, (tuple(_token(parameter.code, value) for value in values),))
            case "reference":
                tests = [self._reference(parameter, value, modifier) for value in values]
            case "date":
                tests = [date_test(parameter.code, plain(value), self._now(), self._calendar) for value in values]
            case "number":
                tests = [number_test(parameter.code, plain(value)) for value in values]
            case "quantity":
                tests = [test for value in values for test in quantity_tests(parameter.code, value)]
            case _:
                pairs = [test for value in values for test in self._pair(parameter, value)]
                return replace(self._match(parameter, pairs), guide=self._guide(parameter, pairs))
        return self._match(parameter, tests)

    def _check(self, parameter: SearchParameter, modifier: str | None) -> None:
        if modifier is None:
            return
        allowed = _MODIFIERS.get(parameter.type, ("missing",))
        if modifier not in allowed and not (parameter.type == "reference" and modifier in parameter.targets):
            raise problems.bad_modifier(parameter.code, modifier, parameter.type)
        needs = _NEEDS.get(modifier)
        if needs is not None and self._names.elements(parameter).isdisjoint(needs):
            raise problems.idle_modifier(parameter.code, modifier, ", ".join(needs))

    def _match(self, parameter: SearchParameter, tests: Sequence[Test]) -> Match:
        return Match(table(parameter), self._names.keys(parameter), (tuple(tests),), self._names.single(parameter))

    def present(self, parameter: SearchParameter) -> Present:
        sources: list[tuple[Table, tuple[int, ...]]] = [(table(parameter), self._names.keys(parameter))]
        if parameter.type == "reference":
            # A reference that only names an identifier is a value too.
            sources.append(("token", self._names.variant(parameter, "identifier")))
        return Present(tuple(sources), self._names.narrowed(parameter))

    def _missing(self, parameter: SearchParameter, text: str) -> Condition:
        present = self.present(parameter)
        match text:
            case "true":
                return Not(present)
            case "false":
                return present
            case _:
                raise problems.bad_value(f"{parameter.code}:missing", text, "search.bad-boolean")

    # --- strings ---------------------------------------------------------------------------------------------------

    def _string(self, parameter: SearchParameter, modifier: str | None, values: Sequence[str]) -> Condition:
        if modifier == "exact":
            exact = [plain(value) for value in values]
            return self._match(parameter, [TextIs(fold(value), exact_hash(value)) for value in exact])
        if modifier == "contains":
            return self._match(parameter, [TextContains(_searchable(parameter.code, plain(v))) for v in values])
        return self._words(parameter, values)

    def _words(self, parameter: SearchParameter, values: Sequence[str]) -> Condition:
        """Every word of the value begins some word of the resource's, in any order."""
        keys = self._names.keys(parameter)
        wanted: list[list[str]] = []
        for value in values:
            _searchable(parameter.code, plain(value))
            wanted.append(words(plain(value)))
        if all(len(found) == 1 for found in wanted):
            return Match("string", keys, (tuple(WordStarts(found[0]) for found in wanted),))
        options = [_all(Match("string", keys, ((WordStarts(word),),)) for word in found) for found in wanted]
        return options[0] if len(options) == 1 else AnyOf(tuple(options))

    # --- tokens, URIs ----------------------------------------------------------------------------------------------

    def _token(self, parameter: SearchParameter, modifier: str | None, values: Sequence[str]) -> Condition:
        if modifier == "text":
            return self._shown(parameter, values)
        if modifier == "of-type":
            keys = self._names.variant(parameter, "of-type")
            return Match("token", keys, (tuple(_of_type(parameter.code, value) for value in values),))
        match = self._match(parameter, [_token(parameter.code, value) for value in values])
        return Not(match) if modifier == "not" else match

    def _shown(self, parameter: SearchParameter, values: Sequence[str]) -> Condition:
        keys, text_keys = self._names.keys(parameter), self._names.variant(parameter, "text")
        options: list[Condition] = []
        for value in values:
            _searchable(f"{parameter.code}:text", plain(value))
            options.append(Shown(keys, text_keys, tuple(words(plain(value)))))
        return options[0] if len(options) == 1 else AnyOf(tuple(options))

    # --- references, composites --------------------------------------------------------------------------------------

    def _reference(self, parameter: SearchParameter, value: str, modifier: str | None) -> RefersTo:
        targets = (modifier,) if modifier else parameter.targets
        return RefersTo(self._references.rids(parameter.code, plain(value), targets))

    def _pair(self, parameter: SearchParameter, value: str) -> list[PairTest]:
        parts = split(value, "$")
        components = parameter.components
        if len(parts) != len(components) or not all(parts):
            example = "$".join(component.code for component in components)
            raise problems.bad_value(parameter.code, value, "search.bad-composite", example=example)
        name = parameter.code
        first = _token(name, parts[0]) if components[0].type == "token" else self._as_token(name, plain(parts[0]))
        third = number_test(name, plain(parts[2])) if len(parts) > 2 else None
        return [PairTest(first, second, third) for second in self._seconds(name, components[1].type, parts[1])]

    def _guide(self, parameter: SearchParameter, pairs: Sequence[PairTest]) -> Match | None:
        """Who has the pair has its code: `code-value-quantity=8867-4$gt100` is among `code=8867-4`."""
        firsts = tuple(dict.fromkeys(pair.first for pair in pairs))
        if parameter.components[0].type != "token" or any(first.code is None for first in firsts):
            return None
        code = self._names.parameter(parameter.base, parameter.components[0].code)
        return Match("token", self._names.keys(code), (firsts,))

    def _seconds(self, name: str, kind: str, value: str) -> Sequence[SecondTest]:
        match kind:
            case "token":
                return [_token(name, value)]
            case "reference":
                return [self._as_token(name, plain(value))]
            case "date":
                return [date_test(name, plain(value), self._now(), self._calendar)]
            case "number":
                return [replace(number_test(name, plain(value)), dim=None)]
            case "quantity":
                return quantity_tests(name, value)
            case _:
                return [WordStarts(_searchable(name, plain(value)))]

    def _as_token(self, name: str, value: str) -> TokenIs:
        return TokenIs(token_code(self._references.text(name, value)), 0)


def _all(conditions: Iterable[Condition]) -> Condition:
    found = tuple(conditions)
    return found[0] if len(found) == 1 else AllOf(found)


def _searchable(name: str, value: str) -> str:
    """The folded text; one that folds to nothing (only punctuation) finds nothing and is refused."""
    folded = fold(value)
    if not folded:
        raise problems.bad_value(name, value, "search.nothing-to-find")
    return folded


def _token(name: str, value: str) -> TokenIs:
    parts = split(value, "|")
    if len(parts) > 2:
        # A '|' inside a code has to be escaped, but a system never holds one.
        parts = [parts[0], "|".join(parts[1:])]
    if len(parts) == 1:
        return TokenIs(token_code(plain(parts[0])), None)
    system, code = plain(parts[0]), plain(parts[1])
    if not system and not code:
        raise problems.bad_value(name, value, "search.bad-token")
    return TokenIs(token_code(code) if code else None, system_hash(system))


def _of_type(name: str, value: str) -> TokenIs:
    parts = [plain(part) for part in split(value, "|")]
    if len(parts) != 3 or not all(parts[1:]):
        raise problems.bad_value(name, value, "search.bad-of-type")
    return TokenIs(token_code(f"{parts[1]}|{parts[2]}"), system_hash(parts[0]))


def _uri(value: str, modifier: str | None) -> list[Test]:
    if modifier == "below":
        return [CodeStarts(value[:MAX_CODE])]
    if modifier == "above":
        return [TokenIs(token_code(text), None) for text in _above(value)]
    return [TokenIs(token_code(value), None)]


def _above(value: str) -> list[str]:
    """The URI itself and those above it: http://x/a/b is below http://x/a and http://x."""
    found = [value]
    scheme = value.find("://")
    start = scheme + 3 if scheme >= 0 else 0
    place = value.rfind("/", start)
    while place > start:
        found += [value[: place + 1], value[:place]]
        place = value.rfind("/", start, place)
    return list(dict.fromkeys(found))
