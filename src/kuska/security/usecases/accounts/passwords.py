"""Setting a password: by the link of a mail, or knowing the one that is valid now. Either ends all other sessions,
and what applications were granted.
"""

from __future__ import annotations

from kuska.infra.postgres.connection import Write
from kuska.kit.errors import IncorrectError
from kuska.security.domain import passwords
from kuska.security.domain.accounts import Account
from kuska.security.domain.attempts import Keys
from kuska.security.domain.sessions import Session, caller_of
from kuska.security.store import attempts
from kuska.security.store.accounts import Link
from kuska.security.usecases.accounts.errors import LinkGoneError, WrongCurrentPasswordError
from kuska.security.usecases.accounts.parts import Parts
from kuska.security.usecases.accounts.sign_in import charge
from kuska.security.usecases.secrets import digest


async def link(parts: Parts, token: str, *, address: str) -> Link:
    """What the page shows that a link opens; looking uses nothing up (mail scanners open links).

    Raises LinkGoneError, ThrottledError: who guesses.
    """
    async with parts.db.read() as conn:
        found = await parts.store.link(conn, digest(token), parts.clock.now())
    if found is None:
        _gone(parts, address)
        raise LinkGoneError
    return found


def _gone(parts: Parts, address: str) -> None:
    """The link itself is not noted: it may be one letter from a good one."""
    parts.refusals.missed("link", parts.event("E", "link", address=address, reason="account.link-gone"))


async def redeem(parts: Parts, token: str, password: str, *, address: str) -> Account:
    """The password is set, the account active if it was invited. Nobody is signed in by that: factors still count.

    Raises LinkGoneError, ThrottledError, and IncorrectError for a password that is refused; the link stays good then.
    """
    about = await link(parts, token, address=address)
    _require_good(parts, password, about.login, about.display_name, about.email)
    hashed = await parts.hasher.hash(password)

    async def work(tx: Write) -> Account:
        now = parts.clock.now()
        taken = await parts.store.take_link(tx, digest(token), now)
        if taken is None or not await parts.store.set_password(tx, taken[0], hashed, now):
            raise LinkGoneError
        account = await parts.store.by_id(tx, taken[0])
        if account is None:
            raise LinkGoneError
        what = "activated" if taken[1] == "invitation" else "password-reset"
        await _settled(parts, tx, account, what, address=address)
        if taken[1] == "reset":
            await parts.mailroom.tell(tx, account.id, "password")
        return account

    try:
        account = await parts.db.transact(work)
    except LinkGoneError:
        _gone(parts, address)  # used by somebody else meanwhile
        raise
    parts.epoch.forget()
    return account


async def change(parts: Parts, cookie: str, session: Session, current: str, new: str, *, address: str) -> str:
    """The new value of the cookie. Other sessions end, mailed links are worth nothing.

    Raises WrongCurrentPasswordError, IncorrectError (the new one is refused), ThrottledError, NobodyError.
    """
    account = session.account
    keys = Keys.of("sign-in", parts.settings.tenant, account.login, address)
    await charge(parts, keys, address)
    async with parts.db.read() as conn:
        stored = await parts.store.password_of(conn, account.id)
    if not await parts.hasher.matches(current, stored):
        parts.refusals.count("sign-in")
        caller = session.caller(address)
        await parts.trail.keep(
            parts.event("U", "password", caller=caller, account=account, reason="account.wrong-current-password")
        )
        raise WrongCurrentPasswordError
    await parts.db.single(lambda tx: attempts.succeeded(tx, keys, parts.clock.now()))
    _require_good(parts, new, account.login, account.display_name, account.email)
    hashed = await parts.hasher.hash(new)

    async def work(tx: Write) -> str:
        fresh = await parts.sessions.renew(tx, cookie, session)
        if not await parts.store.set_password(tx, account.id, hashed, parts.clock.now()):
            raise WrongCurrentPasswordError
        await _settled(parts, tx, account, "password-changed", address=address, keep=fresh)
        await parts.mailroom.tell(tx, account.id, "password")
        return fresh

    fresh = await parts.db.transact(work)
    parts.epoch.forget()
    return fresh


def _require_good(parts: Parts, password: str, *own_words: str) -> None:
    # The house's own words are the first that are tried here.
    words = (*own_words, "kuska", parts.settings.tenant)
    if wrong := passwords.problems(password, least=parts.settings.password_least, own_words=words):
        raise IncorrectError(*wrong)


async def _settled(parts: Parts, tx: Write, account: Account, what: str, *, address: str, keep: str = "") -> None:
    """What a new password brings with it, in its transaction."""
    await parts.sessions.drop_all_access(tx, account.id, but=keep)
    await parts.store.drop_links(tx, account.id)
    await attempts.forget_login(tx, Keys.of("sign-in", account.tenant, account.login, address))
    await parts.trail.within(tx, [parts.event("U", what, caller=caller_of(account, address), account=account)])
    await parts.epoch.bump(tx)
