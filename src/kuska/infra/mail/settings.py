"""What an operator can set about mail. Filled from KUSKA_MAIL_* by the composition root."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from kuska.kit.bounds import Port, Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSettings:
    # Server that takes our mail (SMTP). Empty: mails wait in the database until there is one.
    host: str = ""
    # Its port: 587 for `starttls`, 465 for `tls`.
    port: Port = 587
    # How the connection is encrypted: `starttls` (and not sent without), `tls` from the first byte, or `none` for a
    # server on this machine.
    tls: Literal["starttls", "tls", "none"] = "starttls"
    # File with the certificates of the authorities to trust, when the server's is not a public one.
    ca_file: Path | None = None
    # User at the server. Empty: no sign-in.
    username: str = ""
    # The user's password.
    password: str = field(default="", repr=False)
    # Address that mails come from.
    sender: str = "kuska@localhost"
    # Seconds that each step of sending may take.
    timeout: Seconds = 20.0
