"""`/aplicaciones`: a person opens an application about the patient in front of them (SMART App Launch, EHR launch).

https://hl7.org/fhir/smart-app-launch/app-launch.html#launch-app-ehr-launch
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from kuska.portal.consent.page import target
from kuska.portal.recognition import session
from kuska.portal.ui.documents import DOCUMENT_KIND, kinds, meant
from kuska.portal.ui.forms import EMPTY, Filled
from kuska.portal.ui.shell import Shell
from kuska.security.api import Redirect, Security, guarded

_PATH = "/aplicaciones"


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchPage:
    documents: Sequence[tuple[str, str]]  # kinds
    clients: Sequence[tuple[str, str]]  # id, name
    filled: Filled = EMPTY


class Launching:
    def __init__(self, shell: Shell, security: Security) -> None:
        self._shell = shell
        self._oauth = security.oauth
        self._country = security.settings.country

    def add(self, router: APIRouter) -> None:
        self._shell.get(router, _PATH, self.show)
        self._shell.post(router, _PATH, self.launch)

    @guarded(feature="launch")
    async def show(self, request: Request) -> Response:
        # The record's own views come here with the patient.
        return await self._page(request, Filled({"patient": request.query_params.get("patient", "")[:64]}))

    @guarded(feature="launch")
    async def launch(self, request: Request) -> Response:
        form = await self._shell.form(request)
        values = {name: form.text(name) for name in ("patient", DOCUMENT_KIND, "client")}
        patient = meant(values[DOCUMENT_KIND], values["patient"])
        outcome = await self._oauth.launch(session(request), values["client"], patient)
        if isinstance(outcome, Redirect):
            return self._shell.go(outcome.url)
        said = self._shell.text(request, "consenting.no-patient")
        return await self._page(request, Filled(values, {"patient": said}), status=400)

    async def _page(self, request: Request, filled: Filled, *, status: int = 200) -> Response:
        clients = [each for each in await self._oauth.clients.every() if each.active and each.launch_url]
        documents = kinds(self._country, self._shell.language(request), ids=True)
        page = LaunchPage(documents=documents, clients=[(each.id, each.name) for each in clients], filled=filled)
        targets = sorted({target(each.launch_url) for each in clients})
        return self._shell.page(request, "consent/launch.html", {"page": page}, status=status, form_targets=targets)
