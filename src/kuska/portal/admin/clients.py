"""`/admin/clientes`: the applications that may ask for access, and withdrawing one with everything it has (LW-16)."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from kuska.portal.admin.pages import ClientLine, ClientsPage, WithdrawPage
from kuska.portal.ui.plain import sentences
from kuska.portal.ui.rendering import translator
from kuska.portal.ui.shell import Shell
from kuska.security.api import Client, Security, guarded

_PATH = "/admin/clientes"


class ClientPages:
    def __init__(self, shell: Shell, security: Security) -> None:
        self._shell = shell
        self._clients = security.oauth.clients

    def add(self, router: APIRouter) -> None:
        self._shell.get(router, _PATH, self.list)
        self._shell.get(router, f"{_PATH}/retirar/{{id}}", self.confirm)
        self._shell.post(router, f"{_PATH}/retirar", self.withdraw)

    @guarded(feature="clients.read")
    async def list(self, request: Request) -> Response:
        lang = self._shell.language(request)
        t = translator(lang)
        page = ClientsPage(
            clients=[_line(each, t, lang) for each in await self._clients.every()],
            may_write=request.state.visit.access.may("clients.write"),
            notice=t("admin.withdrawn") if "retirada" in request.query_params else "",
        )
        return self._shell.page(request, "admin/clients.html", {"page": page})

    @guarded(feature="clients.write", step_up=True)
    async def confirm(self, request: Request) -> Response:
        """It cannot be undone, so what ends is shown once more."""
        client = await self._clients.find(request.path_params["id"])
        if not client.active:
            return self._shell.go(_PATH)
        lang = self._shell.language(request)
        page = WithdrawPage(client=_line(client, translator(lang), lang))
        return self._shell.page(request, "admin/withdraw.html", {"page": page})

    @guarded(feature="clients.write", step_up=True)
    async def withdraw(self, request: Request) -> Response:
        form = await self._shell.form(request)
        await self._clients.withdraw(form.text("id"), request.state.visit)
        return self._shell.go(f"{_PATH}?retirada")


def _line(client: Client, t: Callable[..., str], lang: str) -> ClientLine:
    return ClientLine(
        id=client.id,
        name=client.name,
        kind=client.kind,
        organization=client.organization,
        active=client.active,
        sentences=sentences(client.scope.rules, t, lang),
    )
