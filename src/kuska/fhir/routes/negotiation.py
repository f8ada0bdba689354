"""Which format the client sends and which it wants: JSON only, said clearly when it is something else.

https://hl7.org/fhir/R4/http.html#mime-type. The answer is always `application/fhir+json`, whichever of the JSON names
was asked for, as the specification recommends.
"""

from __future__ import annotations

from functools import lru_cache

from kuska.kit.errors import Issue, UnsupportedError

JSON_TYPES = frozenset({"application/fhir+json", "application/json", "text/json", "application/json+fhir"})
JSON_PATCH = "application/json-patch+json"
FORM = "application/x-www-form-urlencoded"
_FORMATS = JSON_TYPES | {"json", "application/fhir json"}  # a '+' in a query string arrives as a blank
_WILDCARDS = frozenset({"*/*", "application/*"})
_VERSIONS = frozenset({"4.0", "4.0.1", "4"})
_UTF8 = frozenset({"utf-8", "utf8"})


class NotAcceptableError(UnsupportedError):
    status = 406


class UnsupportedMediaTypeError(UnsupportedError):
    status = 415


@lru_cache(maxsize=512)
def _acceptable(accept: str) -> bool:
    for part in accept.split(","):
        name, params = media_type(part)
        if params.get("q", "1").strip() in ("0", "0.0", "0.00", "0.000"):
            continue
        if params.get("fhirversion", "4.0") not in _VERSIONS:
            continue
        if name in JSON_TYPES or name in _WILDCARDS or name == "text/*":
            return True
    return False


def check_accept(accept: str | None, format_: str | None) -> None:
    """`_format` wins over Accept."""
    if format_ is not None:
        if format_.partition(";")[0].strip().lower() not in _FORMATS:
            raise NotAcceptableError(_issue("interaction.not-acceptable", format_))
    elif accept and not _acceptable(accept):
        raise NotAcceptableError(_issue("interaction.not-acceptable", accept))


@lru_cache(maxsize=512)
def media_type(header: str) -> tuple[str, dict[str, str]]:
    """The type and its parameters, names in lower case."""
    name, *rest = header.split(";")
    params: dict[str, str] = {}
    for item in rest:
        key, _, value = item.partition("=")
        params[key.strip().lower()] = value.strip().strip('"').lower()
    return name.strip().lower(), params


def content_type(header: str | None, allowed: frozenset[str]) -> str:
    """The media type of a body. Without the header it is taken for JSON, if JSON is allowed here."""
    if not header:
        return "application/fhir+json"
    name, params = media_type(header)
    fits = name in allowed and params.get("charset", "utf-8") in _UTF8
    if not fits or params.get("fhirversion", "4.0") not in _VERSIONS:
        shown = ", ".join(sorted(allowed - {"application/json+fhir"}))
        raise UnsupportedMediaTypeError(_issue("interaction.media-type", header, shown))
    return name


def _issue(message: str, value: str, allowed: str = "application/fhir+json") -> Issue:
    return Issue(code="not-supported", message=message, params={"value": value[:120], "allowed": allowed})
