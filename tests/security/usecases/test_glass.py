"""Breaking the glass: reason, second factor, alarm, a short time, and a line that says all of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from tests.security.usecases.visitors import SETTINGS, House, emptied, house

from kuska.infra.mail.smtp import Mail
from kuska.infra.postgres.database import Database
from kuska.kit.errors import IncorrectError, NotFoundError
from kuska.security.domain.consents import ConsentRule
from kuska.security.errors import RefusedByPolicyError, StepUpError
from kuska.security.store import consents
from kuska.security.usecases.accounts.opening import post_office
from kuska.security.usecases.glass import GlassUsedUpError

pytestmark = pytest.mark.requirement("LW-31")
REASON = "Unconscious in the emergency room, no relatives here."


@pytest.fixture
async def at(db: Database) -> AsyncIterator[House]:
    await emptied(db)
    yield house(db)
    await emptied(db)


async def mails(at: House) -> list[dict[str, Any]]:
    async with at.db.read() as conn:
        rows = await conn.fetch("select kind, about::text as about from security.mail")
    return [{"kind": row["kind"], **json.loads(row["about"])} for row in rows]


async def test_it_opens_one_patient_for_an_hour_and_says_so_to_everybody(at: House) -> None:
    before = (await at.visit("physician")).access
    assert not before.opened
    assert not before.durable
    glass = await at.glass.break_glass(await at.visit("physician"), "p1", REASON)
    given = (await at.visit("physician")).access
    assert given.opened == {"p1"}
    assert given.durable, "what is seen through broken glass is in the database before it is shown"
    (line,) = at.lines.events
    assert (line.kind, line.outcome, line.reason, line.patients) == ("break-glass", "0", REASON, ("p1",))
    assert line.entities == ("Patient/p1",)
    assert (line.purpose, line.request, line.caller.account) == ("BTG", "request-1", "account-physician")
    (mail,) = await mails(at)
    assert mail["kind"] == "break-glass"
    assert mail["to"] == SETTINGS.data_protection_mail
    assert "p1" not in json.dumps(mail), "a mail lies in places that nobody looks after"
    assert REASON not in json.dumps(mail)
    assert glass.until - glass.opened == timedelta(minutes=60)
    at.clock.advance(timedelta(minutes=59))
    assert (await at.visit("physician")).access.opened == {"p1"}
    at.clock.advance(timedelta(minutes=1))
    assert not (await at.visit("physician")).access.opened


async def test_a_refusal_of_the_patient_does_not_hold_where_the_glass_was_broken(at: House) -> None:
    async with at.db.write() as tx:
        await consents.replace(tx, "c1", [ConsentRule(patient="p1", effect="deny", depth=0)])
        await consents.replace(tx, "c2", [ConsentRule(patient="p2", effect="deny", depth=0)])
    assert (await at.visit("physician")).access.withheld == {"p1", "p2"}
    await at.glass.break_glass(await at.visit("physician"), "p1", REASON)
    given = (await at.visit("physician")).access
    assert given.withheld == {"p2"}
    assert given.withheld_for("Observation") == {"p2"}
    # For that physician; for nobody else.
    assert (await at.visit("physician", account="somebody else")).access.withheld == {"p1", "p2"}


@pytest.mark.parametrize(
    "who", ["patient", "admissions", "results", "coordinator", "integrator", "steward", "auditor", "administrator"]
)
async def test_only_who_treats_may(at: House, who: str) -> None:
    with pytest.raises(RefusedByPolicyError):
        await at.glass.break_glass(await at.visit(who), "p1", REASON)
    assert at.lines.said() == [("break-glass", "open", "4", "security.feature")]
    assert not await mails(at)


async def test_an_application_cannot_in_a_physicians_name(at: House) -> None:
    with pytest.raises(RefusedByPolicyError):
        await at.glass.break_glass(await at.visit("physician", scopes=(), client="app"), "p1", REASON)


@pytest.mark.parametrize("age", [None, timedelta(minutes=10, seconds=1), -timedelta(seconds=1)])
async def test_it_asks_for_the_second_factor_again(at: House, age: timedelta | None) -> None:
    confirmed = None if age is None else at.clock.now() - age
    with pytest.raises(StepUpError):
        await at.glass.break_glass(await at.visit("physician", confirmed=confirmed), "p1", REASON)
    assert at.lines.said() == [("break-glass", "open", "4", "security.step-up")]
    assert not (await at.visit("physician")).access.opened


@pytest.mark.parametrize(
    "reason",
    [
        "",
        "   ",
        "x" * 19,
        "too   short     " + " " * 40,
        "x" * 1001,
        "x" * 25,
        "ya ya ya ya ya ya ya ya",
        "emergencia 1234567890 1 2",
    ],
)
async def test_it_asks_for_a_reason(at: House, reason: str) -> None:
    with pytest.raises(IncorrectError):
        await at.glass.break_glass(await at.visit("physician"), "p1", reason)
    assert not (await at.visit("physician")).access.opened


async def test_three_words_are_a_reason(at: House) -> None:
    assert (await at.glass.break_glass(await at.visit("physician"), "p1", "politraumatismo grave inconsciente")).id


async def test_an_alarm_can_be_set_on_each(at: House) -> None:
    def counted() -> str:
        registry = CollectorRegistry()
        at.glass.metrics.join(registry)
        return generate_latest(registry).decode()

    await at.glass.break_glass(await at.visit("physician"), "p1", REASON)
    assert "kuska_security_glass_broken_total 1.0" in counted()
    await at.glass.break_glass(await at.visit("physician"), "p1", REASON)
    assert "kuska_security_glass_broken_total 1.0" in counted(), "open already: the same one"
    await at.glass.break_glass(await at.visit("physician"), "p2", REASON)
    assert "kuska_security_glass_broken_total 2.0" in counted()


async def test_other_processes_are_told_of_it_and_of_its_end(at: House) -> None:
    async def value() -> int:
        async with at.db.read() as conn:
            found: int = await conn.fetchval("select value from security.epoch")
        return found

    before = await value()
    glass = await at.glass.break_glass(await at.visit("physician"), "p1", REASON)
    assert (between := await value()) > before
    await at.glass.end(await at.visit("physician"), glass.id)
    assert await value() > between
    assert not (await at.visit("physician")).access.opened


async def open_until_refused(at: House, **who: Any) -> int:
    for number in range(20):
        try:
            await at.glass.break_glass(await at.visit("physician", **who), f"p{number % 10}", REASON)
        except GlassUsedUpError as error:
            assert error.issues[0].message == "security.glass-used-up"  # noqa: PT017
            return number
    return 20


async def test_it_can_be_broken_so_often_and_no_more(at: House) -> None:
    assert await open_until_refused(at) == 3
    assert at.lines.said()[-1] == ("break-glass", "open", "4", "security.glass-used-up")
    assert await open_until_refused(at, account="a colleague") == 3
    with pytest.raises(GlassUsedUpError):  # nor does it tell who is known here
        await at.glass.break_glass(await at.visit("physician"), "nobody", REASON)
    opened = 3
    while True:
        at.clock.advance(timedelta(hours=1))
        if not (more := await open_until_refused(at)):
            break
        opened += more
    assert opened == 10
    at.clock.advance(timedelta(days=1))
    assert await open_until_refused(at) == 3


async def test_ten_at_once_are_not_ten(at: House) -> None:
    visit = await at.visit("physician")
    tried = [at.glass.break_glass(visit, f"p{number}", REASON) for number in range(10)]
    done = await asyncio.gather(*tried, return_exceptions=True)
    assert sum(isinstance(one, GlassUsedUpError) for one in done) == 7
    assert len((await at.visit("physician")).access.opened) == 3


async def test_a_document_is_as_good_as_an_id(at: House) -> None:
    """What is at hand in an emergency is the card in somebody's pocket."""
    glass = await at.glass.break_glass(await at.visit("physician"), "70123456-1", REASON)
    assert glass.patient == "p1"
    assert (await at.visit("physician")).access.opened == {"p1"}


@pytest.mark.parametrize("patient", ["", "Patient/p1", "p1' or 'a'='a", "p" * 65, "../p1", "p10"])
async def test_who_is_not_found_is_not_opened_and_who_looked_is_noted(at: House, patient: str) -> None:
    with pytest.raises(IncorrectError):
        await at.glass.break_glass(await at.visit("physician"), patient, REASON)
    assert at.lines.said() == [("break-glass", "open", "4", "security.glass-patient")]
    assert not (await at.visit("physician")).access.opened


async def test_without_its_line_in_the_trail_nothing_is_opened(at: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(tx: Any, events: Any) -> None:
        raise RuntimeError("no trail")

    visit = await at.visit("physician")
    monkeypatch.setattr(at.lines, "within", fails)
    with pytest.raises(RuntimeError, match="no trail"):
        await at.glass.break_glass(visit, "p1", REASON)
    assert not (await at.visit("physician")).access.opened
    assert not await mails(at)


async def test_it_can_be_ended_by_who_broke_it_and_by_who_reviews(at: House) -> None:
    physician, auditor = await at.visit("physician"), await at.visit("auditor")
    first = await at.glass.break_glass(physician, "p1", REASON)
    second = await at.glass.break_glass(physician, "p2", REASON)
    with pytest.raises(NotFoundError):
        await at.glass.end(await at.visit("physician", account="somebody else"), first.id)
    await at.glass.end(physician, first.id)
    assert (await at.visit("physician")).access.opened == {"p2"}
    await at.glass.end(auditor, second.id)
    assert not (await at.visit("physician")).access.opened
    with pytest.raises(NotFoundError):
        await at.glass.end(auditor, second.id)
    assert [said[1] for said in at.lines.said()] == ["open", "open", "end", "end"]


async def test_reviewers_see_all_and_others_their_own(at: House) -> None:
    physician, other = await at.visit("physician"), await at.visit("physician", account="other")
    for number in range(3):
        await at.glass.break_glass(physician, f"p{number}", REASON)
        at.clock.advance(timedelta(seconds=1))
    await at.glass.break_glass(other, "p9", REASON)
    auditor = await at.visit("auditor")
    first = await at.glass.page(auditor, limit=3)
    assert [one.patient for one in first] == ["p9", "p2", "p1"]
    rest = await at.glass.page(auditor, before=(first[-1].opened, first[-1].id))
    assert [one.patient for one in rest] == ["p0"]
    assert [one.patient for one in await at.glass.page(auditor, patient="p1")] == ["p1"]
    assert [one.patient for one in await at.glass.page(other)] == ["p9"]
    with pytest.raises(RefusedByPolicyError):
        await at.glass.page(other, account=physician.access.caller.account)


async def test_nobody_is_told_by_mail_where_no_address_is_set(at: House) -> None:
    at = house(at.db, type(SETTINGS)(tenant="hospital"))
    await at.glass.break_glass(await at.visit("physician"), "p1", REASON)
    assert not await mails(at)
    assert len(at.lines.events) == 1


class Post:
    """A mail server that is up."""

    configured = True

    def __init__(self) -> None:
        self.mails: list[Mail] = []

    async def send(self, mail: Mail) -> None:
        self.mails.append(mail)


async def test_data_protection_gets_a_mail_without_personal_data(at: House) -> None:
    post = Post()
    letters, mailroom = post_office(at.db, SETTINGS, at.clock, at.lines, mailer=post, own_url="https://kuska.test")
    assert letters.own_url == "https://kuska.test"
    glass = await at.glass.break_glass(await at.visit("physician"), "p1", REASON)
    assert await mailroom.send_due() == 1
    (mail,) = post.mails
    assert mail.to == SETTINGS.data_protection_mail
    assert glass.id in mail.text
    assert "https://kuska.test/urgencia/revision\n" in mail.text
    assert "p1" not in mail.text.replace(glass.id, "")
    assert REASON not in mail.text
    assert await mailroom.send_due() == 0
