"""`/externo/{provider}/salir`: who has signed out here signs out of the identity provider, too (RP-initiated logout).

Offered after signing out, not done by itself: that would end the person's work in all other applications of the house.
https://openid.net/specs/openid-connect-rpinitiated-1_0.html
"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from kuska.kit.errors import UnavailableError
from kuska.portal.entry.signing_in import SigningIn
from kuska.portal.ui.shell import Shell
from kuska.security.api import External, open_to_all


class Leaving:
    def __init__(self, shell: Shell, external: External, entry: SigningIn) -> None:
        self._shell = shell
        self._external = external
        self._entry = entry

    def add(self, router: APIRouter) -> None:
        self._shell.get(router, "/externo/{provider}/salir", self.leave)

    @open_to_all("signing out needs no right; the provider asks whether it is meant")
    async def leave(self, request: Request) -> Response:
        try:
            there = await self._external.way_out(request.path_params["provider"])
        except UnavailableError as error:
            return self._entry.failed(request, "/", error, 503)
        return self._shell.go(there) if there else self._entry.stuck(request)
