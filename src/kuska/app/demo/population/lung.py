"""The lung-cancer journey until the diagnosis: low-dose CT with Lung-RADS, follow-up CTs, biopsy.

Lung-RADS v2022 rows used here: solid nodules at baseline (<6 mm 2, 6-<8 3, 8-<15 4A, >=15 4B, spiculated 4X) and the
stepped management of stable ones (4A -> 3 after three months, 3 -> 2 after six). A journey stops where today is, so the
population has people at every step.
"""

from __future__ import annotations

from dataclasses import dataclass

from kuska.app.demo.population.codes import AMBULATORY, ICD10, IMAGING, PATHWAY, SNOMED, TELEHEALTH, UCUM, concept
from kuska.app.demo.population.facilities import PULMONOLOGY
from kuska.app.demo.population.illness import open_problem
from kuska.app.demo.population.imaging import CHEST_CT, LDCT, study
from kuska.app.demo.population.labs import order
from kuska.app.demo.population.oncology import Biopsy, diagnose
from kuska.app.demo.population.prevention import Smoking
from kuska.app.demo.population.procedures import procedure
from kuska.app.demo.population.story import Story, Visit
from kuska.app.demo.population.vitals import number

SCREENING = concept(
    ICD10, "Z12.2", "Examen de pesquisa especial para tumor de órganos respiratorios", "Tamizaje de cáncer de pulmón"
)
NODULE = concept(ICD10, "R91", "Hallazgos anormales en diagnóstico por imagen del pulmón", "Nódulo pulmonar")
LUNG_RADS = concept(PATHWAY, "lung-rads-2022", "Categoría Lung-RADS v2022", "Lung-RADS")
NODULE_SIZE = concept(PATHWAY, "nodule-mean-diameter", "Diámetro medio del nódulo dominante", "Diámetro del nódulo")
BIOPSY = concept(SNOMED, "78603008", "Biopsia de pulmón", "Biopsia pulmonar guiada por TC")
BRONCHOSCOPY = concept(SNOMED, "10847001", "Broncoscopia", "Broncoscopia con biopsia transbronquial")
_SURGICAL = concept(SNOMED, "387713003", "Procedimiento quirúrgico")
_CATEGORY_TEXT = {
    "1": "Negativo. Control con TC de baja dosis en 12 meses.",
    "2": "Benigno. Control con TC de baja dosis en 12 meses.",
    "3": "Probablemente benigno. TC de baja dosis en 6 meses.",
    "4A": "Sospechoso. TC de baja dosis en 3 meses; PET-CT si componente sólido de 8 mm o más.",
    "4B": "Muy sospechoso. TC diagnóstica, PET-CT y muestra de tejido.",
    "4X": "Muy sospechoso con signos adicionales. TC diagnóstica, PET-CT y muestra de tejido.",
}
_INTERVAL = {"1": 365, "2": 365, "3": 183, "4A": 92}
LOBES = (
    ("LSD", "lóbulo superior derecho", "C34.1"),
    ("LM", "lóbulo medio", "C34.2"),
    ("LID", "lóbulo inferior derecho", "C34.3"),
    ("LSI", "lóbulo superior izquierdo", "C34.1"),
    ("LII", "lóbulo inferior izquierdo", "C34.3"),
)


@dataclass(frozen=True, slots=True)
class Nodule:
    size: float  # mm; 0 = none
    lobe: tuple[str, str, str]
    spiculated: bool = False


def category(nodule: Nodule) -> str:
    """Lung-RADS v2022 of a solid nodule at baseline."""
    if nodule.size == 0:
        return "1"
    if nodule.spiculated and nodule.size >= 6:
        return "4X"
    for below, name in ((6, "2"), (8, "3"), (15, "4A")):
        if nodule.size < below:
            return name
    return "4B"


def _read_ct(story: Story, visit: Visit, nodule: Nodule, name: str) -> None:
    """The CT with its category and size as Observations of the report."""
    text = _CATEGORY_TEXT[name]
    value = concept("urn:kuska:lung-rads-2022", name, f"Lung-RADS {name}", f"Lung-RADS {name}")
    base = {
        "status": "final",
        "category": IMAGING,
        "subject": story.patient,
        "encounter": visit.ref,
        "effectiveDateTime": story.at(visit, 60),
        "performer": [visit.facility.organization.reference(story.ids)],
    }
    results = [
        story.add("Observation", {**base, "code": LUNG_RADS, "valueCodeableConcept": value, "note": [{"text": text}]})
    ]
    finding = "Sin nódulos pulmonares."
    if nodule.size:
        shape = "espiculado" if nodule.spiculated else "de bordes lisos"
        finding = f"Nódulo sólido {shape} de {nodule.size:.1f} mm en {nodule.lobe[1]}."
        size = {"value": number(nodule.size, 1), "unit": "mm", "system": UCUM, "code": "mm"}
        site = {"text": nodule.lobe[1].capitalize()}
        results.append(story.add("Observation", {**base, "code": NODULE_SIZE, "valueQuantity": size, "bodySite": site}))
    study(story, visit, LDCT, f"{finding} Lung-RADS {name}. {text}", None, results=results, conclusion_code=value)


def _follow(story: Story, nodule: Nodule, name: str, day: int) -> None:
    """Follow-up CTs of a stable nodule, category stepping down, until today."""
    for _ in range(4):
        day += _INTERVAL[name] + story.rng.randrange(-7, 30)
        if day > story.today or story.rng.random() < 0.15:  # some do not come back
            return
        name = {"4A": "3", "3": "2"}.get(name, name)
        visit = story.visit(day, story.hospital, PULMONOLOGY, SCREENING)
        _read_ct(story, visit, nodule, name)


def screen(story: Story, smoking: Smoking) -> None:
    """Yearly low-dose CT of those who smoked much; what is suspicious goes to biopsy."""
    rng = story.rng
    day = story.today - rng.randint(20, 1000)
    nodule = _draw_nodule(story)
    name = category(nodule)
    visit = story.visit(day, story.hospital, PULMONOLOGY, SCREENING)
    _read_ct(story, visit, nodule, name)
    if name in _INTERVAL:
        _follow(story, nodule, name, day)
    else:
        work_up(story, nodule, day, smoking)


def _draw_nodule(story: Story) -> Nodule:
    rng = story.rng
    point = rng.random()
    lobe = rng.choice(LOBES)
    # Shares of the categories as in the reference: 39, 45, 9, 4, 3 of a hundred.
    for share, low, high in ((0.39, 0.0, 0.0), (0.45, 2.0, 5.9), (0.09, 6.0, 7.9), (0.04, 8.0, 14.9)):
        if point < share:
            return Nodule(rng.uniform(low, high), lobe)
        point -= share
    return Nodule(rng.uniform(12.0, 38.0), lobe, spiculated=rng.random() < 0.6)


def suspicious_case(story: Story, smoking: Smoking) -> None:
    """Somebody who enters with a suspicious CT, from screening or by chance."""
    rng = story.rng
    # Many are on their way just now: a coordinator's worklist is about them.
    day = story.today - (rng.randint(3, 110) if rng.random() < 0.45 else rng.randint(110, 700))
    nodule = Nodule(rng.uniform(15.0, 62.0), rng.choice(LOBES), spiculated=rng.random() < 0.6)
    visit = story.visit(day, story.hospital, PULMONOLOGY, SCREENING if smoking.pack_years >= 20 else NODULE)
    _read_ct(story, visit, nodule, category(nodule))
    work_up(story, nodule, day, smoking)


def work_up(story: Story, nodule: Nodule, day: int, smoking: Smoking) -> None:
    """Results visit, diagnostic CT, biopsy; then the diagnosis, or relief."""
    rng = story.rng
    day += rng.randint(4, 14)
    if day > story.today:
        return
    visit = story.visit(day, story.hospital, PULMONOLOGY, NODULE, kind=TELEHEALTH if rng.random() < 0.2 else AMBULATORY)
    condition = open_problem(story, visit, NODULE)
    day += rng.randint(5, 20)
    if day > story.today:
        return
    visit = story.visit(day, story.hospital, PULMONOLOGY, NODULE)
    study(
        story,
        visit,
        CHEST_CT,
        f"Nódulo sólido de {nodule.size:.0f} mm en {nodule.lobe[1]}. Se sugiere muestra.",
        condition,
    )
    day += rng.randint(6, 25)
    if day > story.today:
        return
    visit = story.visit(day, story.hospital, PULMONOLOGY, NODULE)
    kind = BIOPSY if rng.random() < 0.7 else BRONCHOSCOPY
    request = order(story, visit, kind, _SURGICAL, condition)
    procedure(story, visit, kind, condition, minutes=50, site=nodule.lobe[1], request=request)
    malignant = rng.random() < (0.86 if nodule.size >= 20 else 0.7)
    sampled = Biopsy(visit, request, nodule.size, nodule.lobe, malignant=malignant)
    diagnose(story, sampled, smoker=smoking.status != "never")
