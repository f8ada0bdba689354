"""Makes pages and takes forms. The areas' routes know HTML, cookies and headers only through it.

Every page: escaped, with its own nonce, never kept by browsers or proxies. Every form: proved to come from our page
before anything else is looked at. Every expected error: a page that says what to do.
"""

from __future__ import annotations

import functools
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from kuska.fhir.api import status_of
from kuska.kit.errors import KuskaError
from kuska.kit.messages import LANGUAGES, language, render, text
from kuska.portal.ui import csrf, forms, rendering
from kuska.portal.ui.assets import Assets
from kuska.portal.ui.cookies import Cookies
from kuska.portal.ui.errors import ForeignFormError
from kuska.portal.ui.headers import page_policy
from kuska.portal.ui.paths import local
from kuska.portal.ui.reader import NOBODY, Reader, role_name
from kuska.security.errors import NobodyError, StepUpError

Endpoint = Callable[[Request], Awaitable[Response]]


class Recognise(Protocol):
    async def __call__(self, request: Request) -> None:
        """Finds out who looks at the page: puts `reader` and `session` into the request's state."""
        ...

    def foreign(self, request: Request) -> None:
        """Somebody tried to send a form in another's name: for the trail. Raises ThrottledError."""
        ...


_ERROR = "ui/error.html"


class Shell:
    def __init__(self, assets: Assets, cookies: Cookies, zone: ZoneInfo, recognise: Recognise) -> None:
        self.cookies = cookies
        self.assets = assets
        self.recognise = recognise
        self._env = rendering.environment(assets, zone)

    # --- out -----------------------------------------------------------------------------------------------------

    def page(
        self,
        request: Request,
        template: str,
        names: Mapping[str, Any] | None = None,
        *,
        status: int = 200,
        form_targets: Sequence[str] = (),
        bound: str = "",
    ) -> Response:
        """`bound`: the session's new cookie, when this answer brings one; the page's forms will come with it."""
        nonce = secrets.token_urlsafe(16)
        bound = bound or self.bound(request)
        lang = self.language(request)
        html = rendering.render(
            self._env,
            template,
            {
                "t": rendering.translator(lang),
                "role_name": functools.partial(role_name, lang=lang),
                "lang": lang,
                "reader": reader(request),
                "path": request.url.path,
                "here": _here(request),
                "nonce": nonce,
                "token": csrf.token(bound),
                **(names or {}),
            },
        )
        response = Response(html, status, media_type="text/html; charset=utf-8")
        response.headers["content-security-policy"] = page_policy(nonce, form_targets)
        response.headers["cache-control"] = "no-store"
        response.headers["vary"] = "cookie, accept-language"
        if not self._cookie(request):
            self.cookies.put(response, self.cookies.entry, bound)
        return response

    def go(self, path: str) -> Response:
        """To another page of ours, by GET."""
        return Response(status_code=303, headers={"location": path, "cache-control": "no-store"})

    def text(self, request: Request, key: str, **params: object) -> str:
        return text(key, params, self.language(request))

    def said(self, request: Request, error: KuskaError) -> str:
        """What an error says to this reader, for beside a form."""
        said = " ".join(render(issue, self.language(request)) for issue in error.issues)
        return said or self.text(request, "ui.not-done")

    def problems(
        self, request: Request, error: KuskaError, fields: Mapping[str, str], values: Mapping[str, str] | None = None
    ) -> forms.Filled:
        """The form again, each issue beside its field. `fields`: an issue's expression -> name in the form."""
        found: dict[str, str] = {}
        for issue in error.issues:
            name = fields.get(issue.expression, "")
            found[name] = " ".join(filter(None, (found.get(name), render(issue, self.language(request)))))
        return forms.Filled(values or {}, found)

    def refusal(self, request: Request, error: KuskaError, *, status: int | None = None) -> Response:
        response = self.page(request, _ERROR, {"said": self.said(request, error)}, status=status or self.status(error))
        if wait := getattr(error, "retry_after", None):
            response.headers["retry-after"] = str(wait)
        return response

    def status(self, error: KuskaError) -> int:
        return status_of(error)

    def language(self, request: Request) -> str:
        chosen = request.cookies.get(self.cookies.language)
        return chosen if chosen in LANGUAGES else language(request.headers.get("accept-language"))

    # --- in ------------------------------------------------------------------------------------------------------

    async def form(self, request: Request) -> forms.Form:
        """Raises ForeignFormError when another site, or another session, sent it."""
        if not csrf.from_own_page(request.headers):
            raise ForeignFormError
        form = await forms.read(request)
        given = form.raw(csrf.FIELD)
        names = (self.cookies.session, self.cookies.entry)
        if not any(csrf.good(request.cookies.get(name, ""), given) for name in names):
            raise ForeignFormError
        return form

    def _cookie(self, request: Request) -> str:
        return request.cookies.get(self.cookies.session) or request.cookies.get(self.cookies.entry) or ""

    def bound(self, request: Request) -> str:
        """What this page's forms are bound to: the session, or the entry cookie, new when there is none."""
        return self._cookie(request) or csrf.fresh()

    # --- routes --------------------------------------------------------------------------------------------------

    def get(self, router: APIRouter, path: str, endpoint: Endpoint) -> None:
        self._add(router, path, endpoint, "GET")

    def post(self, router: APIRouter, path: str, endpoint: Endpoint) -> None:
        self._add(router, path, endpoint, "POST")

    def _add(self, router: APIRouter, path: str, endpoint: Endpoint, method: str) -> None:
        @functools.wraps(endpoint)
        async def answered(request: Request) -> Response:
            try:
                await self.recognise(request)
                return await endpoint(request)
            except KuskaError as error:
                return self.refused(request, error)

        router.add_route(path, answered, methods=[method])

    def refused(self, request: Request, error: Exception) -> Response:
        """Also for what the door in front of a route refuses."""
        if isinstance(error, NobodyError):
            return self._to("/login", request)
        if isinstance(error, StepUpError):
            return self._to("/verificar", request)
        if isinstance(error, ForeignFormError):
            try:
                self.recognise.foreign(request)
            except KuskaError as waits:
                error = waits
        if not isinstance(error, KuskaError):
            raise error
        return self.refusal(request, error)

    def _to(self, path: str, request: Request) -> Response:
        """And back to the page that was asked for; after a form, to the page that it was on."""
        back = _here(request) if request.method == "GET" else _page_of_form(request)
        return self.go(f"{path}?next={quote(back, safe='/')}")


def _here(request: Request) -> str:
    return f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path


def _page_of_form(request: Request) -> str:
    came = urlsplit(request.headers.get("referer", ""))
    if came.netloc != request.headers.get("host"):
        return "/"
    return local(f"{came.path}?{came.query}" if came.query else came.path)


def reader(request: Request) -> Reader:
    found: Reader = getattr(request.state, "reader", NOBODY)
    return found
