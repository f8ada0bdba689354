"""EHR launch: a signed-in person opens an application about the patient in front of them.

https://hl7.org/fhir/smart-app-launch/app-launch.html#launch-app-ehr-launch
"""

from __future__ import annotations

import re
from dataclasses import replace

from kuska.infra.postgres.connection import Write
from kuska.security.domain import authorization
from kuska.security.domain.clients import NOBODY
from kuska.security.domain.handles import digest, fresh
from kuska.security.domain.sessions import Session
from kuska.security.store import oauth_grants as store
from kuska.security.usecases.oauth.authorize import PATIENCE, BadRequest, Redirect, printable
from kuska.security.usecases.oauth.parts import Parts

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


class Launching:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def launch(
        self, session: Session, client_id: str, patient: str, encounter: str = ""
    ) -> Redirect | BadRequest:
        """The patient is named by id or document."""
        client = await self._parts.client(client_id)
        caller = replace(session.caller(session.address), client=printable(client_id))
        known = client is not NOBODY and client.active and client.launch_url
        if not known or (encounter and not _ID.fullmatch(encounter)):
            reason = "security.launch-encounter" if known else "security.client-unknown"
            self._parts.refusals.missed("authorize", self._parts.event("launch", caller, reason=reason))
            return BadRequest("oauth.page-client")
        # What is refused here the policy has noted.
        chosen = await self._parts.choosing.chosen(replace(session.caller(""), client=client.id), patient)
        if not chosen:
            return BadRequest("oauth.page-client")
        handle = fresh()
        expires = self._parts.clock.now() + PATIENCE

        async def keep(tx: Write) -> None:
            await store.add_launch(
                tx,
                digest(handle),
                client=client.id,
                account=session.account.id,
                patient=chosen,
                encounter=encounter,
                expires=expires,
            )

        await self._parts.db.single(keep)
        return Redirect(authorization.launching(client.launch_url, self._parts.fhir_base, handle))
