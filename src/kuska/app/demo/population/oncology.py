"""After the biopsy: pathology report, stage (TNM 9th edition), markers, performance status, treatment.

The stage group follows from T, N and M by the table; T follows from the size of the tumour.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kuska.app.demo.population.calendar import day_text
from kuska.app.demo.population.codes import (
    ACTIVE,
    ATC,
    CONFIRMED,
    EXAM,
    ICD10,
    INPATIENT,
    LABORATORY,
    LOINC,
    PATHOLOGY_SECTION,
    PROBLEM,
    SNOMED,
    UCUM,
    concept,
    hl7,
)
from kuska.app.demo.population.diseases import Drug
from kuska.app.demo.population.facilities import ONCOLOGY, PATHOLOGY, PULMONOLOGY, SURGERY
from kuska.app.demo.population.illness import prescribe
from kuska.app.demo.population.imaging import PET_CT, study
from kuska.app.demo.population.labs import panel
from kuska.app.demo.population.procedures import discharge_letter, procedure
from kuska.app.demo.population.story import Ref, Story, Visit

_PATHOLOGY = concept(LOINC, "11526-1", "Estudio de anatomía patológica", "Informe de anatomía patológica")
_STAGE = concept(LOINC, "21908-9", "Grupo de estadio clínico del cáncer", "Estadio clínico")
_CATEGORIES = {
    "T": concept(LOINC, "21905-5", "Tumor primario, clínico [TNM]", "cT"),
    "N": concept(LOINC, "21906-3", "Ganglios regionales, clínico [TNM]", "cN"),
    "M": concept(LOINC, "21907-1", "Metástasis a distancia, clínico [TNM]", "cM"),
}
_METHOD = {"text": "TNM 9.ª edición (2025)"}
_ECOG = concept(LOINC, "89247-1", "Estado funcional ECOG", "ECOG")
_GENE = concept(LOINC, "69548-6", "Evaluación de variante genética")
_GENE_STUDIED = concept(LOINC, "48018-6", "Gen estudiado")
_PRESENT = concept(LOINC, "LA9633-4", "Presente", "Positivo")
_ABSENT = concept(LOINC, "LA9634-2", "Ausente", "Negativo")
_PDL1 = concept(LOINC, "85147-7", "PD-L1 clon 22C3 en tejido por inmunotinción", "PD-L1 (TPS)")
_GENES = (("HGNC:3236", "EGFR", 0.27), ("HGNC:427", "ALK", 0.06), ("HGNC:6407", "KRAS", 0.14))
_HISTOLOGY = (
    (56, "8140/3", "Adenocarcinoma"),
    (24, "8070/3", "Carcinoma de células escamosas"),
    (13, "8041/3", "Carcinoma de células pequeñas"),
    (7, "8012/3", "Carcinoma de células grandes"),
)
# TNM 9th edition, M0.
_GROUPS = {
    "T1a": ("IA1", "IIA", "IIB", "IIIA", "IIIB"),
    "T1b": ("IA2", "IIA", "IIB", "IIIA", "IIIB"),
    "T1c": ("IA3", "IIA", "IIB", "IIIA", "IIIB"),
    "T2a": ("IB", "IIB", "IIIA", "IIIB", "IIIB"),
    "T2b": ("IIA", "IIB", "IIIA", "IIIB", "IIIB"),
    "T3": ("IIB", "IIIA", "IIIA", "IIIB", "IIIC"),
    "T4": ("IIIA", "IIIA", "IIIB", "IIIB", "IIIC"),
}
_NODES = ("N0", "N1", "N2a", "N2b", "N3")
_DISTANT = {"M1a": "IVA", "M1b": "IVA", "M1c1": "IVB", "M1c2": "IVB"}
_NO_CANCER = concept(ICD10, "R91", "Hallazgos anormales en diagnóstico por imagen del pulmón", "Nódulo pulmonar")
_LOBECTOMY = concept(SNOMED, "173171007", "Lobectomía de pulmón", "Lobectomía pulmonar")
_CHEMOTHERAPY = concept(SNOMED, "367336001", "Quimioterapia", "Sesión de quimioterapia")
_IMMUNOTHERAPY = concept(SNOMED, "76334006", "Inmunoterapia", "Sesión de inmunoterapia")
_RADIOTHERAPY = concept(SNOMED, "108290001", "Radioterapia", "Sesión de radioterapia")


def _infusion(atc: str, name: str, dose: str, amount: float) -> Drug:
    return Drug(concept(ATC, atc, name, name), dose, amount, "mg", "mg", 1, "intravenosa")


_CARBOPLATIN = _infusion("L01XA02", "Carboplatino", "Carboplatino AUC 5, cada 21 días", 450)
_PEMETREXED = _infusion("L01BA04", "Pemetrexed", "Pemetrexed 500 mg/m2, cada 21 días", 850)
_PACLITAXEL = _infusion("L01CD01", "Paclitaxel", "Paclitaxel 175 mg/m2, cada 21 días", 300)
_ETOPOSIDE = _infusion("L01CB01", "Etopósido", "Etopósido 100 mg/m2, días 1 a 3 cada 21 días", 170)
_PEMBROLIZUMAB = _infusion("L01FF02", "Pembrolizumab", "Pembrolizumab 200 mg, cada 21 días", 200)
_OSIMERTINIB = Drug(
    concept(ATC, "L01EB04", "Osimertinib", "Osimertinib 80 mg"), "Osimertinib 80 mg, 1 al día", 1, "tableta", "{tbl}", 1
)
_ALECTINIB = Drug(
    concept(ATC, "L01ED03", "Alectinib", "Alectinib 150 mg"),
    "Alectinib 600 mg cada 12 horas",
    4,
    "cápsula",
    "{capsule}",
    2,
)


@dataclass(frozen=True, slots=True)
class Biopsy:
    """A sample on its way to pathology, and what it will turn out to be."""

    visit: Visit
    request: Ref
    size: float  # of the lesion, mm
    lobe: tuple[str, str, str]
    malignant: bool


@dataclass(frozen=True, slots=True)
class Tumour:
    t: str
    n: str
    m: str
    morphology: str
    condition: Ref
    code: dict[str, Any]

    @property
    def group(self) -> str:
        return stage_group(self.t, self.n, self.m)


def stage_group(t: str, n: str, m: str) -> str:
    """Clinical stage group, TNM 9th edition."""
    return _DISTANT[m] if m != "M0" else _GROUPS[t][_NODES.index(n)]


def tumour_category(millimetres: float) -> str:
    for limit, name in ((10, "T1a"), (20, "T1b"), (30, "T1c"), (40, "T2a"), (50, "T2b"), (70, "T3")):
        if millimetres <= limit:
            return name
    return "T4"


def diagnose(story: Story, biopsy: Biopsy, *, smoker: bool) -> None:
    """The pathology report, and when it is malignant everything that follows until today."""
    rng = story.rng
    day = biopsy.visit.day + rng.randint(5, 12)
    if day > story.today:
        return
    _, morphology, histology = rng.choices(_HISTOLOGY, [row[0] for row in _HISTOLOGY])[0]
    lobe = biopsy.lobe
    if biopsy.malignant:
        coded = concept("urn:oid:2.16.840.1.113883.6.43.1", morphology, histology)
        _pathology_report(story, biopsy, day, f"{histology} de pulmón, {lobe[1]}.", coded)
    else:
        _pathology_report(story, biopsy, day, "Inflamación crónica granulomatosa, sin células neoplásicas.", None)
    day += rng.randint(1, 5)
    if day > story.today:
        return
    disease = concept(ICD10, lobe[2], f"Tumor maligno del pulmón: {lobe[1]}", f"Tumor maligno de {lobe[1]}")
    visit = story.visit(day, story.hospital, PULMONOLOGY, disease if biopsy.malignant else _NO_CANCER)
    if not biopsy.malignant:
        return
    n = rng.choices(_NODES, (52, 15, 14, 9, 10))[0]
    m = "M0" if rng.random() < (0.82 if biopsy.size < 30 else 0.5) else rng.choice(tuple(_DISTANT))
    condition = _condition(story, visit, disease, morphology, histology)
    tumour = Tumour(tumour_category(biopsy.size), n, m, morphology, condition, disease)
    _stage(story, visit, tumour, smoker=smoker)


def _pathology_report(story: Story, biopsy: Biopsy, day: int, result: str, code: dict[str, Any] | None) -> None:
    visit = biopsy.visit
    reading = Visit(day, 16 * 60, visit.facility, visit.facility.with_specialty(PATHOLOGY), visit.ref)
    specimen = story.add(
        "Specimen",
        {
            "status": "available",
            "type": {"text": "Tejido pulmonar, cilindros en formol"},
            "subject": story.patient,
            "receivedTime": story.at(visit, 180),
            "request": [biopsy.request],
            "collection": {
                "collector": story.by(visit),
                "collectedDateTime": story.at(visit, 70),
                "bodySite": {"text": biopsy.lobe[1].capitalize()},
            },
        },
    )
    report: dict[str, Any] = {
        "basedOn": [biopsy.request],
        "status": "final",
        "category": PATHOLOGY_SECTION,
        "code": _PATHOLOGY,
        "subject": story.patient,
        "encounter": visit.ref,
        "effectiveDateTime": story.at(visit, 70),
        "issued": story.at(reading),
        "performer": [visit.facility.organization.reference(story.ids)],
        "resultsInterpreter": [story.by(reading)],
        "specimen": [specimen],
        "conclusion": f"{result} Macroscopía: cilindros de tejido de 1 a 1,8 cm. Muestra suficiente para estudio molecular.",
    }
    if code is not None:
        report["conclusionCode"] = [code]
    story.add("DiagnosticReport", report)


def _condition(story: Story, visit: Visit, disease: dict[str, Any], morphology: str, histology: str) -> Ref:
    return story.add(
        "Condition",
        {
            "clinicalStatus": ACTIVE,
            "verificationStatus": CONFIRMED,
            "category": PROBLEM,
            "severity": concept(SNOMED, "24484000", "Grave"),
            "code": disease,
            "subject": story.patient,
            "encounter": visit.ref,
            "onsetDateTime": day_text(visit.day),
            "recordedDate": story.at(visit, 12),
            "asserter": story.by(visit),
            "note": [{"text": f"{histology} ({morphology}), confirmado por biopsia."}],
        },
    )


def _observation(
    story: Story, visit: Visit, category: list[Any], code: dict[str, Any], focus: Ref, **value: Any
) -> Ref:
    body = {
        "status": "final",
        "category": category,
        "code": code,
        "subject": story.patient,
        "focus": [focus],
        "encounter": visit.ref,
        "effectiveDateTime": story.at(visit, 20),
        "performer": [story.by(visit)],
        **value,
    }
    return story.add("Observation", body)


def _stage(story: Story, visit: Visit, tumour: Tumour, *, smoker: bool) -> None:
    rng = story.rng
    day = visit.day + rng.randint(6, 18)
    if day > story.today:
        return
    visit = story.visit(day, story.hospital, ONCOLOGY, tumour.code)
    spread = "con" if tumour.m != "M0" else "sin"
    study(
        story,
        visit,
        PET_CT,
        f"Lesión pulmonar hipermetabólica, {spread} evidencia de enfermedad a distancia.",
        tumour.condition,
    )
    for marker in range(2):
        panel(story, visit, ("blood", "metabolic")[marker], tumour.condition)
    members = [
        _observation(story, visit, EXAM, _CATEGORIES[axis], tumour.condition, method=_METHOD,
                     valueCodeableConcept=concept("urn:kuska:tnm-9", f"c{code}", f"c{code}"))
        for axis, code in (("T", tumour.t), ("N", tumour.n), ("M", tumour.m))
    ]  # fmt: skip
    value = concept("urn:kuska:tnm-9", tumour.group, f"Estadio {tumour.group}", f"Estadio {tumour.group}")
    _observation(
        story, visit, EXAM, _STAGE, tumour.condition, method=_METHOD, valueCodeableConcept=value, hasMember=members
    )
    ecog = rng.choices((0, 1, 2, 3), (30, 45, 18, 7))[0]
    _observation(story, visit, EXAM, _ECOG, tumour.condition, valueInteger=ecog)
    positive = _markers(story, visit, tumour, smoker=smoker)
    _treat(story, visit, tumour, positive)


def _markers(story: Story, visit: Visit, tumour: Tumour, *, smoker: bool) -> str | None:
    """Genes and PD-L1 of the tumour; the answer is the gene that is altered, if one is."""
    rng = story.rng
    if tumour.morphology == "8041/3":
        return None
    positive: str | None = None
    for code, gene, share in _GENES:
        likely = share * (0.5 if smoker and gene != "KRAS" else 1.2) * (1 if tumour.morphology == "8140/3" else 0.2)
        found = positive is None and rng.random() < likely
        positive = gene if found else positive
        studied = {
            "code": _GENE_STUDIED,
            "valueCodeableConcept": concept("http://www.genenames.org/geneId", code, gene),
        }
        _observation(story, visit, LABORATORY, {**_GENE, "text": gene}, tumour.condition,
                     valueCodeableConcept=_PRESENT if found else _ABSENT, component=[studied])  # fmt: skip
    score = rng.choices((0, rng.randint(1, 49), rng.randint(50, 95)), (35, 37, 28))[0]
    quantity = {"value": score, "unit": "%", "system": UCUM, "code": "%"}
    _observation(story, visit, LABORATORY, _PDL1, tumour.condition, valueQuantity=quantity)
    return positive


def _treat(story: Story, visit: Visit, tumour: Tumour, positive: str | None) -> None:
    rng = story.rng
    day = visit.day + rng.randint(12, 45)
    if day > story.today:
        return
    small_cell = tumour.morphology == "8041/3"
    if tumour.m == "M0" and tumour.group[:3] in {"IA1", "IA2", "IA3", "IB", "IIA", "IIB"} and not small_cell:
        _surgery(story, day, tumour)
    elif tumour.m != "M0" and positive in {"EGFR", "ALK"}:
        start = story.visit(day, story.hospital, ONCOLOGY, tumour.code)
        prescribe(
            story, start, _OSIMERTINIB if positive == "EGFR" else _ALECTINIB, tumour.condition, days=900, ongoing=True
        )
    else:
        drugs = (
            _CARBOPLATIN,
            _ETOPOSIDE if small_cell else _PEMETREXED if tumour.morphology == "8140/3" else _PACLITAXEL,
        )
        _cycles(story, day, tumour, drugs, _CHEMOTHERAPY, count=4)
        if tumour.m == "M0":
            _cycles(story, day + 30, tumour, (), _RADIOTHERAPY, count=6, every=5)
        else:
            _cycles(story, day + 90, tumour, (_PEMBROLIZUMAB,), _IMMUNOTHERAPY, count=6)


def _surgery(story: Story, day: int, tumour: Tumour) -> None:
    nights = 4 + story.rng.randrange(5)
    stay = story.visit(day, story.hospital, SURGERY, tumour.code, kind=INPATIENT, nights=nights)
    procedure(story, stay, _LOBECTOMY, tumour.condition, minutes=190, site=tumour.code["text"])
    discharge_letter(story, stay, nights, tumour.code["text"], "Lobectomía pulmonar con linfadenectomía")


def _cycles(
    story: Story,
    day: int,
    tumour: Tumour,
    drugs: tuple[Drug, ...],
    kind: dict[str, Any],
    *,
    count: int,
    every: int = 21,
) -> None:
    """Sessions of a treatment, with the drugs prescribed at the first and blood counts before each second one."""
    category = [hl7("medicationrequest-category", "outpatient", "Ambulatorio")]
    for cycle in range(count):
        if day > story.today:
            return
        visit = story.visit(day, story.hospital, ONCOLOGY, tumour.code)
        if cycle == 0:
            for drug in drugs:
                prescribe(story, visit, drug, tumour.condition, days=every * count, category=category)
        if cycle % 2 and drugs:
            panel(story, visit, "blood", tumour.condition)
        procedure(story, visit, kind, tumour.condition, minutes=120)
        day += every
