"""OAuth clients: what one is, and what may be registered as one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from kuska.kit.errors import IncorrectError, Issue
from kuska.security.domain.handles import IMPOSSIBLE
from kuska.security.domain.scopes import NO_SCOPES, Scopes
from kuska.security.domain.signing import key_set

ClientKind = Literal["confidential-secret", "private-key-jwt", "public"]
Party = Literal["service", "partner"]
GRANTS = ("authorization_code", "client_credentials", "refresh_token")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_ID = re.compile(r"[A-Za-z0-9._~-]{1,100}")
_PRINTABLE = re.compile(r"[!-~]{1,2000}")


class ClientError(IncorrectError):
    """A client that must not be registered like this."""

    def __init__(self, message: str, **params: object) -> None:
        super().__init__(Issue(code="invalid", message=message, params=params))


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    id: str
    name: str
    kind: ClientKind
    party: Party = "service"
    secret: bytes = IMPOSSIBLE  # hash
    jwks: str = ""
    jwks_uri: str = ""
    redirects: tuple[str, ...] = ()
    launch_url: str = ""
    grants: tuple[str, ...] = ()
    scope: Scopes = NO_SCOPES
    roles: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    tenant: str = ""
    country: str = ""
    organization: str = ""
    patient_facing: bool = False
    trusted: bool = False
    introspects: bool = False
    status: Literal["active", "withdrawn"] = "active"

    @property
    def active(self) -> bool:
        return self.status == "active"


# Stands in for a client that does not exist, so that looking it up and refusing it is the same work.
NOBODY = Client(id="", name="", kind="confidential-secret", status="withdrawn")


def check(client: Client) -> None:
    """What a client is registered with makes sense and opens no side door.

    Raises:
        ClientError: says what.
    """
    if not _ID.fullmatch(client.id) or not client.name.strip():
        raise ClientError("oauth.client-name")
    unknown = [grant for grant in client.grants if grant not in GRANTS]
    if unknown or not client.grants:
        raise ClientError("oauth.client-grants", known=GRANTS)
    if "client_credentials" in client.grants and client.kind == "public":
        raise ClientError("oauth.client-public")
    if client.trusted and client.kind == "public":
        # Whoever names its id is it: nobody would be asked for what somebody else gets (RFC 8252 section 8.6).
        raise ClientError("oauth.client-public-trusted")
    if ("authorization_code" in client.grants) != bool(client.redirects):
        raise ClientError("oauth.client-redirects")
    for uri in client.redirects:
        if not usable_redirect(uri, client.kind):
            raise ClientError("oauth.client-redirect", uri=uri)
    if client.launch_url and urlsplit(client.launch_url).scheme not in ("http", "https"):
        raise ClientError("oauth.client-launch")
    if client.kind == "private-key-jwt":
        _check_keys(client)


def _check_keys(client: Client) -> None:
    if bool(client.jwks) == bool(client.jwks_uri):
        raise ClientError("oauth.client-keys")
    if client.jwks:
        try:
            key_set(client.jwks)
        except ValueError as wrong:
            raise ClientError("oauth.client-key-set", reason=str(wrong)) from wrong
    elif urlsplit(client.jwks_uri).scheme != "https" and (urlsplit(client.jwks_uri).hostname or "") not in _LOOPBACK:
        raise ClientError("oauth.client-keys")


def usable_redirect(uri: str, kind: ClientKind) -> bool:
    """https; http on the own machine; an application's own scheme (RFC 8252 section 7.1). No fragment, no user, no pattern."""
    if not _PRINTABLE.fullmatch(uri) or "#" in uri or "*" in uri or "\\" in uri:
        return False
    try:
        parts = urlsplit(uri)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        return False
    if "@" in parts.netloc:
        return False
    if parts.scheme == "https":
        return bool(host)
    if parts.scheme == "http":
        return host in _LOOPBACK
    return kind == "public" and "." in parts.scheme
