"""Powers that must not be in one hand do not come there by several roles."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.security.usecases.accounts.conftest import GOOD, World

from kuska.kit.errors import IncorrectError
from kuska.security.domain.accounts import NewAccount

pytestmark = pytest.mark.requirement("LW-29")


async def test_nobody_gets_roles_that_exclude_each_other(world: World) -> None:
    """Who gives out rights, who audits and who treats are not one: whichever roles it comes by."""
    account = await world.person(patient="ana")
    write = world.visit("accounts.write")
    both = NewAccount(login="two", display_name="Two", email="two@example.org", roles=("administrator", "physician"))
    for attempt in (
        world.accounts.assign_roles(write, account.id, ["administrator", "auditor", "physician"]),
        world.accounts.invite(write, both),
        world.accounts.create(both, GOOD),
    ):
        with pytest.raises(IncorrectError) as raised:
            await attempt
        (issue,) = raised.value.issues
        assert issue.message == "account.roles-apart"
        assert "administrator" in str(issue.params)
    assert (await world.accounts.assign_roles(write, account.id, ["physician", "patient"])).roles


async def test_a_patient_is_somebody_in_the_record(world: World) -> None:
    write = world.visit("accounts.write")
    new = NewAccount(login="", display_name="Ana", email="rosa@example.org", roles=("patient",))
    with pytest.raises(IncorrectError) as wrong:
        await world.accounts.invite(write, new)
    assert [(issue.message, issue.expression) for issue in wrong.value.issues] == [
        ("account.patient-needed", "patient")
    ]
    account = await world.person("eva@example.org", roles=("results",))
    with pytest.raises(IncorrectError):
        await world.accounts.assign_roles(write, account.id, ["patient"])
    assert (await world.accounts.invite(write, replace(new, patient="ana"))).patient == "ana"
