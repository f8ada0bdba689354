"""Parts of dates: https://build.fhir.org/ig/HL7/FHIRPath/#extract-datetime-components"""

from __future__ import annotations

from decimal import Decimal

from kuska.fhir.domain.fhirpath.functions.registry import Function, values
from kuska.fhir.domain.fhirpath.scope import Scope
from kuska.fhir.domain.fhirpath.single import value
from kuska.fhir.domain.fhirpath.temporal import Moment, Temporal
from kuska.fhir.domain.fhirpath.values import Collection


def _part(name: str, place: int) -> Function:
    def run(_scope: Scope, items: Collection) -> Collection:
        found = value(items, name)
        if not isinstance(found, Temporal):
            return []
        at = place - 3 if found.kind is Moment.TIME else place
        return [found.parts[at]] if 0 <= at < len(found.parts) else []

    return values(run)


def _second(_scope: Scope, items: Collection) -> Collection:
    found = value(items, "secondOf")
    return [int(found.second)] if isinstance(found, Temporal) and found.second is not None else []


def _millisecond(_scope: Scope, items: Collection) -> Collection:
    found = value(items, "millisecondOf")
    if not isinstance(found, Temporal) or found.second is None:
        return []
    return [int(found.second % 1 * 1000)]


def _timezone(_scope: Scope, items: Collection) -> Collection:
    found = value(items, "timezoneOffsetOf")
    if not isinstance(found, Temporal) or found.offset is None:
        return []
    return [Decimal(found.offset) / 60]


def _date(_scope: Scope, items: Collection) -> Collection:
    found = value(items, "dateOf")
    if not isinstance(found, Temporal) or found.kind is Moment.TIME:
        return []
    return [Temporal(Moment.DATE, found.parts[:3])]


def _time(_scope: Scope, items: Collection) -> Collection:
    found = value(items, "timeOf")
    if not isinstance(found, Temporal) or found.kind is not Moment.DATETIME or len(found.parts) < 4:
        return []
    return [Temporal(Moment.TIME, found.parts[3:], found.second)]


FUNCTIONS: dict[str, Function] = {
    "yearOf": _part("yearOf", 0),
    "monthOf": _part("monthOf", 1),
    "dayOf": _part("dayOf", 2),
    "hourOf": _part("hourOf", 3),
    "minuteOf": _part("minuteOf", 4),
    "secondOf": values(_second),
    "millisecondOf": values(_millisecond),
    "timezoneOffsetOf": values(_timezone),
    "dateOf": values(_date),
    "timeOf": values(_time),
}
