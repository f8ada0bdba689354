"""A short-lived token for whoever runs this machine: to try something, or for a script that runs beside the server.

Whoever may run this reads the keys and the database anyway; it opens nothing new, and it leaves its line in the trail.
"""

from __future__ import annotations

from dataclasses import replace

from kuska.kit.errors import IncorrectError, Issue, NotFoundError
from kuska.security.contracts import Caller
from kuska.security.domain.accounts import Account
from kuska.security.domain.clients import ClientError
from kuska.security.domain.policy import BY_OPERATOR
from kuska.security.domain.scopes import Scopes, read, undecidable, within
from kuska.security.usecases.oauth.parts import Parts, of_client

_OPERATOR = "operator"
OPERATOR = Caller(kind="system", account=_OPERATOR)
_EVERYTHING = read("user/*.cruds patient/*.cruds openid fhirUser")


class OperatorTokens:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def for_client(self, id_: str, scope: str) -> str:
        """As if the client had asked for itself. No scope = all that it is registered for.

        Raises:
            NotFoundError: there is no such client.
            IncorrectError: nothing of the scope is the client's.
        """
        client = await self._parts.client(id_)
        if not client.active:
            raise NotFoundError(Issue(code="not-found", message="oauth.client-unknown"))
        wanted = within(read(scope), client.scope) if scope else client.scope
        granted = Scopes(tuple(rule for rule in wanted.rules if rule.context == "system"))
        return await self._issue(of_client(client), granted)

    async def for_account(self, account: Account, scope: str) -> str:
        """As if the person had signed in; the token says that no factor was shown, and step-ups are refused. No scope = all that their roles allow.

        Raises:
            IncorrectError: the account is not active, or the scope is none for people.
        """
        if account.status != "active":
            raise IncorrectError(Issue(code="invalid", message="oauth.account-inactive"))
        wanted = read(scope) if scope else _EVERYTHING
        caller = Caller(
            kind=account.kind,
            account=account.id,
            client=_OPERATOR,
            roles=account.roles,
            patient=account.patient,
            practitioner=account.practitioner,
            organization=account.organization,
            tenant=account.tenant,
            country=account.country,
            authenticated=self._parts.clock.now(),
            methods=(BY_OPERATOR,),
        )
        personal = tuple(rule for rule in wanted.rules if rule.context != "system")
        return await self._issue(caller, Scopes(personal, wanted.features))

    async def _issue(self, caller: Caller, scopes: Scopes) -> str:
        if not scopes:
            raise IncorrectError(Issue(code="invalid", message="oauth.operator-scope"))
        if scope := undecidable(scopes.rules, self._parts.decidable):
            raise ClientError("oauth.client-restriction", scope=scope)
        text, ticket = self._parts.tokens.issue(replace(caller, scopes=scopes.rules), scopes)
        about = (("subject", caller.account), ("jti", ticket.jti), ("scope", str(scopes)))
        by = replace(OPERATOR, tenant=self._parts.tenant)
        await self._parts.trail.keep(self._parts.event("operator", by, detail=about))
        return text
