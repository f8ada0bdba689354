"""Against a real SMTP server in this process: encryption, sign-in, refusals, silence."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.smtp_sink import Sink, saying, serving

from kuska.infra.mail.settings import MailSettings
from kuska.infra.mail.smtp import Mail, MailDelayedError, MailRefusedError, SmtpMailer, compose
from kuska.kit.clock import SetClock

CLOCK = SetClock(datetime(2026, 11, 21, 12, tzinfo=UTC))
MAIL = Mail(to="ana@example.org", subject="Invitación", text="Hola Ñusta\n", language="es", id="0193-1")


def mailer(port: int, **settings: Any) -> SmtpMailer:
    given: dict[str, Any] = {"tls": "none", "timeout": 5.0, "sender": "Kuska <kuska@example.org>"} | settings
    return SmtpMailer(MailSettings(host="127.0.0.1", port=port, **given), CLOCK)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For 127.0.0.1, signed by itself; key and certificate in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + made.public_bytes(serialization.Encoding.PEM)
    path = tmp_path_factory.mktemp("smtp") / "smtp.pem"
    path.write_bytes(pem)
    return path


def server_side(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


async def test_a_mail_arrives_with_its_letters() -> None:
    sink = Sink()
    async with serving(sink) as port:
        await mailer(port).send(MAIL)
    [mail] = sink.mails
    assert sink.to == ["ana@example.org"]
    assert mail["Subject"] == "Invitación"
    assert mail["From"] == "Kuska <kuska@example.org>"
    assert mail["Message-ID"] == "<0193-1@example.org>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content().rstrip() == "Hola Ñusta"


@pytest.mark.parametrize("tls", ["starttls", "tls"])
async def test_the_server_must_show_a_certificate_that_is_trusted(certificate: Path, tls: str) -> None:
    context = server_side(certificate)
    sink = Sink()
    options: dict[str, Any] = (
        {"ssl_context": context} if tls == "tls" else {"tls_context": context, "require_starttls": True}
    )
    async with serving(sink, **options) as port:
        with pytest.raises(MailDelayedError):
            await mailer(port, tls=tls).send(MAIL)
        await mailer(port, tls=tls, ca_file=certificate).send(MAIL)
    assert len(sink.mails) == 1


async def test_nothing_is_sent_when_the_server_cannot_encrypt() -> None:
    sink = Sink()
    async with serving(sink) as port:
        with pytest.raises(MailDelayedError):
            await mailer(port, tls="starttls").send(MAIL)
    assert not sink.mails


async def test_signing_in_to_the_server(certificate: Path) -> None:
    def check(_: SMTP, __: Session, ___: Envelope, ____: str, given: object) -> AuthResult:
        assert isinstance(given, LoginPassword)
        return AuthResult(success=(given.login, given.password) == (b"kuska", b"right"), handled=False)

    sink = Sink()
    async with serving(sink, authenticator=check, auth_required=True, tls_context=server_side(certificate)) as port:
        secure = {"tls": "starttls", "ca_file": certificate, "username": "kuska"}
        # The operator's mistake, so the mail waits.
        with pytest.raises(MailDelayedError, match="sign-in refused"):
            await mailer(port, **secure, password="wrong").send(MAIL)
        await mailer(port, **secure, password="right").send(MAIL)
    assert len(sink.mails) == 1


@pytest.mark.parametrize(
    ("answer", "error"), [("550 no such user", MailRefusedError), ("451 come back later", MailDelayedError)]
)
async def test_never_or_later(answer: str, error: type[Exception]) -> None:
    async with serving(Sink(answer)) as port:
        with pytest.raises(error) as told:
            await mailer(port).send(MAIL)
    assert "ana@" not in str(told.value)


@pytest.mark.parametrize(
    ("step", "answer"),
    [
        ("greeting", "554 no service here"),
        ("ehlo", "550 who are you"),
        ("mail", "530 5.7.0 must issue a STARTTLS command first"),
        ("mail", "553 5.1.8 sender address rejected"),
        ("mail", "550 5.7.1 not yours"),
        ("mail", "501 malformed"),
        ("rcpt", "530 5.7.0 authentication required"),
        ("rcpt", "554 5.7.1 <ana@example.org>: relay access denied"),
        ("rcpt", "503 5.5.1 need MAIL before"),
        ("rcpt", "452 4.2.2 mailbox full"),
        ("data", "451 later"),
        ("text", "550 5.7.26 this domain does not let you send for it"),
        ("text", "451 later"),
    ],
)
async def test_what_the_operator_can_mend_loses_no_mail(step: str, answer: str) -> None:
    async with saying(**{step: answer}) as port:
        with pytest.raises(MailDelayedError, match=answer[:3]) as told:
            await mailer(port).send(MAIL)
    assert "ana@" not in str(told.value)


async def test_a_sign_in_that_is_refused_waits() -> None:
    async with saying(auth="535 5.7.8 wrong") as port:
        with pytest.raises(MailDelayedError, match=r"sign-in refused \(535\)"):
            await mailer(port, username="kuska", password="wrong").send(MAIL)


@pytest.mark.parametrize(
    ("step", "answer"),
    [
        ("rcpt", "550 5.1.1 no such user"),
        ("rcpt", "550 no such user"),
        ("rcpt", "553 not allowed as a name"),
        ("data", "554 no valid recipients"),
        ("text", "552 5.3.4 too big"),
        ("text", "554 not wanted"),
    ],
)
async def test_what_is_about_this_mail_is_final(step: str, answer: str) -> None:
    async with saying(**{step: answer}) as port:
        with pytest.raises(MailRefusedError) as told:
            await mailer(port).send(MAIL)
    assert told.value.code == int(answer[:3])


async def test_nobody_there_and_nobody_answering() -> None:
    async with serving(Sink()) as port:
        pass
    with pytest.raises(MailDelayedError):
        await mailer(port).send(MAIL)

    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    held: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        with pytest.raises(MailDelayedError):
            await mailer(server.sockets[0].getsockname()[1], timeout=0.05).send(MAIL)
        for writer in held:
            writer.close()


@pytest.mark.parametrize("to", ["ana@example.org\r\nBcc: all@example.org", "a@b.c, d@e.f"])
def test_an_address_cannot_bring_headers_with_it(to: str) -> None:
    with pytest.raises(ValueError):
        compose(Mail(to=to, subject="x", text="x", language="es", id="1"), "kuska@example.org", CLOCK)


def test_the_password_is_not_shown() -> None:
    assert "secret" not in repr(MailSettings(password="secret"))
