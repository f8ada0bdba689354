"""What the administration's pages show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from kuska.portal.ui.forms import EMPTY, Filled
from kuska.portal.ui.plain import Sentence
from kuska.security.api import Account, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountsPage:
    accounts: Sequence[Account]
    filled: Filled
    next: str  # address of the next page, '' = none
    may_write: bool
    notice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPage:
    account: Account
    roles: Sequence[str]
    may_write: bool
    filled: Filled = EMPTY
    notice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitePage:
    roles: Sequence[str]
    chosen: Sequence[str] = ()
    filled: Filled = EMPTY


@dataclass(frozen=True, slots=True, kw_only=True)
class RolesPage:
    roles: Sequence[Role]
    may_write: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    number: int
    at: datetime | None
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RolePage:
    role: Role
    sentences: Sequence[Sentence]
    features: Sequence[str]
    versions: Sequence[Version]
    current: bool
    may_write: bool
    before: int = 0
    changes: Sequence[tuple[str, str]] | None = None  # '+' or '-', line; None = nothing to compare with
    notice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleEditPage:
    name: str
    version: int
    filled: Filled
    reaches: Sequence[tuple[str, str]]
    features: Sequence[tuple[str, str]]
    purposes: Sequence[tuple[str, str]]
    chosen_features: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientLine:
    id: str
    name: str
    kind: str
    organization: str
    active: bool
    sentences: Sequence[Sentence]


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawPage:
    client: ClientLine


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientsPage:
    clients: Sequence[ClientLine]
    may_write: bool
    notice: str = ""
