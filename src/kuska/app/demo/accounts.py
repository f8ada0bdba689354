"""One account of every role for the demo, so that whoever tries it can be each of them.

The passwords are made here, at random, and kept beside the database: a demo that somebody puts on a network must not
have passwords that stand in a public repository.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kuska.app.demo.population.links import Ids
from kuska.app.demo.population.people import DEFAULT_MIX, people
from kuska.security.api import NewAccount, Security

FILE = "demo-accounts.json"
_CONSONANTS, _VOWELS = "bcdfghjklmnprstvz", "aeiou"


@dataclass(frozen=True, slots=True)
class DemoAccount:
    login: str
    password: str
    role: str


def _people(seed: int, patients: int) -> tuple[str, str]:
    """Ids of a patient who has a story, and of the practitioner who met most of the first few."""
    met: dict[str, int] = {}
    patient = ""
    for life in people(min(patients, 10), seed, DEFAULT_MIX, ids=Ids.CLIENT):
        patient = patient or life.patient
        for node in life.resources():
            if node["resourceType"] == "Encounter":
                for who in _practitioners(node):
                    met[who] = met.get(who, 0) + 1
    return patient, max(met, key=lambda who: met[who], default="")


def _practitioners(encounter: Mapping[str, Any]) -> list[str]:
    found = [part.get("individual", {}).get("reference", "") for part in encounter.get("participant", ())]
    return [reference.removeprefix("Practitioner/") for reference in found if reference.startswith("Practitioner/")]


def _wanted(seed: int, patients: int) -> Sequence[NewAccount]:
    patient, practitioner = _people(seed, patients)
    staff = {
        "admision": ("Admisión", "admissions"),
        "resultados": ("Resultados", "results"),
        "integracion": ("Integración", "integrator"),
        "datos": ("Gestión de datos", "steward"),
        "auditoria": ("Auditoría", "auditor"),
        "administracion": ("Administración", "administrator"),
    }
    return [
        NewAccount(login="paciente", display_name="Paciente de prueba", roles=("patient",), patient=patient),
        NewAccount(login="medica", display_name="Médica de prueba", roles=("physician",), practitioner=practitioner),
        NewAccount(
            login="coordinacion", display_name="Coordinación", roles=("coordinator",), practitioner=practitioner
        ),
        *(NewAccount(login=login, display_name=name, roles=(role,)) for login, (name, role) in staff.items()),
    ]


async def seed_accounts(security: Security, data: Path, seed: int, patients: int) -> list[DemoAccount]:
    """Those that are not there yet; all of them with their first passwords."""
    known = _read(data / FILE)
    shown: list[DemoAccount] = []
    for new in _wanted(seed, patients):
        if await security.accounts.by_login(new.login) is None:
            known[new.login] = _password()
            # Before the account: one whose password nobody knows would be worth nothing.
            _write(data / FILE, known)
            await security.accounts.create(new, known[new.login])
        shown.append(DemoAccount(new.login, known.get(new.login, ""), ", ".join(new.roles)))
    return shown


def _password() -> str:
    """Easy to read from one screen and type into another: 40 bits, behind a lock-out."""
    words = ("".join(secrets.choice(_CONSONANTS) + secrets.choice(_VOWELS) for _ in range(2)) for _ in range(3))
    return "-".join([*words, str(secrets.randbelow(90) + 10)])


def _read(path: Path) -> dict[str, str]:
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


def _write(path: Path, known: Mapping[str, str]) -> None:
    fresh = path.with_suffix(".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(known, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
