"""Roles are data: versions, limits, and what a change does at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from tests.security.usecases.visitors import House, emptied, house

from kuska.fhir.api import restricts
from kuska.infra.postgres.database import Database
from kuska.kit.errors import ConflictError, NotFoundError
from kuska.kit.messages import catalogue
from kuska.security.contracts import Role
from kuska.security.domain.features import FEATURES
from kuska.security.domain.roles import RoleError, content, excluding, role, shipped
from kuska.security.errors import RefusedByPolicyError, StepUpError
from kuska.security.settings import SecuritySettings
from kuska.security.usecases.roles import Roles

pytestmark = [pytest.mark.requirement("HC-04"), pytest.mark.requirement("LW-29")]
PLAIN: dict[str, Any] = {"reach": "care", "scopes": ["user/Observation.rs"], "purposes": ["TREAT"]}


NOT_A_ROLE: list[tuple[dict[str, Any], str]] = [
    ({"reach": "everybody"}, "reach"),
    ({"scopes": ["user/Observation.rs user/Condition.rs"]}, "scopes"),
    ({"scopes": ["user/Observation.sr"]}, "scopes"),
    ({"scopes": ["user/Observacion.rs"]}, "type"),
    ({"scopes": ["user/AuditEvent.cruds"]}, "trail"),
    ({"scopes": "user/Observation.rs"}, "list"),
    ({"scopes": [1]}, "scopes"),
    ({"features": ["everything"]}, "features"),
    ({"purposes": ["FUN"]}, "purposes"),
    ({"purposes": []}, "no-purpose"),
    ({"countries": ["Peru"]}, "countries"),
    ({"areas": ["../admin"]}, "areas"),
    ({"factors": "no"}, "yes-or-no"),
    ({"admin": True}, "field"),
    ({"scopes": ["user/Observation.rs", "system/Observation.rs"]}, "machine-and-person"),
    ({"features": ["accounts.write"], "factors": True}, "ruling-and-reading"),
    ({"features": ["roles.write"], "factors": True}, "ruling-and-reading"),
    ({"scopes": [], "features": ["roles.write", "audit.read"], "factors": True}, "apart"),
    ({"scopes": [], "features": ["pseudonym.resolve", "accounts.write"], "factors": True}, "apart"),
    ({"reach": "all", "features": ["break-glass"], "factors": True}, "glass-without-care"),
    *(({"features": [one]}, "factors-needed") for one in sorted(FEATURES - {"launch"})),
]


@pytest.fixture
async def at(db: Database) -> AsyncIterator[House]:
    await emptied(db)
    yield house(db)
    await emptied(db)


@pytest.mark.requirement("HC-07")
async def test_an_edit_demands_two_factors_of_patients(at: House) -> None:
    """As the program brings it, a patient chooses; an institution may decide otherwise."""
    assert not await at.roles.need_factor(("patient",))
    demanding = content(shipped()["patient"]) | {"factors": True}
    await at.roles.edit(await at.visit("administrator"), "patient", 0, demanding)
    assert await at.roles.need_factor(("patient",))
    one = await at.policy.access(at.caller("patient", patient="p1", methods=("pwd",), confirmed=None))
    two = await at.policy.access(at.caller("patient", patient="p1"))
    assert (one.areas, two.areas) == (frozenset(), {"patient"})


def wrong(changed: dict[str, Any], name: str = "nurse") -> set[str]:
    with pytest.raises(RoleError) as raised:
        role(name, 1, {**PLAIN, **changed})
    return {issue.message.removeprefix("security.role-") for issue in raised.value.issues}


def test_the_eleven_roles_come_with_the_program_and_hold_their_own_limits() -> None:
    assert set(shipped()) == {
        "patient", "admissions", "physician", "results", "coordinator", "integrator", "steward", "auditor",
        "administrator", "partner", "service",
    }  # fmt: skip
    for name, one in shipped().items():
        assert role(name, 0, content(one)) == one


def test_who_works_in_the_hospital_needs_a_second_factor() -> None:
    assert {name for name, one in shipped().items() if not one.factors} == {"patient", "partner", "service"}


@pytest.mark.parametrize(("changed", "problem"), NOT_A_ROLE)
def test_what_a_role_cannot_be(changed: dict[str, Any], problem: str) -> None:
    assert problem in wrong(changed)


@pytest.mark.parametrize("name", ["", "a", "Nurse", "nurse role", "../x", "n" * 41, "1nurse"])
def test_what_a_role_cannot_be_called(name: str) -> None:
    assert "name" in wrong({}, name)


def test_every_refusal_is_in_words() -> None:
    for lang in ("es", "en"):
        assert {f"security.role-{problem}" for _, problem in NOT_A_ROLE} <= catalogue(lang).keys()


async def test_an_edited_role_counts_at_once_and_its_versions_stay(at: House) -> None:
    admin = await at.visit("administrator")
    physician = content(shipped()["physician"])
    physician["scopes"] = [scope for scope in physician["scopes"] if "/Consent." not in scope]
    assert (await at.visit("physician")).access.ways("Consent", "r")
    made = await at.roles.edit(admin, "physician", 0, physician)
    assert made.version == 1
    assert not (await at.visit("physician")).access.ways("Consent", "r")
    versions = await at.roles.versions(admin, "physician")
    assert [(one.role.version, one.by) for one in versions] == [(1, "account-administrator"), (0, "")]
    (line,) = at.lines.events
    assert (line.kind, line.action, line.caller.account) == ("role", "U", "account-administrator")
    assert dict(line.detail) == {"role": "physician", "version": "1", "scopes": "-user/Consent.rs"}


async def test_another_process_learns_of_it_by_the_epoch(at: House) -> None:
    other = house(at.db)
    assert (await other.visit("results")).access.ways("Observation", "c")
    await at.roles.edit(await at.visit("administrator"), "results", 0, {**PLAIN, "reach": "all"})
    assert (await other.visit("results")).access.ways("Observation", "c")
    async with other.epoch.watched():
        while (await other.visit("results")).access.ways("Observation", "c"):
            await asyncio.sleep(0.01)


async def test_who_edits_an_older_version_is_told_and_changes_nothing(at: House) -> None:
    admin = await at.visit("administrator")
    await at.roles.edit(admin, "nurse", 0, PLAIN)
    with pytest.raises(ConflictError):
        await at.roles.edit(admin, "nurse", 0, {**PLAIN, "reach": "all"})
    assert (await at.roles.current())["nurse"].reach == "care"


async def test_of_two_at_the_same_time_one_wins(at: House) -> None:
    admin = await at.visit("administrator")
    done = await asyncio.gather(
        *(at.roles.edit(admin, "nurse", 0, {**PLAIN, "areas": [f"a{n}"[:1] + "b" * n]}) for n in range(1, 6)),
        return_exceptions=True,
    )
    assert sum(isinstance(one, Role) for one in done) == 1
    assert sum(isinstance(one, ConflictError) for one in done) == 4
    assert len(at.lines.events) == 1


@pytest.mark.parametrize("who", ["physician", "auditor", "patient", "steward", "integrator"])
async def test_nobody_else_may_edit_and_the_attempt_is_noted(at: House, who: str) -> None:
    with pytest.raises(RefusedByPolicyError):
        await at.roles.edit(await at.visit(who), "nurse", 0, PLAIN)
    assert at.lines.said() == [("role", "edit", "4", "security.feature")]
    assert "nurse" not in await at.roles.current()


async def test_a_restriction_that_the_record_cannot_decide_is_none(at: House) -> None:
    admin = await at.visit("administrator")
    roles = Roles(at.db, SecuritySettings(), at.clock, at.epoch, restricts)
    for scope in ("user/Observation.rs?date=gt2026-01-01", "user/*.rs?category=laboratory"):
        with pytest.raises(RoleError) as refused:
            await roles.edit(admin, "nurse", 0, {**PLAIN, "scopes": [scope]})
        (issue,) = refused.value.issues
        assert (issue.message, issue.expression) == ("security.role-restriction", "scopes")
        assert {issue.message} <= catalogue("es").keys() & catalogue("en").keys()
    good = {**PLAIN, "scopes": ["user/Observation.rs?category=laboratory"]}
    assert (await roles.edit(admin, "nurse", 0, good)).version == 1


async def test_editing_asks_for_the_second_factor_again(at: House) -> None:
    admin = await at.visit("administrator")
    at.clock.advance(timedelta(minutes=11))
    with pytest.raises(StepUpError):
        await at.roles.edit(admin, "nurse", 0, PLAIN)
    assert at.lines.said() == [("role", "edit", "4", "security.step-up")]


async def test_the_last_role_that_edits_roles_stays_one(at: House) -> None:
    admin = await at.visit("administrator")
    weaker = content(shipped()["administrator"])
    weaker["features"].remove("roles.write")
    with pytest.raises(RoleError, match="last"):
        await at.roles.edit(admin, "administrator", 0, weaker)
    assert (await at.roles.current())["administrator"].version == 0


async def test_an_application_cannot_edit_in_an_administrators_name(at: House) -> None:
    with pytest.raises(RefusedByPolicyError):
        await at.roles.edit(await at.visit("administrator", scopes=(), client="app"), "nurse", 0, PLAIN)


async def test_a_role_that_is_not_understood_any_more_gives_nothing(at: House) -> None:
    async with at.db.write() as tx:
        await tx.execute(
            "insert into security.role values ('physician', 1, '{\"reach\": \"everything\"}', 'somebody', now())"
        )
    given = (await at.visit("physician")).access
    assert not given.ways("Observation", "r")
    assert not given.may("break-glass")


async def test_versions_are_for_who_looks_after_roles(at: House) -> None:
    with pytest.raises(RefusedByPolicyError):
        await at.roles.versions(await at.visit("physician"), "physician")
    with pytest.raises(NotFoundError):
        await at.roles.versions(await at.visit("auditor"), "nobody")


def test_features_have_words_or_are_listed() -> None:
    assert {feature for one in shipped().values() for feature in one.features} <= FEATURES


TOGETHER = [
    ({"administrator", "auditor"}, False),
    ({"administrator", "physician"}, False),
    ({"administrator", "steward"}, False),
    ({"auditor", "physician"}, False),
    ({"administrator", "patient"}, True),
    ({"physician", "steward", "patient"}, True),
    ({"auditor", "integrator"}, True),
]


@pytest.mark.parametrize(("names", "may"), TOGETHER)
def test_what_one_role_must_not_hold_several_of_one_account_must_not(names: set[str], may: bool) -> None:
    apart = excluding(shipped()[name] for name in names)
    assert (not apart) is may
    assert set(apart) <= names


async def test_an_edit_brings_nobody_what_must_not_be_in_one_hand(at: House) -> None:
    admin = await at.visit("administrator")
    async with at.db.write() as tx:
        await tx.execute(
            "insert into security.account (id, kind, login, display_name, status, country, tenant, roles, created, updated)"
            " values ('a1', 'person', 'two', 'Two', 'disabled', 'PE', 'hospital', '{auditor,integrator}', $1, $1)",
            at.clock.now(),
        )
    changed = content(shipped()["integrator"])
    changed |= {"features": [*changed["features"], "clients.write"]}
    with pytest.raises(RoleError) as raised:
        await at.roles.edit(admin, "integrator", 0, changed)
    (issue,) = raised.value.issues
    assert (issue.message, issue.params) == ("security.role-apart-held", {"value": "auditor, integrator"})
    async with at.db.write() as tx:
        await tx.execute("update security.account set roles = '{integrator}' where id = 'a1'")
    assert (await at.roles.edit(admin, "integrator", 0, changed)).version == 1
