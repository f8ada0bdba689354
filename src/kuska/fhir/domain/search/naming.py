"""Names on the left of the `=`: chains, `_has`, modifiers, and the parameters they lead to."""

from __future__ import annotations

from dataclasses import dataclass

from kuska.fhir.domain.definitions.model import Definitions, SearchParameter
from kuska.fhir.domain.indexing.keys import variant_key
from kuska.fhir.domain.indexing.paths import paths
from kuska.fhir.domain.search import problems

# Parameters of the definitions that no index row answers.
_UNANSWERED = frozenset({"_text", "_content", "_query", "_filter", "near"})
# Of the others one value can be several rows: words of a string, a canonical with and without its version.
_ONE_ROW = frozenset({"date", "number", "quantity", "token"})
# What every type can be asked for although no row of an index answers it.
SPECIAL = frozenset({"_id", "_lastUpdated", "_list"})


@dataclass(frozen=True, slots=True)
class Step:
    """One name without its chain: `subject:Patient`."""

    code: str
    modifier: str | None


@dataclass(frozen=True, slots=True)
class HasStep:
    """`_has:Observation:patient:<rest>`"""

    source: str
    reference: str
    rest: str


def step(name: str) -> Step:
    code, colon, modifier = name.partition(":")
    return Step(code, modifier if colon else None)


def has_step(name: str) -> HasStep:
    parts = name.split(":", 3)
    if len(parts) < 4 or not all(parts):
        raise problems.bad_value("_has", name, "search.bad-has")
    return HasStep(parts[1], parts[2], parts[3])


class Names:
    """Parameters by name, with the numbers that their index rows carry."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._elements: dict[int, frozenset[str]] = {}

    def type(self, name: str, parameter: str) -> str:
        if name not in self._definitions.type_numbers:
            raise problems.bad_value(parameter, name, "search.unknown-type")
        return name

    def number(self, type_: str) -> int:
        return self._definitions.type_numbers[type_]

    def parameter(self, type_: str, code: str) -> SearchParameter:
        known = self._definitions.search[type_]
        found = known.get(code)
        if code in _UNANSWERED:
            raise problems.unsupported(code)
        if found is None:
            raise problems.unknown(code, type_, (name for name in known if name not in _UNANSWERED))
        if not found.answered_by:
            raise problems.unsupported(code)
        return found

    def reference(self, type_: str, code: str) -> SearchParameter:
        found = self.parameter(type_, code)
        if found.type != "reference":
            raise problems.bad_value(code, code, "search.not-a-reference", type=type_)
        return found

    def keys(self, parameter: SearchParameter) -> tuple[int, ...]:
        known = self._definitions.search[parameter.base]
        return tuple(known[code].key for code in parameter.answered_by)

    def all_references(self, type_: str) -> tuple[int, ...]:
        """Keys of all reference parameters of a type."""
        found = (key for parameter in self.references(type_) for key in self.keys(parameter))
        return tuple(dict.fromkeys(found))

    def references(self, type_: str) -> tuple[SearchParameter, ...]:
        return tuple(one for one in self._definitions.search[type_].values() if one.type == "reference")

    def elements(self, parameter: SearchParameter) -> frozenset[str]:
        """Types of the elements it looks at: 'CodeableConcept', 'Reference'."""
        found = self._elements.get(parameter.key)
        if found is None:
            known, structures = self._definitions.search[parameter.base], self._definitions.structures
            asked = (known[code] for code in parameter.answered_by)
            found = frozenset(path.type for one in asked for path in paths(one.expression, one.base, structures))
            self._elements[parameter.key] = found
        return found

    def variant(self, parameter: SearchParameter, variant: str) -> tuple[int, ...]:
        return tuple(variant_key(parameter.base, code, variant) for code in parameter.answered_by)

    def single(self, parameter: SearchParameter) -> bool:
        return not parameter.multiple and len(parameter.answered_by) == 1 and parameter.type in _ONE_ROW

    def narrowed(self, parameter: SearchParameter) -> tuple[int, ...]:
        """Numbers of the types it may point to, where its rows also hold references to others (`patient`)."""
        known = self._definitions.search[parameter.base]
        wider = {target for code in parameter.answered_by for target in known[code].targets}
        if not parameter.targets or wider == set(parameter.targets):
            return ()
        return tuple(self.number(target) for target in parameter.targets)
