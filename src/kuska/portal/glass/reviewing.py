"""`/urgencia/revision`: whoever reviews sees each record that was opened in an emergency, and what was looked at then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from kuska.kit.errors import NotFoundError
from kuska.portal.ui.shell import Shell
from kuska.security.api import Glass, Security, guarded

_PATH = "/urgencia/revision"
_PAGE = 50
_NOTICES = {"revisada": "glass.marked", "cerrada": "glass.ended"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    id: str
    who: str
    patient: str
    reason: str
    opened: datetime
    until: datetime  # when it ended, or will
    open: bool
    seen: str  # address of what was looked at meanwhile
    reviewed: datetime | None
    reviewer: str
    mine: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewPage:
    openings: Sequence[Opening]
    next: str  # address of the next page, '' = none
    notice: str = ""  # message key


class ReviewPages:
    def __init__(self, shell: Shell, security: Security, zone: ZoneInfo) -> None:
        self._shell = shell
        self._security = security
        self._zone = zone

    def add(self, router: APIRouter) -> None:
        self._shell.get(router, _PATH, self.show)
        self._shell.post(router, _PATH, self.review)

    @guarded(feature="break-glass.review")
    async def show(self, request: Request) -> Response:
        visit = request.state.visit
        found = await self._security.glass.page(visit, before=_before(request.query_params), limit=_PAGE)
        more = {"desde": found[-1].opened.isoformat(), "id": found[-1].id} if len(found) == _PAGE else {}
        names = await self._names(found)
        page = ReviewPage(
            openings=[self._opening(each, names, visit.now(), visit.access.caller.account) for each in found],
            next=f"{_PATH}?{urlencode(more)}" if more else "",
            notice=next((key for name, key in _NOTICES.items() if name in request.query_params), ""),
        )
        return self._shell.page(request, "glass/review.html", {"page": page})

    @guarded(feature="break-glass.review")
    async def review(self, request: Request) -> Response:
        form = await self._shell.form(request)
        await self._security.glass.review(request.state.visit, form.text("id"))
        return self._shell.go(f"{_PATH}?revisada")

    def _opening(self, glass: Glass, names: Mapping[str, str], now: datetime, reader: str) -> Opening:
        until = min(glass.ended or glass.until, glass.until)
        days = {"since": glass.opened.astimezone(self._zone).date(), "until": until.astimezone(self._zone).date()}
        return Opening(
            id=glass.id,
            who=names[glass.account],
            patient=glass.patient,
            reason=glass.reason,
            opened=glass.opened,
            until=until,
            open=now < until,
            seen=f"/auditoria?{urlencode({'patient': glass.patient, 'account': glass.account, **days})}",
            reviewed=glass.reviewed,
            reviewer=names.get(glass.reviewed_by or "", ""),
            mine=glass.account == reader,
        )

    async def _names(self, found: Sequence[Glass]) -> dict[str, str]:
        names: dict[str, str] = {}
        for id_ in {id_ for each in found for id_ in (each.account, each.reviewed_by) if id_}:
            account = await self._security.accounts.by_id(id_)
            names[id_] = account.display_name if account else id_
        return names


def _before(params: Mapping[str, str]) -> tuple[datetime, str] | None:
    """Where the page before ended."""
    if not (since := params.get("desde")):
        return None
    try:
        moment = datetime.fromisoformat(since)
    except ValueError:
        raise NotFoundError from None
    if moment.tzinfo is None or "\0" in params.get("id", ""):
        raise NotFoundError
    return moment, params.get("id", "")
