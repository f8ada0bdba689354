"""Roles as data: read, shown, checked. What administrators may make of a role ends where the limits here are.

The content of a role is plain data, the same in the file that the program brings, in the database and on the page:

    {"reach": "care", "scopes": ["user/Observation.crus", …], "features": ["break-glass"], "areas": [], "purposes":
     ["TREAT"], "countries": [], "factors": true, "durable_reads": false}
"""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from itertools import permutations
from typing import Any, get_args

from kuska.kit.errors import IncorrectError, Issue
from kuska.security.contracts import Context, Reach, Role, ScopeRule
from kuska.security.domain.directory import COMPARTMENT, DIRECTORY, TRAIL
from kuska.security.domain.features import FEATURES
from kuska.security.domain.purposes import PURPOSES
from kuska.security.domain.scopes import ScopeError, parse, text

Content = dict[str, Any]

NAME = re.compile(r"[a-z][a-z0-9-]{1,39}")
_FIELDS = ("reach", "scopes", "features", "areas", "purposes", "countries", "factors", "durable_reads")
_AREA = re.compile(r"[a-z][a-z-]{1,39}")
_COUNTRY = re.compile(r"[A-Z]{2}")
# Types that are neither personal nor directory, yet types of R4.
_OTHER = """
Binary BiologicallyDerivedProduct Bundle Contract Device DeviceMetric GuidanceResponse Linkage
MessageHeader OperationOutcome Parameters PaymentNotice PaymentReconciliation Subscription Task TestReport
VerificationResult EnrollmentResponse
"""
TYPES = COMPARTMENT | DIRECTORY | frozenset(_OTHER.split()) | {"*"}
_RULING = frozenset({"accounts.write", "clients.write", "roles.write", "keys.write"})
# What a second factor is not asked for: these only begin what is asked for itself.
_WITHOUT_FACTOR = frozenset({"launch"})
# Powers that one role must not hold together, nor one account by several: who could open a door must not be who looks whether it was opened, and who
# gives out rights must not profit from them.
APART = (
    (frozenset({"audit.read", "audit.export", "break-glass.review"}), _RULING | {"break-glass"}),
    (frozenset({"pseudonym.resolve"}), _RULING),
)


class RoleError(IncorrectError):
    """The content of a role that does not hold."""

    def __init__(self, problems: Iterable[tuple[str, str, object]]) -> None:
        super().__init__(
            *(
                Issue(code="value", message=f"security.role-{key}", params={"value": value}, expression=place)
                for place, key, value in problems
            )
        )


@cache
def shipped() -> Mapping[str, Role]:
    """The roles that the program brings; version 0."""
    read: dict[str, dict[str, Any]] = tomllib.loads(
        files("kuska.security.domain").joinpath("roles.toml").read_text("utf-8")
    )
    return {name: role(name, 0, _spelt_out(content)) for name, content in read.items()}


def role(name: str, version: int, content: Mapping[str, Any]) -> Role:
    """Raises RoleError with everything that is wrong."""
    problems = list(_problems(name, content))
    if problems:
        raise RoleError(problems)
    made = Role(
        name=name,
        version=version,
        scopes=tuple(rule for scope in content.get("scopes", ()) for rule in parse(scope)),
        reach=content["reach"],
        features=frozenset(content.get("features", ())),
        areas=tuple(content.get("areas", ())),
        purposes=tuple(content.get("purposes", ())),
        countries=tuple(content.get("countries", ())),
        factors=content.get("factors", False),
        durable_reads=content.get("durable_reads", False),
    )
    if beyond := list(_beyond(made)):
        raise RoleError(beyond)
    return made


def content(role: Role) -> Content:
    return {
        "reach": role.reach,
        "scopes": [text(rule) for rule in role.scopes],
        "features": sorted(role.features),
        "areas": list(role.areas),
        "purposes": list(role.purposes),
        "countries": list(role.countries),
        "factors": role.factors,
        "durable_reads": role.durable_reads,
    }


def personal(rule: ScopeRule) -> bool:
    """It opens data about patients."""
    return rule.type not in DIRECTORY | {TRAIL}


def excluding(roles: Iterable[Role]) -> tuple[str, ...]:
    """Names of two roles that must not be in one hand; nothing when all of them may be."""
    held = sorted(roles, key=lambda role: role.name)
    return next(
        (tuple(sorted((one.name, other.name))) for one, other in permutations(held, 2) if _clash(one, other)), ()
    )


def _clash(one: Role, other: Role) -> bool:
    """Rulers have records of their own: that they read those is no power."""
    reads = other.reach != "own" and any(personal(rule) for rule in other.scopes)
    ruling = bool(one.features & _RULING) and reads
    return ruling or any(one.features & these and other.features & those for these, those in APART)


def _spelt_out(content: dict[str, Any]) -> Content:
    """The file groups types by letters; everywhere else a scope is a scope."""
    plain = {field: value for field, value in content.items() if field not in get_args(Context)}
    by_type: defaultdict[str, list[str]] = defaultdict(list)
    for context in get_args(Context):
        for letters, types in content.get(context, {}).items():
            for type_ in types:
                by_type[type_].append(f"{context}/{type_}.{letters}")
    plain["scopes"] = [scope for type_ in sorted(by_type) for scope in by_type[type_]]
    return plain


def _problems(name: str, content: Mapping[str, Any]) -> Iterator[tuple[str, str, object]]:
    if not NAME.fullmatch(name):
        yield "name", "name", name
    for unknown in sorted(set(content) - set(_FIELDS)):
        yield unknown, "field", unknown
    if content.get("reach") not in get_args(Reach):
        yield "reach", "reach", content.get("reach")
    lists = {
        "features": FEATURES.__contains__,
        "areas": _AREA.fullmatch,
        "purposes": PURPOSES.__contains__,
        "countries": _COUNTRY.fullmatch,
        "scopes": bool,
    }
    for field, good in lists.items():
        values: Any = content.get(field, [])
        if not isinstance(values, list | tuple):
            yield field, "list", field
            continue
        for value in values:  # pyright: ignore[reportUnknownVariableType]
            if not isinstance(value, str) or not good(value):
                yield field, field, value
            elif field == "scopes":
                yield from _scope_problems(value)
    if not content.get("purposes"):
        yield "purposes", "no-purpose", name
    for field in ("factors", "durable_reads"):
        if not isinstance(content.get(field, False), bool):
            yield field, "yes-or-no", field


def _scope_problems(scope: str) -> Iterator[tuple[str, str, object]]:
    try:
        rules = parse(scope)
    except ScopeError:
        rules = ()
    if len(rules) != 1:
        yield "scopes", "scopes", scope
    for rule in rules:
        if rule.type not in TYPES:
            yield "scopes", "type", rule.type
        if rule.type == TRAIL and not rule.letters <= {"r", "s"}:
            yield "scopes", "trail", scope


def _beyond(role: Role) -> Iterator[tuple[str, str, object]]:
    """Where a single role would be too powerful."""
    contexts = {rule.context for rule in role.scopes}
    if "system" in contexts and len(contexts) > 1:
        yield "scopes", "machine-and-person", role.name
    if role.features & _RULING and any(personal(rule) for rule in role.scopes):
        yield "features", "ruling-and-reading", sorted(role.features & _RULING)
    for one, other in APART:
        if role.features & one and role.features & other:
            yield "features", "apart", sorted(role.features & (one | other))
    if "break-glass" in role.features and role.reach != "care":
        yield "features", "glass-without-care", role.reach
    if (demanding := role.features - _WITHOUT_FACTOR) and not role.factors:
        yield "factors", "factors-needed", sorted(demanding)
