"""`/auditoria`: search, verification and export of the trail. Looking at the trail leaves its own line there."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from kuska.countries.registry import documents_meant
from kuska.portal.audit.checking import DAYS, Checked, Most, check
from kuska.portal.audit.pages import AuditPage, Chain, line
from kuska.portal.audit.words import KINDS
from kuska.portal.ui.documents import DOCUMENT_KIND, kinds, meant
from kuska.portal.ui.forms import Filled
from kuska.portal.ui.rendering import translator
from kuska.portal.ui.shell import Shell
from kuska.security.api import AUDIT_TYPES, Event, Security, TrailQuestion, Visit, guarded

_PATH = "/auditoria"
_FIELDS = ("patient", DOCUMENT_KIND, "account", "since", "until", "kind", "outcome")
_PAGE = 50
# No id can be this: of a document that is nobody's, nothing is found. The number itself stays out of the trail.
_NOBODY = "?"


class AuditPages:
    def __init__(self, shell: Shell, security: Security, zone: ZoneInfo) -> None:
        self._shell = shell
        self._security = security
        self._zone = zone
        # Several at once would take each other's time.
        self._one = asyncio.Lock()

    def add(self, router: APIRouter) -> None:
        self._shell.get(router, _PATH, self.show)
        self._shell.post(router, f"{_PATH}/comprobar", self.verify)
        self._shell.post(router, f"{_PATH}/exportar", self.export)

    @guarded(feature="audit.read")
    async def show(self, request: Request) -> Response:
        return await self._page(request, dict(request.query_params), None)

    @guarded(feature="audit.read")
    async def verify(self, request: Request) -> Response:
        await self._shell.form(request)
        visit: Visit = request.state.visit
        today = visit.now().astimezone(UTC).date()
        async with self._one:
            checked = await check(self._security.trail.verifying.verify, today, Most())
        cut = not checked.whole and checked.broken is None
        await self._note(visit, "verify", outcome_good=checked.broken is None, reason="auditing.cut" if cut else "")
        return await self._page(request, {}, self._said(request, checked))

    def _said(self, request: Request, checked: Checked) -> Chain:
        if broken := checked.broken:
            # In the words of `kuska audit verify`: whoever reads both must not wonder whether they say the same.
            place = {"day": f"{broken.day:%d/%m/%Y}", "link": broken.link, "event": broken.event or "—"}
            where = self._shell.text(request, f"audit.{broken.problem}", **place)
            return Chain(tone="bad", said=self._shell.text(request, "auditing.verify-bad", where=where))
        if checked.whole:
            said = self._shell.text(request, "auditing.verify-good", days=DAYS, count=checked.events)
            return Chain(tone="good", said=said)
        if checked.since is None:
            return Chain(tone="look", said=self._shell.text(request, "auditing.verify-none"))
        since = f"{checked.since:%d/%m/%Y}"
        said = self._shell.text(request, "auditing.verify-part", since=since, count=checked.events)
        return Chain(tone="look", said=said)

    @guarded(feature="audit.export", step_up=True)
    async def export(self, request: Request) -> Response:
        form = await self._shell.form(request)
        question, problems = await self._question(request, {name: form.text(name) for name in _FIELDS})
        if problems:
            return await self._page(request, {name: form.text(name) for name in _FIELDS}, None)
        kind = "ndjson" if form.text("format") == "ndjson" else "csv"
        # What happened until now is in it.
        await self._security.trail.settled()
        pieces = self._security.trail.export(request.state.visit, question, kind)
        headers = {"content-disposition": f'attachment; filename="auditoria.{kind}"', "cache-control": "no-store"}
        return StreamingResponse(pieces, headers=headers, media_type=AUDIT_TYPES[kind])

    async def _page(self, request: Request, params: Mapping[str, str], chain: Chain | None) -> Response:
        lang = self._shell.language(request)
        t, visit = translator(lang), request.state.visit
        values = {name: params.get(name, "")[:254] for name in _FIELDS}
        question, problems = await self._question(request, values)
        await self._security.trail.settled()
        found = await self._security.trail.search(question, after=params.get("after", ""), limit=_PAGE)
        await self._note(visit, "search", question)
        names = await self._names(found.events)
        asked = {name: value for name, value in values.items() if value}
        page = AuditPage(
            filled=Filled(values, problems),
            documents=kinds(self._security.settings.country, lang, ids=True),
            kinds=[("", t("auditing.any")), *((kind, t(f"auditing.kind-{kind}")) for kind in KINDS)],
            outcomes=[("", t("auditing.any")), ("0", t("auditing.fine")), ("failed", t("auditing.refused"))],
            lines=[line(event, names, t, lang) for event in found.events],
            next=f"{_PATH}?{urlencode(asked | {'after': found.next})}" if found.next else "",
            query=asked,
            days=DAYS,
            may_export=visit.access.may("audit.export"),
            chain=chain,
        )
        return self._shell.page(request, "audit/audit.html", {"page": page}, status=400 if problems else 200)

    async def _question(self, request: Request, values: Mapping[str, str]) -> tuple[TrailQuestion, dict[str, str]]:
        problems: dict[str, str] = {}
        moments: dict[str, datetime | None] = {}
        for name in ("since", "until"):
            moments[name] = None
            if text := values[name]:
                try:
                    moments[name] = datetime.combine(date.fromisoformat(text), time(), self._zone)
                except ValueError:
                    problems[name] = self._shell.text(request, "auditing.bad-date")
        until = moments["until"]
        patient = await self._patient(meant(values[DOCUMENT_KIND], values["patient"]))
        if patient is None:
            problems["patient"] = self._shell.text(request, "security.glass-patient")
        account = values["account"]
        if account and (known := await self._security.accounts.by_login(account)):
            account = known.id
        return TrailQuestion(
            patient=_NOBODY if patient is None else patient,
            account=account,
            kind=values["kind"],
            outcome=values["outcome"],
            since=moments["since"],
            # The day that is named is within.
            until=until + timedelta(days=1) if until else None,
        ), problems

    async def _patient(self, text: str) -> str | None:
        """A document's patient. An id is taken as it is: the trail remembers those whose record is gone."""
        if not documents_meant(text) and ":" not in text:
            return text
        located = self._security.located
        return await located.locate(text) if located is not None else None

    async def _names(self, events: tuple[Event, ...]) -> dict[str, str]:
        """The trail has ids only; who they are is looked up for whoever may read it."""
        found: dict[str, str] = {}
        told = [(name, value) for event in events for name, value in event.detail]
        about = {value for name, value in told if name in ("account", "subject")}
        for id_ in {*about, *(event.caller.account for event in events)} - {""}:
            account = await self._security.accounts.by_id(id_)
            if account:
                found[id_] = account.display_name
        machines = any(event.caller.client or event.caller.kind in ("service", "partner") for event in events)
        if machines or any(name in ("client", "subject") for name, _ in told):
            found |= {client.id: client.name for client in await self._security.oauth.clients.every()}
        return found

    async def _note(
        self,
        visit: Visit,
        what: str,
        question: TrailQuestion | None = None,
        *,
        outcome_good: bool = True,
        reason: str = "",
    ) -> None:
        event = replace(visit.event("R", kind="audit", outcome="0" if outcome_good else "8"), reason=reason)
        patients = (question.patient,) if question and question.patient not in ("", _NOBODY) else ()
        about = (("account", question.account),) if question and question.account else ()
        await visit.trail.keep(replace(event, interaction=what, patients=patients, detail=about))
