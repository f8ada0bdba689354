"""`/admin/cuentas`: who can sign in. Inviting, giving roles, disabling; the use cases ask the policy each time."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from kuska.kit.errors import ConflictError, IncorrectError, KuskaError
from kuska.portal.admin.pages import AccountPage, AccountsPage, InvitePage
from kuska.portal.admin.whose import staff_problems
from kuska.portal.ui.forms import EMPTY, Filled
from kuska.portal.ui.shell import Shell
from kuska.security.api import NewAccount, Security, StepUpError, guarded

_PAGE = 50
_PATH = "/admin/cuentas"
_NOTICES = {
    "roles": "admin.roles-saved",
    "deshabilitada": "admin.disabled",
    "habilitada": "admin.enabled",
    "factores": "admin.factors-reset",
    "invitada": "admin.invited-again",
    "corregida": "admin.corrected",
    "sesiones": "admin.sessions-ended",
}
_ASKED = ("email", "name", "practitioner", "organization")


class AccountPages:
    def __init__(self, shell: Shell, security: Security) -> None:
        self._shell = shell
        self._security = security

    def add(self, router: APIRouter) -> None:
        shell = self._shell
        shell.get(router, _PATH, self.list)
        shell.get(router, f"{_PATH}/invitar", self.invitation)
        shell.post(router, f"{_PATH}/invitar", self.invite)
        shell.get(router, f"{_PATH}/{{id}}", self.show)
        shell.post(router, f"{_PATH}/{{id}}/funciones", self.assign)
        shell.post(router, f"{_PATH}/{{id}}/deshabilitar", self.disable)
        shell.post(router, f"{_PATH}/{{id}}/habilitar", self.enable)
        shell.post(router, f"{_PATH}/{{id}}/factores", self.reset_factors)
        shell.post(router, f"{_PATH}/{{id}}/invitar", self.invite_again)

    @guarded(feature="accounts.read")
    async def list(self, request: Request) -> Response:
        text, after = request.query_params.get("q", "")[:100], request.query_params.get("after", "")[:254]
        visit = request.state.visit
        found = await self._security.accounts.page(visit, containing=text, after=after, limit=_PAGE + 1)
        more = len(found) > _PAGE
        query = urlencode({"q": text, "after": found[_PAGE - 1].login}) if more else ""
        page = AccountsPage(
            accounts=found[:_PAGE],
            filled=Filled({"q": text}),
            next=f"{_PATH}?{query}" if more else "",
            may_write=visit.access.may("accounts.write"),
        )
        return self._shell.page(request, "admin/accounts.html", {"page": page})

    @guarded(feature="accounts.read")
    async def show(self, request: Request) -> Response:
        notice = _NOTICES.get(request.query_params.get("aviso", ""), "")
        return await self._account(request, EMPTY, notice=self._shell.text(request, notice) if notice else "")

    # Asked before the form is filled in, so that nothing typed is lost on the way; what is sent is asked by the use cases.
    @guarded(feature="accounts.write", step_up=True)
    async def invitation(self, request: Request) -> Response:
        return await self._invitation(request, EMPTY, ())

    @guarded(feature="accounts.write")
    async def invite(self, request: Request) -> Response:
        form = await self._shell.form(request)
        values = {name: form.text(name) for name in _ASKED}
        if wrong := await staff_problems(self._security, values["practitioner"]):
            filled = Filled(values, {name: self._shell.text(request, key) for name, key in wrong.items()})
            return await self._invitation(request, filled, form.all("role"), status=400)
        new = NewAccount(
            login="",
            display_name=values["name"],
            email=values["email"],
            roles=form.all("role"),
            practitioner=values["practitioner"],
            organization=values["organization"],
            language="en" if self._shell.language(request) == "en" else "es",
        )
        try:
            made = await self._security.accounts.invite(request.state.visit, new)
        except (IncorrectError, ConflictError) as error:
            fields = {"email": "email", "login": "email", "display_name": "name"}
            filled = self._shell.problems(request, error, fields, values)
            return await self._invitation(request, filled, form.all("role"), status=400)
        return self._shell.go(f"{_PATH}/{made.id}?aviso=invitada")

    @guarded(feature="accounts.write")
    async def assign(self, request: Request) -> Response:
        form = await self._shell.form(request)
        id_ = request.path_params["id"]
        try:
            await self._security.accounts.assign_roles(request.state.visit, id_, form.all("role"))
        except KuskaError as error:
            return await self._again(request, error)
        return self._done(request, "roles")

    @guarded(feature="accounts.write")
    async def disable(self, request: Request) -> Response:
        await self._shell.form(request)
        try:
            await self._security.accounts.disable(request.state.visit, request.path_params["id"])
        except KuskaError as error:
            return await self._again(request, error)
        return self._done(request, "deshabilitada")

    @guarded(feature="accounts.write")
    async def enable(self, request: Request) -> Response:
        await self._shell.form(request)
        try:
            await self._security.accounts.enable(request.state.visit, request.path_params["id"])
        except KuskaError as error:
            return await self._again(request, error)
        return self._done(request, "habilitada")

    @guarded(feature="accounts.write")
    async def reset_factors(self, request: Request) -> Response:
        await self._shell.form(request)
        await self._security.factors.reset(request.state.visit, request.path_params["id"])
        return self._done(request, "factores")

    @guarded(feature="accounts.write")
    async def invite_again(self, request: Request) -> Response:
        await self._shell.form(request)
        try:
            await self._security.accounts.invite_again(request.state.visit, request.path_params["id"])
        except ConflictError as error:
            return await self._again(request, error)
        return self._done(request, "invitada")

    async def _again(self, request: Request, error: KuskaError) -> Response:
        """The account's page with what was wrong; an account that is not there is an error of its own."""
        if isinstance(error, StepUpError):
            raise error
        filled = Filled(problems={"": self._shell.said(request, error)})
        return await self._account(request, filled, status=409)

    def _done(self, request: Request, notice: str) -> Response:
        return self._shell.go(f"{_PATH}/{request.path_params['id']}?aviso={notice}")

    async def _account(self, request: Request, filled: Filled, *, notice: str = "", status: int = 200) -> Response:
        visit = request.state.visit
        page = AccountPage(
            account=await self._security.accounts.get(visit, request.path_params["id"]),
            roles=sorted(await self._security.roles.names()),
            may_write=visit.access.may("accounts.write"),
            filled=filled,
            notice=notice,
        )
        return self._shell.page(request, "admin/account.html", {"page": page}, status=status)

    async def _invitation(
        self, request: Request, filled: Filled, chosen: tuple[str, ...], *, status: int = 200
    ) -> Response:
        page = InvitePage(roles=sorted(await self._security.roles.names()), chosen=chosen, filled=filled)
        return self._shell.page(request, "admin/invite.html", {"page": page}, status=status)
