"""Who can sign in, and under which name. Pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from kuska.countries.registry import pack

AccountKind = Literal["person", "service", "partner"]
Status = Literal["invited", "active", "disabled"]
Language = Literal["es", "en"]

MAX_LOGIN = 254
# Deliberately plain: one @, no blanks, quotes or brackets, a dot in the host. The proof is the mail that arrives.
_EMAIL = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[a-z0-9-]{1,63}\.)+[a-z0-9-]{2,63}")
_ROLE = re.compile(r"[a-z][a-z0-9-]{1,40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Without anything secret: passwords and factors never leave their stores."""

    id: str
    kind: AccountKind
    tenant: str
    login: str
    display_name: str
    email: str = ""
    status: Status = "invited"
    country: str = ""
    organization: str = ""
    patient: str = ""  # id of the Patient this is
    practitioner: str = ""  # id of the Practitioner this is
    roles: tuple[str, ...] = ()
    language: Language = "es"
    created: datetime
    updated: datetime


def folded_login(text: str, country: str) -> str:
    """One text for every way of writing a login, '' when it cannot be one.

    The citizen's document is taken with or without its dashes and check character, so that people may type it as it
    stands on the card.
    """
    plain = unicodedata.normalize("NFKC", text).strip()
    if not plain or len(plain) > MAX_LOGIN or any(unicodedata.category(sign) == "Cc" for sign in plain):
        return ""
    if "@" not in plain:
        citizen = pack(country).documents[0]
        if citizen.checked and (document := citizen.normalise(plain)) is not None:
            return document.casefold()
    return plain.casefold()


def folded_email(text: str) -> str:
    """'' when it cannot be an address."""
    plain = unicodedata.normalize("NFKC", text).strip().casefold()
    return plain if len(plain) <= MAX_LOGIN and _EMAIL.fullmatch(plain) else ""


def is_role_name(text: str) -> bool:
    return _ROLE.fullmatch(text) is not None
