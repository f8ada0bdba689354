"""`/login` and `/logout`: by password, or by passkey alone.

One answer for every way in which a sign-in can fail: a login that does not exist looks, and takes as long, as a wrong
password.
"""

from __future__ import annotations

from urllib.parse import quote

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from kuska.kit.errors import BusyError, KuskaError, UnauthenticatedError
from kuska.portal.entry.pages import PasskeyPage, Provider, SignInPage
from kuska.portal.recognition import address, agent
from kuska.portal.ui.forms import EMPTY, Filled, Form
from kuska.portal.ui.paths import local
from kuska.portal.ui.shell import Shell
from kuska.security.api import NobodyError, Security, Session, open_to_all

_NOTICES = {"salida": "entry.signed-out", "clave": "password.done"}


class SigningIn:
    def __init__(self, shell: Shell, security: Security) -> None:
        self._shell = shell
        self._security = security

    def add(self, router: APIRouter) -> None:
        shell = self._shell
        shell.get(router, "/login", self.show)
        shell.post(router, "/login", self.sign_in)
        shell.post(router, "/logout", self.sign_out)
        shell.post(router, "/login/llave", self.passkey)
        shell.post(router, "/login/llave/respuesta", self.passkey_answer)

    @open_to_all("the way in")
    async def show(self, request: Request) -> Response:
        back = local(request.query_params.get("next", ""))
        if request.state.session is not None and "otra" not in request.query_params:
            return self._shell.go(back)
        return self._form(
            request,
            back,
            EMPTY,
            notice=_NOTICES.get(request.query_params.get("aviso", ""), ""),
            left=request.query_params.get("de", ""),
        )

    @open_to_all("the way in")
    async def sign_in(self, request: Request) -> Response:
        form = await self._shell.form(request)
        back, login = local(form.text("next")), form.text("login")
        try:
            done = await self._security.accounts.sign_in(
                login, form.raw("password"), address=address(request), agent=agent(request)
            )
        except (UnauthenticatedError, BusyError) as error:
            return self._failed(request, form, error)
        path = f"/verificar?next={quote(back, safe='/')}" if done.needs_factor else back
        return await self.entered(request, path, done.session_cookie)

    @open_to_all("signing out needs no right")
    async def sign_out(self, request: Request) -> Response:
        await self._shell.form(request)
        mine: Session | None = request.state.session
        provider = await self._security.external.came_by(mine) if mine is not None else None
        await self._security.sessions.end(self._cookie(request), address(request))
        response = self._shell.go(f"/login?aviso=salida{f'&de={provider.name}' if provider else ''}")
        self._shell.cookies.drop(response, self._shell.cookies.session)
        # Nothing of this person stays in a shared computer's browser.
        response.headers["clear-site-data"] = '"cache", "storage"'
        return response

    @open_to_all("the way in")
    async def passkey(self, request: Request) -> Response:
        form = await self._shell.form(request)
        options = await self._security.factors.begin_passkey_sign_in(self._shell.bound(request))
        page = PasskeyPage(next=local(form.text("next")), options=options)
        return self._shell.page(request, "entry/passkey.html", {"page": page})

    @open_to_all("the way in")
    async def passkey_answer(self, request: Request) -> Response:
        form = await self._shell.form(request)
        try:
            proved = await self._security.factors.finish_passkey_sign_in(
                self._shell.bound(request), form.raw("answer"), address(request)
            )
            account = await self._security.accounts.by_id(proved)
            if account is None or account.status != "active":
                raise NobodyError
        except UnauthenticatedError:
            filled = Filled(problems={"": self._shell.text(request, "entry.bad-passkey")})
            return self._form(request, local(form.text("next")), filled, status=401)
        cookie = await self._security.sessions.start(
            account, methods=("webauthn",), pending=False, address=address(request), agent=agent(request)
        )
        return await self.entered(request, local(form.text("next")), cookie)

    def failed(self, request: Request, back: str, error: KuskaError, status: int) -> Response:
        """The sign-in again, with what went wrong elsewhere."""
        return self._form(request, back, Filled(problems={"": self._shell.said(request, error)}), status=status)

    def stuck(self, request: Request) -> Response:
        """A provider of which one cannot sign out from here."""
        return self._form(
            request, "/", Filled(problems={"": self._shell.text(request, "entry.no-way-out")}), status=404
        )

    def _failed(self, request: Request, form: Form, error: KuskaError) -> Response:
        filled = Filled(values={"login": form.text("login")}, problems={"": self._shell.said(request, error)})
        status = 429 if isinstance(error, BusyError) else 401
        return self._form(request, local(form.text("next")), filled, status=status)

    def _form(
        self, request: Request, back: str, filled: Filled, *, notice: str = "", left: str = "", status: int = 200
    ) -> Response:
        """`left`: name of the provider by which somebody had come who has just signed out."""
        external = self._security.external
        providers = tuple(Provider(name=each.name, title=each.title) for each in external.providers)
        page = SignInPage(
            next=back,
            filled=filled,
            providers=providers,
            local=not external.only,
            notice=notice,
            left=next((each for each in providers if each.name == left), None),
        )
        return self._shell.page(request, "entry/login.html", {"page": page}, status=status)

    def _cookie(self, request: Request) -> str:
        return request.cookies.get(self._shell.cookies.session, "")

    async def entered(self, request: Request, path: str, cookie: str) -> Response:
        if before := self._cookie(request):
            await self._security.sessions.end(before, address(request))
        response = self._shell.go(path)
        self._shell.cookies.put(response, self._shell.cookies.session, cookie)
        self._shell.cookies.drop(response, self._shell.cookies.entry)
        return response
