"""`/oauth/authorize`: an application's request, shown to the person whom it concerns, and the answer.

What is asked for lies on the server under a handle that is bound to the session; the form brings back the handle and
what was left in, nothing that could be tampered with.
"""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from kuska.portal.consent.page import ConsentPage, items, target
from kuska.portal.recognition import address
from kuska.portal.ui.documents import DOCUMENT_KIND, kinds, meant
from kuska.portal.ui.forms import EMPTY, Filled
from kuska.portal.ui.rendering import translator
from kuska.portal.ui.shell import Shell
from kuska.security.api import NeedsConsent, NeedsLogin, Outcome, Redirect, Security, open_to_all

_WHY = "applications send people here; who is not signed in is sent on to the sign-in"
_PATH = "/oauth/authorize"


class ConsentPages:
    def __init__(self, shell: Shell, security: Security) -> None:
        self._shell = shell
        self._oauth = security.oauth
        self._country = security.settings.country

    def add(self, router: APIRouter) -> None:
        self._shell.get(router, _PATH, self.asked)
        self._shell.post(router, _PATH, self.decided)

    @open_to_all(_WHY)
    async def asked(self, request: Request) -> Response:
        params = list(request.query_params.multi_items())
        outcome = await self._oauth.authorize(params, request.state.session, address(request))
        return self._answer(request, outcome, EMPTY)

    @open_to_all(_WHY)
    async def decided(self, request: Request) -> Response:
        form = await self._shell.form(request)
        kind, patient = form.text(DOCUMENT_KIND), form.text("patient")
        accepted = form.all("scope") if form.text("decision") == "allow" else ()
        outcome = await self._oauth.decide(
            form.text("handle"), request.state.session, accepted, meant(kind, patient), address(request)
        )
        filled = EMPTY
        if isinstance(outcome, NeedsConsent):
            said = self._shell.text(request, "consenting.no-patient")
            filled = Filled({"patient": patient, DOCUMENT_KIND: kind}, {"patient": said})
        return self._answer(request, outcome, filled, left_in=frozenset(accepted))

    def _answer(
        self, request: Request, outcome: Outcome, filled: Filled, *, left_in: frozenset[str] | None = None
    ) -> Response:
        """`left_in`: what the person had not crossed out when the form came back; None = nobody has decided yet."""
        match outcome:
            case Redirect(url):
                return self._shell.go(url)
            case NeedsLogin(handle=handle, again=again):
                back = quote(f"{_PATH}?handle={handle}", safe="/")
                return self._shell.go(f"/login?next={back}{'&otra=1' if again else ''}")
            case NeedsConsent():
                return self._consent(request, outcome, filled, left_in)
            case _:
                names = {"said": self._shell.text(request, outcome.message)}
                return self._shell.page(request, "consent/broken.html", names, status=400)

    def _consent(
        self, request: Request, asked: NeedsConsent, filled: Filled, left_in: frozenset[str] | None
    ) -> Response:
        lang, scopes = self._shell.language(request), asked.scopes
        targets = sorted({target(uri) for uri in asked.client.redirects})
        page = ConsentPage(
            handle=asked.handle,
            client=asked.client.name,
            host=", ".join(each.removeprefix("https://") for each in targets),
            items=[
                replace(item, left_in=left_in is None or item.scope in left_in)
                for item in items(scopes.features, scopes.rules, asked.texts, translator(lang), lang)
            ],
            wide=any(rule.type == "*" for rule in scopes.rules),
            asks_patient=asked.choose_patient,
            documents=kinds(self._country, lang, ids=True),
            filled=filled,
        )
        return self._shell.page(
            request,
            "consent/consent.html",
            {"page": page},
            status=400 if filled.problems else 200,
            form_targets=targets,
        )
