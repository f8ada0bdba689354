"""What the pages of one's own account show."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from kuska.portal.ui.forms import EMPTY, Filled
from kuska.portal.ui.plain import Sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSession:
    id: str
    agent: str
    address: str
    created: datetime
    seen: datetime
    current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPasskey:
    id: str
    name: str
    since: datetime
    used: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    id: str
    name: str
    since: datetime
    sentences: tuple[Sentence, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """An account at another provider that signs in here, too."""

    issuer: str
    subject: str
    title: str
    since: datetime
    follows: bool  # made for it: it cannot be taken away here


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPage:
    name: str
    login: str
    email: str
    roles: tuple[str, ...]
    totp: datetime | None
    passkeys: tuple[HeldPasskey, ...]
    recovery_left: int
    sessions: tuple[OpenSession, ...]
    apps: tuple[Application, ...]
    linked: tuple[Linked, ...]
    providers: tuple[tuple[str, str], ...]  # name in the address, title: those that can still be linked
    notice: str = ""  # message key


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordPage:
    login: str
    least: int
    filled: Filled = EMPTY


@dataclass(frozen=True, slots=True, kw_only=True)
class TotpPage:
    picture: str  # data: URL
    secret: str
    next: str
    forced: bool
    filled: Filled = EMPTY


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyPage:
    options: str
    next: str
    forced: bool
    filled: Filled = EMPTY


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryPage:
    codes: tuple[str, ...]
    next: str


# The first that is found: every browser claims to be Safari, most to be Chrome.
_BROWSERS = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "Mac"),
    ("Linux", "Linux"),
)
_SIGNS = re.compile(r"[^\x20-\x7e]")


def browser(agent: str) -> str:
    """'Firefox · Windows', enough to recognise one's own; what is not known is shown as sent, cut short."""
    parts = [next((name for mark, name in known if mark in agent), "") for known in (_BROWSERS, _SYSTEMS)]
    return " · ".join(filter(None, parts)) or _SIGNS.sub("", agent)[:40]
