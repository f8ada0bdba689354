"""Puts the sign-in at other providers together, for `open_security`."""

from __future__ import annotations

from kuska.infra.http.outgoing import Outgoing
from kuska.infra.postgres.database import Database
from kuska.kit.clock import Clock
from kuska.security.domain.external import ProvidersFile
from kuska.security.settings import SecuritySettings
from kuska.security.store.accounts import AccountStore
from kuska.security.store.epoch import Epoch
from kuska.security.usecases.accounts.parts import KnownRoles
from kuska.security.usecases.external.external import External, Noting, Parts, Tell
from kuska.security.usecases.factors.factors import Factors
from kuska.security.usecases.refusals import Refusals
from kuska.security.usecases.sessions import Sessions


def external_of(
    db: Database,
    settings: SecuritySettings,
    clock: Clock,
    trail: Noting,
    *,
    epoch: Epoch,
    sessions: Sessions,
    factors: Factors,
    http: Outgoing,
    tell: Tell,
    own_url: str,
    refusals: Refusals,
    providers: ProvidersFile,
    roles: KnownRoles,
) -> External:
    parts = Parts(
        db=db,
        settings=settings,
        clock=clock,
        trail=trail,
        epoch=epoch,
        store=AccountStore(settings.tenant),
        sessions=sessions,
        factors=factors,
        http=http,
        own_url=own_url,
        refusals=refusals,
        tell=tell,
        roles=roles,
    )
    return External(parts, providers)
