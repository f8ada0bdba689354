"""Sign-in by other identity providers: begun here, done there, finished here.

    begun = await external.begin("hospital", "/inicio")      send the browser to begun.url, with the cookie
    done = await external.finish("hospital", query, cookie, address, agent)

A person is known by issuer and subject. Whoever comes for the first time gets an account of their own where the operator
wants that, never one that was there before: that one has to be linked by its owner, signed in to both.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Literal, Protocol

import msgspec

from kuska.infra.http.outgoing import Outgoing
from kuska.infra.postgres.connection import Write
from kuska.infra.postgres.database import Database
from kuska.kit.clock import Clock
from kuska.security.contracts import ANONYMOUS, Caller, Event, Role
from kuska.security.domain.accounts import Account
from kuska.security.domain.attempts import network
from kuska.security.domain.buckets import Buckets
from kuska.security.domain.external import Claims, Provider, ProvidersFile, Said, belongs, said
from kuska.security.domain.id_token import RefusedTokenError
from kuska.security.domain.roles import excluding, shipped
from kuska.security.domain.sessions import Session, caller_of
from kuska.security.errors import StepUpError
from kuska.security.settings import SecuritySettings
from kuska.security.store import external as store
from kuska.security.store.accounts import AccountStore
from kuska.security.store.epoch import Epoch
from kuska.security.usecases.external.errors import ExternalError, NoProviderError, ProviderDownError
from kuska.security.usecases.external.relying import Relying
from kuska.security.usecases.factors.factors import Factors
from kuska.security.usecases.limits import ThrottledError
from kuska.security.usecases.refusals import Refusals
from kuska.security.usecases.secrets import digest, new_secret
from kuska.security.usecases.sessions import Sessions
from kuska.security.visit import event_id

_TIME = timedelta(minutes=10)
_MAX_NEXT = 8_000  # an application's request on its way through the sign-in is long
# Sign-ins begun from one address.
_A_SECOND = 2.0
_AT_ONCE = 200.0
_GUESSED = "external.no-attempt"
# Errors of a provider that are the person's own decision.
_CANCELLED = frozenset({"access_denied", "login_required", "interaction_required", "consent_required"})

Tell = Callable[[Write, str, str], Awaitable[None]]


async def _shipped() -> Mapping[str, Role]:
    """Where nobody edits them."""
    return shipped()


class Noting(Protocol):
    def note(self, event: Event) -> None: ...
    async def within(self, tx: Write, events: Sequence[Event]) -> None: ...
    async def keep(self, event: Event) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    db: Database
    settings: SecuritySettings
    clock: Clock
    trail: Noting
    epoch: Epoch
    store: AccountStore
    sessions: Sessions
    factors: Factors
    http: Outgoing
    refusals: Refusals
    own_url: str
    tell: Tell
    roles: Callable[[], Awaitable[Mapping[str, Role]]] = _shipped


def _both(roles: tuple[str, ...]) -> ExternalError:
    return ExternalError("external.roles-apart", "external.roles-apart", roles=", ".join(roles))


@dataclass(frozen=True, slots=True)
class Begun:
    url: str  # of the provider
    cookie: str  # for this browser alone, needed to finish; ten minutes


@dataclass(frozen=True, slots=True)
class ExternalSignIn:
    session_cookie: str  # '' when an account was linked: its owner is signed in already
    needs_factor: bool
    account: Account
    next: str


class External:
    def __init__(self, parts: Parts, file: ProvidersFile) -> None:
        self._parts = parts
        self._only = file.only
        # Each one begun is a row for ten minutes.
        self._begun = Buckets(_A_SECOND, _AT_ONCE, lambda: parts.clock.now().timestamp())
        self._relying = {
            provider.name: Relying(provider, parts.http, parts.clock, f"{parts.own_url}{returning(provider.name)}")
            for provider in file.provider
        }

    @property
    def providers(self) -> tuple[Provider, ...]:
        """For the buttons of the sign-in page."""
        return tuple(relying.provider for relying in self._relying.values())

    @property
    def only(self) -> bool:
        """Nobody signs in with a password of our own."""
        return self._only

    async def begin(self, provider: str, next_: str, *, address: str = "", link: Session | None = None) -> Begun:
        """`next_`: page to go to afterwards. `link`: whose account is to be linked, instead of signing in.

        Raises:
            ThrottledError: from this address so many were begun that it is no hospital's change of shift any more.
        """
        relying = self._of(provider)
        if wait := self._begun.take(network(address)):
            raise ThrottledError(wait)
        if link is not None and not await self._parts.factors.may_change(link):
            raise StepUpError
        state, cookie, now = new_secret(), new_secret(), self._parts.clock.now()
        account = link.account.id if link is not None else ""
        attempt = store.Attempt(nonce=new_secret(), verifier=new_secret(), next=next_[:_MAX_NEXT], account=account)
        url = await relying.way(state, attempt)
        ends = now + _TIME
        await self._parts.db.single(
            lambda tx: store.begin(tx, digest(state), digest(cookie), provider, attempt, now=now, ends=ends)
        )
        return Begun(url, cookie)

    async def finish(
        self, provider: str, params: Mapping[str, str], cookie: str, address: str, agent: str = ""
    ) -> ExternalSignIn:
        """`params`: the query with which the browser came back. Raises ExternalError, ProviderDownError, ThrottledError."""
        relying = self._of(provider)
        try:
            attempt = await self._taken(provider, params, cookie)
            claims = await self._claims(relying, params, attempt)
            if not belongs(relying.provider, claims, self._parts.settings.tenant):
                raise ExternalError("external.other-tenant")
            person = said(relying.provider, claims)
            if person.country and person.country.upper() != self._parts.settings.country:
                raise ExternalError("external.other-country")
            if attempt.account:
                return await self._linked(relying.provider, person, attempt, address)
            return await self._signed_in(relying.provider, person, attempt, address, agent)
        except (ExternalError, ProviderDownError) as error:
            if isinstance(error, ExternalError) and error.reason == _GUESSED:
                self._parts.refusals.against("sign-in", address)
            elif isinstance(error, ExternalError):  # begun here, and limited there
                self._parts.refusals.count("sign-in")
            stranger = replace(ANONYMOUS, address=address)
            await self._parts.trail.keep(self._event("sign-in", stranger, provider, reason=error.reason[:200]))
            raise

    async def came_by(self, session: Session) -> Provider | None:
        """The provider by which somebody signed in here, and is still signed in when they leave; None: by none."""
        if "ext" not in session.methods:
            return None
        theirs = sorted(await self.of_account(session.account.id), key=lambda each: each.used, reverse=True)
        found = (one for each in theirs for one in self.providers if one.issuer == each.issuer)
        return next(found, None)

    async def way_out(self, provider: str) -> str:
        """Where to send a browser after it was signed out here, to be signed out there too; '' where that is not offered."""
        return await self._of(provider).way_out(f"{self._parts.own_url}/login")

    async def logged_out(self, provider: str, token: str, address: str = "") -> None:
        """The provider says that a person's session there has ended (back-channel logout): all theirs here end too.

        https://openid.net/specs/openid-connect-backchannel-1_0.html. Raises ExternalError, ProviderDownError, ThrottledError.
        """
        relying = self._of(provider)
        try:
            await self._ended(relying, await relying.logout_claims(token))
        except (ExternalError, RefusedTokenError) as error:
            reason = error.reason if isinstance(error, ExternalError) else str(error)
            stranger = replace(ANONYMOUS, address=address)
            event = self._event("logout", stranger, provider, kind="logout", reason=reason[:200])
            self._parts.refusals.missed("token", event)
            raise ExternalError(reason) from error

    async def _ended(self, relying: Relying, claims: Mapping[str, Any]) -> None:
        parts, now = self._parts, self._parts.clock.now()
        issuer, provider = relying.provider.issuer, relying.provider.name

        async def work(tx: Write) -> None:
            if not await store.obey_once(tx, issuer, digest(claims["jti"]).hex(), now, now + timedelta(hours=1)):
                raise ExternalError("external.replayed")
            found = await store.identity(tx, issuer, claims["sub"])
            if found is not None:
                await parts.sessions.drop_all(tx, found[0])
                await parts.epoch.bump(tx)
                about = Caller(kind="system", account=found[0])
                await parts.trail.within(tx, [self._event("logout", about, provider, kind="logout")])

        await parts.db.transact(work)
        parts.epoch.forget()

    async def of_account(self, account: str) -> list[store.Identity]:
        async with self._parts.db.read() as conn:
            return await store.of_account(conn, account)

    async def unlink(self, session: Session, issuer: str, subject: str) -> bool:
        """Only what its owner has linked; an account that was made for a person of a provider stays theirs."""
        if not await self._parts.factors.may_change(session):
            raise StepUpError

        async def work(tx: Write) -> bool:
            if not await store.remove_identity(tx, session.account.id, issuer, subject):
                return False
            event = self._event("unlinked", session.caller(session.address), issuer, action="D")
            await self._parts.trail.within(tx, [event])
            await self._parts.tell(tx, session.account.id, "external-unlinked")
            return True

        return await self._parts.db.transact(work)

    def _of(self, provider: str) -> Relying:
        if provider not in self._relying:
            raise NoProviderError
        return self._relying[provider]

    async def _taken(self, provider: str, params: Mapping[str, str], cookie: str) -> store.Attempt:
        state, now = digest(params.get("state", "")), self._parts.clock.now()
        attempt = await self._parts.db.single(lambda tx: store.take(tx, state, digest(cookie), provider, now))
        if attempt is None:
            raise ExternalError(_GUESSED, "external.begin-again")
        if problem := params.get("error", ""):
            message = "external.cancelled" if problem in _CANCELLED else "external.failed"
            raise ExternalError("external.refused-there", message)
        return attempt

    async def _claims(self, relying: Relying, params: Mapping[str, str], attempt: store.Attempt) -> Claims:
        code = params.get("code", "")
        if not code:
            raise ExternalError("external.malformed")
        try:
            return await relying.claims(code, params.get("iss"), attempt)
        except RefusedTokenError as error:
            raise ExternalError(str(error)) from error

    async def _signed_in(
        self, provider: Provider, person: Said, attempt: store.Attempt, address: str, agent: str
    ) -> ExternalSignIn:
        parts, now = self._parts, self._parts.clock.now()
        current = await parts.roles()
        if apart := excluding(current[name] for name in person.roles if name in current):
            # None of them: which one was meant, nobody here can know.
            person = msgspec.structs.replace(person, roles=())

        async def known(tx: Write) -> Account:
            account = await self._account(tx, provider, person, apart)
            await store.used(tx, provider.issuer, person.subject, now)
            await parts.epoch.bump(tx)
            return account

        # First what is true of the person from now on, whether or not the rest goes well: a role that was taken away
        # there is gone here. Who has none left does not come in.
        account = await parts.db.transact(known)
        parts.epoch.forget()
        if account.status != "active":
            raise ExternalError("external.disabled", "external.not-known")
        if not account.roles and apart:
            raise _both(apart)
        if not account.roles:
            raise ExternalError("external.no-role", "external.no-role")
        pending = not person.second_factor and await parts.factors.needed(account.id, account.roles) != "none"
        methods = ("ext", "otp") if person.second_factor else ("ext",)

        async def begun(tx: Write) -> str:
            cookie = await parts.sessions.begin(
                tx, account, methods=methods, pending=pending, address=address, agent=agent
            )
            what = "first-factor" if pending else "sign-in"
            await parts.trail.within(tx, [self._event(what, caller_of(account, address, methods), provider.name)])
            return cookie

        return ExternalSignIn(await parts.db.transact(begun), pending, account, attempt.next)

    async def _account(self, tx: Write, provider: Provider, person: Said, apart: tuple[str, ...]) -> Account:
        """Whose sign-in it is; as the provider describes them, where the account follows it."""
        parts = self._parts
        await store.lock(tx, provider.issuer, person.subject)
        found = await store.identity(tx, provider.issuer, person.subject)
        if found is None:
            if provider.accounts != "known" and apart:
                raise _both(apart)
            if provider.accounts == "known" or not person.roles:
                raise ExternalError("external.not-known", "external.not-known")
            id_ = await self._made(tx, provider, person)
        else:
            id_, follows = found
            if follows:
                await store.follow(tx, parts.settings.tenant, id_, person, parts.clock.now())
        account = await parts.store.by_id(tx, id_)
        if account is None:
            raise ExternalError("external.not-known", "external.not-known")
        return account

    async def _made(self, tx: Write, provider: Provider, person: Said) -> str:
        parts, now = self._parts, self._parts.clock.now()
        account = Account(
            id=event_id(),
            kind="person",
            tenant=parts.settings.tenant,
            # What people type is folded, so no text with capitals is found: this account has no password to be set or
            # tried, and takes nobody's login.
            login=f"{provider.name.upper()}:{person.subject[:200]}:{event_id()[-12:]}",
            display_name=person.name or provider.title,
            email=person.email,
            status="active",
            country=parts.settings.country,
            organization=person.organization,
            practitioner=person.practitioner,
            roles=person.roles,
            created=now,
            updated=now,
        )
        await parts.store.add(tx, account, None)
        await store.add_identity(tx, provider.issuer, person.subject, account.id, follows=True, now=now)
        await parts.trail.within(tx, [self._event("account-made", caller_of(account, ""), provider.name, action="C")])
        return account.id

    async def _linked(self, provider: Provider, person: Said, attempt: store.Attempt, address: str) -> ExternalSignIn:
        parts, now = self._parts, self._parts.clock.now()

        async def work(tx: Write) -> Account:
            await store.lock(tx, provider.issuer, person.subject)
            account = await parts.store.by_id(tx, attempt.account)
            if account is None or account.status != "active":
                raise ExternalError("external.disabled", "external.not-known")
            if not await store.add_identity(tx, provider.issuer, person.subject, account.id, follows=False, now=now):
                raise ExternalError("external.linked-already", "external.linked-already")
            event = self._event("linked", caller_of(account, address), provider.name, action="C")
            await parts.trail.within(tx, [event])
            await parts.tell(tx, account.id, "external-linked")
            return account

        return ExternalSignIn("", False, await parts.db.transact(work), attempt.next)

    def _event(
        self,
        what: str,
        caller: Caller,
        provider: str,
        *,
        action: Literal["C", "D", "E"] = "E",
        kind: str = "login",
        reason: str = "",
    ) -> Event:
        return Event(
            id=event_id(),
            at=self._parts.clock.now(),
            action=action,
            kind=kind,
            interaction=f"external-{what}",
            outcome="4" if reason else "0",
            reason=reason,
            caller=caller,
            detail=(("provider", provider),),
        )


def returning(provider: str) -> str:
    """The page to which the provider sends the browser back; its address is registered there."""
    return f"/externo/{provider}/retorno"
