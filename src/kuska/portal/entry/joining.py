"""`/registro`, `/clave` and the links in mails: how a password comes to be.

What strangers ask for gets one answer whether or not there is such a person; what is found is said by mail only.
"""

from __future__ import annotations

from datetime import date

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from kuska.kit.errors import BusyError, IncorrectError
from kuska.portal.entry.pages import FormPage, PasswordPage, RegistrationPage, SentPage
from kuska.portal.recognition import address
from kuska.portal.ui.documents import DOCUMENT_KIND, kinds
from kuska.portal.ui.forms import EMPTY, Filled
from kuska.portal.ui.shell import Shell
from kuska.security.api import Security, open_to_all

_REGISTERED = (DOCUMENT_KIND, "document", "birth", "email")
_WHY = "for who has no account yet, or no password"


class Joining:
    def __init__(self, shell: Shell, security: Security) -> None:
        self._shell = shell
        self._security = security

    def add(self, router: APIRouter) -> None:
        shell = self._shell
        shell.get(router, "/registro", self.registration)
        shell.post(router, "/registro", self.register)
        shell.get(router, "/clave", self.forgotten)
        shell.post(router, "/clave", self.ask_reset)
        for path in ("/invitacion/{token}", "/clave/{token}"):
            shell.get(router, path, self.opened)
            shell.post(router, path, self.redeem)

    @open_to_all(_WHY)
    async def registration(self, request: Request) -> Response:
        return self._registration(request, EMPTY)

    @open_to_all(_WHY)
    async def register(self, request: Request) -> Response:
        form = await self._shell.form(request)
        values = {name: form.text(name) for name in _REGISTERED}
        birth = _date(values["birth"])
        if birth is None:
            filled = Filled(values, {"birth": self._shell.text(request, "entry.bad-date")})
            return self._registration(request, filled, status=400)
        try:
            await self._security.accounts.register(
                document_kind=values[DOCUMENT_KIND],
                document=values["document"],
                birth_date=birth,
                email=values["email"],
                language="en" if self._shell.language(request) == "en" else "es",
                address=address(request),
            )
        except (IncorrectError, BusyError) as error:
            fields = {"document": "document", "birth_date": "birth", "email": "email"}
            filled = self._shell.problems(request, error, fields, values)
            status = 429 if isinstance(error, BusyError) else 400
            return self._registration(request, filled, status=status)
        return self._shell.page(request, "entry/sent.html", {"page": SentPage(said="sent.register")})

    @open_to_all(_WHY)
    async def forgotten(self, request: Request) -> Response:
        return self._page(request, "entry/reset.html", EMPTY)

    @open_to_all(_WHY)
    async def ask_reset(self, request: Request) -> Response:
        form = await self._shell.form(request)
        try:
            await self._security.accounts.ask_reset(form.text("login"), address=address(request))
        except BusyError as error:
            filled = self._shell.problems(request, error, {}, {"login": form.text("login")})
            return self._page(request, "entry/reset.html", filled, status=429)
        return self._shell.page(request, "entry/sent.html", {"page": SentPage(said="sent.reset")})

    @open_to_all(_WHY)
    async def opened(self, request: Request) -> Response:
        """Looking uses nothing up: scanners of mail open links too."""
        await self._security.accounts.link(request.path_params["token"], address(request))
        return self._password(request, EMPTY)

    @open_to_all(_WHY)
    async def redeem(self, request: Request) -> Response:
        form = await self._shell.form(request)
        password = form.raw("password")
        if password != form.raw("again"):
            filled = Filled(problems={"again": self._shell.text(request, "password.differ")})
            return self._password(request, filled, status=400)
        try:
            await self._security.accounts.redeem(request.path_params["token"], password, address=address(request))
        except IncorrectError as error:
            return self._password(request, self._shell.problems(request, error, {"password": "password"}), status=400)
        return self._shell.go("/login?aviso=clave")

    def _registration(self, request: Request, filled: Filled, *, status: int = 200) -> Response:
        documents = kinds(self._security.settings.country, self._shell.language(request))
        page = RegistrationPage(documents=documents, filled=filled)
        return self._shell.page(request, "entry/registration.html", {"page": page}, status=status)

    def _page(self, request: Request, template: str, filled: Filled, *, status: int = 200) -> Response:
        return self._shell.page(request, template, {"page": FormPage(filled=filled)}, status=status)

    def _password(self, request: Request, filled: Filled, *, status: int = 200) -> Response:
        page = PasswordPage(action=request.url.path, least=self._security.settings.password_least, filled=filled)
        return self._shell.page(request, "entry/password.html", {"page": page}, status=status)


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
