"""Who the patient is."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from datetime import date

from kuska.countries.registry import packs
from kuska.portal.record.coded import Node, label, shown
from kuska.portal.record.page import Age, Contact, Document, Identification

_SEX = {"female": "femenino", "male": "masculino", "other": "otro", "unknown": "desconocido"}
_CONTACT = {"phone": "telefono", "sms": "telefono", "email": "correo"}
_NAME_ORDER = ("official", "usual", None)


def identification(patient: Node, coverages: Sequence[Node], today: date) -> Identification:
    name = _name(patient)
    death = patient.get("deceasedDateTime")
    deceased = True if death is not None else patient.get("deceasedBoolean")
    birth = patient.get("birthDate")
    until = _date(death) if isinstance(death, str) else today
    general = patient.get("generalPractitioner") or [None]
    return Identification(
        id=patient["id"],
        name=name.get("text") or " ".join([*name.get("given", ()), name.get("family", "")]).strip(),
        given=tuple(name.get("given", ())),
        family=_family(name),
        documents=tuple(_document(item) for item in patient.get("identifier", ()) if item.get("value")),
        birth_date=birth,
        age=_age(_date(birth), until) if birth else None,
        sex=_SEX.get(patient.get("gender", "")),
        deceased=deceased,
        contacts=tuple(_contact(item) for item in patient.get("telecom", ()) if item.get("value")),
        address=_address(patient),
        language=_language(patient),
        practitioner=shown(general[0]),
        organization=shown(patient.get("managingOrganization")),
        payers=tuple(_payer(node) for node in coverages if node.get("status") == "active"),
    )


def _name(patient: Node) -> Node:
    names: list[Node] = patient.get("name", [])
    for use in _NAME_ORDER:
        for name in names:
            if name.get("use") == use:
                return name
    return names[0] if names else {}


def _family(name: Node) -> str | None:
    """Both surnames, also where a country's guide keeps the second in an extension."""
    family = name.get("family")
    if family is None:
        return None
    for extension in name.get("_family", {}).get("extension", ()):
        part = extension.get("valueString", "")
        if part and part not in family:
            family = f"{family} {part}"
    return family


def _document(identifier: Node) -> Document:
    system, value = identifier.get("system", ""), identifier["value"]
    for country in packs():
        for scheme in country.documents:
            if system in scheme.systems:
                normal = scheme.normalise(value)
                return Document(scheme.label, scheme.present(normal) if normal else value, system)
    return Document(label(identifier.get("type")) or "otro", value, system)


def _contact(item: Node) -> Contact:
    return Contact(_CONTACT.get(item.get("system", ""), "otro"), item["value"], item.get("use"))


def _address(patient: Node) -> str | None:
    for item in patient.get("address", ()):
        if item.get("use") != "old":
            parts = [
                *item.get("line", ()),
                item.get("district"),
                item.get("city"),
                item.get("state"),
                item.get("country"),
            ]
            known = [part for part in parts if part]
            return item.get("text") or ", ".join(dict.fromkeys(known)) or None
    return None


def _language(patient: Node) -> str | None:
    spoken: list[Node] = patient.get("communication", [])
    chosen = next((item for item in spoken if item.get("preferred")), spoken[0] if spoken else None)
    return label(chosen["language"]) if chosen else None


def _payer(coverage: Node) -> str:
    payor = next((name for item in coverage.get("payor", ()) if (name := shown(item))), None) or label(
        coverage.get("type")
    )
    plans = [item.get("name") or item.get("value") for item in coverage.get("class", ())]
    return " · ".join([payor or "sin nombre", *(plan for plan in plans if plan)])


def _date(text: str) -> date:
    """The first day that a partial FHIR date can mean."""
    parts = [int(part) for part in text[:10].split("-")]
    return date(parts[0], parts[1] if len(parts) > 1 else 1, parts[2] if len(parts) > 2 else 1)


def _age(birth: date, until: date) -> Age | None:
    if until < birth:
        return None
    months = (until.year - birth.year) * 12 + until.month - birth.month
    if until.day < birth.day:
        months -= 1
    year, month = divmod(birth.year * 12 + birth.month - 1 + months, 12)
    # Born on the 31st: the month's birthday is its last day.
    anniversary = date(year, month + 1, min(birth.day, monthrange(year, month + 1)[1]))
    return Age(months // 12, months % 12, (until - anniversary).days)
