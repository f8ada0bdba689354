"""The policy in a running process: what it keeps, when it forgets, what it reads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.security.usecases.visitors import SETTINGS, House, emptied, house

from kuska.infra.postgres.connection import Read
from kuska.infra.postgres.database import Database
from kuska.security.contracts import ANONYMOUS, Access, Caller
from kuska.security.domain.scopes import parse
from kuska.security.errors import NobodyError, RefusedByPolicyError
from kuska.security.store import callers
from kuska.security.store.consents import HeardConsents
from kuska.security.usecases.consents import Consents

pytestmark = [pytest.mark.requirement("HC-04"), pytest.mark.requirement("LW-16")]
PARTNER = Caller(
    kind="partner", client="partner-1", roles=("partner",), organization="lab", tenant="hospital", country="PE"
)


@pytest.fixture
async def at(db: Database) -> AsyncIterator[House]:
    await emptied(db)
    yield house(db)
    await emptied(db)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Caller]:
    """Who the database was asked about."""
    found: list[Caller] = []
    ask = callers.facts

    async def facts(conn: Read, caller: Caller, *args: Any, **kwargs: Any) -> Any:
        found.append(caller)
        return await ask(conn, caller, *args, **kwargs)

    monkeypatch.setattr(callers, "facts", facts)
    return found


def consent(*actors: str, effect: str = "deny", **limits: Any) -> dict[str, Any]:
    named = [{"role": {}, "reference": {"reference": one}} for one in actors]
    return {
        "resourceType": "Consent",
        "status": "active",
        "scope": {"coding": [{"code": "patient-privacy"}]},
        "patient": {"reference": "Patient/p1"},
        "provision": {"type": effect, **({"actor": named} if named else {}), **limits},
    }


async def write(at: House, id_: str, node: dict[str, Any] | None) -> None:
    keeper = Consents(at.epoch)
    async with at.db.write() as tx:
        await keeper.written(tx, id_, node)
    keeper.forget()


async def physician(at: House) -> Access:
    return (await at.visit("physician")).access


async def test_it_is_asked_once_and_then_kept(at: House, asked: list[Caller]) -> None:
    caller = at.caller("physician")
    for address in ("a", "b", "a"):
        access = await at.policy.access(replace(caller, address=address))
        assert access.caller.address == address
    assert len(asked) == 1


async def test_a_hundred_requests_at_once_ask_once(at: House, asked: list[Caller]) -> None:
    """As after every change; and who began it may have gone away meanwhile."""
    caller = at.caller("physician")
    begun = [asyncio.create_task(at.policy.access(caller)) for _ in range(100)]
    await asyncio.sleep(0)
    begun[0].cancel()
    done = await asyncio.gather(*begun, return_exceptions=True)
    assert isinstance(done[0], asyncio.CancelledError)
    assert all(not isinstance(one, BaseException) and one.ways("Observation", "r") for one in done[1:])
    assert len(asked) == 1
    at.epoch.forget()
    refused = replace(caller, tenant="another")
    done = await asyncio.gather(*(at.policy.access(refused) for _ in range(10)), return_exceptions=True)
    assert all(isinstance(one, RefusedByPolicyError) for one in done)
    assert not at.policy._asking


async def test_who_asks_after_a_change_is_not_answered_from_before_it(
    at: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even while somebody's question from before is still under way."""
    ask, read, go_on = callers.facts, asyncio.Event(), asyncio.Event()

    async def facts(conn: Read, *args: Any, **kwargs: Any) -> Any:
        known = await ask(conn, *args, **kwargs)
        read.set()
        await go_on.wait()
        return known

    monkeypatch.setattr(callers, "facts", facts)
    before = asyncio.create_task(physician(at))
    await read.wait()
    monkeypatch.setattr(callers, "facts", ask)
    await write(at, "c1", consent())
    assert (await physician(at)).withheld == {"p1"}
    go_on.set()
    assert not (await before).withheld
    assert (await physician(at)).withheld == {"p1"}


async def test_what_is_kept_is_kept_apart(at: House, asked: list[Caller]) -> None:
    """By everything that the decision depends on."""
    caller = at.caller("physician")
    other = [
        replace(caller, scopes=parse("user/Observation.rs")),
        replace(caller, roles=("results",)),
        replace(caller, patient="p1"),
        replace(caller, practitioner="another"),
        replace(caller, organization="another"),
        replace(caller, methods=("pwd",)),
        replace(caller, account="another"),
    ]
    for one in (caller, *other):
        await at.policy.access(one)
    await at.policy.access(caller, "ETREAT")
    assert len(asked) == len(other) + 2


async def test_a_refusal_is_not_kept_as_a_permission(at: House) -> None:
    for _ in range(2):
        with pytest.raises(RefusedByPolicyError) as raised:
            await at.policy.access(at.caller("physician"), "HRESCH")
        assert raised.value.reason == "security.purpose"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"tenant": "another"}, "security.tenant"),
        ({"tenant": ""}, "security.tenant"),
        ({"country": "CL"}, "security.country"),
    ],
)
async def test_another_place_is_refused(at: House, changed: dict[str, str], reason: str) -> None:
    with pytest.raises(RefusedByPolicyError) as raised:
        await at.policy.access(at.caller("physician", **changed))
    assert raised.value.reason == reason


async def test_a_role_may_be_given_for_other_countries(at: House) -> None:
    admin = await at.visit("administrator")
    await at.roles.edit(
        admin,
        "tele",
        0,
        {"reach": "care", "scopes": ["user/Observation.rs"], "purposes": ["TREAT"], "countries": ["PE"]},
    )
    assert (await at.policy.access(at.caller("tele", country="CL"))).ways("Observation", "r")


async def test_nobody_is_nobody(at: House) -> None:
    with pytest.raises(NobodyError):
        await at.policy.access(ANONYMOUS)


async def test_a_token_made_for_a_purpose_serves_no_other(at: House) -> None:
    caller = at.caller("physician", purpose="TREAT")
    assert (await at.policy.access(caller)).purpose == "TREAT"
    with pytest.raises(RefusedByPolicyError):
        await at.policy.access(caller, "ETREAT")


async def test_an_agreement_names_the_purposes_of_a_partner(at: House) -> None:
    caller = replace(PARTNER, purposes=("HRESCH", "PUBHLTH"))
    assert (await at.policy.access(caller)).purpose == "HRESCH"
    assert (await at.policy.access(caller, "PUBHLTH")).purpose == "PUBHLTH"
    for other in ("TREAT", "HMARKT"):
        with pytest.raises(RefusedByPolicyError):
            await at.policy.access(caller, other)
    # One that the role does not have is not had by agreement.
    assert not (await at.policy.access(replace(PARTNER, purposes=("HOPERAT",)))).ways("Observation", "r")


@pytest.mark.requirement("QX-10")
async def test_a_refusal_counts_at_once_and_its_withdrawal_too(at: House) -> None:
    assert not (await physician(at)).withheld
    await write(at, "c1", consent("Practitioner/doctor"))
    assert (await physician(at)).withheld == {"p1"}
    assert not (await physician(at)).free("Observation", "r")
    assert not (await at.visit("physician", practitioner="another")).access.withheld
    await write(at, "c1", {**consent("Practitioner/doctor"), "status": "inactive"})
    assert not (await physician(at)).withheld
    await write(at, "c1", consent("Practitioner/doctor"))
    await write(at, "c1", None)
    assert not (await physician(at)).withheld


async def test_another_process_hears_of_a_refusal_within_the_second(at: House) -> None:
    other = house(at.db)
    assert not (await physician(other)).withheld
    async with other.epoch.watched(), asyncio.timeout(60):
        await write(at, "c1", consent())
        while not (await physician(other)).withheld:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("actors", [(), ("Practitioner/doctor",)])
async def test_a_refusal_begins_and_ends_on_time(at: House, asked: list[Caller], actors: tuple[str, ...]) -> None:
    period = {"start": "2026-11-21T13:00:00Z", "end": "2026-11-21T13:59:59Z"}
    await write(at, "c1", consent(*actors, period=period))
    assert not (await physician(at)).withheld
    at.clock.advance(timedelta(hours=1))
    assert (await physician(at)).withheld == {"p1"}
    asked.clear()
    assert (await physician(at)).withheld == {"p1"}
    assert not asked
    at.clock.advance(timedelta(hours=1))
    assert not (await physician(at)).withheld


async def test_a_partner_reaches_who_lets_it_in_and_nobody_else(at: House) -> None:
    async def reached(type_: str = "Observation") -> frozenset[str]:
        return (await at.policy.access(PARTNER)).consented_for(type_)

    assert await reached() == frozenset()
    await write(at, "c1", consent("Organization/lab", effect="permit"))
    await write(at, "c2", {**consent("Organization/other", effect="permit"), "patient": {"reference": "Patient/p2"}})
    assert await reached() == {"p1"}
    types = [{"system": "http://hl7.org/fhir/resource-types", "code": "Condition"}]
    await write(at, "c1", consent("Organization/lab", effect="permit", **{"class": types}))
    assert await reached() == frozenset()
    assert await reached("Condition") == {"p1"}
    await write(at, "c1", None)
    assert await reached("Condition") == frozenset()


async def test_the_permission_of_a_purpose_is_for_that_purpose(at: House) -> None:
    await write(at, "c1", consent(effect="permit", purpose=[{"code": "HRESCH"}]))
    assert (await at.policy.access(PARTNER, "HRESCH")).consented == {"p1"}
    assert not (await at.policy.access(PARTNER, "TREAT")).consented


async def test_what_everybody_was_told_is_read_once_for_all_callers(at: House) -> None:
    """And again when a Consent changes, not when a role does."""
    read: list[str] = []

    class Watched:
        def __init__(self, conn: Read) -> None:
            self._conn = conn

        def __getattr__(self, name: str) -> Any:
            return getattr(self._conn, name)

        async def fetch(self, query: str, *args: Any) -> Any:
            read.extend(["common"] if "where common and" in query else [])
            return await self._conn.fetch(query, *args)

    heard = HeardConsents()

    async def ask(account: str) -> frozenset[str]:
        async with at.db.read() as conn:
            caller = at.caller("physician", account=account)
            known = await callers.facts(
                Watched(conn),
                caller,
                at.clock.now(),
                heard,
                permissions=False,
                breaks=False,  # type: ignore[arg-type]
            )
            return known.common.wishes(frozenset({"TREAT"}), at.clock.now())[0].withheld

    await write(at, "c1", consent())
    assert [await ask(str(number)) for number in range(3)] == [{"p1"}] * 3
    async with at.db.write() as tx:
        await at.epoch.bump(tx)
    assert await ask("another") == {"p1"}
    assert len(read) == 1
    await write(at, "c1", None)
    assert await ask("again") == frozenset()
    assert len(read) == 2


async def test_permissions_are_read_only_where_they_open_something(at: House) -> None:
    """There may be one for every patient of a country."""
    await write(at, "c1", consent("Organization/us", effect="permit"))
    async with at.db.read() as conn:
        caller = at.caller("physician")
        known = await callers.facts(conn, caller, at.clock.now(), HeardConsents(), permissions=False, breaks=False)
    assert not known.consents


async def test_exceptions_of_a_refusal_are_heard_with_it(at: House) -> None:
    actor = [{"role": {}, "reference": {"reference": "Practitioner/doctor"}}]
    await write(at, "c1", consent(provision=[{"type": "permit", "actor": actor}]))
    assert not (await physician(at)).withheld
    assert (await at.visit("physician", practitioner="another")).access.withheld == {"p1"}


async def account(at: House, id_: str, **columns: Any) -> None:
    """As it is from now on."""
    given = {"status": "active", "patient": "", "practitioner": "", "roles": [], **columns}
    async with at.db.write() as tx:
        await tx.execute("delete from security.account where id = $1", id_)
        await tx.execute(
            "insert into security.account (id, kind, tenant, login, display_name, country, created, updated, status,"
            " patient, practitioner, roles) values ($1, 'person', $2, $1, 'Somebody', 'PE', now(), now(), $3, $4, $5, $6)",
            id_, SETTINGS.tenant, *given.values(),
        )  # fmt: skip
        await at.epoch.bump(tx)
    at.epoch.forget()


@pytest.mark.requirement("LW-29")
async def test_a_role_that_was_taken_away_is_gone_from_tokens_too(at: House) -> None:
    caller = at.caller("physician", "results", account="a1", scopes=parse("user/*.cruds"))
    await account(at, "a1", practitioner="doctor", roles=["physician", "results"])
    assert {way.reach for way in (await at.policy.access(caller)).ways("Observation", "c")} == {"all"}
    await account(at, "a1", practitioner="doctor", roles=["physician"])
    assert {way.reach for way in (await at.policy.access(caller)).ways("Observation", "c")} == {"care"}
    await account(at, "a1", practitioner="doctor", roles=["administrator"])
    assert not (await at.policy.access(caller)).ways("Observation", "r")
    # And a role that came later is not in the token.
    assert not (await at.policy.access(caller)).ways("Organization", "u")


@pytest.mark.requirement("LW-29")
@pytest.mark.parametrize("changed", [{"status": "disabled"}, {"practitioner": "another"}, {"practitioner": ""}])
async def test_a_token_of_who_is_no_longer_that_opens_nothing(at: House, changed: dict[str, Any]) -> None:
    caller = at.caller("physician", account="a1", scopes=parse("user/*.cruds"))
    await account(at, "a1", practitioner="doctor", roles=["physician"])
    assert (await at.policy.access(caller)).ways("Observation", "c")
    await account(at, "a1", **{"practitioner": "doctor", "roles": ["physician"], **changed})
    with pytest.raises(NobodyError) as raised:
        await at.policy.access(caller)
    assert raised.value.reason == "security.account-gone"


async def test_nobody_is_shut_out_of_their_own_record(at: House) -> None:
    await account(at, "own-record", patient="p1", roles=["patient"])
    await write(at, "c1", consent())
    access = (await at.visit("patient", account="own-record", patient="p1", practitioner="")).access
    assert not access.withheld
    assert access.ways("Observation", "r")[0].reach == "own"


async def test_a_token_about_somebody_else_is_not_the_patients_own(at: House) -> None:
    """Even when the application says so: whose the account is, the database knows."""
    caller = at.caller("patient", account="not-in-the-database", patient="p1", scopes=parse("patient/*.rs"))
    assert not (await at.policy.access(caller)).ways("Observation", "r")


async def test_what_changes_while_it_is_read_is_not_kept(at: House, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = callers.facts

    async def facts(conn: Read, *args: Any, **kwargs: Any) -> Any:
        known = await ask(conn, *args, **kwargs)
        monkeypatch.setattr(callers, "facts", ask)
        await write(at, "c1", consent())
        return known

    monkeypatch.setattr(callers, "facts", facts)
    await physician(at)
    assert (await physician(at)).withheld == {"p1"}


async def test_what_is_kept_has_a_bound(at: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kuska.security.usecases.policy._MOST", 3)
    for number in range(5):
        await at.visit("physician", account=f"a{number}")
    assert len(at.policy._kept) <= 3
