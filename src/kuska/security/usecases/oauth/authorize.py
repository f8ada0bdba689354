"""The authorization endpoint: from a client's request to a code, by way of the person who decides.

RFC 6749 section 4.1, OAuth 2.1, OpenID Connect Core section 3.1.2, SMART App Launch 2.x. The pages belong to the portal; they call
`authorize` with what the browser brought and `decide` with what the person chose, and do what the answer says.

What is refused leaves a line and is held against the address. Not refused is who has to sign in, or to decide, first; also
where an application asked not to show that (`prompt=none`), as some do every few minutes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from kuska.infra.postgres.connection import Write
from kuska.security.contracts import ANONYMOUS, Caller
from kuska.security.domain import authorization, signing
from kuska.security.domain.authorization import Asked
from kuska.security.domain.clients import NOBODY, Client
from kuska.security.domain.handles import digest, fresh
from kuska.security.domain.protocol import ProtocolError, once
from kuska.security.domain.scopes import Scopes, covers, text
from kuska.security.domain.sessions import Session
from kuska.security.domain.signing import BadSignatureError
from kuska.security.store import oauth_clients
from kuska.security.store import oauth_grants as store
from kuska.security.store.oauth_grants import Grant, Pending, Person
from kuska.security.usecases.oauth.parts import Parts
from kuska.security.visit import event_id

HANDLE = "handle"  # the parameter by which a page comes back to its request
PATIENCE = timedelta(minutes=15)  # for signing in and deciding
_CODE = timedelta(seconds=60)
_CARRIED = "oauth-request+jwt"
_LONGEST = 6_000  # characters of an address that everything on the way takes


@dataclass(frozen=True, slots=True)
class NeedsLogin:
    """Sign in, then come back with ?handle=…"""

    handle: str
    client: str  # its name, for the page
    login_hint: str = ""
    again: bool = False  # although somebody is signed in: the client wants it fresh


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedsConsent:
    """Show it and ask; the form brings the handle, the scopes that were left in, and the patient."""

    handle: str
    client: Client
    scopes: Scopes
    patient: str = ""  # about whom, when that is settled
    choose_patient: bool = False

    @property
    def texts(self) -> tuple[str, ...]:
        """Each scope as the form sends it back."""
        return (*self.scopes.features, *(text(rule) for rule in self.scopes.rules))


@dataclass(frozen=True, slots=True)
class Redirect:
    url: str


@dataclass(frozen=True, slots=True)
class BadRequest:
    """Nobody can be told but the person in front: the client or its address is not known, or the request is too old."""

    message: str


Outcome = NeedsLogin | NeedsConsent | Redirect | BadRequest


@dataclass(frozen=True, slots=True)
class _Context:
    """Whom it is about."""

    patient: str = ""
    encounter: str = ""
    choose: bool = False
    banner: bool = True


@dataclass(frozen=True, slots=True)
class _Front:
    """Who sits in front of the browser, as far as it is known, and with which client."""

    session: Session | None
    address: str
    client: str = ""

    @property
    def caller(self) -> Caller:
        known = self.session.caller(self.address) if self.session else replace(ANONYMOUS, address=self.address)
        return replace(known, client=printable(self.client))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """A request that a signed-in person looks at."""

    handle: str
    pending: Pending
    client: Client
    session: Session
    address: str

    @property
    def hash(self) -> bytes:
        return digest(self.handle)

    @property
    def caller(self) -> Caller:
        return self.front.caller

    @property
    def front(self) -> _Front:
        return _Front(self.session, self.address, self.client.id)


class Authorization:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def authorize(self, params: Iterable[tuple[str, str]], session: Session | None, address: str = "") -> Outcome:
        """A request of a client, or one that comes back from signing in (`handle`). Raises ThrottledError."""
        front = _Front(session, address)
        try:
            given = once(params)
        except ProtocolError as refused:
            return self._bad("oauth.page-request", front, reason=f"security.{refused.reason}")
        if HANDLE in given:
            return await self._resume(given[HANDLE], session, address)
        front = replace(front, client=given.get("client_id", ""))
        client, redirect = await self._parts.client(front.client), given.get("redirect_uri", "")
        if not client.active or "authorization_code" not in client.grants:
            return self._bad("oauth.page-client", front, reason="security.client-unknown")
        if redirect not in client.redirects:
            return self._bad("oauth.page-redirect", front, reason="security.redirect")
        try:
            asked = authorization.check(given, client, self._parts.fhir_base, self._parts.decidable)
        except ProtocolError as refused:
            self._missed(front, reason=f"security.{refused.reason}")
            return self._refusal(redirect, given.get("state", "")[:2_000], refused.error)
        pending = Pending(client=client.id, redirect=redirect, asked=asked, session="", created=self._parts.clock.now())
        if len(self._carried(pending)) > _LONGEST:
            self._missed(front, reason="security.too-long")
            return self._refusal(redirect, asked.state, "invalid_request")
        return await self._continue(pending, client, session, address)

    async def _resume(self, handle: str, session: Session | None, address: str) -> Outcome:
        pending = self._brought(handle)
        client = await self._parts.client(pending.client) if pending else NOBODY
        if pending is None or not client.active:
            front = _Front(session, address, pending.client if pending else "")
            return self._bad("oauth.page-expired", front, reason="security.request-expired")
        return await self._continue(pending, client, session, address)

    async def _continue(self, pending: Pending, client: Client, session: Session | None, address: str) -> Outcome:
        asked, front = pending.asked, _Front(session, address, pending.client)
        if session is None or not self._good(session, pending):
            if asked.prompt == "none":
                return self._refusal(pending.redirect, asked.state, "login_required")
            return self._needs_login(pending, client, session)
        person = await self._person(session)
        if person is None or not _allowed(person, client):
            self._missed(front, reason=_why(person))
            return self._refusal(pending.redirect, asked.state, "access_denied")
        context = await self._context(pending, person)
        if context is None:
            self._missed(front, reason="security.launch-unknown")
            return self._refusal(pending.redirect, asked.state, "invalid_request")
        case = _Case(handle=fresh(), pending=pending, client=client, session=session, address=address)
        if not context.choose and await self._settled(client, person, asked.scopes, asked.prompt):
            return await self._grant(case, context, asked.scopes)
        if asked.prompt == "none":
            return self._refusal(pending.redirect, asked.state, "interaction_required")
        shown = replace(pending, session=session.id)
        expires = self._parts.clock.now() + PATIENCE

        async def keep(tx: Write) -> None:
            await store.ask(tx, case.hash, shown, expires)

        await self._parts.db.single(keep)
        return NeedsConsent(
            handle=case.handle,
            client=client,
            scopes=asked.scopes,
            patient=context.patient,
            choose_patient=context.choose,
        )

    def _needs_login(self, pending: Pending, client: Client, session: Session | None) -> NeedsLogin:
        return NeedsLogin(self._carried(pending), client.name, pending.asked.login_hint, again=session is not None)

    def _carried(self, pending: Pending) -> str:
        """The request on its way through the sign-in: signed and not stored, so that strangers leave nothing behind."""
        said = {
            "client": pending.client,
            "redirect": pending.redirect,
            "asked": pending.asked.dump(),
            "iat": pending.created.timestamp(),
        }
        return signing.sign(said, self._parts.tokens.keys.current(), _CARRIED)

    def _brought(self, handle: str) -> Pending | None:
        now = self._parts.clock.now()
        try:
            said = signing.verify(handle, self._parts.tokens.keys.by_kid, _CARRIED, now.timestamp())
        except BadSignatureError:
            return None
        created = datetime.fromtimestamp(said["iat"], UTC)
        if now - created >= PATIENCE:
            return None
        asked = Asked.restore(said["asked"])
        return Pending(client=said["client"], redirect=said["redirect"], asked=asked, session="", created=created)

    async def decide(
        self, handle: str, session: Session | None, accepted: Sequence[str], patient: str = "", address: str = ""
    ) -> Outcome:
        """What the person left in of the scopes; nothing = no. A form that comes twice, or from another session, is a
        BadRequest; one without the patient that is needed is asked again.
        """
        async with self._parts.db.read() as conn:
            pending = await store.pending(conn, digest(handle), self._parts.clock.now())
            client = await oauth_clients.find(conn, pending.client, self._parts.tenant) if pending else None
        front = _Front(session, address, pending.client if pending else "")
        if pending is None or client is None or not client.active:
            return self._bad("oauth.page-expired", front, reason="security.request-expired")
        if session is None or not self._good(session, pending):
            return self._needs_login(pending, client, session)
        if pending.session != session.id:
            return self._bad("oauth.page-expired", front, reason="security.request-of-another")
        case = _Case(handle=handle, pending=pending, client=client, session=session, address=address)
        scopes = _kept(pending.asked.scopes, accepted)
        person = await self._person(session)
        if person is None or not _allowed(person, client):
            return await self._deny(case, reason=_why(person))
        if not scopes:
            return await self._deny(case, reason="security.consent-denied")
        context = await self._context(pending, person)
        if context is None:
            return await self._deny(case, reason="security.launch-unknown")
        if context.choose and replace(pending.asked, scopes=scopes).wants_patient:
            chosen = await self._parts.choosing.chosen(case.caller, patient)
            if not chosen:
                return NeedsConsent(handle=handle, client=client, scopes=pending.asked.scopes, choose_patient=True)
            context = _Context(patient=chosen)
        return await self._grant(case, context, scopes)

    async def _grant(self, case: _Case, context: _Context, scopes: Scopes) -> Outcome:
        now, asked, code = self._parts.clock.now(), case.pending.asked, fresh()
        lasting = now + self._parts.grant_life
        grant = Grant(
            id=event_id(),
            client=case.client.id,
            account=case.session.account.id,
            session=case.session.id,
            scopes=scopes,
            patient=context.patient,
            encounter=context.encounter,
            banner=context.banner,
            nonce=asked.nonce,
            authenticated=case.session.authenticated,
            methods=case.session.methods,
            created=now,
            expires=lasting if "offline_access" in scopes.features else min(lasting, case.session.ends),
        )

        async def work(tx: Write) -> bool:
            if case.pending.session and not await store.decide(tx, case.hash, case.session.id):
                return False
            if asked.launch and not await store.use_launch(tx, digest(asked.launch)):
                return False
            await store.begin(tx, grant)
            if case.pending.session:
                await store.approve(tx, grant)
            await store.add_code(
                tx,
                digest(code),
                grant=grant.id,
                client=grant.client,
                redirect=case.pending.redirect,
                challenge=asked.challenge,
                expires=now + _CODE,
            )
            about = (("grant", grant.id), ("scope", str(scopes)), ("patient", context.patient))
            # Where nobody was asked, the trail does not say that the person agreed just now.
            interaction = "consent" if case.pending.session else "granted"
            await self._parts.trail.within(tx, [self._parts.event(interaction, case.caller, detail=about)])
            return True

        if not await self._parts.db.transact(work):
            return self._bad("oauth.page-expired", case.front, reason="security.request-expired")
        return Redirect(authorization.answer(case.pending.redirect, self._parts.issuer, asked.state, code=code))

    async def _deny(self, case: _Case, *, reason: str) -> Outcome:
        async def work(tx: Write) -> bool:
            if not await store.decide(tx, case.hash, case.session.id):
                return False
            refused = self._parts.event("consent", case.caller, reason=reason)
            await self._parts.trail.within(tx, [refused])
            return True

        if not await self._parts.db.transact(work):
            return self._bad("oauth.page-expired", case.front, reason="security.request-expired")
        return self._refusal(case.pending.redirect, case.pending.asked.state, "access_denied")

    async def _person(self, session: Session) -> Person | None:
        async with self._parts.db.read() as conn:
            person = await store.person(conn, session.account.id, self._parts.tenant)
        return person if person and person.active else None

    async def _context(self, pending: Pending, person: Person) -> _Context | None:
        """None: the launch is not this person's, not for this client, or too old."""
        asked = pending.asked
        if asked.launch:
            async with self._parts.db.read() as conn:
                now = self._parts.clock.now()
                found = await store.launch(conn, digest(asked.launch), pending.client, person.id, now)
            return _Context(found["patient"], found["encounter"], banner=False) if found else None
        if not asked.wants_patient:
            return _Context(person.patient)
        if person.patient and not person.practitioner:
            return _Context(person.patient, banner=False)
        return _Context(choose=True)

    async def _settled(self, client: Client, person: Person, scopes: Scopes, prompt: str) -> bool:
        """Nobody has to be asked: the institution's own client, or the person granted as much before. Either can prove that
        it is the same; one without a secret cannot, whatever it was registered as.
        """
        if prompt == "consent" or client.kind == "public":
            return False
        if client.trusted:
            return True
        async with self._parts.db.read() as conn:
            since = self._parts.clock.now() - self._parts.grant_life
            return _contains(await store.approved(conn, person.id, client.id, since), scopes)

    def _good(self, session: Session, pending: Pending) -> bool:
        now: datetime = self._parts.clock.now()
        asked = pending.asked
        if session.pending:
            return False
        if asked.prompt == "login" and session.authenticated < pending.created:
            return False
        since = now - session.authenticated
        return (
            asked.max_age is None or since.total_seconds() <= asked.max_age or session.authenticated >= pending.created
        )

    def _bad(self, message: str, front: _Front, *, reason: str) -> BadRequest:
        self._missed(front, reason=reason)
        return BadRequest(message)

    def _missed(self, front: _Front, *, reason: str) -> None:
        """Nothing of what was sent is noted but the client: the rest may be a handle or a code, good or nearly."""
        event = self._parts.event("authorize", front.caller, reason=reason)
        self._parts.refusals.missed("authorize", event)

    def _refusal(self, redirect: str, state: str, error: str) -> Redirect:
        return Redirect(authorization.answer(redirect, self._parts.issuer, state, error=error))


def printable(client: str) -> str:
    """A client's name as it came, for the trail."""
    return client[:100] if client.isprintable() else ""


def _why(person: Person | None) -> str:
    return "security.account-ended" if person is None else "security.client-not-for-patients"


def _allowed(person: Person, client: Client) -> bool:
    """A client that is not meant for patients is not for an account that is nothing but a patient."""
    only_patient = bool(person.patient) and not person.practitioner and set(person.roles) <= {"patient"}
    return client.patient_facing or not only_patient


def _kept(offered: Scopes, accepted: Sequence[str]) -> Scopes:
    """Of what was offered, what came back; whatever else came with it is nothing."""
    words = set(accepted)
    return Scopes(
        tuple(rule for rule in offered.rules if text(rule) in words),
        tuple(word for word in offered.features if word in words),
    )


def _contains(earlier: Scopes, scopes: Scopes) -> bool:
    return set(scopes.features) <= set(earlier.features) and all(
        any(covers(wider, rule) for wider in earlier.rules) for rule in scopes.rules
    )
