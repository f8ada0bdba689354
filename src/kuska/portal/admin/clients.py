"""`/admin/clientes`: the applications that may ask for access, and withdrawing one with everything it has (LW-16)."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from kuska.portal.admin.pages import ClientLine, ClientsPage
from kuska.portal.ui.plain import sentences
from kuska.portal.ui.rendering import translator
from kuska.portal.ui.shell import Shell
from kuska.security.api import Security, guarded

_PATH = "/admin/clientes"


class ClientPages:
    def __init__(self, shell: Shell, security: Security) -> None:
        self._shell = shell
        self._clients = security.oauth.clients

    def add(self, router: APIRouter) -> None:
        self._shell.get(router, _PATH, self.list)
        self._shell.post(router, f"{_PATH}/retirar", self.withdraw)

    @guarded(feature="clients.read")
    async def list(self, request: Request) -> Response:
        lang = self._shell.language(request)
        t = translator(lang)
        page = ClientsPage(
            clients=[
                ClientLine(
                    id=each.id,
                    name=each.name,
                    kind=each.kind,
                    organization=each.organization,
                    active=each.active,
                    sentences=sentences(each.scope.rules, t, lang),
                )
                for each in await self._clients.every()
            ],
            may_write=request.state.visit.access.may("clients.write"),
            notice=t("admin.withdrawn") if "retirada" in request.query_params else "",
        )
        return self._shell.page(request, "admin/clients.html", {"page": page})

    @guarded(feature="clients.write", step_up=True)
    async def withdraw(self, request: Request) -> Response:
        form = await self._shell.form(request)
        await self._clients.withdraw(form.text("id"), request.state.visit)
        return self._shell.go(f"{_PATH}?retirada")
