"""`/urgencia`: who, why, and the record is open for a while. The alarm goes out in the same moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from kuska.kit.errors import IncorrectError
from kuska.portal.ui.forms import EMPTY, Filled
from kuska.portal.ui.shell import Shell
from kuska.security.api import Security, guarded


@dataclass(frozen=True, slots=True, kw_only=True)
class GlassPage:
    least: int
    filled: Filled = field(default=EMPTY)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedPage:
    patient: str
    until: datetime


class GlassPages:
    def __init__(self, shell: Shell, security: Security) -> None:
        self._shell = shell
        self._glass = security.glass

    def add(self, router: APIRouter) -> None:
        self._shell.get(router, "/urgencia", self.show)
        self._shell.post(router, "/urgencia", self.open)

    @guarded(feature="break-glass", step_up=True)
    async def show(self, request: Request) -> Response:
        """The factor is asked for before the reason is written, so that nothing written is lost."""
        return self._page(request, EMPTY)

    @guarded(feature="break-glass")
    async def open(self, request: Request) -> Response:
        form = await self._shell.form(request)
        values = {"patient": form.text("patient"), "reason": form.text("reason")}
        try:
            glass = await self._glass.break_glass(request.state.visit, values["patient"], values["reason"])
        except IncorrectError as error:
            name = "reason" if error.issues[0].message == "security.glass-reason" else "patient"
            filled = Filled(values, {name: self._shell.said(request, error)})
            return self._page(request, filled, status=400)
        page = OpenedPage(patient=glass.patient, until=glass.until)
        return self._shell.page(request, "glass/opened.html", {"page": page})

    def _page(self, request: Request, filled: Filled, *, status: int = 200) -> Response:
        page = GlassPage(least=self._glass.least, filled=filled)
        return self._shell.page(request, "glass/glass.html", {"page": page}, status=status)
