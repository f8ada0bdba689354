"""What to beware of, what is going on, what happened: allergies, problems, medication, visits, studies, reports."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kuska.portal.record.coded import Node, day, first_code, has_code, label, newest_first, shown, valid, when
from kuska.portal.record.page import Allergies, Allergy, AllergyState, Medication, Problem, Report, Study, Visit

_ACTIVE = ("active", "recurrence", "relapse")
# SNOMED CT: no known allergy; of these only the first two speak of all allergies.
_NONE_KNOWN = ("716186003", "160244002")
_NONE_KNOWN_OF_A_KIND = ("409137002", "428607008", "428197003")
_VISITS, _STUDIES, _REPORTS = 10, 10, 15
_CRITICALITY = {"high": "alta", "low": "baja", "unable-to-assess": "no evaluable"}
_CATEGORY = {"medication": "medicamento", "food": "alimento", "environment": "ambiental", "biologic": "biológico"}


def allergies(nodes: Iterable[Node]) -> Allergies:
    live = [node for node in nodes if valid(node) and not has_code(node.get("clinicalStatus"), "inactive", "resolved")]
    none_known = any(has_code(node.get("code"), *_NONE_KNOWN) for node in live)
    items = tuple(_allergy(n) for n in live if not has_code(n.get("code"), *_NONE_KNOWN, *_NONE_KNOWN_OF_A_KIND))
    if items:
        return Allergies(AllergyState.RECORDED, items)
    return Allergies(AllergyState.NONE_KNOWN if none_known else AllergyState.NOT_RECORDED, ())


def _allergy(node: Node) -> Allergy:
    reactions = (label(m) for reaction in node.get("reaction", ()) for m in reaction.get("manifestation", ()))
    return Allergy(
        substance=label(node.get("code")) or "sustancia no indicada",
        code=first_code(node.get("code")),
        category=tuple(_CATEGORY.get(name, name) for name in map(str, node.get("category", ()))),
        criticality=_CRITICALITY.get(node.get("criticality", "")),
        reactions=tuple(dict.fromkeys(text for text in reactions if text)),
    )


def problems(nodes: Iterable[Node]) -> tuple[Problem, ...]:
    """Active ones, newest first, each once although several visits wrote it down."""
    found: dict[str, Problem] = {}
    live = [node for node in nodes if valid(node) and has_code(node.get("clinicalStatus"), *_ACTIVE)]
    for node in newest_first(live, "onsetDateTime", "onsetPeriod.start", "recordedDate"):
        name = label(node.get("code")) or "sin nombre"
        key = first_code(node.get("code")) or name
        since = day(when(node, "onsetDateTime", "onsetPeriod.start"))
        # The oldest of the same is the last to come: its date is since when there is the problem.
        found[key] = Problem(name, first_code(node.get("code")), since, day(when(node, "recordedDate")))
    return tuple(found.values())


def medication(nodes: Iterable[Node]) -> tuple[Medication, ...]:
    """What is active, the newest prescription of each drug."""
    found: dict[str, Medication] = {}
    live = [node for node in nodes if node.get("status") == "active" and not node.get("doNotPerform")]
    for node in newest_first(live, "authoredOn", "effectiveDateTime", "effectivePeriod.start", "dateAsserted"):
        concept = node.get("medicationCodeableConcept")
        name = label(concept) or shown(node.get("medicationReference")) or "medicamento no indicado"
        dosage: Sequence[Node] = node.get("dosageInstruction") or node.get("dosage") or ()
        since = day(when(node, "authoredOn", "effectiveDateTime", "effectivePeriod.start", "dateAsserted"))
        texts = [text for item in dosage if (text := item.get("text"))]
        found.setdefault(
            first_code(concept) or name, Medication(name, first_code(concept), "; ".join(texts) or None, since)
        )
    return tuple(found.values())


def visits(nodes: Iterable[Node]) -> tuple[Visit, ...]:
    return tuple(_visit(node) for node in newest_first(filter(valid, nodes), "period.start")[:_VISITS])


def _visit(node: Node) -> Visit:
    kinds: list[Node] = node.get("type") or []
    reasons = (label(reason) for reason in node.get("reasonCode", ()))
    people = (shown(item.get("individual")) for item in node.get("participant", ()))
    return Visit(
        id=node["id"],
        start=when(node, "period.start"),
        kind=label(kinds[0]) if kinds else node.get("class", {}).get("display"),
        reason=next((text for text in reasons if text), None),
        practitioner=next((name for name in people if name), None),
        organization=shown(node.get("serviceProvider")),
    )


def studies(nodes: Iterable[Node]) -> tuple[Study, ...]:
    return tuple(_study(node) for node in newest_first(filter(valid, nodes), "started")[:_STUDIES])


def _study(node: Node) -> Study:
    procedure: list[Node] = node.get("procedureCode") or []
    return Study(
        id=node["id"],
        date=when(node, "started"),
        description=node.get("description") or (label(procedure[0]) if procedure else None),
        modalities=tuple(item["code"] for item in node.get("modality", ()) if "code" in item),
        series=node.get("numberOfSeries"),
        images=node.get("numberOfInstances"),
    )


def reports(nodes: Iterable[Node]) -> tuple[Report, ...]:
    dates = ("effectiveDateTime", "effectivePeriod.start", "issued")
    return tuple(_report(node, *dates) for node in newest_first(filter(valid, nodes), *dates)[:_REPORTS])


def _report(node: Node, *dates: str) -> Report:
    categories: list[Node] = node.get("category") or []
    return Report(
        id=node["id"],
        date=when(node, *dates),
        name=label(node.get("code")) or "informe",
        category=label(categories[0]) if categories else None,
        conclusion=node.get("conclusion"),
    )
