"""Access tokens: issued, and checked on every request without asking anybody.

A token that was checked is remembered until it expires (as it is: who reads this process' memory finds the keys that
sign tokens, and needs none). Whatever is withdrawn (a token, a grant, an account's roles, a client) is a row in the
database that every process holds in memory; when the epoch moves, both are dropped.
"""

from __future__ import annotations

import asyncio
import secrets
from datetime import timedelta

from kuska.infra.postgres.connection import Write
from kuska.infra.postgres.database import Database
from kuska.infra.telemetry.logs import logger
from kuska.kit.clock import Clock
from kuska.kit.errors import Issue, KuskaError, UnavailableError
from kuska.security.contracts import Caller
from kuska.security.domain import claims, signing
from kuska.security.domain.claims import BadClaimsError, House, Ticket
from kuska.security.domain.scopes import Scopes
from kuska.security.domain.signing import BadSignatureError
from kuska.security.errors import NobodyError
from kuska.security.store import oauth_keys as store
from kuska.security.store.epoch import Epoch
from kuska.security.store.oauth_keys import What
from kuska.security.usecases.oauth.keys import SigningKeys

_REMEMBERED = 20_000
# Without having heard from the database for so long, what may have been withdrawn meanwhile is not known any more.
_LONGEST_DEAF = timedelta(seconds=30)
_OUTLIVES = timedelta(hours=2)  # any access token
_log = logger("security")


class Tokens:
    def __init__(self, db: Database, clock: Clock, keys: SigningKeys, house: House, life: timedelta) -> None:
        self._db = db
        self._clock = clock
        self.keys = keys
        self.house = house
        self.life = life
        self._known: dict[str, tuple[Ticket, float]] = {}
        self._withdrawn: dict[tuple[str, str], float] = {}
        self._own: dict[tuple[str, str], float] = {}  # withdrawn by this process: a slower answer must not undo it
        self._deaf_since: float | None = None
        self._reloading: asyncio.Task[None] | None = None
        self._again = False

    def listen(self, epoch: Epoch) -> None:
        epoch.listen(self.forget)

    def issue(
        self, caller: Caller, scopes: Scopes, *, grant: str = "", encounter: str = "", life: timedelta | None = None
    ) -> tuple[str, Ticket]:
        now = self._clock.now()
        ticket = Ticket(
            caller=caller,
            scopes=scopes,
            jti=secrets.token_urlsafe(16),
            grant=grant,
            encounter=encounter,
            issued=now,
            expires=now + min(life or self.life, self.life),
        )
        return signing.sign(claims.write(ticket, self.house), self.keys.current(), claims.ACCESS), ticket

    def known(self, bearer: str) -> Caller | None:
        """Who holds this token, if it was checked before and nothing has happened since. None: `check` it."""
        known = self._known.get(bearer)
        if known is not None and self._deaf_since is None and known[1] > self._clock.now().timestamp():
            return known[0].caller
        return None

    def check(self, bearer: str | bytes) -> Caller:
        """Who holds this token.

        Raises:
            NobodyError: it opens nothing (any more); the reason is for the trail.
            UnavailableError: what was withdrawn cannot be known now.
        """
        return self.ticket(bearer).caller

    def ticket(self, bearer: str | bytes) -> Ticket:
        """The same, with all that the token says."""
        raw = bearer.encode("utf-8", "surrogatepass") if isinstance(bearer, str) else bearer
        bearer = raw.decode("latin-1")
        now = self._clock.now().timestamp()
        self._require_hearing(now)
        known = self._known.get(bearer)
        if known is not None:
            if known[1] > now:
                return known[0]
            del self._known[bearer]
            raise NobodyError("security.token-expired")
        ticket = self._verified(raw, now)
        if len(self._known) >= _REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[bearer] = (ticket, ticket.expires.timestamp())
        return ticket

    def _verified(self, raw: bytes, now: float) -> Ticket:
        try:
            said = signing.verify(raw, self.keys.by_kid, claims.ACCESS, now)
        except BadSignatureError as wrong:
            raise NobodyError("security.token-signature") from wrong
        try:
            ticket = claims.read(said, self.house, now)
        except BadClaimsError as wrong:
            raise NobodyError(f"security.token-{wrong.reason}") from wrong
        caller = ticket.caller
        gone = self._withdrawn
        # A token, a grant and a client never come back; an account does, with other roles.
        if (
            ("token", ticket.jti) in gone
            or ("client", caller.client) in gone
            or (ticket.grant and ("grant", ticket.grant) in gone)
            or gone.get(("account", caller.account), 0.0) >= ticket.issued.timestamp()
        ):
            raise NobodyError("security.token-withdrawn")
        return ticket

    def _require_hearing(self, now: float) -> None:
        if self._deaf_since is not None and now - self._deaf_since > _LONGEST_DEAF.total_seconds():
            raise UnavailableError(Issue(code="transient", message="oauth.revocations-unknown"))

    async def withdraw(self, tx: Write, what: What, id_: str) -> None:
        """Tokens issued until now for this id open nothing any more. The caller bumps the epoch in the same transaction,
        and calls `forget` after its commit.
        """
        now = self._clock.now()
        await store.revoke(tx, what, id_, now, now + _OUTLIVES)

    def withdrawn(self, what: What, id_: str) -> None:
        """The same in this process' memory, after the commit: here it holds from the next request on."""
        self._own[what, id_] = self._withdrawn[what, id_] = self._clock.now().timestamp()
        self._known.clear()

    def forget(self) -> None:
        """The epoch moved. What is known is checked again; what was withdrawn is asked for."""
        self._known.clear()
        if self._reloading is not None and not self._reloading.done():
            self._again = True
            return
        self._reloading = asyncio.get_running_loop().create_task(self._reload())

    async def _reload(self) -> None:
        while True:
            self._again = False
            try:
                await self.load()
            except KuskaError:
                if self._deaf_since is None:
                    self._deaf_since = self._clock.now().timestamp()
            except Exception:  # noqa: BLE001 - whatever it was, the next move of the epoch tries again
                _log.exception("withdrawn tokens")
            if not self._again:
                return

    async def load(self) -> None:
        await self.keys.load()
        async with self._db.read() as conn:
            rows = await store.revocations(conn, self._clock.now())
        matters = self._clock.now().timestamp() - _OUTLIVES.total_seconds()
        self._own = {id_: until for id_, until in self._own.items() if until > matters}
        found = {(row["what"], row["id"]): row["until"].timestamp() for row in rows}
        self._withdrawn = found | {id_: max(until, found.get(id_, 0.0)) for id_, until in self._own.items()}
        # What was checked while this was being asked was checked against less.
        self._known.clear()
        self._deaf_since = None

    async def settled(self) -> None:
        """What was changed until now is known here: for tests and for the end."""
        while self._reloading is not None and not self._reloading.done():
            await asyncio.wait([self._reloading])
