"""Chile's pack put together. Extensions and systems are those of CL Core."""

from __future__ import annotations

from typing import Any

from kuska.countries.cl.identifiers import RUN, run_check
from kuska.countries.cl.names import NAMES
from kuska.countries.cl.places import PLACES
from kuska.countries.protocol import Cohort, CountryPack, Payer, Phones, Place, Retention

_CORE = "https://hl7chile.cl/fhir/ig/clcore"


def human_name(given: tuple[str, ...], first: str, second: str) -> dict[str, Any]:
    """CL Core: the family name is the first surname, the second stands in an extension."""
    return {
        "use": "official",
        "text": f"{' '.join(given)} {first} {second}",
        "family": first,
        "_family": {"extension": [{"url": f"{_CORE}/StructureDefinition/SegundoApellido", "valueString": second}]},
        "given": list(given),
    }


def _coded(extension: str, system: str, code: str, display: str) -> dict[str, Any]:
    coding = {"system": f"{_CORE}/CodeSystem/{system}", "code": code, "display": display}
    value = {"url": f"{_CORE}/StructureDefinition/{extension}", "valueCodeableConcept": {"coding": [coding]}}
    return {"extension": [value]}


def address(place: Place, line: str) -> dict[str, Any]:
    return {
        "use": "home",
        "type": "physical",
        "line": [line],
        "city": place.name,
        "_city": _coded("ComunasCl", "CSCodComunasCL", place.code, place.name),
        "district": place.province,
        "_district": _coded("ProvinciasCl", "CSCodProvinciasCL", place.province_code(3), place.province),
        "state": place.region,
        "_state": _coded("RegionesCl", "CSCodRegionCL", place.region_code(), place.region),
        "country": "CL",
    }


PACK = CountryPack(
    code="CL",
    name="Chile",
    currency="CLP",
    documents=(RUN,),
    document_value=lambda number: f"{number}-{run_check(number)}",
    names=NAMES,
    places=PLACES,
    # Age shares near the 2025 projection; RUN runs follow the year of birth (from about 1950 they are given in order).
    cohorts=(
        Cohort(0.008, 88, 98, 1_500_000, 3_300_000),
        Cohort(0.023, 80, 88, 3_300_000, 4_600_000),
        Cohort(0.062, 70, 80, 4_600_000, 7_000_000),
        Cohort(0.104, 60, 70, 7_000_000, 10_300_000),
        Cohort(0.126, 50, 60, 10_300_000, 13_000_000),
        Cohort(0.136, 40, 50, 13_000_000, 15_800_000),
        Cohort(0.162, 30, 40, 15_800_000, 18_900_000),
        Cohort(0.141, 20, 30, 18_900_000, 21_700_000),
        Cohort(0.128, 10, 20, 21_700_000, 24_300_000),
        Cohort(0.110, 0, 10, 24_300_000, 27_300_000),
    ),
    payers=(
        Payer("1", "Fondo Nacional de Salud - FONASA", "public", 0.80, ("Tramo A", "Tramo B", "Tramo C", "Tramo D")),
        Payer("2", "Isapre Los Alerces", "private", 0.15, ("Plan preferente", "Plan libre elección")),
        Payer("3", "Caja de Previsión de la Defensa Nacional - CAPREDENA", "social", 0.015),
        Payer("4", "Dirección de Previsión de Carabineros - DIPRECA", "social", 0.01),
    ),
    phones=Phones("+56", 9, (1, 4, 4)),
    zone="America/Santiago",
    facility_system="urn:kuska:cl:deis-establecimiento",
    facility_digits=6,
    licence_system="urn:kuska:cl:rnpi",
    payer_system="urn:kuska:cl:prevision",
    # The record itself is kept at least 15 years; the trail that shows who had access to it, no less.
    audit_retention=Retention(15, "Ley 20.584 art. 13 (record), Ley 21.668 (traceable access): to be confirmed"),
    human_name=human_name,
    address=address,
)
