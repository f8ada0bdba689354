"""What strangers may ask for: an account of their own, a new password. They only leave a row in the mailroom's queue.

Nothing is looked up here, so there is nothing that answer or time could tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from kuska.countries.registry import pack
from kuska.infra.postgres.connection import Write
from kuska.kit.errors import Issue
from kuska.security.domain.accounts import Language, folded_email, folded_login
from kuska.security.domain.attempts import Keys
from kuska.security.usecases.accounts.errors import BadRegistrationError
from kuska.security.usecases.accounts.parts import Parts
from kuska.security.usecases.accounts.sign_in import charge

_OLDEST = 130 * 366


async def ask_reset(parts: Parts, login: str, *, address: str) -> None:
    """Raises ThrottledError."""
    folded = folded_login(login, parts.settings.country)
    await charge(parts, Keys.of("mail", parts.settings.tenant, folded, address), address)

    async def work(tx: Write) -> None:
        await parts.mailroom.put(tx, "reset", {"login": folded})
        await parts.trail.within(tx, [parts.event("E", "ask-reset", address=address)])

    await parts.db.transact(work)


async def register(
    parts: Parts,
    *,
    document_kind: str,
    document: str,
    birth_date: date,
    email: str,
    language: Language,
    address: str,
) -> None:
    """Raises BadRegistrationError; ThrottledError: too many from this address, or for this one."""
    known = read_registration(parts, document_kind, document, birth_date, email)
    await charge(parts, Keys.of("mail", parts.settings.tenant, known.email, address), address)
    about = {
        "systems": " ".join(known.systems),
        "value": known.value,
        "birth_date": birth_date.isoformat(),
        "email": known.email,
        "language": language,
    }

    async def work(tx: Write) -> None:
        await parts.mailroom.put(tx, "registration", about)
        await parts.trail.within(tx, [parts.event("E", "register", address=address)])

    await parts.db.transact(work)


@dataclass(frozen=True, slots=True)
class Registration:
    systems: tuple[str, ...]
    value: str
    email: str


def read_registration(parts: Parts, kind: str, document: str, birth_date: date, email: str) -> Registration:
    """What a form says about a patient, in normal form. `kind`: key of one of the country's documents, '' = the citizen's.

    Raises:
        BadRegistrationError: the document's check digit, the date or the address cannot be right.
    """
    schemes = {scheme.key: scheme for scheme in pack(parts.settings.country).documents}
    scheme = schemes.get(kind or next(iter(schemes)))
    value = scheme.normalise(document) if scheme is not None else None
    folded = folded_email(email)
    age = (parts.clock.now().date() - birth_date).days
    wrong = [
        Issue(code="value", message=message, expression=field)
        for field, message, good in (
            ("document", "account.bad-document", value),
            ("birth_date", "account.bad-birth-date", 0 <= age <= _OLDEST),
            ("email", "account.bad-email", folded),
        )
        if not good
    ]
    if wrong or scheme is None or value is None:
        raise BadRegistrationError(*wrong)
    return Registration(scheme.systems, value, folded)
