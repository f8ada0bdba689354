"""Which kind of document a number is: the country's kinds to choose from, the citizens' first, and what was chosen."""

from __future__ import annotations

from kuska.countries.registry import pack
from kuska.kit.messages import catalogue

DOCUMENT_KIND = "document_kind"  # the field's name


def kinds(country: str, lang: str, *, ids: bool = False) -> list[tuple[str, str]]:
    """Value and text. `ids`: instead of the citizens' document its number or the record's id may stand, of which it is
    known by itself which one it is.
    """
    known = catalogue(lang)
    found = [(each.key, known.get(f"document.{each.key}", each.label)) for each in pack(country).documents]
    if ids:
        found[0] = ("", known["document.or-id"].format(document=found[0][1]))
    return found


def meant(kind: str, text: str) -> str:
    """As those who look patients up read it: with its kind in front, where one was chosen."""
    return f"{kind}:{text}" if kind and text else text
