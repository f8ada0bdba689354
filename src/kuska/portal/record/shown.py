"""The summary as a page for people: the same facts as the JSON, in the reader's language, each with its unit and its day."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from kuska.portal.record.page import Age, Allergy, AllergyState, Identification, Result, Summary, Trend, Visit

Said = Callable[..., str]
Tone = Literal["", "look", "bad"]
# More stand behind a click: who looks for the newest finds them, and a phone stays readable.
_MOST_RESULTS = 20
_ARROWS = {Trend.UP: "↑", Trend.DOWN: "↓", Trend.STEADY: "→"}
# HL7 v3 ObservationInterpretation; what is normal needs no mark.
_NORMAL = frozenset({"N", "NEG"})
_GRAVE = frozenset({"HH", "LL", "AA", "HU", "LU"})
# The JSON's own words, which are Spanish, by the key of their texts.
WORDS: Mapping[str, str] = {
    "femenino": "summary.female",
    "masculino": "summary.male",
    "otro": "summary.other",
    "desconocido": "summary.unknown",
    "alta": "summary.criticality-high",
    "baja": "summary.criticality-low",
    "no evaluable": "summary.criticality-unknown",
    "medicamento": "summary.category-medication",
    "alimento": "summary.category-food",
    "ambiental": "summary.category-environment",
    "biológico": "summary.category-biologic",
    "laboratorio": "summary.laboratory",
    "signos vitales": "summary.vital-signs",
    "sustancia no indicada": "summary.no-substance",
    "sin nombre": "summary.no-name",
    "medicamento no indicado": "summary.no-medication",
    "resultado": "summary.result",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One thing of a list; `day` as FHIR writes it, perhaps only a year."""

    name: str
    notes: str = ""
    day: str = ""
    tone: Tone = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultLine:
    name: str
    value: str  # with its unit
    flag: str
    tone: Tone
    reference: str
    trend: str
    day: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientPage:
    id: str
    name: str
    facts: tuple[tuple[str, str], ...]
    birth: str
    deceased: bool
    glass: bool  # open to this reader because the glass was broken
    may_launch: bool
    complete: bool
    hidden: frozenset[str]  # types that the reader's role does not see at all
    allergies: tuple[Line, ...]
    no_allergies: str
    problems: tuple[Line, ...]
    medication: tuple[Line, ...]
    results: tuple[ResultLine, ...]
    more_results: tuple[ResultLine, ...]
    visits: tuple[Line, ...]


def shown(
    summary: Summary, t: Said, *, glass: bool = False, may_launch: bool = False, hidden: frozenset[str] = frozenset()
) -> PatientPage:
    who, results = summary.identification, [_result(each, t) for each in summary.results]
    none_known = summary.allergies.state is AllergyState.NONE_KNOWN
    return PatientPage(
        id=who.id,
        name=who.name or t("summary.no-name"),
        facts=_facts(who, t),
        birth=who.birth_date or "",
        deceased=bool(who.deceased),
        glass=glass,
        may_launch=may_launch,
        complete=summary.complete,
        hidden=hidden,
        allergies=tuple(_allergy(each, t) for each in summary.allergies.items),
        no_allergies=t("summary.no-allergies" if none_known else "summary.allergies-not-recorded"),
        problems=tuple(Line(_word(each.name, t), day=each.since or "") for each in summary.problems),
        medication=tuple(
            Line(_word(each.name, t), each.instructions or "", each.since or "") for each in summary.medication
        ),
        results=tuple(results[:_MOST_RESULTS]),
        more_results=tuple(results[_MOST_RESULTS:]),
        visits=tuple(_visit(each, t) for each in summary.visits),
    )


def _word(text: str, t: Said) -> str:
    return t(WORDS[text]) if text in WORDS else text


def _facts(who: Identification, t: Said) -> tuple[tuple[str, str], ...]:
    documents = ", ".join(f"{_word(each.kind, t)} {each.number}" for each in who.documents)
    found = (
        ("summary.age", _age(who.age, t) if who.age else ""),
        ("summary.sex", _word(who.sex or "", t)),
        ("summary.document", documents),
        ("summary.practitioner", who.practitioner or ""),
        ("summary.organization", who.organization or ""),
        ("summary.payer", ", ".join(_word(each, t) for each in who.payers)),
    )
    return tuple((t(key), value) for key, value in found if value)


def _age(age: Age, t: Said) -> str:
    """Of small children in months, of new-borns in days."""
    months = age.years * 12 + age.months
    if age.years >= 2:
        return t("summary.years", count=age.years)
    if months:
        return t("summary.month") if months == 1 else t("summary.months", count=months)
    return t("summary.day") if age.days == 1 else t("summary.days", count=age.days)


def _allergy(allergy: Allergy, t: Said) -> Line:
    critical = t("summary.criticality", what=_word(allergy.criticality, t)) if allergy.criticality else ""
    kinds = ", ".join(_word(each, t) for each in allergy.category)
    notes = " · ".join(filter(None, (", ".join(allergy.reactions), kinds, critical)))
    return Line(_word(allergy.substance, t), notes, tone="bad" if allergy.criticality == "alta" else "look")


def _result(result: Result, t: Said) -> ResultLine:
    last, before = result.last, result.previous
    code = last.interpretation or ""
    flag = "" if code in _NORMAL or not code else code
    trend = ""
    if before is not None:
        trend = t("summary.before", value=_measured(before.value, before.unit))
        if result.trend is not None:
            trend = f"{_ARROWS[result.trend]} {trend}"
    return ResultLine(
        name=_word(result.name, t),
        value=_measured(last.value, last.unit),
        flag=(t(f"summary.flag-{flag}") if flag in FLAGS else flag) if flag else "",
        tone="bad" if flag in _GRAVE else "look" if flag else "",
        reference=_reference(result, t),
        trend=trend,
        day=last.date,
    )


# Those with words; another code is shown as it stands.
FLAGS = ("H", "HH", "HU", "L", "LL", "LU", "A", "AA", "POS", "IND", "R", "I", "S")


def _measured(value: object, unit: str | None) -> str:
    return f"{value} {unit}" if unit else str(value)


def _reference(result: Result, t: Said) -> str:
    limits = result.reference
    if limits is None:
        return ""
    if limits.low is not None and limits.high is not None:
        return f"{limits.low} – {limits.high}"
    if limits.low is not None:
        return t("summary.at-least", value=limits.low)
    return t("summary.at-most", value=limits.high) if limits.high is not None else limits.text or ""


def _visit(visit: Visit, t: Said) -> Line:
    notes = " · ".join(filter(None, (visit.reason, visit.practitioner, visit.organization)))
    return Line(visit.kind or t("summary.visit"), notes, visit.start or "")
