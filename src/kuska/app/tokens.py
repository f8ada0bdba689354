"""`kuska token`: an access token for whoever runs this machine, on standard output and nothing else.

And `kuska keys replace-signing`: when the key that signs all of them may be known to somebody else.
"""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import replace

from kuska.app.beside import beside
from kuska.app.configuration import StartError
from kuska.app.settings import Settings
from kuska.kit.messages import Tell
from kuska.security.api import OPERATOR


def run(settings: Settings, options: argparse.Namespace, progress: Tell) -> int:
    if settings.process.security == "off":
        raise StartError("token.security-off")
    if bool(options.client_id) == bool(options.user):
        raise StartError("token.whose")
    print(asyncio.run(_token(settings, options, progress)))  # noqa: T201 - what it is for
    return 0


async def _token(settings: Settings, options: argparse.Namespace, progress: Tell) -> str:
    scope = options.scope or ""
    async with beside(settings, options, progress) as security:
        if options.client_id:
            return await security.oauth.operator.for_client(options.client_id, scope)
        account = await security.accounts.by_login(options.user)
        if account is None:
            raise StartError("token.nobody", login=options.user)
        return await security.oauth.operator.for_account(account, scope)


def replace_signing(settings: Settings, options: argparse.Namespace, progress: Tell, tell: Tell) -> int:
    asyncio.run(_replace(settings, options, progress))
    tell("keys.signing-replaced")
    return 0


async def _replace(settings: Settings, options: argparse.Namespace, progress: Tell) -> None:
    async with beside(settings, options, progress) as security:
        await security.oauth.replace_keys(replace(OPERATOR, tenant=settings.security.tenant))
