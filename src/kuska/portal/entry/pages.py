"""What the entry's pages show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from kuska.portal.ui.forms import EMPTY, Filled


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    name: str  # in the address
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInPage:
    next: str = "/"
    filled: Filled = EMPTY
    providers: tuple[Provider, ...] = ()
    local: bool = True  # accounts of our own may sign in, not only those of providers
    notice: str = ""  # message key
    left: Provider | None = None  # where who has just signed out may still be signed in


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyPage:
    next: str
    options: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyPage:
    next: str
    step_up: bool
    totp: bool
    recovery: bool
    passkey_options: str = ""  # '' = has no passkey
    filled: Filled = EMPTY


@dataclass(frozen=True, slots=True, kw_only=True)
class FormPage:
    filled: Filled = EMPTY


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationPage:
    documents: Sequence[tuple[str, str]]  # kinds
    filled: Filled = EMPTY


@dataclass(frozen=True, slots=True, kw_only=True)
class SentPage:
    said: str  # message key


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordPage:
    action: str
    least: int
    filled: Filled = field(default=EMPTY)
