"""`kuska client add | list | withdraw`: the applications that may ask for tokens.

The secret of a new one is printed once, to standard output with the rest; nobody can read it again. One that is there is
changed with --replace only: its secret dies with that.
"""

from __future__ import annotations

import argparse
import asyncio
import json

from kuska.app.beside import beside
from kuska.app.configuration import StartError
from kuska.app.settings import Settings
from kuska.kit.messages import Tell
from kuska.security.api import OPERATOR, Client, Security, check_client, read_scopes


def run(settings: Settings, chosen: argparse.Namespace, tell: Tell) -> int:
    if chosen.action == "withdraw" and bool(chosen.id) == bool(chosen.organization):
        raise StartError("client.which")
    print(asyncio.run(_run(settings, chosen, tell)))  # noqa: T201 - what it is for
    return 0


async def _run(settings: Settings, chosen: argparse.Namespace, tell: Tell) -> str:
    async with beside(settings, chosen, tell) as security:
        match chosen.action:
            case "add":
                return await _add(security, chosen)
            case "withdraw" if chosen.organization:
                gone = await security.oauth.clients.withdraw_partner(chosen.organization, OPERATOR)
                return json.dumps({"organization": chosen.organization, "withdrawn": gone})
            case "withdraw":
                await security.oauth.clients.withdraw(chosen.id, OPERATOR)
                return json.dumps({"client_id": chosen.id, "status": "withdrawn"})
            case _:
                return "\n".join([_line(client) for client in await security.oauth.clients.every()])


async def _add(security: Security, chosen: argparse.Namespace) -> str:
    try:
        jwks = chosen.jwks.read_text("utf-8") if chosen.jwks else ""
    except (OSError, ValueError) as error:
        raise StartError("client.jwks", file=chosen.jwks, reason=error) from error
    wanted = _wanted(chosen, jwks)
    check_client(wanted, await security.roles.current())
    registry = security.oauth.clients
    keep = registry.replace if chosen.replace else registry.register
    client, secret = await keep(wanted, OPERATOR)
    return json.dumps({"client_id": client.id, **({"client_secret": secret} if secret else {})})


def _wanted(chosen: argparse.Namespace, jwks: str) -> Client:
    return Client(
        id=chosen.id,
        name=chosen.name,
        kind=chosen.kind,
        party="partner" if chosen.organization else "service",
        jwks=jwks,
        jwks_uri=chosen.jwks_uri,
        redirects=tuple(chosen.redirect),
        launch_url=chosen.launch_url,
        grants=tuple(chosen.grant),
        scope=read_scopes(chosen.scope),
        roles=tuple(chosen.role),
        purposes=tuple(chosen.purpose),
        organization=chosen.organization,
        patient_facing=chosen.patient_facing,
        trusted=chosen.trusted,
        introspects=chosen.introspects,
    )


def _line(client: Client) -> str:
    about = {"client_id": client.id, "name": client.name, "kind": client.kind, "status": client.status}
    return json.dumps(about | {"scope": str(client.scope), "roles": client.roles}, ensure_ascii=False)
