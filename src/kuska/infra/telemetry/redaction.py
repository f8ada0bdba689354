"""The second line behind "nothing clinical is logged": whatever reaches the log all the same is masked here.

What may be read is listed, not what may not: an event is a short plain text of ours; values are numbers, words and
places; a text of several words stands only under the keys that are ours to fill (`FREE`). What other libraries say is
kept as their template without what they put into it. On all of it patterns are masked: documents, mails, phones,
names, dates, ids in paths, queries, tokens, cookies, passwords.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, MutableMapping
from functools import lru_cache
from typing import Any, cast

# Filled by us, with catalogue texts, code places and the like; patterns are masked in them too.
FREE = frozenset({"said", "problem", "detail", "cause", "exception", "route"})
# Not even looked at: made by the logging itself.
_OWN = frozenset({"timestamp", "level", "logger", "places"})
# Ids of ours, by which an operator finds a request again.
_OUR_IDS = frozenset({"request", "trace", "glass"})
_OUR_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
# Numbers of seven digits and more are documents or phones unless they stand under one of these.
_MEASURES = frozenset(
    {"bytes", "count", "rows", "pid", "lag", "size", "seq", "number", "seconds", "limit", "total", "waiting", "code"}
)
_MASK = "[masked]"
_WORDS = 3  # more words than that under a key that is not free are a text
_LONGEST = 300
_DEEPEST = 4
_EVENT = re.compile(r"[a-z][a-z0-9 ,'():/_.-]{0,79}")

# Key words before a person's name, and keys whose value is a person's or a secret.
_PERSONAL = re.compile(
    r"(?i)(?:.*[_.-])?(?:name|names|nombres?|family|given|apellidos?|patients?|pacientes?|subject|person|persona|birth_?date|"
    r"nacimiento|born|dob|dni|run|rut|ce|passport|pasaporte|document|documento|identifiers?|email|mail|correo|phones?|"
    r"telefono|telecom|address_line|direccion|password|clave|secret|token|cookies?|authorization|session|key|query|"
    r"body|payload|note|notes|nota|notas|text|texto|div|display|value|values|params|args|content|message|diagnos\w*|"
    r"motivo|login|user|username|usuario)"
)
_CAPITAL = "[A-ZÁÉÍÓÚÜÑ]"
_SMALL = "[a-záéíóúüñ'’]"
_NAME = rf"{_CAPITAL}(?:{_SMALL}+|{_CAPITAL}+\b)"
_JOIN = r"(?:,?\s+(?:(?:de|del|la|las|los|y)\s+)*)"
_TITLE = (
    r"(?i:\b(?:pacientes?|patients?|nombres?|name|family|given|apellidos?|sr|sra|srta|dr|dra|don|doña|madre|padre|hij[oa]|"
    r"espos[oa]|familiar|identificad[oa] como|llamad[oa])\b)"
)
_MONTHS = "ene|feb|mar|abr|may|jun|jul|ago|set|sep|oct|nov|dic"
_MASKS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("[credentials]", re.compile(r"(?<=://)[^/\s@]+@")),
    (
        "[credentials]",
        re.compile(
            r"(?i)\b(?:authorization|(?:set-)?cookie|x-vault-token|secret|token|api[_-]?key|session)\b[\"']?\s*[:=][^\n]*"
            r"|(?i:\b(?:bearer|basic|password|passwd|pwd|clave|contraseña)\b[\"']?\s*[:= ]\s*[^\n]+)"
        ),
    ),
    ("[token]", re.compile(r"\beyJ[\w-]+\.[\w-]*(?:\.[\w-]*)?")),
    ("?[query]", re.compile(r"\?[^\s\"']*=[^\s\"']*")),
    ("[mail]", re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)*")),
    (r"\1/[id]", re.compile(r"\b([A-Z][A-Za-z]{2,})/[A-Za-z0-9.-]{1,64}")),
    ("[id]", re.compile(r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b")),
    (
        "[date]",
        re.compile(
            r"\b\d{4}[-/.]\d{1,2}[-/.]\d{1,2}\b|\b\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d{2})\b"
            rf"|(?i:\b\d{{1,2}}\s+(?:de\s+)?(?:{_MONTHS})[a-z]*\.?\s+(?:del?\s+)?\d{{4}}\b)"
        ),
    ),
    ("[number]", re.compile(r"(?<![\w.])\+?\(?\d(?:[ .()-]{0,2}\d){5,}(?:-?[\dkK])?(?!\w)")),
    ("[token]", re.compile(r"\b[A-Za-z0-9_+-]{32,}={0,2}")),
    ("[name]", re.compile(rf"{_TITLE}\.?\s*[:=]?\s*[\"']?{_NAME}(?:{_JOIN}{_NAME})*")),
    ("[name]", re.compile(rf"\b{_NAME}(?:{_JOIN}{_NAME})+")),
)
_MAYBE = re.compile(r"[\d@/?A-ZÁÉÍÓÚÑ=:]|eyJ|earer|ookie|assw|lave|oken|ecret")
_QUOTED = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"|=\([^)\n]*\)|«[^»]*»|“[^”]*”")
_PLACEHOLDER = re.compile(r"%(?:\(\w+\))?[-+ #0-9.*]*[a-zA-Z]")


def masked(text: str) -> str:
    """The text with everything in it that looks like somebody's."""
    if _MAYBE.search(text) is None:
        return text
    for mask, pattern in _MASKS:
        text = pattern.sub(mask, text)
    return text


def redact(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A processor of structlog, for our own events and for those of other libraries."""
    record = event.pop("_record", None)
    foreign = not event.pop("_from_structlog", False)
    arguments = event.pop("positional_args", None)
    said = event.get("event")
    if foreign and isinstance(record, logging.LogRecord):
        event["event"] = _template(str(record.msg), arguments)
    elif isinstance(said, str):
        event["event"] = masked(said) if _EVENT.fullmatch(said) else _stranger(said)
    elif said is not None:
        event["event"] = _value("event", said, 0)
    for key in list(event):
        if key not in _OWN and key != "event":
            event[key] = _value(key, event[key], 0)
    return event


def _template(text: str, arguments: Any) -> str:
    """What a library says, without what it says it about: the arguments are data, numbers apart."""
    if not arguments:
        return _stranger(text)
    values: list[Any] = [] if isinstance(arguments, Mapping) else list(arguments)
    numbers = iter(values)

    def shown(_: re.Match[str]) -> str:
        value = next(numbers, None)
        return str(value) if isinstance(value, int | float) and abs(value) < 1_000_000 else _MASK

    return masked(_PLACEHOLDER.sub(shown, text.replace("%%", "%").partition("\n")[0]))[:_LONGEST]


def _stranger(text: str) -> str:
    """A text with who knows what in it: libraries' are English and short; anything else is somebody's prose."""
    line = _QUOTED.sub(_MASK, text.partition("\n")[0])
    if len(line) > 160 or line.count(" ") > 10 or not line.isascii():
        return _counted(text)
    return masked(line)


def _free(text: str) -> str:
    if len(text) > _LONGEST:
        return _counted(text)
    return masked(text)


def _counted(text: str) -> str:
    return f"[text of {len(text)} characters]"


@lru_cache(maxsize=4096)
def _personal(key: str) -> bool:
    return _PERSONAL.fullmatch(key) is not None


def _value(key: str, value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if key not in FREE and _personal(key):
        return _MASK
    if isinstance(value, str):
        return _string(key, value)
    if isinstance(value, int | float):
        return value if abs(value) < 1_000_000 or key in _MEASURES else "[number]"
    if depth >= _DEEPEST:
        return _MASK
    if isinstance(value, Mapping):
        inner = cast("Mapping[Any, Any]", value)
        return {masked(str(name)): _value(str(name), each, depth + 1) for name, each in inner.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_value(key, each, depth + 1) for each in cast("list[Any]", list(value))]
    # Of anything else only what it is: its text may be anybody's.
    return f"[{type(value).__qualname__}]"


def _string(key: str, text: str) -> str:
    if key in _OUR_IDS and _OUR_ID.fullmatch(text):
        return text
    if key in FREE:
        return _free(text)
    if len(text) > 120 or text.count(" ") >= _WORDS:
        return _counted(text)
    return masked(text)
