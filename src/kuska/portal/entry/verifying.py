"""`/verificar`: the second factor, at sign-in or again before something delicate (step-up).

Both are the same page: a half session is completed, a whole one is renewed. Who needs a factor and has none goes on to
set one up.
"""

from __future__ import annotations

from typing import Literal
from urllib.parse import quote

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from kuska.kit.errors import BusyError, KuskaError, UnauthenticatedError
from kuska.portal.entry.pages import VerifyPage
from kuska.portal.ui.forms import EMPTY, Filled
from kuska.portal.ui.paths import local
from kuska.portal.ui.shell import Shell
from kuska.security.api import NobodyError, Security, Session, open_to_all

Kind = Literal["totp", "recovery", "passkey"]
_WHY = "shows nothing but the way to prove a second factor, to who has a session or half of one"


class Verifying:
    def __init__(self, shell: Shell, security: Security) -> None:
        self._shell = shell
        self._security = security

    def add(self, router: APIRouter) -> None:
        self._shell.get(router, "/verificar", self.show)
        self._shell.post(router, "/verificar", self.code)
        self._shell.post(router, "/verificar/llave", self.passkey)

    @open_to_all(_WHY)
    async def show(self, request: Request) -> Response:
        _, session = await self._session(request)
        back = local(request.query_params.get("next", ""))
        if session.pending and not (await self._security.factors.of(session.account.id)).count:
            return self._shell.go(f"/cuenta/codigos?next={quote(back, safe='/')}")
        return await self._page(request, session, back, EMPTY)

    @open_to_all(_WHY)
    async def code(self, request: Request) -> Response:
        form = await self._shell.form(request)
        kind: Kind = "recovery" if form.text("kind") == "recovery" else "totp"
        field = "recovery" if kind == "recovery" else "code"
        return await self._proved(request, kind, form.text(field), field, local(form.text("next")))

    @open_to_all(_WHY)
    async def passkey(self, request: Request) -> Response:
        form = await self._shell.form(request)
        return await self._proved(request, "passkey", form.raw("answer"), "", local(form.text("next")))

    async def _proved(self, request: Request, kind: Kind, answer: str, field: str, back: str) -> Response:
        cookie, session = await self._session(request)
        try:
            method = await self._security.factors.verify(session, kind, answer)
        except NobodyError:
            raise
        except (UnauthenticatedError, BusyError) as error:
            said = self._wrong(request, error, kind)
            status = 429 if isinstance(error, BusyError) else 401
            return await self._page(request, session, back, Filled(problems={field: said}), status=status)
        sessions = self._security.sessions
        fresh = await (sessions.complete if session.pending else sessions.step_up)(cookie, method)
        response = self._shell.go(back)
        self._shell.cookies.put(response, self._shell.cookies.session, fresh)
        return response

    def _wrong(self, request: Request, error: KuskaError, kind: Kind) -> str:
        if isinstance(error, BusyError):
            return self._shell.said(request, error)
        return self._shell.text(request, "entry.bad-passkey" if kind == "passkey" else "entry.bad-code")

    async def _page(
        self, request: Request, session: Session, back: str, filled: Filled, *, status: int = 200
    ) -> Response:
        factors = self._security.factors
        held = await factors.of(session.account.id)
        page = VerifyPage(
            next=back,
            step_up=not session.pending,
            totp=held.totp is not None,
            recovery=held.recovery_left > 0,
            passkey_options=await factors.begin_passkey(session) if held.passkeys else "",
            filled=filled,
        )
        return self._shell.page(request, "entry/verify.html", {"page": page}, status=status)

    async def _session(self, request: Request) -> tuple[str, Session]:
        cookie = request.cookies.get(self._shell.cookies.session, "")
        found: Session | None = request.state.session or await self._security.sessions.half(cookie)
        if found is None:
            raise NobodyError
        return cookie, found
