"""Puts accounts, sessions and mail together, for `open_security` and for tests."""

from __future__ import annotations

from dataclasses import dataclass

from kuska.infra.mail.smtp import Mailer
from kuska.infra.postgres.database import Database
from kuska.kit.clock import Clock
from kuska.security.contracts import PatientFinder
from kuska.security.settings import SecuritySettings
from kuska.security.store.accounts import AccountStore
from kuska.security.store.epoch import Epoch
from kuska.security.usecases.accounts.hashing import Hasher
from kuska.security.usecases.accounts.parts import KnownRoles, NeedsFactor, Noting, Parts, never
from kuska.security.usecases.accounts.service import Accounts
from kuska.security.usecases.limits import Unlimited
from kuska.security.usecases.mailing.letters import Letters
from kuska.security.usecases.mailing.mailroom import Mailroom
from kuska.security.usecases.refusals import Refusals
from kuska.security.usecases.sessions import Sessions


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    accounts: Accounts
    hasher: Hasher  # to be closed at the end


def post_office(
    db: Database,
    settings: SecuritySettings,
    clock: Clock,
    trail: Noting,
    *,
    mailer: Mailer,
    own_url: str,
    patients: PatientFinder | None = None,
) -> tuple[Letters, Mailroom]:
    """The mailroom comes before factors (they send notices), accounts after them (they ask for factors)."""
    letters = Letters(
        db=db,
        clock=clock,
        settings=settings,
        store=AccountStore(settings.tenant),
        trail=trail,
        own_url=settings.public_url or own_url,
        patients=patients,
    )
    return letters, Mailroom(db, clock, mailer, letters)


def open_accounts(
    db: Database,
    settings: SecuritySettings,
    clock: Clock,
    trail: Noting,
    *,
    epoch: Epoch,
    sessions: Sessions,
    letters: Letters,
    mailroom: Mailroom,
    roles: KnownRoles,
    needs_factor: NeedsFactor = never,
    passwords: bool = True,
    hasher: Hasher | None = None,
    refusals: Refusals | None = None,
) -> Opened:
    hasher = hasher or Hasher(settings)
    parts = Parts(
        db=db,
        settings=settings,
        clock=clock,
        trail=trail,
        epoch=epoch,
        store=letters.store,
        hasher=hasher,
        sessions=sessions,
        mailroom=mailroom,
        roles=roles,
        refusals=refusals or Refusals(trail, Unlimited()),
        patients=letters.patients,
        needs_factor=needs_factor,
        passwords=passwords,
    )
    return Opened(accounts=Accounts(parts, letters), hasher=hasher)
