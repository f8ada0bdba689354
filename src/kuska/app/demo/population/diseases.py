"""The diseases people of this population have: codes (CIE-10), frequency, treatment, controls. Data only.

Frequencies are orders of magnitude from national health surveys of Peru and Chile, rounded; they make the population
look right, they are no epidemiology.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kuska.app.demo.population.codes import ATC, ICD10, concept


@dataclass(frozen=True, slots=True)
class Drug:
    code: dict[str, Any]
    dose: str  # as written on the prescription
    amount: float
    unit: str
    ucum: str
    times: int  # a day
    route: str = "oral"


def _drug(  # noqa: PLR0917 - a table row
    atc: str, name: str, dose: str, amount: float = 1, unit: str = "tableta", times: int = 1, route: str = "oral"
) -> Drug:
    ucum = {"tableta": "{tbl}", "mL": "mL", "inhalación": "{puff}", "UI": "[iU]", "mg": "mg", "cápsula": "{capsule}"}[
        unit
    ]
    return Drug(concept(ATC, atc, name, dose.split(", ", 1)[0]), dose, amount, unit, ucum, times, route)


METFORMIN = _drug(
    "A10BA02", "Metformina", "Metformina 850 mg tableta, 1 tableta cada 12 horas con las comidas", times=2
)
INSULIN = _drug(
    "A10AC01",
    "Insulina humana isófana (NPH)",
    "Insulina NPH 100 UI/mL, 18 UI por la noche",
    18,
    "UI",
    route="subcutánea",
)
GLIBENCLAMIDE = _drug("A10BB01", "Glibenclamida", "Glibenclamida 5 mg tableta, 1 tableta antes del desayuno")
LOSARTAN = _drug("C09CA01", "Losartán", "Losartán 50 mg tableta, 1 tableta cada 12 horas", times=2)
ENALAPRIL = _drug("C09AA02", "Enalapril", "Enalapril 10 mg tableta, 1 tableta cada 12 horas", times=2)
AMLODIPINE = _drug("C08CA01", "Amlodipino", "Amlodipino 5 mg tableta, 1 tableta por la noche")
THIAZIDE = _drug("C03AA03", "Hidroclorotiazida", "Hidroclorotiazida 25 mg tableta, 1 tableta por la mañana")
ATORVASTATIN = _drug("C10AA05", "Atorvastatina", "Atorvastatina 20 mg tableta, 1 tableta por la noche")
GEMFIBROZIL = _drug("C10AB04", "Gemfibrozilo", "Gemfibrozilo 600 mg tableta, 1 tableta cada 12 horas", times=2)
LEVOTHYROXINE = _drug("H03AA01", "Levotiroxina sódica", "Levotiroxina 100 mcg tableta, 1 tableta en ayunas")
SALBUTAMOL = _drug("R03AC02", "Salbutamol", "Salbutamol 100 mcg/dosis inhalador, 2 inhalaciones cada 6 horas si hay ahogo", 2,
                   "inhalación", 4, "inhalatoria")  # fmt: skip
BECLOMETASONE = _drug("R03BA01", "Beclometasona", "Beclometasona 250 mcg/dosis inhalador, 1 inhalación cada 12 horas", 1,
                      "inhalación", 2, "inhalatoria")  # fmt: skip
TIOTROPIUM = _drug(
    "R03BB04", "Bromuro de tiotropio", "Tiotropio 18 mcg cápsula inhalable, 1 al día", 1, "cápsula", 1, "inhalatoria"
)
SERTRALINE = _drug("N06AB06", "Sertralina", "Sertralina 50 mg tableta, 1 tableta por la mañana")
OMEPRAZOLE = _drug("A02BC01", "Omeprazol", "Omeprazol 20 mg cápsula, 1 cápsula antes del desayuno", 1, "cápsula")
IRON = _drug("B03AA07", "Sulfato ferroso", "Sulfato ferroso 300 mg tableta, 1 tableta al día")
ASPIRIN = _drug("B01AC06", "Ácido acetilsalicílico", "Ácido acetilsalicílico 100 mg tableta, 1 tableta con el almuerzo")
BISOPROLOL = _drug("C07AB07", "Bisoprolol", "Bisoprolol 5 mg tableta, 1 tableta por la mañana")
FUROSEMIDE = _drug("C03CA01", "Furosemida", "Furosemida 40 mg tableta, 1 tableta por la mañana")
TAMSULOSIN = _drug("G04CA02", "Tamsulosina", "Tamsulosina 0,4 mg cápsula, 1 cápsula por la noche", 1, "cápsula")
NAPROXEN = _drug("M01AE02", "Naproxeno", "Naproxeno 550 mg tableta, 1 tableta cada 12 horas por 5 días", times=2)
PARACETAMOL = _drug(
    "N02BE01", "Paracetamol", "Paracetamol 500 mg tableta, 1 tableta cada 8 horas si hay dolor o fiebre", times=3
)
PARACETAMOL_SYRUP = _drug(
    "N02BE01", "Paracetamol", "Paracetamol 120 mg/5 mL jarabe, 5 mL cada 6 horas si hay fiebre", 5, "mL", 4
)
IBUPROFEN = _drug("M01AE01", "Ibuprofeno", "Ibuprofeno 400 mg tableta, 1 tableta cada 8 horas por 3 días", times=3)
AMOXICILLIN = _drug("J01CA04", "Amoxicilina", "Amoxicilina 500 mg tableta, 1 tableta cada 8 horas por 7 días", times=3)
AZITHROMYCIN = _drug("J01FA10", "Azitromicina", "Azitromicina 500 mg tableta, 1 tableta al día por 3 días")
NITROFURANTOIN = _drug(
    "J01XE01", "Nitrofurantoína", "Nitrofurantoína 100 mg tableta, 1 tableta cada 12 horas por 5 días", times=2
)
REHYDRATION = _drug(
    "A07CA",
    "Sales de rehidratación oral",
    "Sales de rehidratación oral, 200 mL después de cada deposición",
    200,
    "mL",
    4,
)
LORATADINE = _drug("R06AX13", "Loratadina", "Loratadina 10 mg tableta, 1 tableta al día por 10 días")
RHZE = _drug(
    "J04AM06",
    "Rifampicina, isoniazida, pirazinamida y etambutol",
    "RHZE dosis fija tableta, 4 tabletas al día por 2 meses",
    4,
)


@dataclass(frozen=True, slots=True)
class Chronic:
    key: str
    code: dict[str, Any]
    # Share of women and of men that have it at 20, 40, 60 and 80 years; between them, straight lines.
    women: tuple[float, float, float, float]
    men: tuple[float, float, float, float]
    drugs: tuple[Drug, ...]
    panels: tuple[str, ...]  # at each control
    controls: float  # a year
    youngest: int = 18
    country: str | None = None  # only there (or far more often there)

    def share(self, age: float, *, female: bool) -> float:
        if age < self.youngest:
            return 0.0
        points = self.women if female else self.men
        at = min(max((age - 20) / 20, 0.0), 2.999)
        index = int(at)
        return points[index] + (points[index + 1] - points[index]) * (at - index)


def _chronic(  # noqa: PLR0917 - a table row
    key: str,
    icd: str,
    name: str,
    women: tuple[float, float, float, float],
    men: tuple[float, float, float, float],
    drugs: tuple[Drug, ...],
    panels: tuple[str, ...],
    controls: float,
    *,
    text: str | None = None,
    youngest: int = 18,
    country: str | None = None,
) -> Chronic:
    return Chronic(key, concept(ICD10, icd, name, text or name), women, men, drugs, panels, controls, youngest, country)


CHRONIC = (
    _chronic("obesity", "E66.9", "Obesidad, no especificada", (0.16, 0.31, 0.34, 0.22), (0.14, 0.25, 0.25, 0.14),
             (), ("lipids",), 0.5, youngest=12, text="Obesidad"),
    _chronic("hypertension", "I10", "Hipertensión esencial (primaria)", (0.01, 0.10, 0.42, 0.68), (0.03, 0.15, 0.44, 0.62),
             (LOSARTAN, ENALAPRIL, AMLODIPINE, THIAZIDE), ("metabolic",), 1.6, text="Hipertensión arterial"),
    _chronic("diabetes", "E11.9", "Diabetes mellitus no insulinodependiente, sin mención de complicación",
             (0.004, 0.05, 0.19, 0.24), (0.004, 0.06, 0.20, 0.22), (METFORMIN, GLIBENCLAMIDE, INSULIN), ("diabetes",), 2.2,
             text="Diabetes mellitus tipo 2"),
    _chronic("dyslipidemia", "E78.5", "Hiperlipidemia no especificada", (0.02, 0.13, 0.34, 0.30), (0.04, 0.20, 0.32, 0.25),
             (ATORVASTATIN, GEMFIBROZIL), ("lipids",), 0.9, text="Dislipidemia"),
    _chronic("hypothyroidism", "E03.9", "Hipotiroidismo, no especificado", (0.03, 0.07, 0.14, 0.16), (0.003, 0.01, 0.03, 0.04),
             (LEVOTHYROXINE,), ("thyroid",), 1.0, text="Hipotiroidismo"),
    _chronic("asthma", "J45.9", "Asma, no especificada", (0.06, 0.06, 0.05, 0.04), (0.06, 0.04, 0.03, 0.03),
             (SALBUTAMOL, BECLOMETASONE), (), 0.8, youngest=4, text="Asma bronquial"),
    _chronic("copd", "J44.9", "Enfermedad pulmonar obstructiva crónica, no especificada", (0, 0.01, 0.06, 0.10),
             (0, 0.01, 0.08, 0.14), (TIOTROPIUM, SALBUTAMOL), ("blood",), 1.2, youngest=40, text="EPOC"),
    _chronic("kidney", "N18.3", "Enfermedad renal crónica, etapa 3", (0, 0.01, 0.05, 0.18), (0, 0.01, 0.05, 0.16),
             (), ("kidney",), 1.8, youngest=35, text="Enfermedad renal crónica etapa 3"),
    _chronic("depression", "F32.9", "Episodio depresivo, no especificado", (0.09, 0.12, 0.12, 0.09), (0.04, 0.05, 0.05, 0.04),
             (SERTRALINE,), (), 1.4, text="Depresión"),
    _chronic("reflux", "K21.9", "Enfermedad del reflujo gastroesofágico sin esofagitis", (0.02, 0.06, 0.10, 0.10),
             (0.02, 0.06, 0.08, 0.08), (OMEPRAZOLE,), (), 0.4, text="Reflujo gastroesofágico"),
    _chronic("gonarthrosis", "M17.9", "Gonartrosis, no especificada", (0, 0.02, 0.16, 0.28), (0, 0.01, 0.09, 0.16),
             (PARACETAMOL,), (), 0.6, youngest=38, text="Artrosis de rodilla"),
    _chronic("anaemia", "D50.9", "Anemia por deficiencia de hierro sin otra especificación", (0.12, 0.11, 0.06, 0.09),
             (0.02, 0.02, 0.04, 0.08), (IRON,), ("iron",), 1.2, youngest=1, text="Anemia ferropénica"),
    _chronic("coronary", "I25.9", "Enfermedad isquémica crónica del corazón, no especificada", (0, 0.003, 0.03, 0.09),
             (0, 0.006, 0.06, 0.13), (ASPIRIN, ATORVASTATIN, BISOPROLOL), ("lipids",), 1.2, youngest=38,
             text="Cardiopatía isquémica"),
    _chronic("failure", "I50.9", "Insuficiencia cardíaca, no especificada", (0, 0.001, 0.015, 0.08),
             (0, 0.002, 0.02, 0.08), (FUROSEMIDE, BISOPROLOL), ("kidney",), 2.0, youngest=45, text="Insuficiencia cardíaca"),
    _chronic("prostate", "N40", "Hiperplasia de la próstata", (0, 0, 0, 0), (0, 0.01, 0.18, 0.38), (TAMSULOSIN,), (), 0.7,
             youngest=40, text="Hiperplasia benigna de próstata"),
    _chronic("tuberculosis", "A15.0", "Tuberculosis del pulmón, confirmada por hallazgo microscópico del bacilo tuberculoso",
             (0.003, 0.002, 0.002, 0.002), (0.005, 0.004, 0.003, 0.003), (RHZE,), ("blood", "liver"), 2.0,
             youngest=15, country="PE", text="Tuberculosis pulmonar"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Acute:
    code: dict[str, Any]
    weight: float  # adults
    child_weight: float
    drugs: tuple[Drug, ...]
    days: int
    fever: float = 0.0
    breathless: bool = False
    emergency: float = 0.03
    xray: float = 0.0
    panels: tuple[str, ...] = ()


def _acute(  # noqa: PLR0917 - a table row
    icd: str,
    name: str,
    weight: float,
    child: float,
    drugs: tuple[Drug, ...],
    days: int,
    *,
    fever: float = 0.0,
    breathless: bool = False,
    emergency: float = 0.03,
    xray: float = 0.0,
    panels: tuple[str, ...] = (),
) -> Acute:
    return Acute(
        concept(ICD10, icd, name, name.split(",", 1)[0]),
        weight,
        child,
        drugs,
        days,
        fever,
        breathless,
        emergency,
        xray,
        panels,
    )


ACUTE = (
    _acute("J00", "Rinofaringitis aguda [resfriado común]", 14, 30, (PARACETAMOL,), 7, fever=0.4),
    _acute("J02.9", "Faringitis aguda, no especificada", 9, 12, (PARACETAMOL, AMOXICILLIN), 7, fever=0.7),
    _acute("J20.9", "Bronquitis aguda, no especificada", 5, 9, (AZITHROMYCIN, SALBUTAMOL), 12, fever=0.5, breathless=True, xray=0.3),
    _acute("J18.9", "Neumonía, no especificada", 1.4, 2.4, (AMOXICILLIN, AZITHROMYCIN), 18, fever=0.9, breathless=True,
           emergency=0.6, xray=0.95, panels=("blood",)),
    _acute("A09", "Diarrea y gastroenteritis de presunto origen infeccioso", 7, 16, (REHYDRATION,), 5, fever=0.4, emergency=0.2),
    _acute("N39.0", "Infección de vías urinarias, sitio no especificado", 9, 4, (NITROFURANTOIN,), 8, fever=0.3),
    _acute("M54.5", "Lumbago no especificado", 11, 0, (NAPROXEN, PARACETAMOL), 14),
    _acute("R51", "Cefalea", 8, 2, (PARACETAMOL,), 4, emergency=0.08),
    _acute("S93.4", "Esguinces y torceduras del tobillo", 4, 4, (IBUPROFEN,), 21, emergency=0.5, xray=0.1),
    _acute("K29.7", "Gastritis, no especificada", 10, 1, (OMEPRAZOLE,), 20),
    _acute("H10.9", "Conjuntivitis, no especificada", 3, 5, (), 7),
    _acute("L50.9", "Urticaria, no especificada", 3, 3, (LORATADINE,), 6, emergency=0.3),
    _acute("H66.9", "Otitis media, no especificada", 1.5, 7, (AMOXICILLIN,), 10, fever=0.6),
    _acute("R10.4", "Otros dolores abdominales y los no especificados", 5, 6, (), 4, emergency=0.35, panels=("blood",)),
    _acute("F41.9", "Trastorno de ansiedad, no especificado", 5, 0.6, (), 60),
    _acute("T14.0", "Traumatismo superficial de región no especificada del cuerpo", 3, 5, (PARACETAMOL,), 10, emergency=0.8),
)  # fmt: skip
