"""Opens security for the process, with what it needs from outside it: mail, the way out, the patients of the record."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from kuska.app.patients import RecordPatients
from kuska.app.settings import Settings
from kuska.fhir.api import restricts
from kuska.infra.http.outgoing import open_outgoing
from kuska.infra.mail.smtp import SmtpMailer
from kuska.infra.postgres.database import Database
from kuska.kit.clock import Clock
from kuska.kit.errors import Issue, UnavailableError
from kuska.security.api import Keys, Security, open_security


@asynccontextmanager
async def protection(
    settings: Settings, db: Database, keys: Keys, clock: Clock, *, own_url: str, patients: RecordPatients | None = None
) -> AsyncGenerator[Security]:
    async with open_outgoing(settings.outgoing) as outgoing:

        async def fetch(url: str) -> bytes:
            answer = await outgoing.get(url)
            if answer.status != 200:
                raise UnavailableError(
                    Issue(code="exception", message="outgoing.status", params={"status": answer.status})
                )
            return answer.body

        async with open_security(
            db,
            settings.security,
            clock,
            own_url,
            settings.process.data,
            limits=settings.limits,
            sealer=keys,
            mailer=SmtpMailer(settings.mail, clock),
            fetch=fetch,
            outgoing=outgoing,
            patients=patients,
            located=patients,
            staff=patients,
            decidable=restricts,
        ) as security:
            yield security
