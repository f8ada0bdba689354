"""`/urgencia`: who, why, and the record is open for a while. The alarm goes out in the same moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from kuska.kit.errors import IncorrectError
from kuska.portal.ui.documents import DOCUMENT_KIND, kinds, meant
from kuska.portal.ui.forms import EMPTY, Filled
from kuska.portal.ui.shell import Shell
from kuska.security.api import Security, Visit, guarded


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRecord:
    id: str
    patient: str
    name: str  # '' = not to be found out
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GlassPage:
    documents: Sequence[tuple[str, str]]  # kinds
    least: int
    tells: bool
    mine: tuple[OpenRecord, ...] = ()
    notice: str = ""  # message key
    filled: Filled = field(default=EMPTY)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedPage:
    id: str  # of the opening
    patient: str
    name: str
    until: datetime
    said: str  # message key


class Names(Protocol):
    async def called(self, visit: Visit, patients: Sequence[str]) -> Mapping[str, str]:
        """Name and document by id, of those whom the visitor may see at this moment. Each look leaves its line."""
        ...


class GlassPages:
    def __init__(self, shell: Shell, security: Security, naming: Names) -> None:
        self._shell = shell
        self._glass = security.glass
        self._country = security.settings.country
        self._naming = naming

    def add(self, router: APIRouter) -> None:
        self._shell.get(router, "/urgencia", self.show)
        self._shell.post(router, "/urgencia", self.open)
        self._shell.post(router, "/urgencia/cerrar", self.close)

    @guarded(feature="break-glass", step_up=True)
    async def show(self, request: Request) -> Response:
        """The factor is asked for before the reason is written, so that nothing written is lost."""
        notice = "glass.ended" if "cerrada" in request.query_params else ""
        return await self._page(request, EMPTY, notice=notice)

    @guarded(feature="break-glass")
    async def open(self, request: Request) -> Response:
        form = await self._shell.form(request)
        values = {name: form.text(name) for name in ("patient", DOCUMENT_KIND, "reason")}
        patient = meant(values[DOCUMENT_KIND], values["patient"])
        try:
            glass = await self._glass.break_glass(request.state.visit, patient, values["reason"])
        except IncorrectError as error:
            name = "patient" if error.issues[0].message == "security.glass-patient" else "reason"
            filled = Filled(values, {name: self._shell.said(request, error)})
            return await self._page(request, filled, status=400)
        said = "glass.again" if glass.again else "glass.done" if glass.told else "glass.done-untold"
        named = await self._naming.called(request.state.visit, [glass.patient])
        page = OpenedPage(
            id=glass.id, patient=glass.patient, name=named.get(glass.patient, ""), until=glass.until, said=said
        )
        return self._shell.page(request, "glass/opened.html", {"page": page})

    @guarded(feature=("break-glass", "break-glass.review"))
    async def close(self, request: Request) -> Response:
        """Who broke the glass ends it, or who reviews: back to the page that they came from."""
        form = await self._shell.form(request)
        await self._glass.end(request.state.visit, form.text("id"))
        reviewing = form.text("from") == "review"
        return self._shell.go("/urgencia/revision?cerrada" if reviewing else "/urgencia?cerrada")

    async def _page(self, request: Request, filled: Filled, *, notice: str = "", status: int = 200) -> Response:
        visit = request.state.visit
        mine = await self._glass.page(visit, account=visit.access.caller.account)
        still = [each for each in mine if each.ended is None and each.until > visit.now()]
        named = await self._naming.called(visit, list(dict.fromkeys(each.patient for each in still)))
        records = tuple(
            OpenRecord(id=each.id, patient=each.patient, name=named.get(each.patient, ""), until=each.until)
            for each in still
        )
        page = GlassPage(
            documents=kinds(self._country, self._shell.language(request), ids=True),
            least=self._glass.least,
            tells=self._glass.tells,
            mine=records,
            notice=notice,
            filled=filled,
        )
        return self._shell.page(request, "glass/glass.html", {"page": page}, status=status)
