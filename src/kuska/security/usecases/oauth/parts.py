"""What every verb of the server works with."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal, Protocol

from kuska.infra.postgres.connection import Write
from kuska.infra.postgres.database import Database
from kuska.kit.clock import Clock
from kuska.security.contracts import Caller, Event
from kuska.security.domain.clients import NOBODY, Client
from kuska.security.domain.doors import require, why
from kuska.security.domain.scopes import Decidable, every_restriction
from kuska.security.errors import RefusedByPolicyError, StepUpError
from kuska.security.store import oauth_clients
from kuska.security.store.epoch import Epoch
from kuska.security.store.oauth_grants import Person
from kuska.security.store.oauth_keys import What
from kuska.security.usecases.limits import Knocking, Unlimited
from kuska.security.usecases.oauth.tokens import Tokens
from kuska.security.usecases.refusals import Refusals
from kuska.security.visit import Visit, event_id

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_NO_ID = re.compile(r"[^A-Za-z0-9\-.]")
_LONGEST = 64


class Noting(Protocol):
    """`note` for what only fails or only looks: whoever knocks a thousand times must not cost a thousand commits."""

    def note(self, event: Event) -> None: ...
    async def within(self, tx: Write, events: Sequence[Event]) -> None: ...
    async def keep(self, event: Event) -> None: ...


# The body behind an address, fetched by the house's guarded client.
Fetch = Callable[[str], Awaitable[bytes]]
# The id of the patient that an id or a document names; None unless it is exactly one.
Locate = Callable[[str], Awaitable[str | None]]
# Whether this person may choose this patient (the policy's word); asked when an application wants one.
MayChoose = Callable[[Caller, str], Awaitable[bool]]


async def anybody(_caller: Caller, _patient: str) -> bool:
    """Where nobody says otherwise: a token about a patient whom its person does not reach opens nothing anyway, because
    the policy looks at the person's own reach on every request.
    """
    return True


async def an_id(text: str) -> str | None:
    """Where no record says whose a document is: the text is an id."""
    return text


class Choosing:
    """Who is asked; the record that knows opens after security does."""

    def __init__(self, may: MayChoose = anybody, locate: Locate = an_id) -> None:
        self.may = may
        self.locate = locate

    async def chosen(self, caller: Caller, text: str) -> str:
        """The id of the patient whom a text, id or document, names; '' unless this person may choose them.

        Where the document is nobody's the policy is asked all the same, about a patient who is not there: it takes as
        long as for a patient who is not theirs, and the trail has a line of both.
        """
        text = text.strip()
        if not text.isprintable() or len(text) > _LONGEST:
            return ""
        found = await self.locate(text)
        patient = found or _NO_ID.sub("", text)
        if _ID.fullmatch(patient) is None:
            return ""
        return patient if await self.may(caller, patient) and found else ""


async def nothing_fetched(_url: str) -> bytes:
    raise OSError("this process fetches nothing")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    db: Database
    clock: Clock
    epoch: Epoch
    tokens: Tokens
    trail: Noting
    refusals: Refusals
    fetch: Fetch = nothing_fetched
    choosing: Choosing = field(default_factory=Choosing)
    limits: Knocking = field(default_factory=Unlimited)
    decidable: Decidable = every_restriction
    refresh_life: timedelta = timedelta(days=30)
    grant_life: timedelta = timedelta(days=90)
    fresh: timedelta = timedelta(minutes=10)  # how long a second factor counts for registering and withdrawing clients

    @property
    def issuer(self) -> str:
        return self.tokens.house.issuer

    @property
    def fhir_base(self) -> str:
        return self.tokens.house.audience

    @property
    def tenant(self) -> str:
        return self.tokens.house.tenant

    async def client(self, id_: str) -> Client:
        """NOBODY for one that is not there, as none is whose name no text can be (it comes from headers and JWTs, too)."""
        if "\0" in id_:
            return NOBODY
        async with self.db.read() as conn:
            return await oauth_clients.find(conn, id_, self.tenant) or NOBODY

    async def withdraw(self, tx: Write, what: What, id_: str) -> None:
        """In the transaction; `withdrawn` after it."""
        await self.tokens.withdraw(tx, what, id_)
        await self.epoch.bump(tx)

    def withdrawn(self, what: What, id_: str) -> None:
        self.tokens.withdrawn(what, id_)
        self.epoch.forget()

    async def permitted(
        self, by: Visit | Caller, feature: str, what: str, *, kind: str, about: tuple[str, str]
    ) -> Caller:
        """Who does it, once that is allowed. People come with their visit; a caller alone is the program itself, whose
        operator may do it at the machine anyway. Raises RefusedByPolicyError, StepUpError.
        """
        caller = by.access.caller if isinstance(by, Visit) else by
        try:
            if isinstance(by, Visit):
                require(by.access, feature, self.clock.now(), self.fresh)
            elif by.kind != "system":
                raise RefusedByPolicyError("security.feature")
        except (RefusedByPolicyError, StepUpError) as error:
            await self.trail.keep(self.event(what, caller, kind=kind, reason=why(error), detail=(about,)))
            raise
        return caller

    def event(
        self,
        what: str,
        caller: Caller,
        *,
        kind: str = "token",
        action: Literal["C", "R", "U", "D", "E"] = "E",
        reason: str = "",
        detail: Sequence[tuple[str, str]] = (),
    ) -> Event:
        return Event(
            id=event_id(),
            at=self.clock.now(),
            action=action,
            kind=kind,
            interaction=what,
            outcome="4" if reason else "0",
            reason=reason,
            caller=caller,
            purpose=caller.purpose,
            patients=(caller.patient,) if caller.patient else (),
            detail=tuple(detail),
        )


def of_client(client: Client, address: str = "") -> Caller:
    """A client that acts for itself."""
    return Caller(
        kind=client.party,
        account=client.id,
        client=client.id,
        roles=client.roles,
        organization=client.organization,
        tenant=client.tenant,
        country=client.country,
        purpose=_only(client.purposes),
        purposes=client.purposes,
        address=address,
    )


def of_person(person: Person, client: Client, address: str = "") -> Caller:
    """A person who lets a client act."""
    return Caller(
        kind=person.kind,
        account=person.id,
        client=client.id,
        roles=person.roles,
        patient=person.patient,
        practitioner=person.practitioner,
        organization=person.organization,
        tenant=client.tenant,
        country=person.country,
        purpose=_only(client.purposes),
        purposes=client.purposes,
        address=address,
    )


def _only(purposes: tuple[str, ...]) -> str:
    """Of several that an agreement names, each request says which one it is for."""
    return purposes[0] if len(purposes) == 1 else ""
