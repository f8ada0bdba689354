"""Who looks at the page, as far as the frame shows it: a name, and the doors that are worth showing."""

from __future__ import annotations

from dataclasses import dataclass, field

from kuska.kit.messages import catalogue


@dataclass(frozen=True, slots=True)
class Door:
    """A link of the navigation. Shown or not, the policy decides again behind it."""

    path: str
    title: str  # message key
    about: str = ""  # message key


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    name: str = ""  # '' = not signed in
    roles: tuple[str, ...] = ()
    doors: tuple[Door, ...] = field(default=())


NOBODY = Reader()


def role_name(name: str, lang: str) -> str:
    """In words where there are some; administrators may add roles of their own."""
    return catalogue(lang).get(f"role.{name}", name)
