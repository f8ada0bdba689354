"""Who looks at a page: found once per request, before the page; what the frame then shows follows from the policy."""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import Request

from kuska.kit.clock import Clock
from kuska.kit.errors import KuskaError
from kuska.portal.ui.cookies import Cookies
from kuska.portal.ui.doors import DOORS, OWN
from kuska.portal.ui.reader import NOBODY, Door, Reader
from kuska.security.api import ANONYMOUS, Access, Event, NobodyError, Security, Session
from kuska.security.visit import event_id


class Recognition:
    def __init__(self, security: Security, cookies: Cookies, clock: Clock) -> None:
        self._security = security
        self._cookies = cookies
        self._clock = clock

    async def __call__(self, request: Request) -> None:
        cookie = request.cookies.get(self._cookies.session, "")
        found = await self._security.sessions.find(cookie, address(request)) if cookie else None
        request.state.session = found
        request.state.reader = NOBODY if found is None else await self._reader(request, found)

    def foreign(self, request: Request) -> None:
        """Raises ThrottledError."""
        found: Session | None = getattr(request.state, "session", None)
        caller = found.caller(address(request)) if found else replace(ANONYMOUS, address=address(request))
        self._security.refusals.missed(
            "form",
            Event(
                id=event_id(),
                at=self._clock.now(),
                action="E",
                kind="door",
                interaction="form",
                outcome="4",
                reason="ui.foreign-form",
                caller=caller,
            ),
        )

    async def _reader(self, request: Request, found: Session) -> Reader:
        account = found.account
        try:
            visit = getattr(request.state, "visit", None)
            access: Access = visit.access if visit else await self._security.door.access(found.caller(address(request)))
        except KuskaError:
            # Nothing is open to them, perhaps because a role was withdrawn: the frame says who they are all the same.
            return Reader(name=account.display_name, roles=account.roles, doors=(OWN,))
        doors = tuple(door for feature, door in DOORS if access.may(feature))
        return Reader(
            name=account.display_name, roles=account.roles, doors=(*own_record(account.patient, access), *doors, OWN)
        )


def own_record(patient: str, access: Access) -> tuple[Door, ...]:
    """Of somebody who is a patient, and comes as one."""
    if not patient or not access.ways("Patient", "r"):
        return ()
    return (Door(f"/paciente/{patient}", "door.own-record", "door.own-record-about"),)


def address(request: Request) -> str:
    return request.client.host if request.client else ""


def agent(request: Request) -> str:
    return request.headers.get("user-agent", "")


def session(request: Request) -> Session:
    """Of who is signed in altogether. Raises NobodyError."""
    found: Session | None = request.state.session
    if found is None:
        raise NobodyError
    return found
