"""Puts the parts of security together, each given what it needs of the others, and keeps them going while it is open."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

from kuska.infra.http.outgoing import Outgoing, open_outgoing
from kuska.infra.http.settings import OutgoingSettings
from kuska.infra.mail.smtp import Mailer
from kuska.infra.postgres.database import Database
from kuska.kit.clock import Clock
from kuska.security.contracts import PatientFinder, PatientLocator, Sealer, StaffFinder
from kuska.security.domain.policy import Place
from kuska.security.domain.scopes import Decidable, every_restriction
from kuska.security.settings import LimitSettings, SecuritySettings
from kuska.security.store.epoch import Epoch
from kuska.security.usecases.accounts.opening import open_accounts, post_office
from kuska.security.usecases.accounts.service import Accounts
from kuska.security.usecases.door import Door
from kuska.security.usecases.external import file as providers_file
from kuska.security.usecases.external.external import External
from kuska.security.usecases.external.opening import external_of
from kuska.security.usecases.factors.factors import Factors
from kuska.security.usecases.factors.opening import factors_of
from kuska.security.usecases.glass import BreakGlass
from kuska.security.usecases.limits import Limits
from kuska.security.usecases.mailing.mailroom import Mailroom
from kuska.security.usecases.oauth.parts import Fetch, nothing_fetched
from kuska.security.usecases.oauth.server import OAuth, oauth_of, open_tokens
from kuska.security.usecases.oauth.tokens import Tokens
from kuska.security.usecases.policy import Policy
from kuska.security.usecases.pseudonyms import Pseudonyms
from kuska.security.usecases.refusals import Refusals
from kuska.security.usecases.roles import Roles
from kuska.security.usecases.sessions import Sessions
from kuska.security.usecases.trail.running import open_trail
from kuska.security.usecases.trail.trail import AuditTrail


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """What the composition root, the pages and the record work with."""

    settings: SecuritySettings
    epoch: Epoch
    accounts: Accounts
    sessions: Sessions
    mailroom: Mailroom
    tokens: Tokens
    oauth: OAuth
    factors: Factors
    external: External
    roles: Roles
    policy: Policy
    glass: BreakGlass
    pseudonyms: Pseudonyms
    trail: AuditTrail
    limits: Limits
    refusals: Refusals
    door: Door
    located: PatientLocator | None = None  # the record's patients by document; None: there is no record
    staff: StaffFinder | None = None  # the record's practitioners


@contextlib.asynccontextmanager
async def open_security(
    db: Database,
    settings: SecuritySettings,
    clock: Clock,
    own_url: str,
    data: Path,
    *,
    limits: LimitSettings,
    sealer: Sealer,
    mailer: Mailer,
    fetch: Fetch = nothing_fetched,
    outgoing: Outgoing | None = None,
    patients: PatientFinder | None = None,
    located: PatientLocator | None = None,
    staff: StaffFinder | None = None,
    decidable: Decidable = every_restriction,  # what scopes may restrict by
) -> AsyncGenerator[Security]:
    """`own_url`: where people reach this server unless the setting says another address. `fetch`: bodies from outside."""
    url = settings.public_url or own_url
    providers = providers_file.read(settings.providers_file)
    epoch, kept = Epoch(db), Limits(limits)
    async with open_trail(db, settings, clock, data) as trail, contextlib.AsyncExitStack() as stack:
        refusals = Refusals(trail, kept)
        roles = Roles(db, settings, clock, epoch, decidable)
        sessions = Sessions(db, settings, clock, trail, epoch)
        letters, mailroom = post_office(db, settings, clock, trail, mailer=mailer, own_url=url, patients=patients)
        factors = factors_of(
            db, settings, clock, trail, epoch=epoch, sealer=sealer, tell=mailroom.tell, own_url=url,
            demands=roles.need_factor, refusals=refusals, alone=not providers.only)  # fmt: skip
        opened = open_accounts(
            db, settings, clock, trail, epoch=epoch, sessions=sessions, letters=letters, mailroom=mailroom,
            roles=roles.current, needs_factor=factors.asked_for, passwords=not providers.only, refusals=refusals)  # fmt: skip
        external = external_of(
            db, settings, clock, trail, epoch=epoch, sessions=sessions, factors=factors, tell=mailroom.tell, own_url=url,
            providers=providers, roles=roles.current, refusals=refusals,
            http=outgoing or await stack.enter_async_context(open_outgoing(OutgoingSettings())))  # fmt: skip
        stack.callback(opened.hasher.close)
        tokens = await open_tokens(db, clock=clock, epoch=epoch, sealer=sealer, settings=settings, own_url=url)
        oauth = oauth_of(
            tokens, db=db, clock=clock, epoch=epoch, trail=trail, settings=settings, fetch=fetch, limits=kept,
            refusals=refusals, decidable=decidable)  # fmt: skip
        policy = Policy(db, roles, Place(settings.tenant, settings.country), clock, epoch)
        door = Door(
            tokens=tokens, sessions=sessions, policy=policy, trail=trail, limits=kept, clock=clock,
            refusals=refusals, secure=url.startswith("https:"))  # fmt: skip
        for running in (epoch.watched(), oauth.tended(), mailroom.running()):
            await stack.enter_async_context(running)
        yield Security(
            settings=settings,
            epoch=epoch,
            accounts=opened.accounts,
            sessions=sessions,
            mailroom=mailroom,
            tokens=tokens,
            oauth=oauth,
            factors=factors,
            external=external,
            roles=roles,
            policy=policy,
            glass=BreakGlass(db, settings, clock, epoch, located, posts=mailer.configured),
            pseudonyms=Pseudonyms(db, settings, sealer, clock),
            trail=trail,
            limits=kept,
            refusals=refusals,
            door=door,
            located=located,
            staff=staff,
        )
