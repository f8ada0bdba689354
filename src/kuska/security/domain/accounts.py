"""Who can sign in, and under which name. Pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from kuska.countries.registry import pack
from kuska.kit.errors import IncorrectError, Issue

AccountKind = Literal["person", "service", "partner"]
Status = Literal["invited", "active", "disabled"]
Language = Literal["es", "en"]

MAX_LOGIN = 254
MAX_NAME = 200
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
    if not plain or len(plain) > MAX_LOGIN or any(unicodedata.category(sign)[0] == "C" for sign in plain):
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


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    """What whoever makes an account may say about it. Nothing else is taken from a form."""

    kind: AccountKind = "person"
    login: str  # '' = the e-mail address
    display_name: str
    email: str = ""
    roles: tuple[str, ...] = ()
    organization: str = ""
    patient: str = ""
    practitioner: str = ""
    language: Language = "es"


def shown_name(text: str) -> str:
    """A name of the record as one line that can be shown; may be ''."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())[:MAX_NAME]


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What may be corrected about an account. None = stays."""

    display_name: str | None = None
    email: str | None = None
    organization: str | None = None
    practitioner: str | None = None


def corrected(account: Account, by: Correction, now: datetime) -> Account:
    """Raises IncorrectError."""
    given = {field: value for field in Correction.__slots__ if (value := getattr(by, field)) is not None}
    new = NewAccount(
        kind=account.kind,
        login=account.login,
        display_name=given.get("display_name", account.display_name),
        email=given.get("email", account.email),
        organization=given.get("organization", account.organization),
        practitioner=given.get("practitioner", account.practitioner),
    )
    checked = made(
        new, id_=account.id, tenant=account.tenant, country=account.country, status=account.status, now=account.created
    )
    return replace(
        account,
        display_name=checked.display_name,
        email=checked.email,
        organization=checked.organization,
        practitioner=checked.practitioner,
        updated=now,
    )


def made(new: NewAccount, *, id_: str, tenant: str, country: str, status: Status, now: datetime) -> Account:
    """Raises IncorrectError with what is wrong with it."""
    login, email = folded_login(new.login or new.email, country), folded_email(new.email)
    name = " ".join(new.display_name.split())
    wrong = [
        Issue(code="value", message=message, expression=field)
        for field, message, good in (
            ("login", "account.bad-login", login),
            ("email", "account.bad-email", email or not new.email),
            ("display_name", "account.bad-name", 0 < len(name) <= MAX_NAME and name.isprintable()),
            ("roles", "account.unknown-role", all(map(is_role_name, new.roles))),
        )
        if not good
    ]
    if wrong:
        raise IncorrectError(*wrong)
    return Account(
        id=id_,
        kind=new.kind,
        tenant=tenant,
        login=login,
        display_name=name,
        email=email,
        status=status,
        country=country,
        organization=new.organization,
        patient=new.patient,
        practitioner=new.practitioner,
        roles=tuple(dict.fromkeys(new.roles)),
        language=new.language,
        created=now,
        updated=now,
    )
