"""Work that no policy decides is listed here, with its reason. Another place has to be added to the list by hand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.requirement("HC-04")

SRC = Path(__file__).parents[2] / "src" / "kuska"
ALLOWED = {
    "security/usecases/unrestricted.py": "where they are made",
    "security/api.py": "the door they are handed out by",
    "fhir/routes/door.py": "KUSKA_SECURITY=off, on loopback only",
    "app/guarding.py": "KUSKA_SECURITY=off, on loopback only",
    "app/accounts.py": "the operator's own command, on the machine itself: the first administrator comes in this way",
    "app/auditing.py": "the operator exports the trail on the machine itself; noted in it",
    "app/demo/command.py": "synthetic people are seeded",
    "app/patients.py": "who registers is looked for by document and birth date; noted in the trail as the system's work",
}


def test_only_listed_places_work_without_a_policy() -> None:
    pattern = re.compile(r"\bvisit_(?:off|system|operator)\b|\bUnrestricted\(")
    found = {str(path.relative_to(SRC)) for path in SRC.rglob("*.py") if pattern.search(path.read_text("utf-8"))}
    assert found <= ALLOWED.keys(), "say in ALLOWED why no policy decides there"


def test_the_store_is_reached_with_a_sight_only() -> None:
    """Nothing of the record's tables is read or written but through Records and SearchService, which need one."""
    tables = re.compile(r"fhir\.(?:resource|history|token|string|date|quantity|reference|composite)\b")
    outside = {
        str(path.relative_to(SRC))
        for pattern in ("*.py", "*.sql")
        for path in SRC.rglob(pattern)
        if "migrations" not in path.parts and tables.search(path.read_text("utf-8"))
    }
    assert {name for name in outside if not name.startswith("fhir/store/")} == set()
