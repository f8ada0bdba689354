"""Nothing is lost: server down, refused, process killed while sending, several processes at once."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta

import asyncpg
import pytest
from tests.security.usecases.accounts.conftest import HERE, NEW, Post, World, build
from tests.smtp_sink import Sink, serving

from kuska.infra.mail.settings import MailSettings
from kuska.infra.mail.smtp import SmtpMailer
from kuska.infra.postgres.connection import Write
from kuska.security.contracts import PatientMatch
from kuska.security.store import mails
from kuska.security.usecases.mailing.mailroom import Mailroom

pytestmark = pytest.mark.requirement("HC-04")


async def ask(world: World) -> None:
    await world.accounts.ask_reset("ana@example.org", HERE)


async def test_through_a_real_server(world: World) -> None:
    await world.person()
    await ask(world)
    sink = Sink()
    async with serving(sink) as port:
        smtp = SmtpMailer(MailSettings(host="127.0.0.1", port=port, tls="none"), world.clock)
        assert await Mailroom(world.db, world.clock, smtp, world.letters).send_due() == 1
    [mail] = sink.mails
    token = mail.get_content().partition("/clave/")[2].split()[0]
    await world.accounts.redeem(token, NEW, HERE)


async def test_a_server_that_is_down(world: World) -> None:
    """Tried again and again, more and more rarely; sent once when it is back."""
    await world.person()
    await ask(world)
    world.post.down = True
    pauses: list[float] = []
    for _ in range(9):
        assert await world.mailroom.send_due() == 0
        async with world.db.read() as conn:
            due = await conn.fetchval("select due from security.mail")
        pauses.append((due - world.clock.now()).total_seconds())
        world.clock.moment = due
    assert pauses == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    world.post.down = False
    assert await world.mailroom.send_due() == 1
    assert await world.mailroom.state() == (0, 0)
    await world.accounts.redeem(world.post.token(), NEW, HERE)


async def test_given_up_after_days(world: World, fresh_dsn: str) -> None:
    await world.person()
    await ask(world)
    world.post.down = True
    await world.mailroom.send_due()
    world.passes(days=2)
    await world.mailroom.send_due()
    assert await world.mailroom.state() == (0, 1)
    conn = await asyncpg.connect(fresh_dsn)
    row = await conn.fetchrow("select about, problem from security.mail")
    assert row is not None
    assert (row["about"], row["problem"]) == ("{}", "ConnectionRefusedError")
    await conn.close()
    world.passes(days=31)
    await world.mailroom.sweep()
    assert await world.mailroom.state() == (0, 0)


async def test_refused_for_good(world: World) -> None:
    await world.person()
    await ask(world)
    world.post.refuses = True
    assert await world.mailroom.send_due() == 0
    assert await world.mailroom.state() == (0, 1)
    world.post.refuses = False
    assert await world.mailroom.send_due() == 0


async def test_killed_while_sending(world: World) -> None:
    """Taken and never heard of again: due after the lease, and the same mail for who got it twice."""
    await world.person()
    await ask(world)
    now = world.clock.now()
    taken = await world.db.single(lambda tx: mails.take(tx, now, now + timedelta(minutes=5)))
    assert taken is not None
    assert await world.mailroom.send_due() == 0
    world.passes(minutes=5)
    assert await world.mailroom.send_due() == 1
    assert world.post.mails[0].id == taken.id


async def test_no_server_yet(world: World) -> None:
    await world.person()
    world.post.configured = False
    await ask(world)
    assert await world.mailroom.send_due() == 0
    assert await world.mailroom.state() == (1, 0)
    async with world.mailroom.running():
        pass
    world.post.configured = True
    assert await world.mailroom.send_due() == 1


async def test_several_processes_send_each_mail_once(world: World) -> None:
    for number in range(12):
        await world.person(f"person{number}@example.org", None)

        async def work(tx: Write, login: str = f"person{number}@example.org") -> None:
            await world.mailroom.put(tx, "reset", {"login": login})

        await world.db.transact(work)
    others = [Mailroom(world.db, world.clock, world.post, world.letters) for _ in range(3)]
    counts = await asyncio.gather(*(one.send_due() for one in others))
    assert sum(counts) == 12
    assert len({mail.to for mail in world.post.mails}) == 12


async def test_a_mail_that_cannot_be_written_does_not_keep_the_others(world: World) -> None:
    await world.person()
    async with world.db.write() as tx:
        await world.mailroom.put(tx, "unheard-of", {})
    await ask(world)
    assert await world.mailroom.send_due() == 1
    assert await world.mailroom.state() == (1, 0)


async def test_the_mail_goes_with_its_transaction(world: World) -> None:
    with pytest.raises(ZeroDivisionError):
        async with world.db.write() as tx:
            await world.mailroom.put(tx, "reset", {"login": "ana@example.org"})
            _ = 1 / 0
    assert await world.mailroom.state() == (0, 0)


async def test_a_notice_without_a_text_of_its_own(world: World) -> None:
    account = await world.person()
    for what in ("password", "what-no-part-has-a-text-for"):
        async with world.db.write() as tx:
            await world.mailroom.tell(tx, account.id, what)
        await world.mailroom.send_due()
    assert [mail.subject for mail in world.post.mails] == [
        "La contraseña de su cuenta cambió",
        "Cambió la seguridad de su cuenta",
    ]


async def test_it_runs_by_itself(world: World) -> None:
    """Woken by the one who put the mail, without waiting for the next look."""
    await world.person()
    sent = asyncio.Event()

    class Telling(Post):
        async def send(self, _: object) -> None:
            sent.set()

    busy = build(world.db, world.settings, Telling())
    async with busy.mailroom.running():
        await busy.accounts.ask_reset("ana@example.org", HERE)
        async with asyncio.timeout(10):
            await sent.wait()
    busy.hasher.close()


async def test_two_registrations_of_one_patient_at_once(world: World) -> None:
    """Two processes make the account at the same moment: one does, the other tries again and finds it."""
    born = date(1980, 5, 17)
    world.patients.patients["17801146", born] = PatientMatch("patient-1", "Ana", ("ana@example.org",))
    for _ in range(4):
        await world.accounts.register(document="17801146", birth_date=born, email="ana@example.org", address=HERE)
    rooms = [Mailroom(world.db, world.clock, world.post, world.letters) for _ in range(4)]
    await asyncio.gather(*(room.send_due() for room in rooms))
    world.passes(minutes=10)
    await world.mailroom.send_due()
    assert await world.mailroom.state() == (0, 0)
    assert len(world.post.mails) == 4
    async with world.db.read() as conn:
        assert await conn.fetchval("select count(*) from security.account") == 1
