"""Puts the factors together, for `open_security`."""

from __future__ import annotations

from datetime import timedelta

from kuska.infra.postgres.database import Database
from kuska.kit.clock import Clock
from kuska.security.contracts import Sealer
from kuska.security.settings import SecuritySettings
from kuska.security.store.epoch import Epoch
from kuska.security.usecases.factors.factors import Factors
from kuska.security.usecases.factors.parts import Demands, Noting, Parts, Tell
from kuska.security.usecases.refusals import Refusals


def factors_of(
    db: Database,
    settings: SecuritySettings,
    clock: Clock,
    trail: Noting,
    *,
    epoch: Epoch,
    sealer: Sealer,
    demands: Demands,
    tell: Tell,
    own_url: str,
    refusals: Refusals,
    alone: bool,
) -> Factors:
    parts = Parts(
        db=db,
        clock=clock,
        sealer=sealer,
        trail=trail,
        epoch=epoch,
        demands=demands,
        own_url=own_url,
        refusals=refusals,
        tell=tell,
        alone=alone,
        fresh=timedelta(minutes=settings.step_up_minutes),
        free_failures=settings.login_failures,
        longest_wait=settings.longest_wait,
        argon2_memory=settings.argon2_memory,
        argon2_passes=settings.argon2_passes,
    )
    return Factors(parts)
