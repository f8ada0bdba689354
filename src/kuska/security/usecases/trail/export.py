"""The trail to take away: AuditEvents one a line (NDJSON) or a table (CSV), oldest first, in pieces.

Page by page and each by its own statement: a slow reader holds nothing open. Events after the export's own beginning are
left out, so it ends. That somebody took it is in the trail before the first piece leaves; who may not take it, or has not
just shown a second factor, is refused before there is an answer to begin.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Literal

from kuska.kit.json import encode
from kuska.security.contracts import Event
from kuska.security.domain import audit_table
from kuska.security.domain.audit_event import audit_event
from kuska.security.domain.doors import require, why
from kuska.security.domain.trail_question import Question, cursor
from kuska.security.errors import RefusedByPolicyError, StepUpError
from kuska.security.store.trail_search import TrailSearch
from kuska.security.visit import Visit

Form = Literal["ndjson", "csv"]
MEDIA_TYPES: dict[Form, str] = {"ndjson": "application/fhir+ndjson", "csv": "text/csv; charset=utf-8"}
_PIECE = 500


def export(
    search: TrailSearch, visit: Visit, question: Question, form: Form, *, site: str, fresh: timedelta
) -> AsyncIterator[bytes]:
    """Raises RefusedByPolicyError, StepUpError."""
    try:
        require(visit.access, "audit.export", visit.now(), fresh)
    except (RefusedByPolicyError, StepUpError) as error:
        visit.trail.note(replace(visit.event("R", kind="export", outcome="4", reason=why(error)), interaction="audit"))
        raise
    return _pieces(search, visit, question, form, site)


async def _pieces(search: TrailSearch, visit: Visit, question: Question, form: Form, site: str) -> AsyncIterator[bytes]:
    begun = visit.now()
    question = replace(question, until=min(question.until or begun, begun))
    asked = tuple((name, str(value)) for name in Question.__slots__ if (value := getattr(question, name)))
    event = visit.event("R", kind="export")
    patients = (question.patient,) if question.patient else ()
    await visit.trail.keep(replace(event, interaction="audit", patients=patients, detail=(("form", form), *asked)))
    if form == "csv":
        yield audit_table.header().encode()
    after = ""
    while events := await search.oldest(question, after, _PIECE):
        yield b"".join(_line(each, form, site) for each in events)
        after = cursor(events[-1])


def _line(event: Event, form: Form, site: str) -> bytes:
    if form == "csv":
        return audit_table.row(event).encode("utf-8", "replace")
    return encode(audit_event(event, site)) + b"\n"
