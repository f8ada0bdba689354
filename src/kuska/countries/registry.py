"""The door to the country packs: by code, or by asking which country a document belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module

from kuska.countries.protocol import CountryPack, IdentifierScheme

# ISO code -> module that holds PACK. A new country is a folder and a line here.
_MODULES = {"PE": "kuska.countries.pe.pack", "CL": "kuska.countries.cl.pack"}


@dataclass(frozen=True, slots=True)
class DocumentMatch:
    """A reading of a text as an identity document."""

    country: str
    scheme: IdentifierScheme
    value: str  # normal form


def codes() -> tuple[str, ...]:
    return tuple(_MODULES)


@cache
def pack(code: str) -> CountryPack:
    """The pack of a country; KeyError for one that has none."""
    found: CountryPack = import_module(_MODULES[code.upper()]).PACK
    return found


def packs() -> tuple[CountryPack, ...]:
    return tuple(pack(code) for code in _MODULES)


def documents_like(text: str) -> tuple[DocumentMatch, ...]:
    """Every document that the text can be, the ones with a verified check digit first.

    A Peruvian DNI without its check character is eight digits and a Chilean RUN of seven digits with its check digit
    is eight characters too: one text can be both, so the answer is a list and the caller looks for all of them.
    """
    found = [
        DocumentMatch(country.code, scheme, value)
        for country in packs()
        for scheme in country.documents
        if (value := scheme.normalise(text)) is not None
    ]
    return tuple(sorted(found, key=lambda match: not match.scheme.checked))


def documents_meant(text: str) -> tuple[DocumentMatch, ...]:
    """Those that the text is beyond a guess: by its check digit, or because whoever wrote it says which kind it is
    ('ce:001234567', the kind being a scheme's key; no id of FHIR has a colon).
    """
    kind, colon, number = text.partition(":")
    if not colon:
        return tuple(match for match in documents_like(text) if match.scheme.checked)
    return tuple(match for match in documents_like(number) if match.scheme.key == kind)
