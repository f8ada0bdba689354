"""What all lives share: payers, facilities, their places, staff and roles. A bounded pool, made up, by seed.

Codes have the official shape (RENIPRESS eight digits, DEIS six) in runs that the registers do not use.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from kuska.app.demo.population.codes import SNOMED, concept, hl7
from kuska.app.demo.population.links import Ids, Shared, bundle
from kuska.app.demo.population.person import draw_name
from kuska.countries.protocol import CountryPack, Payer, Place
from kuska.countries.registry import pack, packs

GENERAL, NURSE, INTERNAL, PULMONOLOGY, SURGERY, ONCOLOGY, RADIOLOGY, PATHOLOGY, PAEDIATRICS = range(9)
SPECIALTIES = (
    ("394814009", "Medicina general"),
    ("722163006", "Enfermería"),
    ("419192003", "Medicina interna"),
    ("418112009", "Neumología"),
    ("408456005", "Cirugía de tórax"),
    ("394593009", "Oncología médica"),
    ("394914008", "Radiología"),
    ("394915009", "Anatomía patológica"),
    ("394537008", "Pediatría"),
)
_CENTRE_STAFF = (GENERAL, NURSE, PAEDIATRICS)
_HOSPITAL_STAFF = (GENERAL, NURSE, INTERNAL, PULMONOLOGY, SURGERY, ONCOLOGY, RADIOLOGY, PATHOLOGY, PAEDIATRICS)
_SAINTS = (
    "Santa Rosa",
    "San Gabriel",
    "Santa Elena",
    "San Marcos",
    "La Merced",
    "San Rafael",
    "Santa Lucía",
    "El Carmen",
)
_TREES = (
    "Los Arrayanes",
    "Las Retamas",
    "Los Molles",
    "El Huarango",
    "Los Queñuales",
    "Las Cantutas",
    "Los Canelos",
    "El Algarrobo",
    "Los Boldos",
    "Las Araucarias",
    "Los Pimientos",
    "Los Sauces",
)
_CENTRES, _HOSPITALS = 12, 8


@dataclass(frozen=True, slots=True)
class Clinician:
    person: Shared
    role: Shared
    specialty: int
    licence: str
    name: dict[str, Any]
    gender: str


@dataclass(frozen=True, slots=True)
class Facility:
    organization: Shared
    location: Shared
    place: Place
    hospital: bool
    staff: tuple[Clinician, ...]

    def with_specialty(self, specialty: int) -> Clinician:
        return next((c for c in self.staff if c.specialty == specialty), self.staff[0])


@dataclass(frozen=True, slots=True)
class Network:
    """The facilities of a country and who goes where."""

    country: CountryPack
    centres: tuple[Facility, ...]
    hospitals: tuple[Facility, ...]
    payers: tuple[tuple[Payer, Shared], ...]

    def near(self, place: Place, pool: tuple[Facility, ...], number: int) -> Facility:
        same = [f for f in pool if f.place.code[:2] == place.code[:2]]
        return same[number % len(same)] if same else pool[number % len(pool)]


def _id(*parts: object) -> str:
    return str(uuid5(NAMESPACE_OID, "kuska.population/" + "/".join(map(str, parts))))


def _clinician(
    rng: Random, country: CountryPack, seed: int, *, facility: str, specialty: int, number: int
) -> Clinician:
    female = rng.random() < 0.55
    name = draw_name(
        rng, country, female=female, birth_year=rng.randint(1960, 1995), region=rng.choice(country.places).code[:2]
    )
    licence = f"{700000 + number:06d}"
    title = ("Dra." if female else "Dr.") if specialty != NURSE else ("Lic.",)[0]
    display = f"{title} {name['text']}"
    key = (seed, country.code, licence)
    return Clinician(
        Shared("Practitioner", _id("practitioner", *key), country.licence_system, licence, display),
        Shared("PractitionerRole", _id("role", *key), country.licence_system, f"{licence}.{facility}", display),
        specialty,
        licence,
        name,
        "female" if female else "male",
    )


def _facility(rng: Random, country: CountryPack, seed: int, number: int, place: Place, *, hospital: bool) -> Facility:
    digits = country.facility_digits
    code = f"{9 * 10 ** (digits - 1) + number:0{digits}d}"
    name = (
        f"Hospital Regional {_SAINTS[number % len(_SAINTS)]}"
        if hospital
        else f"Centro de Salud {_TREES[number % len(_TREES)]}"
    )
    name = f"{name} - {place.name}"
    staff = _HOSPITAL_STAFF if hospital else _CENTRE_STAFF
    system = country.facility_system
    return Facility(
        Shared("Organization", _id("organization", seed, country.code, code), system, code, name),
        Shared("Location", _id("location", seed, country.code, code), system, code, name),
        place,
        hospital,
        tuple(
            _clinician(rng, country, seed, facility=code, specialty=s, number=number * 10 + i)
            for i, s in enumerate(staff)
        ),
    )


@cache
def network(country_code: str, seed: int) -> Network:
    country = pack(country_code)
    rng = Random(f"facilities:{seed}:{country_code}")
    by_size = sorted(country.places, key=lambda p: -p.people)
    # Hospitals stand in the largest district of different regions, centres in the largest districts.
    regions: dict[str, Place] = {}
    for place in by_size:
        regions.setdefault(place.code[:2], place)
    seats = list(regions.values())
    hospitals = [_facility(rng, country, seed, 1 + i, seats[i], hospital=True) for i in range(_HOSPITALS)]
    centres = [_facility(rng, country, seed, 101 + i, by_size[i], hospital=False) for i in range(_CENTRES)]
    payers = tuple(
        (p, Shared("Organization", _id("payer", seed, country_code, p.code), country.payer_system, p.code, p.name))
        for p in country.payers
    )
    return Network(country, tuple(centres), tuple(hospitals), payers)


def _organization(shared: Shared, kind: dict[str, Any], country: CountryPack, place: Place | None) -> dict[str, Any]:
    node: dict[str, Any] = {
        "resourceType": "Organization",
        "identifier": [{"use": "official", "system": shared.system, "value": shared.value}],
        "active": True,
        "type": [kind],
        "name": shared.display,
    }
    if place is not None:
        node["address"] = [{**country.address(place, "Av. Principal s/n"), "use": "work"}]
    return node


def _facility_nodes(country: CountryPack, facility: Facility, ids: Ids) -> Iterator[tuple[Shared, dict[str, Any]]]:
    organization = facility.organization.reference(ids)
    kind = hl7("organization-type", "prov", "Prestador de salud")
    yield facility.organization, _organization(facility.organization, kind, country, facility.place)
    yield (
        facility.location,
        {
            "resourceType": "Location",
            "identifier": [{"system": facility.location.system, "value": facility.location.value}],
            "status": "active",
            "name": facility.location.display,
            "mode": "instance",
            "type": [
                hl7(
                    "v3-RoleCode",
                    "HOSP" if facility.hospital else "OF",
                    "Hospital" if facility.hospital else "Consultorio",
                )
            ],
            "address": {**country.address(facility.place, "Av. Principal s/n"), "use": "work"},
            "managingOrganization": organization,
        },
    )
    for member in facility.staff:
        yield (
            member.person,
            {
                "resourceType": "Practitioner",
                "identifier": [{"use": "official", "system": member.person.system, "value": member.licence}],
                "active": True,
                "name": [member.name],
                "gender": member.gender,
            },
        )
        code, display = SPECIALTIES[member.specialty]
        yield (
            member.role,
            {
                "resourceType": "PractitionerRole",
                "identifier": [{"system": member.role.system, "value": member.role.value}],
                "active": True,
                "practitioner": member.person.reference(ids),
                "organization": organization,
                "specialty": [concept(SNOMED, code, display)],
                "location": [facility.location.reference(ids)],
            },
        )


def shared_nodes(seed: int, ids: Ids) -> Iterator[tuple[Shared, dict[str, Any]]]:
    for country in packs():
        net = network(country.code, seed)
        for _, shared in net.payers:
            yield shared, _organization(shared, hl7("organization-type", "pay", "Financiador"), country, None)
        for facility in (*net.hospitals, *net.centres):
            yield from _facility_nodes(country, facility, ids)


def facilities(seed: int = 1, ids: Ids = Ids.SERVER) -> dict[str, Any]:
    """One transaction with all that lives share. To be stored before them; storing it again changes nothing."""
    entries: list[dict[str, Any]] = []
    nodes = list(shared_nodes(seed, ids))
    full_urls = {
        f"{shared.type}?identifier={shared.system}|{shared.value}": f"urn:uuid:{shared.id}" for shared, _ in nodes
    }
    for shared, node in nodes:
        if ids is Ids.CLIENT:
            body = {"resourceType": node["resourceType"], "id": shared.id, **node}
            request = {"method": "PUT", "url": f"{shared.type}/{shared.id}"}
        else:
            body = _with_full_urls(node, full_urls)
            condition = f"identifier={shared.system}|{shared.value}"
            request = {"method": "POST", "url": shared.type, "ifNoneExist": condition}
        entries.append({"fullUrl": f"urn:uuid:{shared.id}", "resource": body, "request": request})
    return bundle(entries)


def _with_full_urls(node: dict[str, Any], full_urls: dict[str, str]) -> dict[str, Any]:
    """The same node pointing to entries of its own bundle instead of by search: they may not be stored yet."""

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: full_urls.get(v, v) if k == "reference" else walk(v) for k, v in value.items()}
        if isinstance(value, list):
            return [walk(v) for v in value]
        return value

    return walk(node)
