"""Roles: the ones that the program brings, and what administrators made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from kuska.infra.postgres.connection import Write
from kuska.infra.postgres.database import Database
from kuska.kit.clock import Clock
from kuska.kit.errors import ConflictError, Issue, NotFoundError
from kuska.security.contracts import Event, Role
from kuska.security.domain.doors import require, why
from kuska.security.domain.roles import Content, RoleError, content, excluding, role, shipped
from kuska.security.domain.scopes import Decidable, every_restriction, undecidable
from kuska.security.errors import RefusedByPolicyError, StepUpError
from kuska.security.settings import SecuritySettings
from kuska.security.store import roles as store
from kuska.security.store.epoch import Epoch
from kuska.security.store.roles import Edition
from kuska.security.visit import Visit, event_id


class Roles:
    def __init__(
        self,
        db: Database,
        settings: SecuritySettings,
        clock: Clock,
        epoch: Epoch,
        decidable: Decidable = every_restriction,
    ) -> None:
        self._decidable = decidable
        self._db = db
        self._settings = settings
        self._clock = clock
        self._epoch = epoch
        self._kept: Mapping[str, Role] | None = None
        self._turn = 0
        epoch.listen(self._forget)

    async def current(self) -> Mapping[str, Role]:
        """By name."""
        kept = self._kept
        if kept is None:
            turn = self._turn
            async with self._db.read() as conn:
                kept = {**shipped(), **await store.current(conn)}
            if turn == self._turn:
                self._kept = kept
        return kept

    async def names(self) -> frozenset[str]:
        return frozenset(await self.current())

    async def need_factor(self, names: Sequence[str]) -> bool:
        """Whether one of these roles gives nothing without a second factor."""
        current = await self.current()
        return any(current[name].factors for name in names if name in current)

    async def versions(self, visit: Visit, name: str) -> list[Edition]:
        """The newest first; the last is the one that the program brings, by nobody, if it brings one."""
        if not visit.access.may("roles.read"):
            raise RefusedByPolicyError("security.feature")
        async with self._db.read() as conn:
            found = await store.versions(conn, name)
        if name in shipped():
            found.append(Edition(shipped()[name], "", None))
        if not found:
            raise NotFoundError(Issue(code="not-found", message="security.role-unknown", params={"value": name}))
        return found

    async def edit(self, visit: Visit, name: str, expected: int, changed: Mapping[str, Any]) -> Role:
        """A new version with this content; `expected`: the version that the editor saw, 0 for what the program brings
        and for a new role.

        Raises:
            RoleError: the content does not hold, or one role would be too powerful, or an account that has it.
            ConflictError: somebody else was faster.
        """
        now = self._clock.now()
        await self._allowed(visit, name)
        made = role(name, expected + 1, changed)
        if scope := undecidable(made.scopes, self._decidable):
            raise RoleError([("scopes", "restriction", scope)])
        before = (await self.current()).get(name)
        plain = content(made)

        async def work(tx: Write) -> None:
            if await store.add(tx, name, expected, content=plain, by=visit.access.caller.account, at=now) is None:
                raise ConflictError(Issue(code="conflict", message="security.role-changed"))
            everything = {**shipped(), **await store.current(tx), name: made}
            if not any("roles.write" in one.features for one in everything.values()):
                # A role that nobody could ever mend again would stay so.
                raise RoleError([("features", "last", name)])
            await self._in_hands(tx, name, everything)
            detail = tuple((field, _short(value)) for field, value in _differences(before, plain).items())
            event = _event(visit, now, name, detail=(("version", str(made.version)), *detail))
            await visit.trail.within(tx, [event])
            await self._epoch.bump(tx)

        await self._db.transact(work)
        self._epoch.forget()
        return made

    async def _allowed(self, visit: Visit, name: str) -> None:
        try:
            fresh = timedelta(minutes=self._settings.step_up_minutes)
            require(visit.access, "roles.write", self._clock.now(), fresh)
        except (RefusedByPolicyError, StepUpError) as error:
            await visit.trail.keep(_event(visit, self._clock.now(), name[:40], refused=why(error)))
            raise

    async def _in_hands(self, tx: Write, name: str, everything: Mapping[str, Role]) -> None:
        """What may not be in one hand is looked for by account, too: it could come there by an edit of a role."""
        for held in await store.combinations(tx, self._settings.tenant, name):
            if apart := excluding(everything[one] for one in held if one in everything):
                raise RoleError([("features", "apart-held", ", ".join(apart))])

    def _forget(self) -> None:
        self._turn += 1
        self._kept = None


def _differences(before: Role | None, after: Content) -> dict[str, str]:
    """What an auditor wants to know of an edit: per field, what came and what went."""
    old: Content = content(before) if before else {}
    found: dict[str, str] = {}
    for field, new in after.items():
        was = old.get(field)
        if was == new:
            continue
        if isinstance(new, list):
            had: set[str] = set(was or ())
            came, went = sorted(set(new) - had), sorted(had - set(new))
            found[field] = " ".join([*(f"+{one}" for one in came), *(f"-{one}" for one in went)])
        else:
            found[field] = f"{was} > {new}"
    return found


def _short(text: str) -> str:
    return text if len(text) <= 2_000 else text[:1_999] + "…"


def _event(visit: Visit, now: Any, name: str, *, detail: tuple[tuple[str, str], ...] = (), refused: str = "") -> Event:
    return Event(
        id=event_id(),
        at=now,
        action="U",
        kind="role",
        interaction="edit",
        outcome="4" if refused else "0",
        reason=refused,
        caller=visit.access.caller,
        purpose=visit.access.purpose,
        request=visit.request,
        detail=(("role", name), *detail),
    )
