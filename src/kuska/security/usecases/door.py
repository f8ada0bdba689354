"""The door: from what a request shows to a visit. Nobody comes in another way, and no attempt goes unnoted.

record and other interfaces   `enter`: a Bearer token, nothing else; a cookie would let other sites act in one's name
pages                         `enter_page`: the session's cookie, nothing else
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from kuska.kit.clock import Clock
from kuska.security.contracts import ANONYMOUS, Access, Caller, Event, Trail
from kuska.security.domain.policy import SECOND_FACTORS
from kuska.security.domain.sessions import Session
from kuska.security.errors import NobodyError, RefusedByPolicyError
from kuska.security.usecases.limits import Knocking
from kuska.security.usecases.policy import Policy
from kuska.security.usecases.refusals import Refusals, Tried
from kuska.security.visit import Visit, event_id

# Nearly all tokens: looking for what they have not is ten times as fast as matching what they have.
_PLAIN, _PLAIN_START = frozenset({b"Bearer ", b"bearer "}), 7
_TOKEN_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~+/-"
_MOST_CALLERS = 20_000
_BEARER = re.compile(rb"[Bb]earer +([A-Za-z0-9._~+/-]+=*)")
# Behind TLS the browser takes the first name from this very host only; the other is for plain http of this machine. One of
# them counts, never both: a sub-domain can set the second.
SECURE_COOKIE, COOKIE = b"__Host-kuska", b"kuska"


class Tokens(Protocol):
    def known(self, bearer: str) -> Caller | None: ...
    def check(self, bearer: str) -> Caller: ...


class Sessions(Protocol):
    async def find(self, cookie: str, address: str) -> Session | None: ...


class Door:
    def __init__(
        self,
        *,
        tokens: Tokens,
        sessions: Sessions,
        policy: Policy,
        trail: Trail,
        limits: Knocking,
        clock: Clock,
        refusals: Refusals | None = None,
        secure: bool = False,
    ) -> None:
        """`refusals`: counted with those of other doors. `secure`: people reach this server by https."""
        self._cookie_name = SECURE_COOKIE if secure else COOKIE
        self._tokens = tokens
        self._sessions = sessions
        self._policy = policy
        self._trail = trail
        self._limits = limits
        self._refusals = refusals or Refusals(trail, limits)
        self._clock = clock
        # The checked token's caller with an address, made once: the same object again means the same rights again.
        self._placed: dict[tuple[int, str], tuple[Caller, Caller]] = {}

    async def enter(
        self, headers: Mapping[bytes, bytes], *, address: str, request: str = "", purpose: str = ""
    ) -> Visit:
        """With a Bearer token. Raises NobodyError, RefusedByPolicyError, ThrottledError; the attempt is noted then.

        Header names are in small letters. `purpose`: what the request says it is for; '' = the token's or the role's.
        """
        shown = headers.get(b"authorization", b"")
        caller = self._tokens.known(shown[_PLAIN_START:].decode("latin-1")) if shown[:_PLAIN_START] in _PLAIN else None
        if caller is None:
            try:
                caller = self._tokens.check(_bearer(shown))
            except NobodyError as error:
                self._missed("token", error.reason, address=address, request=request)
                raise
        placed = self._placed.get((id(caller), address))
        caller = placed[1] if placed is not None and placed[0] is caller else self._at(caller, address)
        access = self._policy.known(caller, purpose)
        if access is None:
            return await self._admit(caller, request, purpose)
        self._limits.asked(caller)
        return Visit(access, self._trail, self._clock, request)

    async def enter_page(
        self,
        headers: Mapping[bytes, bytes],
        *,
        address: str,
        request: str = "",
        purpose: str = "",
    ) -> Visit:
        """With the session's cookie, of who is signed in altogether. Raises as `enter`."""
        cookie = _cookie(headers, self._cookie_name)
        if not cookie:
            raise NobodyError  # nothing was tried: somebody who has not signed in yet looks at a page
        session = await self._sessions.find(cookie, address)
        if session is None or session.pending:
            self._missed("session", "security.no-session", address=address, request=request)
            raise NobodyError("security.no-session")
        return await self._admit(signed_in(session, address), request, purpose)

    def _at(self, caller: Caller, address: str) -> Caller:
        # No scopes in a token open nothing; only a session of the pages is not narrowed.
        placed = replace(caller, address=address, scopes=caller.scopes or ())
        if len(self._placed) >= _MOST_CALLERS:
            self._placed.clear()
        self._placed[id(caller), address] = (caller, placed)
        return placed

    async def access(self, caller: Caller, purpose: str = "") -> Access:
        """For who has a caller already, such as a page that shows what a token would be allowed."""
        return await self._policy.access(caller, purpose)

    async def _admit(self, caller: Caller, request: str, purpose: str) -> Visit:
        self._limits.asked(caller)
        try:
            access = await self._policy.access(caller, purpose)
        except NobodyError as error:
            tried: Tried = "token" if caller.scopes is not None else "session"
            self._missed(tried, error.reason, address=caller.address, request=request, caller=caller)
            raise
        except RefusedByPolicyError as error:
            self._refusals.count("policy")
            self._trail.note(self._event(error.reason, caller, request, purpose))
            raise
        return Visit(access, self._trail, self._clock, request)

    def _missed(self, tried: Tried, reason: str, *, address: str, request: str, caller: Caller = ANONYMOUS) -> None:
        """Raises ThrottledError."""
        self._refusals.missed(tried, self._event(reason, replace(caller, address=address), request))

    def _event(self, reason: str, caller: Caller, request: str, purpose: str = "") -> Event:
        return Event(
            id=event_id(),
            at=self._clock.now(),
            action="E",
            kind="door",
            interaction="enter",
            outcome="4",
            reason=reason,
            caller=caller,
            purpose=purpose[:40],
            request=request,
        )


def signed_in(session: Session, address: str) -> Caller:
    """The caller of a session, with the moment at which a second factor was last shown."""
    shown = [moment for method, moment in zip(session.methods, session.shown, strict=True) if method in SECOND_FACTORS]
    return replace(session.caller(address), confirmed=max(shown, default=None))


def _bearer(value: bytes) -> str:
    if not value:
        raise NobodyError
    token = value[_PLAIN_START:]
    if token and value[:_PLAIN_START] in _PLAIN and not token.translate(None, _TOKEN_LETTERS):
        return token.decode("ascii")
    match = _BEARER.fullmatch(value)
    if match is None:
        raise NobodyError("security.no-bearer")
    return match[1].decode("ascii")


def _cookie(headers: Mapping[bytes, bytes], wanted: bytes) -> str:
    for pair in headers.get(b"cookie", b"").split(b";"):
        name, _, value = pair.strip().partition(b"=")
        if name == wanted:
            return value.decode("ascii", "replace")
    return ""
