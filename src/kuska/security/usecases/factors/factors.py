"""What pages and other parts do with somebody's factors.

Who changes factors has just shown one (or, while there is none, the password): a session left open on a hospital's
computer cannot be made somebody else's for good. That is asked here and not by the pages, so that none can forget it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from kuska.infra.postgres.connection import Read, Write
from kuska.kit.errors import NotFoundError
from kuska.security.contracts import Caller
from kuska.security.domain.accounts import Account
from kuska.security.domain.doors import require
from kuska.security.domain.factors import SECOND, FactorKind, Held, Need, folded_name, recently
from kuska.security.domain.sessions import Session
from kuska.security.errors import RefusedByPolicyError, StepUpError
from kuska.security.store import factors as store
from kuska.security.store import oauth_grants, sessions
from kuska.security.usecases.factors import passkeys, recovery, totp
from kuska.security.usecases.factors.errors import LastFactorError, TooManyAttemptsError, WrongFactorError
from kuska.security.usecases.factors.parts import Change, Parts
from kuska.security.usecases.factors.totp import Enrolment
from kuska.security.visit import Visit


class Factors:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def of(self, account: str) -> Held:
        async with self._parts.db.read() as conn:
            return await store.held(conn, account)

    async def needed(self, account: str, roles: Sequence[str]) -> Need:
        """After the password (or the provider) was right: what is still missing."""
        async with self._parts.db.read() as conn:
            if await store.has(conn, account):
                return "show"
        return "enrol" if await self._parts.demands(roles) else "none"

    async def asked_for(self, account: Account) -> bool:
        """After the password of this account, a factor has to be shown or set up."""
        return await self.needed(account.id, account.roles) != "none"

    def fresh(self, session: Session) -> bool:
        """A factor was shown a short while ago: what exports, break-glass and edits of roles ask for."""
        return not session.pending and recently(session, SECOND, self._parts.clock.now(), self._parts.fresh)

    async def may_change(self, session: Session) -> bool:
        """A way of signing in may be added or removed now: a factor, or what they have, was shown a short while ago."""
        async with self._parts.db.read() as conn:
            return await self._allowed(conn, session)

    # Showing one

    async def verify(self, session: Session, kind: FactorKind, answer: str) -> str:
        """The method ('otp', 'webauthn') for `sessions.complete` and `sessions.step_up`; else WrongFactorError."""
        account = session.account.id
        try:
            if kind == "passkey":
                async with self._parts.db.write() as tx:
                    await passkeys.finish_sign_in(self._parts, tx, session.id, account, answer)
                    await self._shown(tx, session, kind)
                return "webauthn"
            await self._charge(account)
            if kind == "recovery":
                await self._recovered(session, answer)
            else:
                async with self._parts.db.write() as tx:
                    if not await totp.verify(self._parts, tx, account, answer):
                        raise WrongFactorError
                    await self._shown(tx, session, kind)
        except (WrongFactorError, TooManyAttemptsError) as error:
            reason = error.reason if isinstance(error, WrongFactorError) else "factors.wait"
            caller = session.caller(session.address)
            self._parts.refusals.count("factor")
            await self._parts.trail.keep(self._parts.event("E", f"verify-{kind}", caller, reason=reason))
            raise
        return "otp"

    async def _recovered(self, session: Session, code: str) -> None:
        account = session.account.id
        async with self._parts.db.read() as conn:
            digest = await recovery.hashed(self._parts, conn, account, code)
        async with self._parts.db.write() as tx:
            if not await recovery.use(tx, account, digest):
                raise WrongFactorError
            await self._shown(tx, session, "recovery")
            await self._parts.tell(tx, account, "recovery-used")

    async def _shown(self, tx: Write, session: Session, kind: FactorKind) -> None:
        await store.forgive(tx, session.account.id)
        await self._note(tx, session, "E", f"verify-{kind}")

    async def _charge(self, account: str) -> None:
        parts = self._parts
        now = parts.clock.now()
        if await parts.db.single(lambda tx: store.charge(tx, account, now, parts.free_failures, parts.longest_wait)):
            return
        async with parts.db.read() as conn:
            until = await store.waits_until(conn, account)
        raise TooManyAttemptsError(until or now + timedelta(seconds=1), now)

    # Passkeys

    async def begin_passkey(self, session: Session) -> str:
        """Options for the browser, for a second factor or a step-up."""
        async with self._parts.db.read() as conn:
            held = await store.passkeys(conn, session.account.id)
        return passkeys.begin_sign_in(self._parts, session.id, session.account.id, held)

    async def begin_passkey_sign_in(self, browser: str) -> str:
        """Options for signing in with a passkey alone. `browser`: something that only this browser has, a cookie's
        value; the same has to come with the answer.
        """
        return passkeys.begin_sign_in(self._parts, browser, "", [])

    async def finish_passkey_sign_in(self, browser: str, answer: str, address: str) -> str:
        """Id of the account. The device has asked for PIN or fingerprint, so this is both factors at once."""
        try:
            async with self._parts.db.write() as tx:
                account = await passkeys.finish_sign_in(self._parts, tx, browser, "", answer)
                # Who was shut out by the own provider must not come in past it.
                if not self._parts.alone or await store.follows(tx, account):
                    raise WrongFactorError("factors.provider-first")
                caller = Caller(kind="person", account=account, address=address)
                await self._parts.trail.within(tx, [self._parts.event("E", "verify-passkey", caller)])
        except WrongFactorError as error:
            stranger = Caller(kind="anonymous", address=address)
            self._parts.refusals.against("sign-in", address)
            await self._parts.trail.keep(self._parts.event("E", "verify-passkey", stranger, reason=error.reason))
            raise
        return account

    async def begin_passkey_registration(self, session: Session) -> str:
        async with self._parts.db.read() as conn:
            await self._require_change(conn, session)
            held = await store.passkeys(conn, session.account.id)
        return passkeys.begin_registration(self._parts, session.account, session.id, held)

    async def finish_passkey_registration(self, session: Session, name: str, answer: str) -> str:
        """Id of the passkey. A session that was waiting for its first factor can be completed with 'webauthn'."""
        account = session.account.id
        async with self._changing(session) as tx:
            made = await passkeys.finish_registration(self._parts, tx, account, session.id, name=name, answer=answer)
            await self._changed(tx, session, "C", "passkey-added")
        return made

    async def rename_passkey(self, session: Session, passkey: str, name: str) -> None:
        async with self._parts.db.write() as tx:
            if not await store.rename_passkey(tx, session.account.id, passkey, folded_name(name, "Passkey")):
                raise NotFoundError
            await self._note(tx, session, "U", "passkey-renamed")

    async def remove_passkey(self, session: Session, passkey: str) -> None:
        async with self._changing(session) as tx:
            if not await store.remove_passkey(tx, session.account.id, passkey):
                raise NotFoundError
            await self._removed(tx, session, "passkey-removed")

    # Codes of an app

    async def enrol_totp(self, session: Session) -> Enrolment:
        async with self._changing(session) as tx:
            return await totp.begin(self._parts, tx, session.account)

    async def confirm_totp(self, session: Session, code: str) -> None:
        """A session that was waiting for its first factor can be completed with 'otp'."""
        async with self._changing(session) as tx:
            await totp.confirm(self._parts, tx, session.account.id, code)
            await self._changed(tx, session, "C", "totp-added")

    async def remove_totp(self, session: Session) -> None:
        async with self._changing(session) as tx:
            if not await store.remove_totp(tx, session.account.id):
                raise NotFoundError
            await self._removed(tx, session, "totp-removed")

    # Recovery codes

    async def recovery_codes(self, session: Session) -> list[str]:
        """A new set, shown once; the old one is worth nothing any more."""
        codes, kept = await recovery.renew(self._parts)
        async with self._changing(session) as tx:
            await store.set_recovery(tx, session.account.id, kept, self._parts.clock.now())
            await self._changed(tx, session, "C", "recovery-codes-made")
        return codes

    # Somebody else's

    async def reset(self, visit: Visit, account: str) -> None:
        """An administrator takes away all factors of who lost them; the person sets up new ones at the next sign-in,
        and is told by mail, in case it was not their wish.
        """
        caller = visit.access.caller
        try:
            if caller.account == account:
                raise RefusedByPolicyError("security.feature")
            require(visit.access, "accounts.write", self._parts.clock.now(), self._parts.fresh)
        except (RefusedByPolicyError, StepUpError) as error:
            await self._parts.trail.keep(
                self._parts.event("D", "factors-reset", caller, reason=error.issues[0].message, of=account)
            )
            raise
        async with self._parts.db.write() as tx:
            await store.lock(tx, account)
            await store.remove_all(tx, account)
            await sessions.drop_all(tx, account)
            await oauth_grants.end_of_account(tx, account, self._parts.clock.now())
            await self._parts.epoch.bump(tx)
            await self._parts.trail.within(tx, [self._parts.event("D", "factors-reset", caller, of=account)])
            await self._parts.tell(tx, account, "factors-reset")
        self._parts.epoch.forget()

    # Behind all of them

    @asynccontextmanager
    async def _changing(self, session: Session) -> AsyncGenerator[Write]:
        async with self._parts.db.write() as tx:
            await store.lock(tx, session.account.id)
            await self._require_change(tx, session)
            yield tx

    async def _require_change(self, conn: Read, session: Session) -> None:
        if not await self._allowed(conn, session):
            raise StepUpError

    async def _allowed(self, conn: Read, session: Session) -> bool:
        if await store.has(conn, session.account.id):
            return self.fresh(session)
        return recently(session, session.methods, self._parts.clock.now(), self._parts.fresh)

    async def _removed(self, tx: Write, session: Session, what: str) -> None:
        if not await store.has(tx, session.account.id):
            if await self._parts.demands(session.account.roles):
                raise LastFactorError
            await store.remove_recovery(tx, session.account.id)
        await self._changed(tx, session, "D", what)

    async def _changed(self, tx: Write, session: Session, action: Change, what: str) -> None:
        await self._note(tx, session, action, what)
        await self._parts.tell(tx, session.account.id, what)

    async def _note(self, tx: Write, session: Session, action: Change, what: str) -> None:
        caller = session.caller(session.address)
        await self._parts.trail.within(tx, [self._parts.event(action, what, caller)])
