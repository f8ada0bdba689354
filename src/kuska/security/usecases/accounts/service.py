"""Accounts as pages, the command line and other parts of security see them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from kuska.infra.postgres.connection import Write
from kuska.security.contracts import Caller
from kuska.security.domain.accounts import Account, Correction, Language, NewAccount, folded_login
from kuska.security.domain.sessions import Session
from kuska.security.store import attempts
from kuska.security.store.accounts import Link
from kuska.security.usecases.accounts import administration, asking, at_the_machine, passwords
from kuska.security.usecases.accounts.parts import Parts
from kuska.security.usecases.accounts.sign_in import SignIn, sign_in
from kuska.security.usecases.mailing.letters import Letters
from kuska.security.visit import Visit


class Accounts:
    """What each does and raises is said at the functions that are called."""

    def __init__(self, parts: Parts, letters: Letters) -> None:
        self._parts = parts
        self._letters = letters
        parts.mailroom.on_sweep(self._sweep)

    # What anybody may do.

    async def sign_in(self, login: str, password: str, address: str, agent: str) -> SignIn:
        return await sign_in(self._parts, login, password, address=address, agent=agent)

    async def ask_reset(self, login: str, address: str) -> None:
        await asking.ask_reset(self._parts, login, address=address)

    async def register(
        self,
        *,
        document: str,
        birth_date: date,
        email: str,
        address: str,
        document_kind: str = "",
        language: Language = "es",
    ) -> None:
        await asking.register(
            self._parts,
            document_kind=document_kind,
            document=document,
            birth_date=birth_date,
            email=email,
            language=language,
            address=address,
        )

    async def link(self, token: str, address: str) -> Link:
        return await passwords.link(self._parts, token, address=address)

    async def redeem(self, token: str, password: str, address: str) -> Account:
        return await passwords.redeem(self._parts, token, password, address=address)

    # What somebody does with their own account.

    async def change_password(self, cookie: str, session: Session, current: str, new: str, address: str) -> str:
        return await passwords.change(self._parts, cookie, session, current, new, address=address)

    # What administrators do.

    async def invite(self, visit: Visit, new: NewAccount) -> Account:
        return await administration.invite(self._parts, visit, new)

    async def invite_patient(
        self,
        visit: Visit,
        *,
        document: str,
        birth_date: date,
        email: str,
        document_kind: str = "",
        language: Language = "es",
    ) -> Account:
        return await administration.invite_patient(
            self._parts,
            visit,
            document_kind=document_kind,
            document=document,
            birth_date=birth_date,
            email=email,
            language=language,
        )

    async def invite_again(self, visit: Visit, id_: str) -> None:
        await administration.invite_again(self._parts, visit, id_)

    async def assign_roles(self, visit: Visit, id_: str, roles: Sequence[str]) -> Account:
        return await administration.assign_roles(self._parts, visit, id_, roles)

    async def correct(self, visit: Visit, id_: str, by: Correction) -> Account:
        return await administration.correct(self._parts, visit, id_, by)

    async def disable(self, visit: Visit, id_: str) -> Account:
        return await administration.disable(self._parts, visit, id_)

    async def enable(self, visit: Visit, id_: str) -> Account:
        return await administration.enable(self._parts, visit, id_)

    async def end_sessions(self, visit: Visit, id_: str) -> None:
        await administration.end_sessions(self._parts, visit, id_)

    async def page(self, visit: Visit, *, containing: str = "", after: str = "", limit: int = 50) -> list[Account]:
        return await administration.page(self._parts, visit, containing=containing, after=after, limit=limit)

    async def get(self, visit: Visit, id_: str) -> Account:
        return await administration.get(self._parts, visit, id_)

    # For the program itself: no policy stands before these, so no route calls them.

    async def create(self, new: NewAccount, password: str | None = None) -> Account:
        return await administration.create(self._parts, new, password)

    async def by_id(self, id_: str) -> Account | None:
        async with self._parts.db.read() as conn:
            return await self._parts.store.by_id(conn, id_)

    async def by_login(self, login: str) -> Account | None:
        async with self._parts.db.read() as conn:
            return await self._parts.store.by_login(conn, folded_login(login, self._parts.settings.country))

    async def invite_by_hand(self, new: NewAccount, by: Caller) -> tuple[Account, str]:
        return await at_the_machine.invite(self._parts, self._letters, new, by)

    async def link_by_hand(self, account: Account, by: Caller) -> str:
        return await at_the_machine.link(self._parts, self._letters, account, by)

    async def _sweep(self, tx: Write) -> None:
        now = self._parts.clock.now()
        await self._parts.store.sweep_links(tx, now)
        await self._parts.sessions.sweep(tx)
        await attempts.sweep(tx, now)
