"""`GET /paciente/{id}`: the patient's summary as JSON, for whom may read it (HC-02).

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
from kuska.portal.record.reading import named
from kuska.portal.record.view import summary
from kuska.security.api import RefusedByPolicyError, Visit, guarded

_HEADERS = {"cache-control": "no-store"}


def build(archive: Archive, clock: Clock) -> APIRouter:
    router = APIRouter()

    @guarded(signed_in=True, by="either")
    async def paciente(
        request: Request,
        id: str,  # noqa: A002 - the route's own word
        accept_language: Annotated[str | None, Header()] = None,
    ) -> Response:
        visit: Visit = request.state.visit
        visit.interaction = "summary"
        try:
            page = await summary(await archive.for_visit(visit), id, clock.now())
        except KuskaError as error:
            reason = error.reason if isinstance(error, RefusedByPolicyError) else error.issues[0].message
            visit.wanted(named(id))
            await visit.end("R", outcome="4", reason=reason)
            return _refusal(error, language(accept_language))
        await visit.end("R")
        return _json(200, spanish(page))

    router.add_api_route("/paciente/{id}", paciente, methods=["GET"], response_model=None)
    return router


def _refusal(error: KuskaError, lang: str) -> Response:
    problems = [{"clave": issue.message, "mensaje": render(issue, lang)} for issue in error.issues]
    return _json(status_of(error), {"error": {"familia": error.family.value, "problemas": problems}})


def _json(status: int, body: object) -> Response:
    return Response(encode(body), status, _HEADERS, "application/json")
