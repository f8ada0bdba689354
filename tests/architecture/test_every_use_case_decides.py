"""Every use case that takes a visit asks the policy: called for somebody who may do nothing, it refuses.

The use cases are found in the source, so one that is added and does not ask fails here. Arguments are made from their
types; the decision comes before anything is done with them.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import FunctionType, MethodType
from typing import Any, Literal, cast, get_args, get_origin, get_type_hints
from zoneinfo import ZoneInfo

import pytest
from starlette.routing import Route
from tests.architecture.test_doors import NoMails

import kuska
from kuska.fhir.api import open_record
from kuska.fhir.usecases.nobody import nobody
from kuska.infra.postgres.database import Database
from kuska.kit.clock import SystemClock
from kuska.portal import pages as portal
from kuska.security.api import RefusedByPolicyError, Visit, open_security
from kuska.security.domain.sealing import passing_ring
from kuska.security.settings import LimitSettings, SecuritySettings

pytestmark = pytest.mark.requirement("HC-04")

SRC = Path(kuska.__file__).parent
# What does not refuse somebody who may do nothing, and why. Think twice before adding one.
OTHERWISE = {
    "kuska.security.usecases.glass.BreakGlass.page": "gives everybody what they opened themselves, nothing else",
    "kuska.security.usecases.glass.BreakGlass.end": "everybody ends their own; others' are not found",
    "kuska.fhir.usecases.record.Archive.for_visit": "gives a record that carries the visit; whatever is done with it asks",
    "kuska.portal.record.naming.Naming.called": "asks the record, which names nobody to who may not see them",
    "kuska.fhir.usecases.noting.refused": "the line in the trail of what was refused",
}


def taking_a_visit() -> set[str]:
    """Public functions, and public methods of public classes, with a visit among their arguments."""
    found: set[str] = set()
    for path in SRC.rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        module = ".".join(("kuska", *path.relative_to(SRC).with_suffix("").parts))
        if any(_brings_visit(node) for node in tree.body):
            found |= {f"{module}.{name}" for name in _with_visit(tree.body)}
    return found


def _brings_visit(node: ast.stmt) -> bool:
    """Others call other things so: the demo's visits are to a doctor."""
    return (
        isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith("kuska.security")
        and any(name.name == "Visit" for name in node.names)
    )


def _with_visit(body: Sequence[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and not _is_promise(node):
            yield from (f"{node.name}.{name}" for name in _with_visit(node.body))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            if any("Visit" in _names(one.annotation) for one in given if one.annotation):
                yield node.name


def _is_promise(node: ast.ClassDef) -> bool:
    """A protocol: who keeps it is looked at."""
    return any("Protocol" in _names(base) for base in node.bases)


def _names(annotation: ast.expr) -> set[str]:
    return {node.id for node in ast.walk(annotation) if isinstance(node, ast.Name)}


class Dummies:
    """A plain value for each type: what the program is made of where it is one of its parts, else the simplest there is."""

    def __init__(self, *roots: object) -> None:
        self._parts: dict[type, object] = {}
        for root in roots:
            self._walk(root)

    def _walk(self, root: object) -> None:
        waiting, wrapped = [root], set[FunctionType]()
        while waiting:
            one = waiting.pop()
            if isinstance(one, MethodType):
                waiting.append(one.__self__)  # kept by its method
            elif isinstance(one, FunctionType):
                if one in wrapped:
                    continue
                wrapped.add(one)
                waiting += [cell.cell_contents for cell in one.__closure__ or ()]  # or by what is wrapped round that
            elif type(one) not in self._parts and type(one).__module__.startswith(("kuska.", "tests.")):
                self._parts[type(one)] = one
                slots = [name for cls in type(one).__mro__ for name in getattr(cls, "__slots__", ())]
                waiting += [getattr(one, name) for name in slots if hasattr(one, name)]
                waiting += getattr(one, "__dict__", {}).values()

    def part(self, cls: type) -> object:
        assert cls in self._parts, f"{cls.__qualname__} is no part of the opened program: give it to Dummies here"
        return self._parts[cls]

    def of(self, hint: Any) -> Any:
        plain: dict[Any, Any] = {
            Visit: nobody(), str: "x", int: 1, bytes: b"x", bool: False, date: date(2026, 1, 1),
            datetime: datetime(2026, 1, 1, tzinfo=UTC), timedelta: timedelta(1), Any: None, type(None): None,
        }  # fmt: skip
        if hint in plain:
            return plain[hint]
        if hint in self._parts:
            return self._parts[hint]
        origin, inner = get_origin(hint), get_args(hint)
        if Visit in inner:
            return plain[Visit]
        if origin is Literal:
            return inner[0]
        if origin is not None and isinstance(origin, type):
            return {} if issubclass(origin, Mapping) else ()
        if inner:
            return self.of(inner[0])
        assert dataclasses.is_dataclass(hint), f"what is a {hint}? Say it in Dummies."
        return self.call(hint)

    def call(self, made: Any) -> Any:
        """With what has to be given."""
        hints = get_type_hints(made.__init__ if isinstance(made, type) else made)
        needed = [one for one in inspect.signature(made).parameters.values() if one.default is one.empty]
        given = {one.name: self.of(hints[one.name]) for one in needed}
        return made(**given)


async def refuses(use_case: Any, dummies: Dummies) -> bool:
    try:
        answer = dummies.call(use_case)
        if inspect.isawaitable(answer):
            await answer
        elif isinstance(answer, AsyncIterator):
            await anext(cast("AsyncIterator[object]", answer), None)
    except RefusedByPolicyError:
        return True
    except Exception:  # noqa: BLE001 - whatever else it said: it had not asked first
        return False
    return False


def named(name: str, dummies: Dummies) -> Any:
    module, _, last = name.rpartition(".")
    try:
        return getattr(importlib.import_module(module), last)
    except ModuleNotFoundError:
        module, _, cls = module.rpartition(".")
        return getattr(dummies.part(getattr(importlib.import_module(module), cls)), last)


@pytest.fixture
async def dummies(fresh_db: Database, tmp_path: Path) -> AsyncIterator[Dummies]:
    settings = SecuritySettings(argon2_memory=7_168, argon2_passes=1)
    async with open_security(
        fresh_db, settings, SystemClock(), "http://localhost", tmp_path,
        limits=LimitSettings(), sealer=passing_ring(), mailer=NoMails(),
    ) as security:  # fmt: skip
        archive = await open_record(fresh_db)
        pages = portal.build(security, secure=False, zone=ZoneInfo("America/Lima"), archive=archive)
        yield Dummies(security, archive, *(route.endpoint for route in pages.router.routes if isinstance(route, Route)))


async def test_who_may_do_nothing_is_refused_everywhere(dummies: Dummies) -> None:
    found = taking_a_visit()
    open_ = {name for name in found if not await refuses(named(name, dummies), dummies)}
    assert open_ == OTHERWISE.keys(), "ask the policy first, or say in OTHERWISE why not"


async def test_one_that_does_not_ask_is_seen(dummies: Dummies) -> None:
    source = (
        "from kuska.security.visit import Visit\nclass Shelf:\n async def clear(self, visit: Visit, of: str): ...\n"
    )
    tree = ast.parse(source)
    assert _brings_visit(tree.body[0])
    assert list(_with_visit(tree.body)) == ["Shelf.clear"]

    async def clear(visit: Visit, of: str) -> int:
        return len(visit.access.caller.account + of)

    async def asks_too_late(visit: Visit, of: str) -> int:
        if of != "y":
            raise ValueError(of)
        raise RefusedByPolicyError

    async def asks(visit: Visit, of: str) -> int:
        if not visit.access.may("export"):
            raise RefusedByPolicyError
        return len(of)

    assert [await refuses(one, dummies) for one in (clear, asks_too_late, asks)] == [False, False, True]
