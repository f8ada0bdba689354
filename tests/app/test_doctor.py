"""What `kuska doctor` says about mail, and about who is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kuska.app.configuration import load
from kuska.app.doctor import examine
from kuska.app.settings import Settings
from kuska.infra.postgres.database import Database


async def said(settings: Settings, subject: str = "mail") -> str:
    lines: list[str] = []
    await examine(settings, lines.append, "en")
    return next(line for line in lines if line.split()[1] == subject)


@pytest.mark.requirement("HC-04")
async def test_mails_that_wait(fresh_db: Database, fresh_dsn: str) -> None:
    settings = load({"KUSKA_DATABASE_URL": fresh_dsn})
    settings = replace(settings, database=replace(settings.database, url=fresh_dsn))
    assert (await said(settings)).startswith("ok")
    async with fresh_db.write() as tx:
        await tx.execute(
            "insert into security.mail (id, kind, about, due, asked) values ('1', 'reset', '{}', now(), now())"
        )
    told = await said(settings)
    assert told.startswith("BAD")
    assert "KUSKA_MAIL_HOST" in told
    assert "1 waiting" in told
    mail = replace(settings.mail, host="mail.example.org", sender="Kuska <kuska@example.org>")
    with_server = replace(settings, mail=mail)
    assert (await said(with_server)).startswith("ok")
    async with fresh_db.write() as tx:
        await tx.execute("update security.mail set given_up = now()")
    assert "1 given up" in await said(with_server)


@pytest.mark.parametrize("sender", ["kuska@localhost", "Kuska <kuska@LOCALHOST>", "kuska"])
async def test_a_sender_that_is_nobodys(fresh_dsn: str, sender: str) -> None:
    settings = load({"KUSKA_DATABASE_URL": fresh_dsn})
    settings = replace(settings, mail=replace(settings.mail, sender=sender))
    assert (await said(settings)).startswith("ok"), "without a server, no mail goes out"
    told = await said(replace(settings, mail=replace(settings.mail, host="mail.example.org")))
    assert told.startswith(" ! ")
    assert "KUSKA_MAIL_SENDER" in told


async def test_all_of_it_in_spanish(fresh_dsn: str) -> None:
    settings = load({"KUSKA_DATABASE_URL": fresh_dsn})
    spanish, english = [], []
    await examine(settings, spanish.append, "es")
    await examine(settings, english.append, "en")
    assert len(spanish) == len(english) == 8
    assert [line.split()[1] for line in spanish] == [
        "máquina", "programas", "llaves", "alarmas", "servidor", "esquema", "correo", "cuentas",
    ]  # fmt: skip
    assert not set(spanish) & set(english)


@pytest.mark.requirement("LW-31")
async def test_somebody_should_hear_of_broken_glass(fresh_dsn: str) -> None:
    settings = load({"KUSKA_DATABASE_URL": fresh_dsn})
    settings = replace(settings, database=replace(settings.database, url=fresh_dsn))
    told = await said(settings, "alarms")
    assert told.startswith(" ! "), "it runs all the same"
    assert "KUSKA_SECURITY_DATA_PROTECTION_MAIL" in told
    watched = replace(settings, security=replace(settings.security, data_protection_mail="dpo@hospital.example"))
    assert (await said(watched, "alarms")).startswith("ok")
