"""Peru's pack put together."""

from __future__ import annotations

from typing import Any

from kuska.countries.pe.identifiers import CE, DNI, PASSPORT
from kuska.countries.pe.names import NAMES
from kuska.countries.pe.places import PLACES
from kuska.countries.protocol import Cohort, CountryPack, Payer, Phones, Place, Retention

_FATHER = "http://hl7.org/fhir/StructureDefinition/humanname-fathers-family"
_MOTHER = "http://hl7.org/fhir/StructureDefinition/humanname-mothers-family"
_UBIGEO = "https://www.gob.pe/minsa/RENHICE/fhir/StructureDefinition/pe-ubigeo"


def human_name(given: tuple[str, ...], first: str, second: str) -> dict[str, Any]:
    """Both surnames are the family name; each is also marked as the father's or the mother's."""
    family = f"{first} {second}"
    return {
        "use": "official",
        "text": f"{' '.join(given)} {family}",
        "family": family,
        "_family": {"extension": [{"url": _FATHER, "valueString": first}, {"url": _MOTHER, "valueString": second}]},
        "given": list(given),
    }


def address(place: Place, line: str) -> dict[str, Any]:
    return {
        "extension": [{"url": _UBIGEO, "valueString": place.code}],
        "use": "home",
        "type": "physical",
        "line": [line],
        "city": place.province,
        "district": place.name,
        "state": place.region,
        "country": "PE",
    }


PACK = CountryPack(
    code="PE",
    name="Perú",
    currency="PEN",
    documents=(DNI, CE, PASSPORT),
    document_value=lambda number: f"{number:08d}",
    names=NAMES,
    places=PLACES,
    # Age shares near the 2025 projection; number runs near those of the register (electoral books, first DNI, minors).
    cohorts=(
        Cohort(0.004, 88, 98, 100_000, 1_600_000),
        Cohort(0.014, 80, 88, 1_600_000, 4_000_000),
        Cohort(0.037, 70, 80, 4_000_000, 9_000_000),
        Cohort(0.068, 60, 70, 9_000_000, 19_000_000),
        Cohort(0.095, 50, 60, 19_000_000, 29_000_000),
        Cohort(0.128, 40, 50, 29_000_000, 41_000_000),
        Cohort(0.160, 30, 40, 41_000_000, 48_000_000),
        Cohort(0.166, 20, 30, 60_500_000, 73_000_000),
        Cohort(0.166, 10, 20, 73_000_000, 79_500_000),
        Cohort(0.162, 0, 10, 79_500_000, 94_000_000),
    ),
    payers=(
        Payer("SIS", "Seguro Integral de Salud", "public", 0.62, ("SIS Gratuito", "SIS Para Todos")),
        Payer("ESSALUD", "Seguro Social de Salud - EsSalud", "social", 0.29, ("Seguro regular",)),
        Payer("EPS", "Entidad Prestadora de Salud Aurora", "private", 0.04, ("Plan base", "Plan ampliado")),
        Payer("FFAA", "Fondo de Aseguramiento en Salud de las Fuerzas Armadas y Policiales", "social", 0.02),
        Payer("PREPAGADA", "Prepagada Santa Elena", "private", 0.01, ("Plan oncológico",)),
    ),
    phones=Phones("+51", 9, (3, 3, 3)),
    zone="America/Lima",
    facility_system="urn:kuska:pe:renipress",
    facility_digits=8,
    licence_system="urn:kuska:pe:cmp",
    payer_system="urn:kuska:pe:iafas",
    # The norms for records found so far name no years for the audit trail; as long as Chile's until a lawyer says so.
    audit_retention=Retention(15, "NTS 139-MINSA/2018 and DS 016-2024-JUS: to be confirmed"),
    human_name=human_name,
    address=address,
)
