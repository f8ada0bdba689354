"""What a form said, and what was wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from starlette.requests import Request

from kuska.portal.ui.errors import BadFormError

_MOST_BYTES = 65_536
_MOST_FIELDS = 200


@dataclass(frozen=True, slots=True)
class Form:
    """Text fields as sent. Routes take the fields they know by name; whatever else was sent has no effect."""

    fields: Mapping[str, list[str]]

    def text(self, name: str) -> str:
        """Without blanks around it."""
        return self.raw(name).strip()

    def raw(self, name: str) -> str:
        """As typed: passwords."""
        return self.fields.get(name, [""])[0]

    def all(self, name: str) -> tuple[str, ...]:
        return tuple(self.fields.get(name, ()))


@dataclass(frozen=True, slots=True)
class Filled:
    """A form as it is shown: empty at first, with what was typed and what is wrong after a failed attempt.

    Passwords and codes are never shown again.
    """

    values: Mapping[str, str] = field(default_factory=dict[str, str])
    problems: Mapping[str, str] = field(default_factory=dict[str, str])  # field ('' = the whole) -> text

    def value(self, name: str) -> str:
        return self.values.get(name, "")

    def problem(self, name: str) -> str:
        return self.problems.get(name, "")


EMPTY = Filled()


async def read(request: Request) -> Form:
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise BadFormError
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > _MOST_BYTES:
            raise BadFormError
    try:
        text = body.decode("ascii")
        fields = parse_qs(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError:
        raise BadFormError from None
    if any("\x00" in value for values in fields.values() for value in values):
        raise BadFormError
    return Form(fields)
