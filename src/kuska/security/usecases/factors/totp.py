"""Codes of an authenticator app (RFC 6238: SHA-1, six digits, 30 seconds, which is what all apps can)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pyotp
import segno
from pyotp.totp import TOTP

from kuska.infra.postgres.connection import Write
from kuska.infra.postgres.database import Database
from kuska.security.contracts import Sealer
from kuska.security.domain.accounts import Account
from kuska.security.domain.factors import accepted_step
from kuska.security.store import factors as store
from kuska.security.usecases.factors.errors import FactorSetUpError
from kuska.security.usecases.factors.parts import Parts

ISSUER = "Kuska"
_SET_UP = timedelta(minutes=15)
_PURPOSE = "factors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """Shown once, on the page where it is set up; never logged or mailed."""

    uri: str
    secret: str  # to type in where the camera does not work
    svg: str


async def reseal(db: Database, sealer: Sealer) -> int:
    """Secrets that an older key sealed, sealed with the current one. How many."""
    count, after = 0, ""
    while True:
        async with db.read() as conn:
            page = await store.totp_page(conn, after)
        if not page:
            return count
        after = page[-1][0]
        async with db.write() as tx:
            for account, *old in page:
                new = [
                    sealed and sealer.seal(_PURPOSE, sealer.open(_PURPOSE, sealed, _place(account)), _place(account))
                    for sealed in old
                ]
                # The same key gives the same bytes.
                if new != old:
                    await store.reseal_totp(tx, account, (old[0], old[1]), (new[0], new[1]))
                    count += 1


def _place(account: str) -> bytes:
    return f"totp/{account}".encode()


async def begin(parts: Parts, tx: Write, account: Account) -> Enrolment:
    """One that is being set up stays as it is: the app has read it, and only a digit was mistyped."""
    found, now = await store.totp(tx, account.id), parts.clock.now()
    if found is not None and found.coming is not None and found.coming_until is not None and found.coming_until > now:
        secret = parts.sealer.open(_PURPOSE, found.coming, _place(account.id)).decode()
    else:
        secret = pyotp.random_base32()
        sealed = parts.sealer.seal(_PURPOSE, secret.encode(), _place(account.id))
        await store.begin_totp(tx, account.id, sealed, now + _SET_UP)
    uri = TOTP(secret).provisioning_uri(name=account.email or account.login, issuer_name=ISSUER)
    svg = segno.make(uri, error="m").svg_inline(border=4, dark="#000", light="#fff", omitsize=True)
    return Enrolment(uri=uri, secret=secret, svg=svg)


async def confirm(parts: Parts, tx: Write, account: str, code: str) -> None:
    """The app shows the right code: from here on it counts, and one that was there before does not."""
    found = await store.totp(tx, account)
    now = parts.clock.now()
    if found is None or found.coming is None or found.coming_until is None or found.coming_until < now:
        raise FactorSetUpError("factors.set-up-over")
    secret = parts.sealer.open(_PURPOSE, found.coming, _place(account)).decode()
    step = accepted_step(secret, code, now, 0)
    if step is None:
        raise FactorSetUpError("factors.set-up-wrong")
    if not await store.confirm_totp(tx, account, found.coming, step, now):
        raise FactorSetUpError("factors.set-up-over")


async def verify(parts: Parts, tx: Write, account: str, code: str) -> bool:
    found = await store.totp(tx, account)
    if found is None or found.secret is None:
        return False
    secret = parts.sealer.open(_PURPOSE, found.secret, _place(account)).decode()
    now = parts.clock.now()
    step = accepted_step(secret, code, now, found.step)
    return step is not None and await store.use_totp(tx, account, found.secret, step, now)
