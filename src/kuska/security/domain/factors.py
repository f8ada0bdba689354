"""What a person shows besides the password: codes of an app, passkeys, recovery codes. Pure."""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pyotp.totp import TOTP
from pyotp.utils import strings_equal

from kuska.security.domain.sessions import Session

FactorKind = Literal["totp", "passkey", "recovery"]
# What is still to be done after the password: nothing, show a factor, or set the first one up.
Need = Literal["none", "show", "enrol"]

STEP_SECONDS = 30
CODES = 10
_CODE_SIGNS = "abcdefghjkmnpqrstuvwxyz23456789"  # without what looks alike on paper
_CODE_LENGTH = 12
_MAX_NAME = 60
# amr of a session (RFC 8176) that count as a second factor.
SECOND = ("otp", "webauthn")


@dataclass(frozen=True, slots=True, kw_only=True)
class Passkey:
    id: str
    name: str
    backed_up: bool
    since: datetime
    used: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What one person has; nothing in it is secret."""

    totp: datetime | None = None  # since when
    totp_used: datetime | None = None
    passkeys: tuple[Passkey, ...] = ()
    recovery_left: int = 0

    @property
    def count(self) -> int:
        """Without recovery codes: they are a way back in, not a factor to live on."""
        return len(self.passkeys) + (self.totp is not None)


def step_of(moment: datetime) -> int:
    return int(moment.timestamp()) // STEP_SECONDS


def accepted_step(secret: str, code: str, now: datetime, last: int) -> int | None:
    """The step whose code this is, out of the one before, this and the next, if it is later than the last one taken."""
    digits = "".join(unicodedata.normalize("NFKC", code).split())
    totp = TOTP(secret)
    current = step_of(now)
    # All three are compared, so that the time taken does not tell which one was near.
    matching = [step for step in (current - 1, current, current + 1) if strings_equal(totp.generate_otp(step), digits)]
    later = [step for step in matching if step > last]
    return later[0] if later else None


def new_codes() -> list[str]:
    """'abcd-efgh-jkmn': 59 bits of chance each, written in groups for paper."""
    return [_grouped("".join(secrets.choice(_CODE_SIGNS) for _ in range(_CODE_LENGTH))) for _ in range(CODES)]


def _grouped(text: str) -> str:
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))


def folded_code(text: str) -> str:
    """A recovery code however it was typed."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "".join(sign for sign in plain if sign in _CODE_SIGNS)[: _CODE_LENGTH + 1]


def folded_name(text: str, default: str) -> str:
    """What the owner calls a passkey, on one line."""
    plain = "".join(
        sign if unicodedata.category(sign)[0] != "C" else " " for sign in unicodedata.normalize("NFC", text)
    )
    return " ".join(plain.split())[:_MAX_NAME] or default


def recently(session: Session, methods: Sequence[str], now: datetime, within: timedelta) -> bool:
    """One of these was shown a short while ago."""
    return any(session.fresh(method, now, within) for method in methods)
