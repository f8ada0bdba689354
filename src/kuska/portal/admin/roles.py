"""`/admin/roles`: what each role may do, in plain words; its versions, what changed between them, and a new one."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from kuska.kit.errors import ConflictError, IncorrectError, Issue, NotFoundError
from kuska.portal.admin.pages import RoleEditPage, RolePage, RolesPage, Version
from kuska.portal.ui.forms import Filled, Form
from kuska.portal.ui.plain import sentences
from kuska.portal.ui.rendering import translator
from kuska.portal.ui.shell import Shell
from kuska.security.api import FEATURES, NO_USE_YET, PURPOSES, ROLE_NAME, Edition, Role, Security, guarded, role_content

_PATH = "/admin/roles"
_REACHES = ("all", "own", "care", "consented")
# Where a role begins that nobody has described yet: it gives nothing.
_NEW: Mapping[str, Any] = {
    "reach": "care",
    "scopes": [],
    "features": [],
    "areas": [],
    "purposes": [],
    "countries": [],
    "factors": True,
    "durable_reads": False,
}


class RolePages:
    def __init__(self, shell: Shell, security: Security) -> None:
        self._shell = shell
        self._security = security

    def add(self, router: APIRouter) -> None:
        shell = self._shell
        shell.get(router, _PATH, self.list)
        shell.get(router, f"{_PATH}/nuevo", self.new)
        shell.get(router, f"{_PATH}/{{name}}", self.show)
        shell.get(router, f"{_PATH}/{{name}}/version/{{version:int}}", self.version)
        shell.get(router, f"{_PATH}/{{name}}/cambiar", self.edit)
        shell.post(router, f"{_PATH}/{{name}}/cambiar", self.save)

    @guarded(feature="roles.read")
    async def list(self, request: Request) -> Response:
        roles = await self._security.roles.current()
        page = RolesPage(
            roles=[roles[name] for name in sorted(roles)],
            may_write=request.state.visit.access.may("roles.write"),
        )
        return self._shell.page(request, "admin/roles.html", {"page": page})

    @guarded(feature="roles.read")
    async def show(self, request: Request) -> Response:
        editions = await self._editions(request)
        return await self._page(request, editions, editions[0].role.version)

    @guarded(feature="roles.read")
    async def version(self, request: Request) -> Response:
        return await self._page(request, await self._editions(request), request.path_params["version"])

    @guarded(feature="roles.write")
    async def new(self, request: Request) -> Response:
        """The name is all that a new role has and an edit has not; from there on it is one."""
        name = request.query_params.get("nombre", "").strip().lower()
        return self._shell.go(f"{_PATH}/{name}/cambiar" if ROLE_NAME.fullmatch(name) else _PATH)

    @guarded(feature="roles.write", step_up=True)
    async def edit(self, request: Request) -> Response:
        try:
            role = (await self._editions(request))[0].role
        except NotFoundError:
            if not ROLE_NAME.fullmatch(request.path_params["name"]):
                raise
            return self._form(request, 0, _NEW, Filled(_values(_NEW)))
        return self._form(request, role.version, role_content(role), Filled(_values(role_content(role))))

    @guarded(feature="roles.write")
    async def save(self, request: Request) -> Response:
        form = await self._shell.form(request)
        name, content = request.path_params["name"], _content(form)
        seen = int(form.text("version")) if form.text("version").isdecimal() else -1
        try:
            made = await self._security.roles.edit(request.state.visit, name, seen, content)
        except (IncorrectError, ConflictError) as error:
            fields = {field: field for field in content}
            filled = self._shell.problems(request, error, fields, _values(content))
            return self._form(request, seen, content, filled, status=400)
        return self._shell.go(f"{_PATH}/{name}?guardada={made.version}")

    async def _editions(self, request: Request) -> Sequence[Edition]:
        return await self._security.roles.versions(request.state.visit, request.path_params["name"])

    async def _page(self, request: Request, editions: Sequence[Edition], number: int) -> Response:
        shown = next((each for each in editions if each.role.version == number), None)
        if shown is None:
            raise NotFoundError(Issue(code="not-found", message="ui.no-such-page"))
        older = next((before.role for each, before in pairwise(editions) if each is shown), None)
        lang, saved = self._shell.language(request), request.query_params.get("guardada", "")
        t = translator(lang)
        page = RolePage(
            role=shown.role,
            sentences=sentences(shown.role.scopes, t, lang),
            features=[_said(feature, t) for feature in sorted(shown.role.features)],
            versions=[Version(number=each.role.version, at=each.at, by=await self._name(each.by)) for each in editions],
            current=shown is editions[0],
            may_write=request.state.visit.access.may("roles.write"),
            before=older.version if older else 0,
            changes=_changes(older, shown.role) if older else None,
            notice=t("admin.role-saved", number=saved) if saved == str(number) else "",
        )
        return self._shell.page(request, "admin/role.html", {"page": page})

    async def _name(self, account: str) -> str:
        found = await self._security.accounts.by_id(account) if account else None
        return found.display_name if found else account

    def _form(
        self, request: Request, version: int, content: Mapping[str, Any], filled: Filled, *, status: int = 200
    ) -> Response:
        t = translator(self._shell.language(request))
        page = RoleEditPage(
            name=request.path_params["name"],
            version=version,
            filled=filled,
            reaches=[(reach, t(f"admin.reach-{reach}")) for reach in _REACHES],
            features=[(name, _said(name, t)) for name in sorted(FEATURES)],
            purposes=[(name, t(f"purpose.{name}")) for name in PURPOSES],
            chosen_features=content["features"],
        )
        return self._shell.page(request, "admin/role_edit.html", {"page": page}, status=status)


def _said(feature: str, t: Callable[..., str]) -> str:
    said = t(f"feature.{feature}")
    return t("admin.no-use-yet", said=said) if feature in NO_USE_YET else said


def _content(form: Form) -> dict[str, Any]:
    """The fields of a role, and no other."""
    return {
        "reach": form.text("reach"),
        "scopes": form.text("scopes").split(),
        "features": list(form.all("features")),
        "areas": form.text("areas").split(),
        "purposes": form.text("purposes").split(),
        "countries": form.text("countries").split(),
        "factors": form.text("factors") == "true",
        "durable_reads": form.text("durable_reads") == "true",
    }


def _values(content: Mapping[str, Any]) -> dict[str, str]:
    return {
        "reach": content["reach"],
        "scopes": "\n".join(content["scopes"]),
        "areas": " ".join(content["areas"]),
        "purposes": " ".join(content["purposes"]),
        "countries": " ".join(content["countries"]),
        "factors": "true" if content["factors"] else "",
        "durable_reads": "true" if content["durable_reads"] else "",
    }


def _changes(before: Role, after: Role) -> list[tuple[str, str]]:
    lines = difflib.ndiff(_lines(before), _lines(after))
    return [(line[0], line[2:]) for line in lines if line[0] in "+-"]


def _lines(role: Role) -> list[str]:
    lines: list[str] = []
    for field, value in role_content(role).items():
        lines += [f"{field}: {each}" for each in (value if isinstance(value, list) else [value])]
    return lines
