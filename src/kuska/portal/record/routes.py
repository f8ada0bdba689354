"""`GET /paciente/{id}`: the patient's summary, for whom may read it (HC-02): a page for browsers, JSON for programs.

`{id}` is the record's id of the patient or a DNI or RUN with its check digit right (a DNI also without it). Prefer the
id: a document number in a URL ends up in places that nobody looks after. Nothing is kept by browsers and proxies.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Request, Response

from kuska.fhir.api import Archive, status_of
from kuska.kit.clock import Clock
from kuska.kit.errors import KuskaError
from kuska.kit.json import encode
from kuska.kit.messages import language, render
from kuska.portal.record.keys import spanish
from kuska.portal.record.page import Summary
from kuska.portal.record.reading import named
from kuska.portal.record.shown import shown
from kuska.portal.record.view import summary
from kuska.portal.ui.rendering import translator
from kuska.portal.ui.shell import Shell
from kuska.security.api import Access, RefusedByPolicyError, Visit, guarded

# What the answer is depends on these.
_HEADERS = {"cache-control": "no-store", "vary": "accept, cookie, accept-language, authorization"}
# What each part of the page is made of.
_TYPES = ("AllergyIntolerance", "Condition", "MedicationRequest", "Observation", "Encounter")


def build(archive: Archive, clock: Clock, shell: Shell | None = None) -> APIRouter:
    """`shell`: makes the pages; without it, as without security, everybody gets JSON."""
    router = APIRouter()

    @guarded(signed_in=True, by="either")
    async def paciente(
        request: Request,
        id: str,  # noqa: A002 - the route's own word
        accept_language: Annotated[str | None, Header()] = None,
    ) -> Response:
        visit: Visit = request.state.visit
        visit.interaction = "summary"
        pages = shell if shell is not None and _by_browser(request) else None
        if pages is not None:
            await pages.recognise(request)
        try:
            page = await summary(await archive.for_visit(visit), id, clock.now())
        except KuskaError as error:
            reason = error.reason if isinstance(error, RefusedByPolicyError) else error.issues[0].message
            visit.wanted(named(id))
            await visit.end("R", outcome="4", reason=reason)
            return pages.refusal(request, error) if pages is not None else _refusal(error, language(accept_language))
        await visit.end("R")
        return _page(pages, request, page) if pages is not None else _json(200, spanish(page))

    router.add_api_route("/paciente/{id}", paciente, methods=["GET"], response_model=None)
    return router


def _by_browser(request: Request) -> bool:
    """Who shows a token is a program, whatever its library says it accepts."""
    return "text/html" in request.headers.get("accept", "") and "authorization" not in request.headers


def _page(shell: Shell, request: Request, page: Summary) -> Response:
    access: Access = request.state.visit.access
    view = shown(
        page,
        translator(shell.language(request)),
        glass=page.identification.id in access.glass,
        may_launch=access.may("launch"),
        hidden=frozenset(type_ for type_ in _TYPES if not access.ways(type_, "r")),
    )
    response = shell.page(request, "record/summary.html", {"page": view})
    response.headers["vary"] = _HEADERS["vary"]
    return response


def _refusal(error: KuskaError, lang: str) -> Response:
    problems = [{"clave": issue.message, "mensaje": render(issue, lang)} for issue in error.issues]
    return _json(status_of(error), {"error": {"familia": error.family.value, "problemas": problems}})


def _json(status: int, body: object) -> Response:
    return Response(encode(body), status, _HEADERS, "application/json")
