"""`/`, and the language of the pages."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from kuska.kit.messages import LANGUAGES
from kuska.portal.ui.paths import local
from kuska.portal.ui.shell import Shell
from kuska.security.api import open_to_all


class Home:
    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    def add(self, router: APIRouter) -> None:
        self._shell.get(router, "/", self.show)
        self._shell.get(router, "/idioma/{language}", self.language)

    @open_to_all("says what Kuska is; shows links by role")
    async def show(self, request: Request) -> Response:
        return self._shell.page(request, "home/home.html")

    @open_to_all("a choice of words")
    async def language(self, request: Request) -> Response:
        """A link, not a form: what somebody else could make of it is a page in the other language."""
        response = self._shell.go(local(request.query_params.get("next", "")))
        wanted = request.path_params["language"]
        if wanted in LANGUAGES:
            self._shell.cookies.remember(response, self._shell.cookies.language, wanted)
        return response
