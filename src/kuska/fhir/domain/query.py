"""A query string or a form as its parameters: the one place where they are read, and where what no search can mean ends.

No text of the record holds a NUL (PostgreSQL has none), and no client means hundreds of conditions: the database plans
each one, so their number is the caller's way to hold it.
"""

from __future__ import annotations

from urllib.parse import parse_qsl

from kuska.fhir.domain.search.request import Parameter
from kuska.kit.errors import IncorrectError, Issue

MOST = 200  # parameters of one request
MOST_VALUES = 5000  # in all of them: `code=a,b,c` are three


def pairs(text: str) -> list[Parameter]:
    found = parse_qsl(text, keep_blank_values=True)
    if not found:
        return found
    if "%00" in text or "\0" in text:
        raise IncorrectError(Issue(code="value", message="interaction.nul"))
    if len(found) > MOST:
        raise _too_many("interaction.too-many-parameters", len(found), MOST)
    if (values := sum(value.count(",") for _, value in found) + len(found)) > MOST_VALUES:
        raise _too_many("interaction.too-many-values", values, MOST_VALUES)
    return found


def _too_many(message: str, count: int, limit: int) -> IncorrectError:
    return IncorrectError(Issue(code="too-costly", message=message, params={"count": count, "limit": limit}))
