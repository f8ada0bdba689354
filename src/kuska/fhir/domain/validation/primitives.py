"""Primitive values: one test per type that is true for good values, and the words for bad ones.

A `Primitive` has the Python class that the usual JSON value has and a test for it. Both are on the hot path: the test
is a compiled pattern or a builtin where possible. Values that fail it, or have another class, go to `problem`, which
knows the rare good ones (29 February, whole decimals) and says what is wrong with the others.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

_MAX_TEXT = 1_048_576
_MAX_DECIMAL = 10**100


@dataclass(frozen=True, slots=True)
class Primitive:
    json: type  # class of the usual JSON value
    test: Callable[[Any], object]  # truthy for good values of that class
    problem: Callable[[Any], str | None]  # message key for a value that did not pass, None when it is good after all
    json_name: str  # 'string', 'number', 'boolean', for the message


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if value.__class__ is bool:
        return "boolean"
    if isinstance(value, int | Decimal):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def kind_of(value: object) -> str:
    """JSON's name for what the value is."""
    return _kind(value)


def _text(test: Callable[[Any], object], key: str) -> Primitive:
    def problem(value: Any) -> str | None:
        if not isinstance(value, str):
            return "wrong-json-type"
        if value == "":
            return "empty-string"
        if len(value) > _MAX_TEXT:
            return "too-long"
        return None if test(value) else key

    return Primitive(json=str, test=test, problem=problem, json_name="string")


def _number(test: Callable[[Any], object], key: str) -> Primitive:
    def problem(value: Any) -> str | None:
        if value.__class__ is int or (isinstance(value, Decimal) and value == value.to_integral_value()):
            # 1.0 is a number with a point: no integer of FHIR is written so.
            return None if value.__class__ is int and test(value) else key
        return key if isinstance(value, Decimal) else "wrong-json-type"

    return Primitive(json=int, test=test, problem=problem, json_name="number")


def _is_text(value: str) -> bool:
    return 0 < len(value) <= _MAX_TEXT and not (value[0] <= " " and value.isspace())


_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_CODE = re.compile(r"\S+(?: \S+)*")
_OID = re.compile(r"urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+")
_UUID = re.compile(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_UUID_ANY_CASE = re.compile(_UUID.pattern, re.IGNORECASE)
_URI = re.compile(rf"(?!urn:(?:oid|uuid):)\S+|{_OID.pattern}|(?i:{_UUID.pattern})")
_YEAR = r"(?:[0-9](?:[0-9](?:[0-9][1-9]|[1-9]0)|[1-9]00)|[1-9]000)"
# Every day that exists in every year; 29 February is looked at by itself.
_DAY = (
    r"(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    r"|02-(?:0[1-9]|1[0-9]|2[0-8]))"
)
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
_ZONE = r"(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
_MONTH = r"(?:0[1-9]|1[0-2])"
_DATE = re.compile(rf"{_YEAR}(?:-(?:{_DAY}|{_MONTH}))?")
_DATE_TIME = re.compile(rf"{_YEAR}(?:-(?:{_DAY}(?:T{_CLOCK}{_ZONE})?|{_MONTH}))?")
_INSTANT = re.compile(rf"{_YEAR}-{_DAY}T{_CLOCK}{_ZONE}")
_TIME = re.compile(_CLOCK)
_LEAP_DAY = re.compile(r"([0-9]{4})-02-29")
_SHAPED_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T.*)?")
_NO_ZONE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+")
_BLANKS = re.compile(r"\s+")


def _dated(pattern: re.Pattern[str], key: str) -> Primitive:
    def problem(value: Any) -> str | None:
        if not isinstance(value, str):
            return "wrong-json-type"
        if value == "":
            return "empty-string"
        if (leap := _LEAP_DAY.match(value)) and int(leap[1]) > 0:
            if not _is_leap(int(leap[1])):
                return "no-such-day"
            # The same moment of a day that exists in every year has the same form.
            value = f"{value[:8]}28{value[10:]}"
        if pattern.fullmatch(value):
            return None
        if _NO_ZONE.fullmatch(value):
            return "no-time-zone" if key != "bad-date" else key
        if _SHAPED_DATE.fullmatch(value) and not _exists(value[:10]):
            return "no-such-day"
        return key

    return Primitive(json=str, test=pattern.fullmatch, problem=problem, json_name="string")


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _exists(day: str) -> bool:
    try:
        date.fromisoformat(day)
    except ValueError:
        return False
    return True


def _uri_problem(value: Any) -> str | None:
    if not isinstance(value, str):
        return "wrong-json-type"
    if value == "":
        return "empty-string"
    if any(c.isspace() for c in value):
        return "blank-in-uri"
    if value.startswith("urn:oid:") and not _OID.fullmatch(value):
        return "bad-oid"
    if value.startswith("urn:uuid:") and not _UUID_ANY_CASE.fullmatch(value):
        return "bad-uuid"
    return None


def _is_base64(value: str) -> bool:
    try:
        binascii.a2b_base64(value, strict_mode=True)
    except ValueError:  # binascii.Error, or not ASCII
        return False
    return value != ""


def _base64_problem(value: Any) -> str | None:
    if not isinstance(value, str):
        return "wrong-json-type"
    if value == "":
        return "empty-string"
    return None if _is_base64(_BLANKS.sub("", value)) else "bad-base64"


def _decimal_problem(value: Any) -> str | None:
    if value.__class__ is int:
        return None if abs(value) < _MAX_DECIMAL else "bad-decimal"
    if isinstance(value, Decimal) and value.is_finite():  # with an exponent, as it was written
        return None
    return "wrong-json-type"


def _boolean_problem(value: Any) -> str | None:  # noqa: ARG001 - every boolean passes the class test
    return "wrong-json-type"


def _always(value: Any) -> bool:  # noqa: ARG001
    return True


_URI_LIKE = Primitive(json=str, test=_URI.fullmatch, problem=_uri_problem, json_name="string")
# R4's form of a URI is \S*: what a scheme asks besides is worth saying and no reason to refuse (a type oid or uuid is).
WARNED = frozenset({"bad-oid", "bad-uuid"})
URI_TYPES = frozenset({"uri", "url", "canonical"})
_STRING = _text(_is_text, "blank-string")

PRIMITIVES: dict[str, Primitive] = {
    "boolean": Primitive(json=bool, test=_always, problem=_boolean_problem, json_name="boolean"),
    "integer": _number(lambda v: -2_147_483_648 <= v <= 2_147_483_647, "bad-integer"),
    "unsignedInt": _number(lambda v: 0 <= v <= 2_147_483_647, "bad-unsigned-int"),
    "positiveInt": _number(lambda v: 0 < v <= 2_147_483_647, "bad-positive-int"),
    "decimal": Primitive(json=Decimal, test=Decimal.is_finite, problem=_decimal_problem, json_name="number"),
    "string": _STRING,
    "markdown": _STRING,
    "code": _text(_CODE.fullmatch, "bad-code"),
    "id": _text(_ID.fullmatch, "bad-id"),
    "uri": _URI_LIKE,
    "url": _URI_LIKE,
    "canonical": _URI_LIKE,
    "oid": _text(_OID.fullmatch, "bad-oid"),
    "uuid": _text(_UUID.fullmatch, "bad-uuid"),
    "base64Binary": Primitive(json=str, test=_is_base64, problem=_base64_problem, json_name="string"),
    "date": _dated(_DATE, "bad-date"),
    "dateTime": _dated(_DATE_TIME, "bad-date-time"),
    "instant": _dated(_INSTANT, "bad-instant"),
    "time": _text(_TIME.fullmatch, "bad-time"),
}
