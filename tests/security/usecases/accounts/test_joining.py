"""How accounts come to be: by invitation, and by a patient's own registration."""

from __future__ import annotations

import asyncio
from datetime import date

import asyncpg
import pytest
from tests.security.usecases.accounts.conftest import ELSEWHERE, GOOD, HERE, NEW, World

from kuska.infra.postgres.database import Database
from kuska.kit.errors import IncorrectError
from kuska.security.contracts import PatientMatch
from kuska.security.domain.accounts import Correction, NewAccount
from kuska.security.errors import RefusedByPolicyError
from kuska.security.usecases.accounts.errors import (
    BadRegistrationError,
    LinkGoneError,
    NoAccountError,
    NoPatientError,
    OwnAccountError,
    TakenError,
    WrongPasswordError,
)
from kuska.security.usecases.limits import ThrottledError

pytestmark = pytest.mark.requirement("HC-04")

DNI, BORN = "17801146", date(1980, 5, 17)
MINE = "ana@example.org"


def known(world: World, *emails: str) -> None:
    world.patients.patients[DNI, BORN] = PatientMatch("patient-1", "Ana Quispe", emails)


async def register(world: World, document: str = DNI, born: date = BORN, email: str = MINE) -> None:
    await world.accounts.register(document=document, birth_date=born, email=email, address=HERE)


async def invited(world: World, **more: object) -> str:
    given: dict[str, object] = {"login": "", "display_name": "Dr. Luis Rojas", "email": "luis@example.org", **more}
    new = NewAccount(**{"roles": ("physician",), **given})  # type: ignore[arg-type]
    return (await world.accounts.invite(world.visit("accounts.write"), new)).id


async def test_invited_in(world: World) -> None:
    id_ = await invited(world)
    with pytest.raises(WrongPasswordError):
        await world.signed_in("luis@example.org")
    assert await world.mailroom.send_due() == 1
    assert world.post.mails[-1].to == "luis@example.org"
    await world.accounts.redeem(world.post.token(), NEW, HERE)
    session = await world.session(await world.signed_in("luis@example.org", NEW))
    assert (session.account.id, session.account.roles, session.account.status) == (id_, ("physician",), "active")
    assert [what for kind, what, _ in world.trail.said() if kind == "account"] == ["invited", "activated"]
    assert world.trail.events[0].caller.account == "administrator"


async def test_an_invitation_runs_out_and_is_sent_again(world: World) -> None:
    id_ = await invited(world)
    await world.mailroom.send_due()
    token = world.post.token()
    world.passes(hours=72)
    with pytest.raises(LinkGoneError):
        await world.accounts.redeem(token, NEW, HERE)
    await world.accounts.invite_again(world.visit("accounts.write"), id_)
    await world.mailroom.send_due()
    await world.accounts.redeem(world.post.token(), NEW, HERE)
    assert await world.signed_in("luis@example.org", NEW)


async def test_who_forgot_that_they_were_invited_asks_for_a_password(world: World) -> None:
    await invited(world)
    await world.mailroom.send_due()
    await world.accounts.ask_reset("luis@example.org", HERE)
    await world.mailroom.send_due()
    assert (await world.accounts.link(world.post.token(), HERE)).purpose == "invitation"


async def test_only_administrators_invite(world: World) -> None:
    new = NewAccount(login="", display_name="Eva", email="eva@example.org", roles=("administrator",))
    for visit in (world.visit(), world.visit("accounts.read"), world.visit("patients.invite")):
        with pytest.raises(RefusedByPolicyError):
            await world.accounts.invite(visit, new)
        assert world.trail.events[-1].outcome == "8"
    assert await world.mailroom.state() == (0, 0)


async def test_the_admission_desk_invites_patients_and_nobody_else(world: World) -> None:
    desk = world.visit("patients.invite")
    given: dict[str, object] = {"login": DNI, "display_name": "Ana", "email": MINE, "patient": "patient-1"}
    for bad in (
        {"roles": ("patient", "physician")},
        {"roles": ()},
        {"roles": ("patient",), "patient": ""},
        {"roles": ("patient",), "practitioner": "1"},
        {"roles": ("patient",), "kind": "partner"},
    ):
        with pytest.raises(RefusedByPolicyError):
            await world.accounts.invite(desk, NewAccount(**(given | bad)))  # type: ignore[arg-type]
    account = await world.accounts.invite(desk, NewAccount(**given, roles=("patient",)))  # type: ignore[arg-type]
    assert (account.patient, account.roles) == ("patient-1", ("patient",))


@pytest.mark.parametrize(
    ("field", "value"),
    [("email", "not an address"), ("email", ""), ("display_name", " "), ("display_name", "a\nb\x00"),
     ("display_name", "x" * 201), ("login", "x" * 255), ("roles", ("king",)), ("roles", ("Patient",))],
)  # fmt: skip
async def test_bad_invitations(world: World, field: str, value: object) -> None:
    if value == "a\nb\x00":
        value = "a\x00b"
    with pytest.raises(IncorrectError) as told:
        await invited(world, **{field: value})
    assert told.value.issues[0].expression in {field, "login"}


async def test_a_login_and_a_patient_are_taken_once(world: World) -> None:
    await world.person(DNI, patient="patient-1")
    with pytest.raises(TakenError) as told:
        await invited(world, login=f"{DNI}-0")
    assert told.value.issues[0].message == "account.login-taken"
    with pytest.raises(TakenError) as told:
        await invited(world, patient="patient-1")
    assert told.value.issues[0].message == "account.patient-taken"
    done = await asyncio.gather(invited(world), invited(world), return_exceptions=True)
    assert sorted(type(one).__name__ for one in done) == ["TakenError", "str"]


async def test_a_patient_registers(world: World) -> None:
    known(world, "other@example.org", "Ana@Example.org")
    await register(world, f"{DNI}-0")
    assert await world.mailroom.send_due() == 1
    assert world.post.mails[-1].to == MINE
    await world.accounts.redeem(world.post.token(), GOOD, HERE)
    session = await world.session(await world.signed_in(DNI))
    assert (session.account.patient, session.account.roles) == ("patient-1", ("patient",))
    made = next(event for event in world.trail.events if event.interaction == "registered")
    assert made.patients == ("patient-1",)


async def test_knowing_document_and_birthday_is_not_enough(world: World) -> None:
    """The link goes only where the record says. All others read the same mail, whether or not there is such a patient."""
    known(world, MINE)
    await register(world, email="thief@example.org")
    await world.mailroom.send_due()
    await register(world, born=date(1981, 1, 1), email="guesser@example.org")
    await world.mailroom.send_due()
    first, second = world.post.mails
    assert (first.to, second.to) == ("thief@example.org", "guesser@example.org")
    assert (first.subject, first.text) == (second.subject, second.text)
    assert "kuska.test" not in first.text
    assert await world.accounts.by_login(DNI) is None


async def test_registering_reads_nothing_and_writes_the_same(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    known(world, MINE)
    await world.person("41111115", patient="patient-2")
    monkeypatch.setattr(Database, "read", None)
    written: list[list[tuple[str, str, str]]] = []
    for document in (DNI, "41111115", "41111116"):
        world.trail.events.clear()
        await register(world, document)
        written.append(world.trail.said())
    assert written[0] == written[1] == written[2] == [("account", "register", "")]


async def test_registering_again(world: World) -> None:
    """Before the first link was used: another one. With an account already: a link for a new password. Never two."""
    known(world, MINE)
    await register(world)
    await world.mailroom.send_due()
    first = world.post.token()
    await register(world)
    await world.mailroom.send_due()
    with pytest.raises(LinkGoneError):
        await world.accounts.link(first, HERE)
    await world.accounts.redeem(world.post.token(), GOOD, HERE)
    await register(world)
    await world.mailroom.send_due()
    assert (await world.accounts.link(world.post.token(), HERE)).purpose == "reset"


async def test_an_account_with_another_address_gets_no_link_elsewhere(world: World) -> None:
    known(world, "old@example.org")
    await world.person(DNI, patient="patient-1", email=MINE)
    await register(world, email="old@example.org")
    await world.mailroom.send_due()
    assert "kuska.test" not in world.post.mails[-1].text


async def test_a_disabled_account_does_not_come_back_by_registering(world: World) -> None:
    known(world, MINE)
    account = await world.person(DNI, patient="patient-1", email=MINE)
    await world.accounts.disable(world.visit("accounts.write"), account.id)
    await register(world)
    await world.mailroom.send_due()
    assert "kuska.test" not in world.post.mails[-1].text


async def test_somebody_elses_login_is_not_taken_over(world: World) -> None:
    """A login that happens to be this document, and is not this patient's."""
    known(world, MINE)
    await world.person(DNI, email=MINE)
    await register(world)
    await world.mailroom.send_due()
    assert "kuska.test" not in world.post.mails[-1].text


@pytest.mark.parametrize(
    ("field", "given"),
    [("document", {"document": "17801146-5"}), ("document", {"document": ""}), ("document", {"document": "x" * 99}),
     ("birth_date", {"born": date(2027, 1, 1)}), ("birth_date", {"born": date(1890, 1, 1)}),
     ("email", {"email": "ana"}), ("email", {"email": "ana@example.org\r\nBcc: all@example.org"})],
)  # fmt: skip
async def test_bad_registrations(world: World, field: str, given: dict[str, object]) -> None:
    with pytest.raises(BadRegistrationError) as told:
        await register(world, **given)  # type: ignore[arg-type]
    assert [issue.expression for issue in told.value.issues] == [field]
    assert await world.mailroom.state() == (0, 0)


async def test_an_unknown_kind_of_document(world: World) -> None:
    with pytest.raises(BadRegistrationError):
        await world.accounts.register(document=DNI, document_kind="run", birth_date=BORN, email=MINE, address=HERE)


async def test_an_address_is_not_buried_in_mails(world: World) -> None:
    with pytest.raises(ThrottledError):
        for number in range(7):
            await register(world, f"4111111{number}")


async def test_roles_are_given_by_administrators_and_not_to_oneself(world: World) -> None:
    account = await world.person(roles=("physician",))
    cookie = await world.signed_in()
    with pytest.raises(RefusedByPolicyError):
        await world.accounts.assign_roles(world.visit(), account.id, ["administrator"])
    with pytest.raises(OwnAccountError):
        await world.accounts.assign_roles(
            world.visit("accounts.write", account=account.id), account.id, ["administrator"]
        )
    with pytest.raises(IncorrectError):
        await world.accounts.assign_roles(world.visit("accounts.write"), account.id, ["king"])
    with pytest.raises(NoAccountError):
        await world.accounts.assign_roles(world.visit("accounts.write"), "nobody", ["physician"])
    assert (await world.session(cookie)).account.roles == ("physician",)
    await world.accounts.assign_roles(world.visit("accounts.write"), account.id, ["administrator", "administrator"])
    assert (await world.session(cookie)).account.roles == ("administrator",)
    event = world.trail.events[-1]
    assert dict(event.detail) == {"account": account.id, "before": "physician", "after": "administrator"}
    await world.mailroom.send_due()
    assert "permisos" in world.post.mails[-1].subject


async def test_disabled_and_enabled(world: World) -> None:
    account = await world.person()
    cookie = await world.signed_in()
    await world.accounts.ask_reset("ana@example.org", ELSEWHERE)
    await world.mailroom.send_due()
    with pytest.raises(OwnAccountError):
        await world.accounts.disable(world.visit("accounts.write", account=account.id), account.id)
    await world.accounts.disable(world.visit("accounts.write"), account.id)
    assert await world.sessions.find(cookie, HERE) is None
    with pytest.raises(WrongPasswordError):
        await world.signed_in()
    with pytest.raises(LinkGoneError):
        await world.accounts.redeem(world.post.token(), NEW, HERE)
    enabled = await world.accounts.enable(world.visit("accounts.write"), account.id)
    assert enabled.status == "active"
    assert await world.signed_in()
    assert await world.sessions.find(cookie, HERE) is None


async def test_enabling_who_never_came_leaves_them_invited(world: World) -> None:
    id_ = await invited(world)
    await world.accounts.disable(world.visit("accounts.write"), id_)
    assert (await world.accounts.enable(world.visit("accounts.write"), id_)).status == "invited"


async def test_a_lost_device(world: World) -> None:
    account = await world.person()
    cookie = await world.signed_in()
    with pytest.raises(RefusedByPolicyError):
        await world.accounts.end_sessions(world.visit("accounts.read"), account.id)
    await world.accounts.end_sessions(world.visit("accounts.write"), account.id)
    assert await world.sessions.find(cookie, HERE) is None


async def test_looking_at_accounts(world: World) -> None:
    for number in range(5):
        await world.person(f"person{number}@example.org", None, display_name=f"Persona {number}")
    look = world.visit("accounts.read")
    first = await world.accounts.page(look, limit=3)
    rest = await world.accounts.page(look, after=first[-1].login, limit=3)
    assert [one.login for one in (*first, *rest)] == [f"person{number}@example.org" for number in range(5)]
    assert [one.login for one in await world.accounts.page(look, containing="PERSONA 3")] == ["person3@example.org"]
    assert await world.accounts.page(look, containing="%") == []
    assert (await world.accounts.get(look, first[0].id)).login == "person0@example.org"
    for refused in (world.accounts.page(world.visit()), world.accounts.get(world.visit(), first[0].id)):
        with pytest.raises(RefusedByPolicyError):
            await refused
    with pytest.raises(NoAccountError):
        await world.accounts.get(look, "nobody")


async def test_another_tenants_accounts_are_not_there(world: World, fresh_dsn: str) -> None:
    account = await world.person()
    conn = await asyncpg.connect(fresh_dsn)
    await conn.execute("update security.account set tenant = 'other'")
    await conn.close()
    assert await world.accounts.by_id(account.id) is None
    assert await world.accounts.by_login("ana@example.org") is None
    with pytest.raises(WrongPasswordError):
        await world.signed_in()


async def test_a_name_that_cannot_be_shown_does_not_lose_a_registration(world: World) -> None:
    for number, name in enumerate(("", "x" * 500, "Ana\x00\n Quispe")):
        document = f"1780114{number}"
        world.patients.patients[document, BORN] = PatientMatch(f"patient-{number}", name, (f"p{number}@example.org",))
        await register(world, document, email=f"p{number}@example.org")
        assert await world.mailroom.send_due() == 1
        assert (await world.accounts.link(world.post.token(), HERE)).display_name


async def test_invited_at_the_desk_by_document(world: World) -> None:
    """The person stands there with it, so the address is the one they say."""
    known(world)
    desk = world.visit("patients.invite")
    with pytest.raises(RefusedByPolicyError):
        await world.accounts.invite_patient(world.visit(), document=DNI, birth_date=BORN, email=MINE)
    for wrong in ({"document": "17801146-5"}, {"email": "ana"}):
        with pytest.raises(BadRegistrationError):
            await world.accounts.invite_patient(desk, **({"document": DNI, "birth_date": BORN, "email": MINE} | wrong))  # type: ignore[arg-type]
    with pytest.raises(NoPatientError):
        await world.accounts.invite_patient(desk, document=DNI, birth_date=date(1980, 5, 18), email=MINE)
    account = await world.accounts.invite_patient(desk, document=f"{DNI}-0", birth_date=BORN, email=MINE)
    assert (account.login, account.patient, account.roles) == (DNI, "patient-1", ("patient",))
    with pytest.raises(TakenError):
        await world.accounts.invite_patient(desk, document=DNI, birth_date=BORN, email=MINE)
    await world.mailroom.send_due()
    await world.accounts.redeem(world.post.token(), GOOD, HERE)
    assert await world.signed_in(DNI)


async def test_corrected(world: World) -> None:
    account = await world.person(roles=("physician",))
    cookie = await world.signed_in()
    await world.accounts.ask_reset("ana@example.org", HERE)
    await world.mailroom.send_due()
    token = world.post.token()
    write = world.visit("accounts.write")
    with pytest.raises(RefusedByPolicyError):
        await world.accounts.correct(world.visit("accounts.read"), account.id, Correction(email="thief@example.org"))
    with pytest.raises(OwnAccountError):
        own = world.visit("accounts.write", account=account.id)
        await world.accounts.correct(own, account.id, Correction(practitioner="other"))
    with pytest.raises(IncorrectError):
        await world.accounts.correct(write, account.id, Correction(email="nonsense"))
    done = await world.accounts.correct(write, account.id, Correction(email="Ana.Q@Example.org", practitioner="7"))
    assert (done.email, done.practitioner, done.display_name) == ("ana.q@example.org", "7", "Ana Quispe")
    assert (done.roles, done.login, done.status) == (("physician",), "ana@example.org", "active")
    assert dict(world.trail.events[-1].detail)["fields"] == "email practitioner"
    assert (await world.session(cookie)).account.practitioner == "7"
    with pytest.raises(LinkGoneError):
        await world.accounts.link(token, HERE)
    await world.mailroom.send_due()
    assert world.post.mails[-1].to == "ana@example.org"
    assert await world.accounts.by_id(account.id) == done


async def test_an_invitation_to_a_wrong_address(world: World) -> None:
    id_ = await invited(world)
    await world.mailroom.send_due()
    lost = world.post.token()
    await world.accounts.correct(world.visit("accounts.write"), id_, Correction(email="luis.rojas@example.org"))
    with pytest.raises(LinkGoneError):
        await world.accounts.link(lost, HERE)
    await world.accounts.invite_again(world.visit("accounts.write"), id_)
    await world.mailroom.send_due()
    assert world.post.mails[-1].to == "luis.rojas@example.org"
    assert len(world.post.mails) == 2
