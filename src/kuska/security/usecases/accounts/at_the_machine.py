"""What the operator does with accounts from the command line, where nobody can sign in yet, or there is no mail server.

Whoever may run this reads the keys and the database anyway: no policy stands before it, but each leaves its line.
"""

from __future__ import annotations

from kuska.infra.postgres.database import Database
from kuska.kit.errors import ConflictError, Issue
from kuska.security.contracts import Caller
from kuska.security.domain.accounts import Account, NewAccount, folded_login
from kuska.security.domain.roles import shipped
from kuska.security.settings import SecuritySettings
from kuska.security.store import roles
from kuska.security.store.accounts import AccountStore
from kuska.security.usecases.accounts import administration
from kuska.security.usecases.accounts.parts import Parts
from kuska.security.usecases.mailing.letters import Letters


async def invite(parts: Parts, letters: Letters, new: NewAccount, by: Caller) -> tuple[Account, str]:
    """With the link for choosing a password. No mail goes out: its link would make this one worthless.

    Raises IncorrectError, TakenError.
    """
    event = parts.event("C", "invited", caller=by)
    account = await administration.add(parts, new, "invited", None, event)
    return account, await link(parts, letters, account, by)


async def link(parts: Parts, letters: Letters, account: Account, by: Caller) -> str:
    """Good once: the invitation again, or a new password for who has forgotten theirs. Raises ConflictError (disabled)."""
    if account.status == "disabled":
        raise ConflictError(Issue(code="conflict", message="account.disabled", params={"login": account.login}))
    # Before there is a link: better a line too many than a link that nobody knows of.
    await parts.trail.keep(parts.event("U", "link-by-hand", caller=by, account=account))
    return await letters.link(account, "invitation" if account.status == "invited" else "reset")


async def ruling(db: Database, tenant: str) -> tuple[int, int]:
    """How many (active, invited) could look after the other accounts. With (0, 0) nobody can be let in but from here."""
    async with db.read() as conn:
        current = {**shipped(), **await roles.current(conn)}
        able = [name for name, role in current.items() if "accounts.write" in role.features]
        return await AccountStore(tenant).ruling(conn, able)


async def id_of(db: Database, settings: SecuritySettings, who: str) -> str:
    """The account's id where `who` is a login; else as it is: an id of an account or a client."""
    async with db.read() as conn:
        found = await AccountStore(settings.tenant).by_login(conn, folded_login(who, settings.country))
    return who if found is None else found.id
