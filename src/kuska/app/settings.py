"""What an operator can set about the process as a whole, and all contexts' slices together.

A field `port` of the slice `database` is `KUSKA_DATABASE_PORT` in the environment and `port` under `[database]` in the
TOML file; the process' own slice has no section. The comment above a field is its documentation (docs/reference).
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from kuska.fhir.settings import FhirSettings
from kuska.infra.http.settings import OutgoingSettings
from kuska.infra.keys.settings import KeysSettings
from kuska.infra.mail.settings import MailSettings
from kuska.infra.postgres.settings import DatabaseSettings
from kuska.infra.web.settings import HttpSettings
from kuska.kit.bounds import Port, Processes, SecondsOrNone
from kuska.security.settings import LimitSettings, SecuritySettings


def default_data() -> Path:
    if os.geteuid() == 0:
        return Path("/var/lib/kuska")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "kuska"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSettings:
    # Folder of the embedded database and everything else that must last. Default: /var/lib/kuska for root, else the
    # user's own data folder.
    data: Path = field(default_factory=default_data)
    # Address to listen on.
    host: str = "127.0.0.1"
    # Port to listen on; 0 takes a free one.
    port: Port = 8080
    # What this process does, separated by commas; `all` for everything.
    roles: tuple[Literal["all", "api"], ...] = ("all",)
    # Processes that answer requests.
    workers: Processes = 1
    # `off` opens the record to everybody who reaches it, and is possible only on a loopback address.
    security: Literal["on", "off"] = "on"
    # Least severity that is logged.
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    # Requests slower than this many seconds are logged (without query or ids); 0 logs every request.
    log_slow_seconds: SecondsOrNone = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    process: ProcessSettings
    database: DatabaseSettings
    http: HttpSettings
    keys: KeysSettings
    mail: MailSettings
    outgoing: OutgoingSettings
    fhir: FhirSettings
    security: SecuritySettings
    limits: LimitSettings


# Section in the file and in the variables' names -> slice.
SLICES: dict[str, type] = {
    "": ProcessSettings,
    "database": DatabaseSettings,
    "http": HttpSettings,
    "keys": KeysSettings,
    "mail": MailSettings,
    "outgoing": OutgoingSettings,
    "fhir": FhirSettings,
    "security": SecuritySettings,
    "limits": LimitSettings,
}
