"""What an operator can set about security. Filled from KUSKA_SECURITY_* by the composition root.

(KUSKA_SECURITY itself, on or off, belongs to the process.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Le, Predicate

from kuska.kit.bounds import Bytes, Count, Seconds


def is_origin(url: str) -> bool:
    return not url or (url.startswith(("http://", "https://")) and not url.endswith("/"))


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSettings:
    # Characters a password must have at least. ASVS 5 asks for 8 and recommends 15.
    password_least: Annotated[int, Ge(8), Le(64)] = 12
    # Memory that hashing one password takes (argon2id), in KiB. The defaults are OWASP's; a stored hash of other
    # parameters is renewed at its owner's next sign-in.
    argon2_memory: Annotated[int, Ge(7_168), Le(1_048_576)] = 19_456
    # Passes over that memory.
    argon2_passes: Annotated[int, Ge(1), Le(16)] = 2
    # Lanes computed in parallel.
    argon2_lanes: Annotated[int, Ge(1), Le(16)] = 1
    # Failed sign-ins of one login before its next ones have to wait, each twice as long as the one before.
    login_failures: Annotated[int, Ge(1), Le(100)] = 5
    # Failed sign-ins from one address (IPv6: from one /64) before it has to wait.
    address_failures: Annotated[int, Ge(1), Le(10_000)] = 50
    # Longest wait in seconds; nobody is locked out for good.
    longest_wait: Seconds = 900.0
    # Seconds without a request after which a session ends.
    session_idle: Seconds = 1_800.0
    # Seconds after which a session ends in any case.
    session_longest: Seconds = 43_200.0
    # Seconds that somebody who has given the password has for the second factor.
    session_pending: Seconds = 600.0
    # Hours that an invitation is good for.
    invitation_hours: Annotated[int, Ge(1), Le(720)] = 72
    # Minutes that a link for a new password is good for.
    reset_minutes: Annotated[int, Ge(5), Le(1_440)] = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class SecuritySettings(AccountSettings):
    # Address of this server as people and clients see it, without a path: 'https://record.example.org'. It is the
    # issuer of tokens and the origin of passkeys. Empty: http://localhost with the port it listens on.
    public_url: Annotated[str, Predicate(is_origin)] = ""
    # Name of the organisation whose record this is; a token of another tenant opens nothing. The first start writes it
    # into the database, later starts must have the same; a server that others reach does not start as `demo`.
    tenant: str = "demo"
    # Country (ISO 3166, two letters) in which the record lies; decides retention and residency. Like the tenant, it is
    # written down at the first start and cannot be changed later.
    country: str = "PE"
    # TOML file with the other identity providers (OpenID Connect: Keycloak, Cognito, Entra, …) where people may sign in,
    # and whether only there. docs/contexts/security/external.md shows one.
    providers_file: str = ""
    # Minutes for which a second factor that was shown counts as shown just now, for what asks to show it again.
    step_up_minutes: Annotated[int, Ge(1), Le(60)] = 10
    # Minutes that a record stays open for who broke the glass.
    glass_minutes: Annotated[int, Ge(5), Le(1_440)] = 60
    # Characters that the reason for breaking the glass must have at least.
    glass_reason: Annotated[int, Ge(5), Le(500)] = 20
    # Records that one person may open by breaking the glass within an hour; then a colleague has to be called.
    glass_per_hour: Annotated[int, Ge(1), Le(1_000)] = 3
    # The same within a day.
    glass_per_day: Annotated[int, Ge(1), Le(10_000)] = 10
    # Mail address of who looks after data protection; told at once when somebody breaks the glass. Empty: nobody is told
    # by mail, the trail and /auditoria have it all the same.
    data_protection_mail: str = ""
    # Minutes that an access token is good for. What is withdrawn falls at once in any case; the hour's bound is what the
    # list of withdrawn tokens relies on.
    token_minutes: Annotated[int, Ge(1), Le(60)] = 10
    # Days without use after which a refresh token is no longer good (`offline_access`); while the person is signed in
    # for `online_access`.
    refresh_days: Annotated[int, Ge(1), Le(365)] = 30
    # Days after which a person has to grant an application its access again.
    grant_days: Annotated[int, Ge(1), Le(730)] = 90
    # Algorithm of tokens. RS256 is what every client knows, and quick to check; ES384 has shorter tokens and is checked
    # ten times slower.
    signing_algorithm: Literal["RS256", "ES384"] = "RS256"
    # Bits of a new RSA key.
    signing_rsa_bits: Literal[2048, 3072] = 2048
    # Days after which a new signing key takes over.
    signing_key_days: Annotated[int, Ge(1), Le(730)] = 90
    # Bytes of the audit trail that one process may have waiting on its disk while the database is away; about 400 an
    # event. When they are used up, requests are refused rather than answered without being noted.
    journal_bytes: Bytes = 67_108_864
    # File to which the audit chain's latest hashes are appended, best on a disk that the database's owner cannot change
    # (append-only, or another machine's). Empty: audit-heads.jsonl in the data folder.
    audit_heads: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSettings:
    # Requests a second that one client or person may make of one process, in the long run; more is answered 429.
    requests_per_second: Count = 2_000
    # Requests that may come at once before the rate counts.
    requests_burst: Count = 10_000
    # Failed attempts (no good token, session, application, link of a mail or form) a minute from one address, of IPv6 one
    # /64; more is answered 429.
    failures_per_minute: Count = 60
    # Failed attempts that may come at once.
    failures_burst: Count = 60
