"""`/externo/{provider}`: to another identity provider and back. What it says about the person is security's to judge."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from fastapi import APIRouter
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response

from kuska.kit.errors import UnauthenticatedError, UnavailableError
from kuska.portal.entry.signing_in import SigningIn
from kuska.portal.recognition import address, agent, session
from kuska.portal.ui.paths import local
from kuska.portal.ui.shell import Shell
from kuska.security.api import External, guarded, open_to_all

_WHY = "the way in through another provider"


class Outside:
    def __init__(self, shell: Shell, external: External, entry: SigningIn) -> None:
        self._shell = shell
        self._external = external
        self._entry = entry

    def add(self, router: APIRouter) -> None:
        self._shell.get(router, "/externo/{provider}", self.begin)
        self._shell.get(router, "/externo/{provider}/retorno", self.finish)
        self._shell.post(router, "/cuenta/externo/{provider}", self.link)

    @open_to_all(_WHY)
    async def begin(self, request: Request) -> Response:
        back = local(request.query_params.get("next", ""))
        if not _wished(request.headers):
            return self._shell.go(f"/login?next={quote(back, safe='/')}")
        try:
            begun = await self._external.begin(request.path_params["provider"], back, address=address(request))
        except UnavailableError as error:
            return self._entry.failed(request, back, error, 503)
        return self._away(begun.url, begun.cookie)

    @guarded(signed_in=True)
    async def link(self, request: Request) -> Response:
        """The owner's own wish, by a form of ours: a link could be somebody else's trick."""
        await self._shell.form(request)
        mine = session(request)
        begun = await self._external.begin(request.path_params["provider"], "/cuenta?aviso=factor", link=mine)
        return self._away(begun.url, begun.cookie)

    @open_to_all(_WHY)
    async def finish(self, request: Request) -> Response:
        name = self._shell.cookies.external
        try:
            done = await self._external.finish(
                request.path_params["provider"],
                dict(request.query_params),
                request.cookies.get(name, ""),
                address(request),
                agent(request),
            )
        except (UnauthenticatedError, UnavailableError) as error:
            status = 503 if isinstance(error, UnavailableError) else 401
            response = self._entry.failed(request, "/", error, status)
        else:
            back = local(done.next)
            path = f"/verificar?next={quote(back, safe='/')}" if done.needs_factor else back
            if done.session_cookie:
                response = await self._entry.entered(request, path, done.session_cookie)
            else:
                response = self._shell.go(path)
        self._shell.cookies.drop(response, name)
        return response

    def _away(self, url: str, cookie: str) -> Response:
        response = self._shell.go(url)
        self._shell.cookies.put(response, self._shell.cookies.external, cookie)
        return response


def _wished(headers: Headers) -> bool:
    """No other site began it: that could sign in, unawares, whoever is signed in at the provider. The way in by our own
    page is one click more.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    # A browser that does not say, or plain http.
    came = urlsplit(headers.get("referer", "")).netloc
    return bool(came) and came == headers.get("host", "").lower()
