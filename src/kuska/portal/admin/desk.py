"""`/admision/invitar`: the admission desk invites the patient who stands there with their document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from kuska.kit.errors import ConflictError, IncorrectError, KuskaError, NotFoundError
from kuska.portal.ui.documents import DOCUMENT_KIND, kinds
from kuska.portal.ui.forms import EMPTY, Filled
from kuska.portal.ui.shell import Shell
from kuska.security.api import Security, guarded

PATH = "/admision/invitar"
_ASKED = (DOCUMENT_KIND, "document", "birth", "email")
_FIELDS = {"document": "document", "birth_date": "birth", "email": "email"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskPage:
    documents: Sequence[tuple[str, str]]  # kinds
    filled: Filled = EMPTY
    notice: str = ""


class DeskPages:
    def __init__(self, shell: Shell, security: Security) -> None:
        self._shell = shell
        self._accounts = security.accounts
        self._country = security.settings.country

    def add(self, router: APIRouter) -> None:
        self._shell.get(router, PATH, self.show)
        self._shell.post(router, PATH, self.invite)

    @guarded(feature="patients.invite")
    async def show(self, request: Request) -> Response:
        sent = request.query_params.get("aviso") == "invitada"
        return self._page(request, notice=self._shell.text(request, "desk.sent") if sent else "")

    @guarded(feature="patients.invite")
    async def invite(self, request: Request) -> Response:
        form = await self._shell.form(request)
        values = {name: form.text(name) for name in _ASKED}
        try:
            birth = date.fromisoformat(values["birth"])
        except ValueError:
            filled = Filled(values, {"birth": self._shell.text(request, "entry.bad-date")})
            return self._page(request, filled=filled, status=400)
        try:
            await self._accounts.invite_patient(
                request.state.visit,
                document_kind=values[DOCUMENT_KIND],
                document=values["document"],
                birth_date=birth,
                email=values["email"],
                language="en" if self._shell.language(request) == "en" else "es",
            )
        except (IncorrectError, NotFoundError, ConflictError) as error:
            return self._again(request, error, values)
        return self._shell.go(f"{PATH}?aviso=invitada")

    def _again(self, request: Request, error: KuskaError, values: dict[str, str]) -> Response:
        filled = self._shell.problems(request, error, _FIELDS, values)
        return self._page(request, filled=filled, status=self._shell.status(error))

    def _page(self, request: Request, *, filled: Filled = EMPTY, notice: str = "", status: int = 200) -> Response:
        documents = kinds(self._country, self._shell.language(request))
        page = DeskPage(documents=documents, filled=filled, notice=notice)
        return self._shell.page(request, "admin/desk.html", {"page": page}, status=status)
