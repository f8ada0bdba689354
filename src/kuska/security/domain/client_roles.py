"""Whether what a client is registered for can ever be given to it. What cannot is refused at once: it would open nothing,
and whoever runs the client would look for the reason in vain.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from kuska.security.contracts import Role
from kuska.security.domain.clients import Client, ClientError
from kuska.security.domain.policy import HOUSE
from kuska.security.domain.purposes import PURPOSES
from kuska.security.domain.roles import TYPES
from kuska.security.domain.scopes import narrow, text

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


def check_roles(client: Client, current: Mapping[str, Role]) -> None:
    """Raises ClientError: says what does not fit, and what would."""
    if client.organization and not _ID.fullmatch(client.organization):
        raise ClientError("oauth.client-organization", value=client.organization)
    if unknown := [name for name in client.roles if name not in current]:
        raise ClientError("oauth.client-roles", unknown=unknown, known=sorted(current))
    if unknown := [rule.type for rule in client.scope.rules if rule.type not in TYPES]:
        raise ClientError("oauth.client-types", unknown=unknown)
    if unknown := [name for name in client.purposes if name not in PURPOSES]:
        raise ClientError("oauth.client-purposes", unknown=unknown, known=list(PURPOSES))
    if client.party == "partner" and HOUSE in client.roles:
        raise ClientError("oauth.client-house", role=HOUSE)
    _check_own(client, [current[name] for name in client.roles])


def _check_own(client: Client, roles: list[Role]) -> None:
    """What it does for itself: scopes `system/…`, by its own roles. For people their roles decide, when they come."""
    own = [rule for rule in client.scope.rules if rule.context == "system"]
    if own and "client_credentials" not in client.grants:
        raise ClientError("oauth.client-system", scope=text(own[0]))
    given = [rule for role in roles for rule in role.scopes]
    names = [role.name for role in roles] or "–"
    for rule in own:
        opened = narrow((rule,), given)
        letters = frozenset[str]().union(*(one.letters for one in opened))
        if not opened or (rule.type != "*" and rule.letters - letters):
            raise ClientError("oauth.client-beyond", scope=text(rule), roles=names)
    possible = {purpose for role in roles for purpose in role.purposes}
    if own and client.purposes and possible.isdisjoint(client.purposes):
        raise ClientError("oauth.client-purpose-beyond", purposes=client.purposes, possible=sorted(possible))
