"""`/cuenta`: everything about oneself on one page; sessions and applications are closed from here."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from kuska.kit.errors import BusyError, ForbiddenError, IncorrectError
from kuska.portal.account.pages import AccountPage, Application, HeldPasskey, Linked, OpenSession, PasswordPage, browser
from kuska.portal.recognition import address, session
from kuska.portal.ui.forms import EMPTY, Filled
from kuska.portal.ui.plain import sentences
from kuska.portal.ui.rendering import translator
from kuska.portal.ui.shell import Shell
from kuska.security.api import Security, guarded

_NOTICES = {
    "clave": "mine.password-changed",
    "sesion": "mine.session-closed",
    "quitado": "mine.removed",
    "factor": "mine.factor-added",
    "aplicacion": "mine.withdrawn",
}


class Overview:
    def __init__(self, shell: Shell, security: Security) -> None:
        self._shell = shell
        self._security = security

    def add(self, router: APIRouter) -> None:
        shell = self._shell
        shell.get(router, "/cuenta", self.show)
        shell.post(router, "/cuenta/sesiones/cerrar", self.close_session)
        shell.post(router, "/cuenta/sesiones/cerrar-otras", self.close_others)
        shell.post(router, "/cuenta/aplicaciones/retirar", self.withdraw)
        shell.post(router, "/cuenta/externo", self.unlink)
        shell.get(router, "/cuenta/clave", self.password)
        shell.post(router, "/cuenta/clave", self.change_password)

    @guarded(signed_in=True)
    async def show(self, request: Request) -> Response:
        mine = session(request)
        account = mine.account
        held = await self._security.factors.of(account.id)
        linked = await self._linked(account.id)
        page = AccountPage(
            name=account.display_name,
            login=account.login,
            email=account.email,
            roles=account.roles,
            totp=held.totp,
            passkeys=tuple(
                HeldPasskey(id=key.id, name=key.name, since=key.since, used=key.used) for key in held.passkeys
            ),
            recovery_left=held.recovery_left,
            sessions=await self._sessions(mine.id, account.id),
            apps=await self._apps(request, account.id),
            linked=linked,
            providers=tuple(
                (each.name, each.title)
                for each in self._security.external.providers
                if each.issuer not in {one.issuer for one in linked}
            ),
            notice=_NOTICES.get(request.query_params.get("aviso", ""), ""),
        )
        return self._shell.page(request, "account/account.html", {"page": page})

    async def _sessions(self, own: str, account: str) -> tuple[OpenSession, ...]:
        return tuple(
            OpenSession(
                id=each.id,
                agent=browser(each.agent),
                address=each.address,
                created=each.created,
                seen=each.seen,
                current=each.id == own,
            )
            for each in await self._security.sessions.of_account(account)
            if not each.pending
        )

    async def _linked(self, account: str) -> tuple[Linked, ...]:
        titles = {each.issuer: each.title for each in self._security.external.providers}
        return tuple(
            Linked(
                issuer=each.issuer,
                subject=each.subject,
                title=titles.get(each.issuer, each.issuer),
                since=each.since,
                follows=each.follows,
            )
            for each in await self._security.external.of_account(account)
        )

    async def _apps(self, request: Request, account: str) -> tuple[Application, ...]:
        lang = self._shell.language(request)
        return tuple(
            Application(
                id=each.id,
                name=each.name,
                since=each.created,
                sentences=sentences(each.scopes.rules, translator(lang), lang),
            )
            for each in await self._security.oauth.granted(account)
        )

    @guarded(signed_in=True)
    async def close_session(self, request: Request) -> Response:
        form = await self._shell.form(request)
        await self._security.sessions.revoke(session(request), form.text("id"))
        return self._shell.go("/cuenta?aviso=sesion")

    @guarded(signed_in=True)
    async def close_others(self, request: Request) -> Response:
        await self._shell.form(request)
        await self._security.sessions.revoke_others(session(request), self._cookie(request))
        return self._shell.go("/cuenta?aviso=sesion")

    @guarded(signed_in=True)
    async def withdraw(self, request: Request) -> Response:
        form = await self._shell.form(request)
        mine = session(request)
        await self._security.oauth.end(mine.account.id, form.text("id"), mine.caller(address(request)))
        return self._shell.go("/cuenta?aviso=aplicacion")

    @guarded(signed_in=True)
    async def unlink(self, request: Request) -> Response:
        form = await self._shell.form(request)
        await self._security.external.unlink(session(request), form.text("issuer"), form.text("subject"))
        return self._shell.go("/cuenta?aviso=quitado")

    @guarded(signed_in=True)
    async def password(self, request: Request) -> Response:
        return self._password(request, EMPTY)

    @guarded(signed_in=True)
    async def change_password(self, request: Request) -> Response:
        form = await self._shell.form(request)
        new = form.raw("password")
        if new != form.raw("again"):
            filled = Filled(problems={"again": self._shell.text(request, "password.differ")})
            return self._password(request, filled, status=400)
        try:
            fresh = await self._security.accounts.change_password(
                self._cookie(request), session(request), form.raw("current"), new, address=address(request)
            )
        except (IncorrectError, ForbiddenError, BusyError) as error:
            filled = self._shell.problems(request, error, {"password": "password", "current": "current"})
            return self._password(request, filled, status=429 if isinstance(error, BusyError) else 400)
        response = self._shell.go("/cuenta?aviso=clave")
        self._shell.cookies.put(response, self._shell.cookies.session, fresh)
        return response

    def _password(self, request: Request, filled: Filled, *, status: int = 200) -> Response:
        page = PasswordPage(
            login=session(request).account.login, least=self._security.settings.password_least, filled=filled
        )
        return self._shell.page(request, "account/password.html", {"page": page}, status=status)

    def _cookie(self, request: Request) -> str:
        return request.cookies.get(self._shell.cookies.session, "")
