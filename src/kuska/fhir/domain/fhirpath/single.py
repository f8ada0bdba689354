"""From collections to the single values that operators and functions take. https://hl7.org/fhirpath/N1/#singleton-evaluation-of-collections"""

from __future__ import annotations

from decimal import Decimal

from kuska.fhir.domain.fhirpath.errors import EvaluationError
from kuska.fhir.domain.fhirpath.values import Collection, Item, System, TypedNode, system, type_of


def single(items: Collection, what: str) -> Item | None:
    """The one item; None for an empty collection; more than one is an error."""
    if not items:
        return None
    if len(items) > 1:
        raise EvaluationError("not-single", what=what)
    return items[0]


def value(items: Collection, what: str) -> System | None:
    item = single(items, what)
    return None if item is None else system(item)


def boolean(items: Collection, what: str) -> bool | None:
    """A single item that is no Boolean counts as true."""
    item = single(items, what)
    if item is None:
        return None
    found = system(item)
    if isinstance(item, TypedNode) and item.type == "boolean" and found is None:
        return None
    return found if isinstance(found, bool) else True


def text(items: Collection, what: str) -> str | None:
    item = single(items, what)
    if item is None:
        return None
    found = item.raw if isinstance(item, TypedNode) else item
    if found is None or isinstance(found, str):
        return found
    raise EvaluationError("wrong-type", what=what, wanted="String", found=type_of(item).name)


def integer(items: Collection, what: str) -> int | None:
    item = single(items, what)
    found = None if item is None else system(item)
    if found is None or (isinstance(found, int) and not isinstance(found, bool)):
        return found
    raise EvaluationError("wrong-type", what=what, wanted="Integer", found=type_of(item or 0).name)


def number(items: Collection, what: str) -> int | Decimal | None:
    item = single(items, what)
    found = None if item is None else system(item)
    if found is None or (isinstance(found, int | Decimal) and not isinstance(found, bool)):
        return found
    raise EvaluationError("wrong-type", what=what, wanted="Decimal", found=type_of(item or 0).name)
