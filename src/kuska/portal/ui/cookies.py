"""The names and marks of our cookies.

By https the names begin with `__Host-`: the browser then takes them only from this very host, by https, for every path,
so that no neighbour (another subdomain, a plain-http page) can set one. Plain http is for localhost.
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response

_YEAR = 31_536_000


@dataclass(frozen=True, slots=True)
class Cookies:
    secure: bool

    @property
    def session(self) -> str:
        return "__Host-kuska" if self.secure else "kuska"

    @property
    def entry(self) -> str:
        """Before sign-in: what the forms of the entry are bound to."""
        return "__Host-kuska-entry" if self.secure else "kuska-entry"

    @property
    def external(self) -> str:
        """While the person is at another identity provider."""
        return "__Host-kuska-external" if self.secure else "kuska-external"

    @property
    def language(self) -> str:
        return "__Host-kuska-language" if self.secure else "kuska-language"

    def put(self, response: Response, name: str, value: str) -> None:
        """Gone with the browser; how long it is good is the server's decision."""
        response.set_cookie(name, value, path="/", secure=self.secure, httponly=True, samesite="lax")

    def remember(self, response: Response, name: str, value: str) -> None:
        response.set_cookie(name, value, _YEAR, path="/", secure=self.secure, httponly=True, samesite="lax")

    def drop(self, response: Response, name: str) -> None:
        response.delete_cookie(name, path="/", secure=self.secure, httponly=True, samesite="lax")
