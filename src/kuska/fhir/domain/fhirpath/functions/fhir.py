"""What FHIR adds: extension, resolve, memberOf, …: https://hl7.org/fhir/R4/fhirpath.html#functions"""

from __future__ import annotations

from typing import Any

from kuska.fhir.domain.definitions.load import definitions
from kuska.fhir.domain.fhirpath import schema
from kuska.fhir.domain.fhirpath.errors import EvaluationError
from kuska.fhir.domain.fhirpath.functions.registry import Function, values
from kuska.fhir.domain.fhirpath.references import resolved
from kuska.fhir.domain.fhirpath.scope import Scope
from kuska.fhir.domain.fhirpath.single import single, text
from kuska.fhir.domain.fhirpath.temporal import Moment, Temporal
from kuska.fhir.domain.fhirpath.values import Collection, TypedNode, members, system, type_of
from kuska.fhir.domain.narrative import narrative_problem

_BASE = "http://hl7.org/fhir/StructureDefinition/"


def _extension(_scope: Scope, items: Collection, url: Collection) -> Collection:
    wanted = text(url, "extension")
    return [
        found
        for item in items
        if wanted is not None and isinstance(item, TypedNode)
        for found in members(item, "extension")
        if found.fields.get("url") == wanted
    ]


def _has_value(_scope: Scope, items: Collection) -> Collection:
    return [len(items) == 1 and _is_valued(items[0])]


def _is_valued(item: object) -> bool:
    if not isinstance(item, TypedNode):
        return True
    return schema.is_primitive(item.type) and item.raw is not None


def _get_value(_scope: Scope, items: Collection) -> Collection:
    if len(items) != 1 or not _is_valued(items[0]):
        return []
    found = system(items[0])
    return [] if found is None else [found]


def _resolve(scope: Scope, items: Collection) -> Collection:
    scope.evaluation.spend(len(items))
    return [found for item in items if (found := resolved(item, scope.evaluation)) is not None]


def _member_of(_scope: Scope, items: Collection, value_set: Collection) -> Collection:
    url, item = text(value_set, "memberOf"), single(items, "memberOf")
    if url is None or item is None:
        return []
    known = definitions().value_sets.get(url.partition("|")[0])
    if known is None or known.by_system is None:
        raise EvaluationError("value-set-unknown", url=url)
    if isinstance(item, TypedNode) and item.type == "CodeableConcept":
        return [any(_has_coding(known.by_system, coding.fields) for coding in members(item, "coding"))]
    if isinstance(item, TypedNode) and isinstance(item.raw, dict):
        return [_has_coding(known.by_system, item.fields)]
    code = text(items, "memberOf")
    return [] if code is None else [known.codes is not None and code in known.codes]


def _has_coding(by_system: Any, coding: dict[str, Any]) -> bool:
    system_, code = coding.get("system"), coding.get("code")
    return isinstance(system_, str) and isinstance(code, str) and code in by_system.get(system_, ())


def _conforms_to(_scope: Scope, items: Collection, profile: Collection) -> Collection:
    """Only the base types: is it of the type that the definition is for? Its content is validation's matter."""
    url, item = text(profile, "conformsTo"), single(items, "conformsTo")
    if url is None or item is None:
        return []
    name = url.partition("|")[0].removeprefix(_BASE)
    if not url.startswith(_BASE) or not schema.is_type(name):
        raise EvaluationError("profile-unknown", url=url)
    return [isinstance(item, TypedNode) and name in schema.ancestors(item.type)]


def _html_checks(_scope: Scope, items: Collection) -> Collection:
    subject = text(items, "htmlChecks")
    return [] if subject is None else [narrative_problem(subject) is None]


def _check_modifiers(_scope: Scope, items: Collection, *known: Collection) -> Collection:
    """The items, when no modifier extension but the ones named is on them."""
    urls = {text(one, "checkModifiers") for one in known}
    for item in items:
        if isinstance(item, TypedNode):
            for found in members(item, "modifierExtension"):
                if found.fields.get("url") not in urls:
                    raise EvaluationError("modifier-unknown", type=item.type)
    return items


def _unsupported(name: str) -> Function:
    def run(_scope: Scope, _items: Collection, *_arguments: Collection) -> Collection:
        raise EvaluationError("unsupported-function", name=name)

    return values(run, 0, 9)


def _type(_scope: Scope, items: Collection) -> Collection:
    return [type_of(item) for item in items]


def _now(scope: Scope, _items: Collection) -> Collection:
    return [scope.evaluation.now]


def _today(scope: Scope, _items: Collection) -> Collection:
    return [Temporal(Moment.DATE, scope.evaluation.now.parts[:3])]


def _time_of_day(scope: Scope, _items: Collection) -> Collection:
    moment = scope.evaluation.now
    return [Temporal(Moment.TIME, moment.parts[3:], moment.second)]


FUNCTIONS: dict[str, Function] = {
    "extension": values(_extension, 1),
    "hasValue": values(_has_value),
    "getValue": values(_get_value),
    "resolve": values(_resolve),
    "memberOf": values(_member_of, 1),
    "conformsTo": values(_conforms_to, 1),
    "htmlChecks": values(_html_checks),
    "htmlChecks1": values(_html_checks),
    "htmlChecks2": values(_html_checks),
    "checkModifiers": values(_check_modifiers, 0, 20),
    "type": values(_type),
    "now": values(_now),
    "today": values(_today),
    "timeOfDay": values(_time_of_day),
    **{name: _unsupported(name) for name in ("elementDefinition", "slice", "subsumes", "subsumedBy")},
}
