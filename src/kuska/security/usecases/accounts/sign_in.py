"""Signing in with login and password.

Every attempt is counted before it is made, does the same work and gets the same answer, whether the login exists or not.
"""

from __future__ import annotations

from dataclasses import dataclass

from kuska.infra.postgres.connection import Write
from kuska.security.domain.accounts import Account, folded_login
from kuska.security.domain.attempts import Keys, Patience
from kuska.security.domain.sessions import caller_of
from kuska.security.store import attempts
from kuska.security.usecases.accounts.errors import WrongPasswordError
from kuska.security.usecases.accounts.parts import Parts
from kuska.security.usecases.limits import ThrottledError


@dataclass(frozen=True, slots=True)
class SignIn:
    session_cookie: str
    needs_factor: bool  # the session is good for nothing but showing a second factor
    account: Account


async def sign_in(parts: Parts, login: str, password: str, *, address: str, agent: str) -> SignIn:
    """Raises WrongPasswordError, ThrottledError."""
    folded = folded_login(login, parts.settings.country)
    # What cannot be a login is counted too, under the text that was sent.
    keys = Keys.of("sign-in", parts.settings.tenant, folded or f"?{login[:300]}", address)
    await charge(parts, keys, address)
    async with parts.db.read() as conn:
        id_, stored = await parts.store.password(conn, folded)
    if not await parts.hasher.matches(password, stored) or stored is None or not parts.passwords:
        parts.refusals.count("sign-in")
        await parts.trail.keep(
            parts.event("E", "password", kind="login", address=address, of=id_, reason="account.wrong-password")
        )
        raise WrongPasswordError
    async with parts.db.read() as conn:
        account = await parts.store.by_id(conn, id_)
    if account is None:
        raise WrongPasswordError
    needs_factor = await parts.needs_factor(account)
    renewed = await parts.hasher.hash(password) if parts.hasher.outdated(stored) else ""

    async def work(tx: Write) -> SignIn:
        current = await parts.store.still(tx, id_, stored)
        if current is None:
            raise WrongPasswordError
        await attempts.succeeded(tx, keys, parts.clock.now())
        cookie = await parts.sessions.begin(
            tx, current, methods=("pwd",), pending=needs_factor, address=address, agent=agent
        )
        await parts.trail.within(
            tx,
            [
                parts.event(
                    "E",
                    "first-factor" if needs_factor else "login",
                    kind="login",
                    caller=caller_of(current, address, ("pwd",)),
                    account=current,
                )
            ],
        )
        return SignIn(cookie, needs_factor, current)

    done = await parts.db.transact(work)
    if renewed:
        # Afterwards, and only if it is still the same: nobody waits for it, and it wins against nobody.
        await parts.db.single(lambda tx: parts.store.renew_password(tx, id_, stored, renewed))
    return done


async def charge(parts: Parts, keys: Keys, address: str) -> None:
    """Raises ThrottledError, without looking at anything, while one of the keys has to wait."""
    settings, now = parts.settings, parts.clock.now()
    login = Patience(settings.login_failures, settings.longest_wait)
    place = Patience(settings.address_failures, settings.longest_wait)
    if await parts.db.single(lambda tx: attempts.charge(tx, keys, login, place, now)):
        return
    async with parts.db.read() as conn:
        seconds = await attempts.wait(conn, keys, now)
    parts.refusals.count("sign-in")
    parts.trail.note(parts.event("E", "password", kind="login", address=address, reason="security.throttled"))
    raise ThrottledError(seconds)
