"""`kuska account invite | link | list | disable | enable`: who may sign in, from the machine itself.

The first administrator comes in this way, and whoever lost the password where no mail goes out. The link is printed
once, to standard output with nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import json

from kuska.app.beside import beside
from kuska.app.configuration import StartError
from kuska.app.settings import Settings
from kuska.kit.clock import SystemClock
from kuska.kit.messages import Tell
from kuska.security.api import Account, NewAccount, Security, visit_operator

_PAGE = 200


def run(settings: Settings, chosen: argparse.Namespace, tell: Tell, lang: str) -> int:
    if settings.process.security == "off":
        raise StartError("account-command.security-off")
    if chosen.action != "list" and not chosen.login:
        raise StartError("account-command.which")
    if chosen.action == "invite" and not (chosen.name and chosen.role):
        raise StartError("account-command.invite")
    for line in asyncio.run(_run(settings, chosen, tell, lang)):
        print(line)  # noqa: T201 - what it is for
    return 0


async def _run(settings: Settings, chosen: argparse.Namespace, tell: Tell, lang: str) -> list[str]:
    async with beside(settings, chosen, tell) as security:
        visit = visit_operator(security.trail, SystemClock(), settings.security.tenant)
        accounts, by = security.accounts, visit.access.caller
        match chosen.action:
            case "list":
                return await _list(security, settings)
            case "invite":
                account, link = await accounts.invite_by_hand(_new(chosen, lang), by)
                tell("account-command.invited", **_times(settings, account))
                return [link]
            case "link":
                account = await _of(security, chosen.login)
                link = await accounts.link_by_hand(account, by)
                key = "invited" if account.status == "invited" else "reset"
                tell(f"account-command.{key}", **_times(settings, account))
                return [link]
            case "disable":
                return [_line(await accounts.disable(visit, (await _of(security, chosen.login)).id))]
            case _:
                return [_line(await accounts.enable(visit, (await _of(security, chosen.login)).id))]


async def _list(security: Security, settings: Settings) -> list[str]:
    visit = visit_operator(security.trail, SystemClock(), settings.security.tenant)
    lines: list[str] = []
    after = ""
    while found := await security.accounts.page(visit, after=after, limit=_PAGE):
        lines += map(_line, found)
        after = found[-1].login
    return lines


async def _of(security: Security, login: str) -> Account:
    account = await security.accounts.by_login(login)
    if account is None:
        raise StartError("token.nobody", login=login)
    return account


def _new(chosen: argparse.Namespace, lang: str) -> NewAccount:
    return NewAccount(
        login=chosen.login,
        display_name=chosen.name,
        email=chosen.email,
        roles=tuple(chosen.role),
        organization=chosen.organization,
        patient=chosen.patient,
        practitioner=chosen.practitioner,
        language="es" if lang == "es" else "en",
    )


def _times(settings: Settings, account: Account) -> dict[str, object]:
    own = settings.security
    return {"login": account.login, "hours": own.invitation_hours, "minutes": own.reset_minutes}


def _line(account: Account) -> str:
    about = {"login": account.login, "name": account.display_name, "status": account.status}
    return json.dumps(about | {"roles": account.roles, "id": account.id}, ensure_ascii=False)
