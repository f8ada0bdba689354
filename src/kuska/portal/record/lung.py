"""Where the record shows the patient on the lung-cancer journey. Read from facts, not from an enrolment.

The pathway context will own protocols and enrolments; until then this says what the resources prove, with the control
intervals of Lung-RADS v2022 (1 and 2: 12 months, 3: 6, 4A: 3; 4B and 4X ask for work-up, not for a date).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

from kuska.portal.record.coded import Node, codes, day, has_code, label, newest_first, valid, when
from kuska.portal.record.page import Lung, LungStep

_LUNG_RADS, _NODULE = "lung-rads-2022", "nodule-mean-diameter"
_STAGE = ("21908-9", "21902-2")
_TNM = ("21905-5", "21906-3", "21907-1", "21899-0", "21900-6", "21901-4")
_ECOG, _PDL1, _VARIANT = "89247-1", "85147-7", "69548-6"
_BIOPSY = ("78603008", "10847001")
# Chemotherapy, immunotherapy, radiotherapy, lobectomy.
_TREATMENT = ("367336001", "76334006", "108290001", "173171007")
_INTERVAL_DAYS = {"1": 365, "2": 365, "3": 183, "4A": 92}


def lung(by_type: Mapping[str, Sequence[Node]], today: date) -> Lung | None:
    observed = [node for node in by_type.get("Observation", ()) if valid(node)]
    rads = _newest(observed, _LUNG_RADS)
    tumours = [node for node in by_type.get("Condition", ()) if valid(node) and _is_lung_cancer(node)]
    biopsies = [n for n in by_type.get("Procedure", ()) if valid(n) and has_code(n.get("code"), *_BIOPSY)]
    if rads is None and not tumours and not biopsies:
        return None
    stage = _newest(observed, *_STAGE)
    ecog = _newest(observed, _ECOG)
    nodule = _newest(observed, _NODULE)
    treatments = _treatments(by_type, tumours)
    category = _first(rads)
    following = category in _INTERVAL_DAYS and not tumours and not biopsies
    control = _control(rads, category) if following else None
    return Lung(
        step=_step(bool(tumours), bool(biopsies), stage is not None, bool(treatments), category),
        lung_rads=category,
        lung_rads_date=day(when(rads, "effectiveDateTime")) if rads else None,
        next_control=control.isoformat() if control else None,
        overdue=control < today if control else None,
        nodule_mm=nodule["valueQuantity"].get("value") if nodule and "valueQuantity" in nodule else None,
        stage=label(stage.get("valueCodeableConcept")) if stage else None,
        stage_method=label(stage.get("method")) if stage else None,
        tnm=_tnm(observed),
        ecog=ecog.get("valueInteger") if ecog else None,
        markers=_markers(observed),
        treatments=treatments,
    )


def _newest(nodes: Iterable[Node], *wanted: str) -> Node | None:
    return next(iter(newest_first((n for n in nodes if has_code(n.get("code"), *wanted)), "effectiveDateTime")), None)


def _first(node: Node | None) -> str | None:
    return None if node is None else next((code for _, code in codes(node.get("valueCodeableConcept"))), None)


def _is_lung_cancer(node: Node) -> bool:
    return any(code.startswith("C34") for _, code in codes(node.get("code")))


def _control(rads: Node | None, category: str | None) -> date | None:
    done = day(when(rads, "effectiveDateTime")) if rads else None
    if done is None or len(done) < 10 or category is None:
        return None
    return date.fromisoformat(done) + timedelta(days=_INTERVAL_DAYS[category])


def _step(cancer: bool, biopsied: bool, staged: bool, treated: bool, category: str | None) -> LungStep:
    if cancer:
        return LungStep.TREATMENT if treated else LungStep.STAGING if staged else LungStep.DIAGNOSIS
    if biopsied:
        return LungStep.BIOPSY
    return LungStep.WORK_UP if category in {"4B", "4X"} else LungStep.SCREENING


def _treatments(by_type: Mapping[str, Sequence[Node]], tumours: Sequence[Node]) -> tuple[str, ...]:
    """Names, in order of their beginning: what was done or prescribed for the tumour."""
    targets = {f"Condition/{node['id']}" for node in tumours}

    def for_tumour(node: Node) -> bool:
        return valid(node) and any(r.get("reference") in targets for r in node.get("reasonReference", ()))

    done = [n for n in by_type.get("Procedure", ()) if for_tumour(n) and has_code(n.get("code"), *_TREATMENT)]
    drugs = [node for node in by_type.get("MedicationRequest", ()) if for_tumour(node)]
    dates = ("performedPeriod.start", "performedDateTime", "authoredOn")
    names = (
        label(n.get("code") or n.get("medicationCodeableConcept")) for n in reversed(newest_first(done + drugs, *dates))
    )
    return tuple(dict.fromkeys(name for name in names if name))


def _tnm(observed: Sequence[Node]) -> tuple[str, ...]:
    found = (_newest(observed, code) for code in _TNM)
    return tuple(text for node in found if node and (text := label(node.get("valueCodeableConcept"))))


def _markers(observed: Sequence[Node]) -> tuple[str, ...]:
    """'EGFR: Negativo', 'PD-L1 (TPS): 60 %', the newest of each."""
    found: dict[str, str] = {}
    for node in newest_first((n for n in observed if has_code(n.get("code"), _VARIANT, _PDL1)), "effectiveDateTime"):
        quantity: Node = node.get("valueQuantity") or {}
        value = f"{quantity['value']} {quantity.get('unit', '')}".strip() if "value" in quantity else None
        text = value or label(node.get("valueCodeableConcept"))
        name = label(node.get("code")) or ""
        if text:
            found.setdefault(name, f"{name}: {text}")
    return tuple(found.values())
