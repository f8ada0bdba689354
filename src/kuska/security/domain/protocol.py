"""Errors of OAuth's endpoints, in the words of RFC 6749, and parameters that come once or not at all."""

from __future__ import annotations

from collections.abc import Iterable

from kuska.kit.errors import IncorrectError, Issue


class ProtocolError(IncorrectError):
    """A request to an OAuth endpoint that is refused. `error` and the description go to the client, `reason` to the trail."""

    def __init__(self, error: str, reason: str, *, status: int = 400, client: str = "") -> None:
        super().__init__(Issue(code="invalid", message=f"oauth.{error}"))
        self.error = error
        self.reason = reason
        self.status = status
        self.client = client


class InvalidClientError(ProtocolError):
    """Unknown, withdrawn or wrong: one answer."""

    def __init__(self, reason: str, client: str = "") -> None:
        super().__init__("invalid_client", reason, status=401, client=client)


def invalid_request(reason: str) -> ProtocolError:
    return ProtocolError("invalid_request", reason)


def invalid_grant(reason: str) -> ProtocolError:
    """Expired, used, somebody else's, never was: one answer."""
    return ProtocolError("invalid_grant", reason)


def once(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Parameters by name; empty ones are as if not sent (RFC 6749 section 3.1).

    Raises:
        ProtocolError: one comes twice.
    """
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise invalid_request("parameter-twice")
        if "\0" in value:
            raise invalid_request("parameter-nul")
        found[name] = value
    return {name: value for name, value in found.items() if value}
