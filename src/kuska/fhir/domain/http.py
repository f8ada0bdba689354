"""What HTTP headers say in FHIR's terms: entity tags, dates, preferences. Pure.

https://hl7.org/fhir/R4/http.html#versioning · https://hl7.org/fhir/R4/http.html#ops
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

from kuska.kit.errors import IncorrectError, Issue

_ETAG = re.compile(r'(?:W/)?"([^"]*)"|([A-Za-z0-9\-.]{1,64})')
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Prefer:
    """https://hl7.org/fhir/R4/http.html#return and https://hl7.org/fhir/R4/search.html#errors"""

    returns: str = "representation"  # minimal | representation | OperationOutcome
    returns_asked: bool = False
    lenient: bool = False


ANY_VERSION = 0  # `If-Match: *`: whichever there is, as long as there is one
_NOTHING_PREFERRED = Prefer()
_RETURNS = {"minimal": "minimal", "representation": "representation", "operationoutcome": "OperationOutcome"}


def etag(version: int) -> str:
    return f'W/"{version}"'


def http_date(moment: datetime) -> str:
    """IMF-fixdate, without the locale and without `email.utils`' cost (this runs for every answer)."""
    t = moment.astimezone(UTC)
    return (
        f"{_DAYS[t.weekday()]}, {t.day:02d} {_MONTHS[t.month - 1]} {t.year:04d} "
        f"{t.hour:02d}:{t.minute:02d}:{t.second:02d} GMT"
    )


def parse_http_date(text: str) -> datetime | None:
    """None for a date that cannot be read: RFC 9110 §13.1.3 says to ignore such a condition."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def parse_if_match(text: str) -> int | None:
    """The version an If-Match names, or ANY_VERSION. Several are refused: a guess would lose an update."""
    if text.strip() == "*":
        return ANY_VERSION
    found = _ETAG.fullmatch(text.strip())
    digits = (found[1] if found[1] is not None else found[2]) if found else ""
    if digits.isdecimal() and digits.isascii() and len(digits) < 10 and int(digits):
        return int(digits)
    if found and (found[1] is not None or found[2]):
        return -1  # a well-formed tag that can be no version here: it matches nothing
    raise IncorrectError(
        Issue(code="value", message="interaction.etag-unreadable", params={"header": "If-Match", "value": text[:80]})
    )


def empty_condition(name: str) -> IncorrectError:
    """A condition that is there and says nothing."""
    return IncorrectError(Issue(code="value", message="interaction.empty-condition", params={"header": name}))


def none_match(text: str, version: int) -> bool:
    """Does If-None-Match name this version? (then the reader has it already)"""
    if text.strip() == "*":
        return True
    return any((found[1] or found[2]) == str(version) for found in _ETAG.finditer(text))


@lru_cache(maxsize=256)
def parse_prefer(text: str) -> Prefer:
    """Unknown preferences are ignored, as RFC 7240 asks."""
    returns, asked, lenient = "representation", False, False
    for part in re.split(r"[;,]", text):
        name, _, value = part.strip().partition("=")
        name, value = name.strip().lower(), value.strip().strip('"').lower()
        if name == "return" and value in _RETURNS:
            returns, asked = _RETURNS[value], True
        elif name == "handling" and value == "lenient":
            lenient = True
    return Prefer(returns, asked, lenient)


def prefer(text: str | None) -> Prefer:
    return parse_prefer(text) if text else _NOTHING_PREFERRED
