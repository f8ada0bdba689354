"""Peruvian identity documents.

DNI: eight digits, printed with a check character that is not part of the number and often left out: a digit on today's
cards, a letter on old ones. CE (foreigner's card): 6 to 12 letters or digits, no check digit.
"""

from __future__ import annotations

import re

from kuska.countries.protocol import IdentifierScheme

_WEIGHTS = (3, 2, 7, 6, 5, 4, 3, 2)
_DIGITS = "65432110987"
_LETTERS = "KJIHGFEDCBA"
_DNI = re.compile(r"([0-9]{8})[ \-]?([0-9A-K])?")
_CE = re.compile(r"[A-Z0-9]{6,12}")
_PASSPORT = re.compile(r"[A-Z0-9]{6,9}")
_TYPES = "https://www.gob.pe/minsa/RENHICE/fhir/CodeSystem/IdspersonaPeru"


def dni_checks(number: str) -> tuple[str, str]:
    """The check characters of an eight-digit DNI: (digit, letter); either is right."""
    rest = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, number, strict=True)) % 11
    return _DIGITS[rest], _LETTERS[rest]


def normalise_dni(text: str) -> str | None:
    found = _DNI.fullmatch(text.strip().upper())
    if found is None or (found[2] is not None and found[2] not in dni_checks(found[1])):
        return None
    return found[1]


def present_dni(value: str) -> str:
    return f"{value}-{dni_checks(value)[0]}"


def _upper(pattern: re.Pattern[str], text: str) -> str | None:
    value = text.strip().upper()
    return value if pattern.fullmatch(value) and any(c.isdigit() for c in value) else None


DNI = IdentifierScheme(
    key="dni",
    label="DNI",
    # Public sources disagree on the OID: this one is what MINSA's own exchange uses; the other is recognised too.
    system="urn:oid:2.16.840.1.113883.4.904",
    also_known_as=("urn:oid:2.16.840.1.113883.3.9143.2.1.5",),
    type_system=_TYPES,
    type_code="1",
    normalise=normalise_dni,
    present=present_dni,
)
CE = IdentifierScheme(
    key="ce",
    label="Carné de extranjería",
    system="urn:kuska:pe:ce",
    also_known_as=(),
    type_system=_TYPES,
    type_code="2",
    normalise=lambda text: _upper(_CE, text),
    present=lambda value: value,
    checked=False,
)
PASSPORT = IdentifierScheme(
    key="passport",
    label="Pasaporte",
    system="http://hl7.org/fhir/sid/passport-PER",
    also_known_as=(),
    type_system=_TYPES,
    type_code="3",
    normalise=lambda text: _upper(_PASSPORT, text),
    present=lambda value: value,
    checked=False,
)
