"""`/cuenta/codigos`, `/cuenta/llave`, `/cuenta/recuperacion`: setting up second factors, and taking them away.

Also for who has just given the password and must have a factor before going on: then the session is still half, and is
completed by the factor that was set up.
"""

from __future__ import annotations

import base64

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from kuska.kit.errors import ConflictError, IncorrectError
from kuska.portal.account.pages import PasskeyPage, RecoveryPage, TotpPage
from kuska.portal.recognition import session
from kuska.portal.ui.forms import EMPTY, Filled
from kuska.portal.ui.paths import local
from kuska.portal.ui.shell import Shell
from kuska.security.api import NobodyError, Security, Session, guarded, open_to_all

_WHY = "for who is signed in, or must set up the first factor to be; looks for itself"


class FactorPages:
    def __init__(self, shell: Shell, security: Security) -> None:
        self._shell = shell
        self._security = security

    def add(self, router: APIRouter) -> None:
        shell = self._shell
        shell.get(router, "/cuenta/codigos", self.totp)
        shell.post(router, "/cuenta/codigos", self.confirm_totp)
        shell.post(router, "/cuenta/codigos/quitar", self.remove_totp)
        shell.get(router, "/cuenta/llave", self.passkey)
        shell.post(router, "/cuenta/llave", self.add_passkey)
        shell.post(router, "/cuenta/llave/quitar", self.remove_passkey)
        shell.post(router, "/cuenta/recuperacion", self.recovery)

    @open_to_all(_WHY)
    async def totp(self, request: Request) -> Response:
        return await self._totp(request, local(request.query_params.get("next", ""), "/cuenta"), EMPTY)

    @open_to_all(_WHY)
    async def confirm_totp(self, request: Request) -> Response:
        form = await self._shell.form(request)
        mine, back = await self._mine(request), local(form.text("next"), "/cuenta")
        try:
            await self._security.factors.confirm_totp(mine, form.text("code"))
        except IncorrectError as error:
            return await self._totp(request, back, Filled(problems={"code": self._shell.said(request, error)}), 400)
        return await self._added(request, mine, "otp", back)

    async def _totp(self, request: Request, back: str, filled: Filled, status: int = 200) -> Response:
        mine = await self._mine(request)
        made = await self._security.factors.enrol_totp(mine)
        page = TotpPage(
            picture=f"data:image/svg+xml;base64,{base64.b64encode(_alone(made.svg).encode()).decode()}",
            secret=" ".join(made.secret[at : at + 4] for at in range(0, len(made.secret), 4)),
            next=back,
            forced=mine.pending,
            filled=filled,
        )
        return self._shell.page(request, "account/totp.html", {"page": page}, status=status)

    @open_to_all(_WHY)
    async def passkey(self, request: Request) -> Response:
        return await self._passkey(request, local(request.query_params.get("next", ""), "/cuenta"), EMPTY)

    @open_to_all(_WHY)
    async def add_passkey(self, request: Request) -> Response:
        form = await self._shell.form(request)
        mine, back = await self._mine(request), local(form.text("next"), "/cuenta")
        try:
            await self._security.factors.finish_passkey_registration(mine, form.text("name"), form.raw("answer"))
        except IncorrectError as error:
            filled = Filled({"name": form.text("name")}, {"": self._shell.said(request, error)})
            return await self._passkey(request, back, filled, 400)
        return await self._added(request, mine, "webauthn", back)

    async def _passkey(self, request: Request, back: str, filled: Filled, status: int = 200) -> Response:
        mine = await self._mine(request)
        options = await self._security.factors.begin_passkey_registration(mine)
        page = PasskeyPage(options=options, next=back, forced=mine.pending, filled=filled)
        return self._shell.page(request, "account/passkey.html", {"page": page}, status=status)

    async def _added(self, request: Request, mine: Session, method: str, back: str) -> Response:
        """The factor was shown by setting it up. Whoever has no recovery codes yet gets them now, and only now."""
        cookie = request.cookies[self._shell.cookies.session]
        sessions, factors = self._security.sessions, self._security.factors
        fresh = await (sessions.complete if mine.pending else sessions.step_up)(cookie, method)
        found = await sessions.find(fresh, mine.address)
        if found is None:
            raise NobodyError
        if (await factors.of(mine.account.id)).recovery_left:
            response = self._shell.go("/cuenta?aviso=factor" if back == "/cuenta" else back)
        else:
            codes = await factors.recovery_codes(found)
            response = self._codes(request, codes, "/cuenta?aviso=factor" if back == "/cuenta" else back, fresh)
        self._shell.cookies.put(response, self._shell.cookies.session, fresh)
        return response

    @guarded(signed_in=True)
    async def remove_totp(self, request: Request) -> Response:
        await self._shell.form(request)
        return await self._removing(request, "")

    @guarded(signed_in=True)
    async def remove_passkey(self, request: Request) -> Response:
        form = await self._shell.form(request)
        return await self._removing(request, form.text("id"))

    async def _removing(self, request: Request, passkey: str) -> Response:
        mine, factors = session(request), self._security.factors
        try:
            await (factors.remove_passkey(mine, passkey) if passkey else factors.remove_totp(mine))
        except ConflictError as error:
            return self._shell.refusal(request, error)
        return self._shell.go("/cuenta?aviso=quitado")

    @guarded(signed_in=True)
    async def recovery(self, request: Request) -> Response:
        await self._shell.form(request)
        codes = await self._security.factors.recovery_codes(session(request))
        return self._codes(request, codes, "/cuenta")

    def _codes(self, request: Request, codes: list[str], back: str, bound: str = "") -> Response:
        page = RecoveryPage(codes=tuple(codes), next=back)
        return self._shell.page(request, "account/recovery.html", {"page": page}, bound=bound)

    async def _mine(self, request: Request) -> Session:
        cookie = request.cookies.get(self._shell.cookies.session, "")
        found: Session | None = request.state.session or await self._security.sessions.half(cookie)
        if found is None:
            raise NobodyError
        return found


def _alone(svg: str) -> str:
    """As a picture of its own it must say what it is."""
    return svg if "xmlns=" in svg else svg.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
