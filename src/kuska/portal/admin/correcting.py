"""`/admin/cuentas/{id}/datos` and `…/sesiones`: what was written wrongly is put right; a lost device is signed out."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from kuska.kit.errors import ForbiddenError, IncorrectError
from kuska.portal.admin.whose import staff_problems
from kuska.portal.ui.forms import Filled
from kuska.portal.ui.shell import Shell
from kuska.security.api import Account, Correction, Security, StepUpError, guarded

_PATH = "/admin/cuentas"
_FIELDS = {"display_name": "name", "email": "email"}
_ASKED = ("name", "email", "practitioner", "organization")


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectPage:
    account: Account
    filled: Filled


class CorrectingPages:
    def __init__(self, shell: Shell, security: Security) -> None:
        self._shell = shell
        self._accounts = security.accounts
        self._security = security

    def add(self, router: APIRouter) -> None:
        self._shell.get(router, f"{_PATH}/{{id}}/datos", self.show)
        self._shell.post(router, f"{_PATH}/{{id}}/datos", self.correct)
        self._shell.post(router, f"{_PATH}/{{id}}/sesiones", self.end_sessions)

    @guarded(feature="accounts.write", step_up=True)
    async def show(self, request: Request) -> Response:
        account = await self._accounts.get(request.state.visit, request.path_params["id"])
        given = (account.display_name, account.email, account.practitioner, account.organization)
        return self._page(request, account, Filled(dict(zip(_ASKED, given, strict=True))))

    @guarded(feature="accounts.write")
    async def correct(self, request: Request) -> Response:
        form = await self._shell.form(request)
        values = {name: form.text(name) for name in _ASKED}
        by = Correction(
            display_name=values["name"],
            email=values["email"],
            practitioner=values["practitioner"],
            organization=values["organization"],
        )
        id_ = request.path_params["id"]
        if wrong := await staff_problems(self._security, values["practitioner"]):
            account = await self._accounts.get(request.state.visit, id_)
            filled = Filled(values, {name: self._shell.text(request, key) for name, key in wrong.items()})
            return self._page(request, account, filled, status=400)
        try:
            await self._accounts.correct(request.state.visit, id_, by)
        except StepUpError:
            raise
        except (IncorrectError, ForbiddenError) as error:
            account = await self._accounts.get(request.state.visit, id_)
            filled = self._shell.problems(request, error, _FIELDS, values)
            return self._page(request, account, filled, status=self._shell.status(error))
        return self._shell.go(f"{_PATH}/{id_}?aviso=corregida")

    @guarded(feature="accounts.write")
    async def end_sessions(self, request: Request) -> Response:
        await self._shell.form(request)
        id_ = request.path_params["id"]
        await self._accounts.end_sessions(request.state.visit, id_)
        return self._shell.go(f"{_PATH}/{id_}?aviso=sesiones")

    def _page(self, request: Request, account: Account, filled: Filled, *, status: int = 200) -> Response:
        page = CorrectPage(account=account, filled=filled)
        return self._shell.page(request, "admin/correct.html", {"page": page}, status=status)
