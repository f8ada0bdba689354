"""One mail to one address by SMTP, or one of two errors: try again later, or never.

https://www.rfc-editor.org/rfc/rfc5321. The text is plain, UTF-8; no attachments, nothing that loads from elsewhere.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from typing import Protocol

import aiosmtplib

from kuska.infra.mail.settings import MailSettings
from kuska.kit.clock import Clock
from kuska.kit.errors import IncorrectError, Issue, UnavailableError

_ABOUT_IT = (aiosmtplib.SMTPRecipientRefused, aiosmtplib.SMTPDataError)
# Wrong order of commands; to be encrypted or signed in first (RFC 4954).
_ABOUT_US = frozenset({503, 530, 534, 535, 538})
_STEPS = (
    (aiosmtplib.SMTPAuthenticationError, "sign-in"),
    (aiosmtplib.SMTPSenderRefused, "sender"),
    (aiosmtplib.SMTPRecipientRefused, "recipient"),
    (aiosmtplib.SMTPDataError, "text"),
)


@dataclass(frozen=True, slots=True)
class Mail:
    to: str
    subject: str
    text: str
    language: str
    id: str  # the same for every attempt: receivers recognise a mail that they got twice


class MailRefusedError(IncorrectError):
    """The server will never take this mail: the address does not exist, or the text is not wanted there."""

    def __init__(self, code: int) -> None:
        super().__init__(Issue(code="exception", message="mail.refused", params={"code": code}))
        self.code = code


class MailDelayedError(UnavailableError):
    """It could not be sent now."""

    def __init__(self, reason: str) -> None:
        super().__init__(Issue(code="transient", message="mail.delayed", params={"reason": reason}))
        self.reason = reason


class Mailer(Protocol):
    @property
    def configured(self) -> bool: ...

    async def send(self, mail: Mail) -> None:
        """Raises MailRefusedError, MailDelayedError."""
        ...


class SmtpMailer:
    def __init__(self, settings: MailSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock

    @property
    def configured(self) -> bool:
        return bool(self._settings.host)

    async def send(self, mail: Mail) -> None:
        settings = self._settings
        message = compose(mail, settings.sender, self._clock)
        try:
            await aiosmtplib.send(
                message,
                sender=parseaddr(settings.sender)[1],
                recipients=[mail.to],
                hostname=settings.host,
                port=settings.port,
                username=settings.username or None,
                password=settings.password or None,
                use_tls=settings.tls == "tls",
                start_tls=settings.tls == "starttls",
                tls_context=None if settings.tls == "none" else _trust(settings),
                timeout=settings.timeout,
            )
        except aiosmtplib.SMTPRecipientsRefused as refused:
            raise _problem(refused.recipients[0]) from refused
        except aiosmtplib.SMTPResponseException as error:
            raise _problem(error) from error
        except (aiosmtplib.SMTPException, OSError, TimeoutError, ssl.SSLError) as error:
            # The type, not the text: a server's answer may quote the address.
            raise MailDelayedError(type(error).__name__) from error


def compose(mail: Mail, sender: str, clock: Clock) -> EmailMessage:
    """Header values are checked by the policy: one with a line break raises instead of making a header of its own."""
    message = EmailMessage(policy=SMTP)
    name, address = parseaddr(sender)
    message["From"] = Address(display_name=name, addr_spec=address)
    message["To"] = Address(addr_spec=mail.to)
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(clock.now())
    message["Message-ID"] = f"<{mail.id}@{address.rpartition('@')[2]}>"
    message["Content-Language"] = mail.language
    # Robots that answer mails leave these alone (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text, cte="quoted-printable")
    return message


def _problem(answer: aiosmtplib.SMTPResponseException) -> MailRefusedError | MailDelayedError:
    """Only a 5xx that is about this mail is final: to its recipient, or to its text.

    Every other is about us, an address that we may not send from or a server that does not know us (and 5.7 says so at
    any step, RFC 3463 section 3.8): the operator can mend that, so no mail is lost by it.
    """
    code, message = answer.code, answer.message
    if isinstance(answer, _ABOUT_IT) and 500 <= code < 600 and code not in _ABOUT_US and not message.startswith("5.7."):
        return MailRefusedError(code)
    step = next((said for kind, said in _STEPS if isinstance(answer, kind)), "connection")
    return MailDelayedError(f"{step} refused ({code})")


def _trust(settings: MailSettings) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=None if settings.ca_file is None else str(settings.ca_file))
