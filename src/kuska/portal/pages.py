"""All pages, put together for the composition root."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from fastapi import APIRouter, FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from kuska.fhir.api import Archive
from kuska.kit.clock import Clock, SystemClock
from kuska.kit.errors import FaultError, Issue, KuskaError, NotFoundError
from kuska.portal.account.factors import FactorPages
from kuska.portal.account.overview import Overview
from kuska.portal.admin.accounts import AccountPages
from kuska.portal.admin.clients import ClientPages
from kuska.portal.admin.correcting import CorrectingPages
from kuska.portal.admin.desk import DeskPages
from kuska.portal.admin.roles import RolePages
from kuska.portal.audit.routes import AuditPages
from kuska.portal.consent.launching import Launching
from kuska.portal.consent.routes import ConsentPages
from kuska.portal.entry.joining import Joining
from kuska.portal.entry.leaving import Leaving
from kuska.portal.entry.outside import Outside
from kuska.portal.entry.signing_in import SigningIn
from kuska.portal.entry.verifying import Verifying
from kuska.portal.glass.reviewing import ReviewPages
from kuska.portal.glass.routes import GlassPages
from kuska.portal.home.routes import Home
from kuska.portal.recognition import Recognition
from kuska.portal.record.naming import Naming
from kuska.portal.ui.assets import PATH, Assets
from kuska.portal.ui.cookies import Cookies
from kuska.portal.ui.headers import Hardened, dress
from kuska.portal.ui.shell import Shell
from kuska.security.api import Security


@dataclass(frozen=True, slots=True)
class Pages:
    router: APIRouter
    shell: Shell

    def attend(self, site: FastAPI) -> None:
        """After the site is built: what its routes, or the doors in front of them, refuse is said by a page."""
        site.add_middleware(Hardened, secure=self.shell.cookies.secure)
        site.add_exception_handler(KuskaError, self._refused)
        site.add_exception_handler(HTTPException, self._nowhere)
        site.add_exception_handler(Exception, self._fault)

    async def _refused(self, request: Request, error: Exception) -> Response:
        """A page for people, a line for programs."""
        if not isinstance(error, KuskaError):
            raise error
        if "text/html" not in request.headers.get("accept", ""):
            said = [{"key": issue.message, "message": self.shell.said(request, error)} for issue in error.issues]
            return JSONResponse({"error": {"family": error.family.value, "issues": said}}, self.shell.status(error))
        await self._recognised(request)
        return self.shell.refused(request, error)

    async def _recognised(self, request: Request) -> None:
        """A refusal is said even where it cannot be found out to whom."""
        with contextlib.suppress(KuskaError):
            await self.shell.recognise(request)

    async def _fault(self, request: Request, error: Exception) -> Response:
        """Nothing of what happened goes out; it is logged where it is caught. Outside of all middleware: dressed here."""
        del error
        if "text/html" in request.headers.get("accept", ""):
            fault = FaultError(Issue(code="exception", message="ui.fault"))
            response = self.shell.refusal(request, fault)
        else:
            response = JSONResponse({"error": {"family": "fault", "issues": []}}, 500)
        dress(response, secure=self.shell.cookies.secure)
        return response

    async def _nowhere(self, request: Request, error: Exception) -> Response:
        """No such route, or not with this method."""
        status: int = getattr(error, "status_code", 404)
        if "text/html" not in request.headers.get("accept", ""):
            return JSONResponse({"error": {"family": "not-found", "issues": []}}, status)
        await self._recognised(request)
        refusal = NotFoundError(Issue(code="not-found", message="ui.no-such-page"))
        return self.shell.refusal(request, refusal, status=status)


def build(
    security: Security, *, secure: bool, zone: ZoneInfo, clock: Clock | None = None, archive: Archive | None = None
) -> Pages:
    """`secure`: people reach this site by https. `archive`: of the people whom pages call by name; none: by id."""
    cookies, clock = Cookies(secure), clock or SystemClock()
    shell = Shell(Assets(), cookies, zone, Recognition(security, cookies, clock))
    router = APIRouter()
    entry = SigningIn(shell, security)
    for area in (
        Home(shell),
        entry,
        Outside(shell, security.external, entry),
        Leaving(shell, security.external, entry),
        Verifying(shell, security),
        Joining(shell, security),
        ConsentPages(shell, security),
        Launching(shell, security),
        Overview(shell, security),
        FactorPages(shell, security),
        AccountPages(shell, security),
        CorrectingPages(shell, security),
        DeskPages(shell, security),
        RolePages(shell, security),
        ClientPages(shell, security),
        ReviewPages(shell, security, zone),
        GlassPages(shell, security, Naming(security, archive, clock)),
        AuditPages(shell, security, zone),
    ):
        area.add(router)
    router.add_route(f"{PATH}/{{name}}", shell.assets.serve, methods=["GET"])
    return Pages(router, shell)
