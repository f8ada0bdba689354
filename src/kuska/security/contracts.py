"""What the other contexts see of security: callers, decisions, events of the trail. Plain values.

A door does three things and cannot skip one, because each needs what the one before gave:

    visit = await door.enter(scope)            who asks; UnauthenticatedError when that is not known
    ways = visit.access.ways("Patient", "r")   what the policy allows; ForbiddenError or conditions in the query
    the store takes the visit and notes in it what it gave out or wrote, and the trail has it before the answer leaves
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal, Protocol

# create, read, update, delete, search: the letters of SMART scopes v2
Letter = Literal["c", "r", "u", "d", "s"]
Kind = Literal["person", "service", "partner", "system", "anonymous"]
Context = Literal["patient", "user", "system"]
# Whose data a role reaches: everybody's; the account's own patient; those in the person's care; those whose Consent
# permits it to this organisation.
Reach = Literal["all", "own", "care", "consented"]


@dataclass(frozen=True, slots=True)
class ScopeRule:
    """One clinical scope of SMART v2: `patient/Observation.rs?category=laboratory`."""

    context: Context
    type: str  # '*' = every type
    letters: frozenset[str]
    query: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """What a role is: data, kept in versions, shown and edited by administrators."""

    name: str
    version: int
    scopes: tuple[ScopeRule, ...]
    reach: Reach
    # What it may do outside the record, e.g. 'audit.read', 'accounts.write', 'export', 'break-glass'.
    features: frozenset[str] = frozenset()
    areas: tuple[str, ...] = ()  # of the portal
    purposes: tuple[str, ...] = ("TREAT",)  # v3 PurposeOfUse; the first is taken when the request names none
    countries: tuple[str, ...] = ()  # () = the account's own country only
    factors: bool = False  # a second factor is required
    durable_reads: bool = False  # the trail is on disk in the database before a read is answered


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks, proved by a token or a session. Ids only: no names, no documents."""

    kind: Kind
    account: str = ""  # account id; the client's for services and partners
    client: str = ""  # OAuth client, '' for a session
    session: str = ""
    roles: tuple[str, ...] = ()
    # None = no narrowing by a token (a session of the portal): the roles alone decide.
    scopes: tuple[ScopeRule, ...] | None = None
    patient: str = ""  # id of the Patient that the token is about, or that the account is
    practitioner: str = ""  # id of the Practitioner that the account is
    organization: str = ""
    tenant: str = ""
    country: str = ""
    purpose: str = ""  # '' = the role's first
    purposes: tuple[str, ...] = ()  # those that the client's agreement names; () = any of the roles'
    address: str = ""  # from where
    authenticated: datetime | None = None
    methods: tuple[str, ...] = ()  # amr: 'pwd', 'otp', 'webauthn', 'ext'
    confirmed: datetime | None = None  # when a second factor was last shown: what a step-up asks for


ANONYMOUS = Caller(kind="anonymous")


@dataclass(frozen=True, slots=True)
class Way:
    """One way the policy opens: a resource is within when all of it holds. Several ways: when any of them holds."""

    reach: Reach
    queries: tuple[tuple[tuple[str, str], ...], ...] = ()  # each a scope's restriction, all must match
    # Reaches that must hold as well. A physician's token about one patient is ('own', also=('care',)): that patient,
    # for as long as the patient is in the physician's care.
    also: tuple[Reach, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of the trail; becomes a FHIR AuditEvent. No clinical text; ids and codes only."""

    id: str  # time-ordered, made once; a repeated delivery is recognised by it
    at: datetime
    action: Literal["C", "R", "U", "D", "E"]
    kind: str  # 'rest', 'login', 'logout', 'token', 'account', 'role', 'break-glass', 'export', 'key', 'pseudonym', …
    interaction: str = ""  # 'read', 'search-type', …
    outcome: Literal["0", "4", "8", "12"] = "0"
    reason: str = ""  # why it was refused or failed: a message key; for break-glass what the person said
    caller: Caller = ANONYMOUS
    purpose: str = ""
    request: str = ""  # request id
    entities: tuple[str, ...] = ()  # 'Observation/1'
    patients: tuple[str, ...] = ()  # ids of the patients whose data it is
    query: str = ""  # what was searched for
    detail: tuple[tuple[str, str], ...] = field(default=())


class Access(Protocol):
    """What the policy allows one caller for one purpose. Made once per token and kept until something changes; no I/O."""

    @property
    def caller(self) -> Caller: ...
    @property
    def purpose(self) -> str: ...

    @property
    def withheld(self) -> frozenset[str]:
        """Ids of the patients whose Consent shuts this caller out, whatever the way. Types apart: `withheld_for`."""
        ...

    def withheld_for(self, type_: str) -> frozenset[str]:
        """The same for resources of one type: a Consent may name types that it withholds, or that it excepts."""
        ...

    @property
    def consented(self) -> frozenset[str]:
        """Ids of the patients whose Consent lets this caller in: what the reach 'consented' means. By type below."""
        ...

    def consented_for(self, type_: str) -> frozenset[str]: ...

    @property
    def opened(self) -> frozenset[str]:
        """Ids of the patients opened by breaking the glass: within the reach 'care', and never withheld."""
        ...

    @property
    def glass(self) -> Mapping[str, str]:
        """Each of them, with the id of the grant: what is reached through it is marked with it in the trail."""
        ...

    def ways(self, type_: str, letter: Letter) -> tuple[Way, ...]:
        """() = refused."""
        ...

    def free(self, type_: str, letter: Letter) -> bool:
        """Every resource of the type, nothing to check one by one."""
        ...

    def may(self, feature: str) -> bool: ...

    @property
    def areas(self) -> frozenset[str]:
        """Of the portal."""
        ...

    @property
    def durable(self) -> bool:
        """A read is answered when its line of the trail is in the database, not only in the journal."""
        ...


class Trail(Protocol):
    def note(self, event: Event) -> None:
        """Written to the journal before it returns: survives kill -9. In the database a moment later."""
        ...

    async def keep(self, event: Event) -> None:
        """In the database, committed, when it returns."""
        ...

    def columns(self, events: Sequence[Event]) -> tuple[Sequence[Any], ...]:
        """Of what a statement writes: arguments of the SQL function `security.append_written(…)`, which notes it in the
        same statement; a list per argument, for it may have to be called several times.
        """
        ...

    async def within(self, tx: Any, events: Sequence[Event]) -> None:
        """In the caller's transaction (a `Write`): what was done and its line are committed together, or neither is."""
        ...


@dataclass(frozen=True, slots=True)
class PatientMatch:
    """The one patient that a document and a date of birth belong to."""

    id: str
    name: str
    emails: tuple[str, ...]  # of the record: the only addresses that a stranger's registration can lead to


class PatientFinder(Protocol):
    async def find(self, systems: Sequence[str], value: str, birth_date: date) -> PatientMatch | None:
        """By Identifier (any of these systems) and date of birth. None unless it is exactly one active Patient."""
        ...


class PatientLocator(Protocol):
    async def locate(self, text: str) -> str | None:
        """The id of the patient that the text names, an id or a document. None unless it is exactly one."""
        ...


class StaffFinder(Protocol):
    async def practises(self, id_: str) -> bool:
        """Is there a Practitioner with this id in the record?"""
        ...


class Cipher(Protocol):
    """Seals for one purpose. The same text in the same context gives the same bytes as long as the key is the same."""

    @property
    def mixed(self) -> bool:
        """Texts of older keys, or unsealed ones, may still lie about."""
        ...

    @property
    def prefix(self) -> bytes:
        """What the current key's texts begin with."""
        ...

    def seal(self, plain: bytes, context: bytes) -> bytes: ...

    def open(self, sealed: bytes | memoryview, context: bytes) -> bytes:
        """Raises SealBrokenError, KeyMissingError."""
        ...

    def macs(self, text: bytes) -> list[bytes]:
        """Keyed hashes of `text`, the current key's first."""
        ...


class Sealer(Protocol):
    """Seals what is stored. Purposes: security.domain.sealing.PURPOSES. The context says whose it is and where it lies
    (b'client/…'); opening needs the same one.
    """

    def cipher(self, purpose: str) -> Cipher: ...
    def seal(self, purpose: str, plain: bytes, context: bytes) -> bytes: ...
    def open(self, purpose: str, sealed: bytes, context: bytes) -> bytes: ...
