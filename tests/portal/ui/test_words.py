"""One word for one thing, and no promise that is not kept."""

from __future__ import annotations

import re
from pathlib import Path

from kuska.kit.messages import catalogue
from kuska.security.api import FEATURES, NO_USE_YET

SOURCES = Path(__file__).parents[3] / "src" / "kuska"
# In the address of a database, as everybody knows it.
_ADDRESS = "usuario:clave@"


def test_each_thing_has_one_word() -> None:
    """`clave` is a password, a key and a code to different people."""
    said = {key: text.replace(_ADDRESS, "") for key, text in catalogue("es").items()}
    assert not {key: text for key, text in said.items() if re.search(r"\b[Cc]laves?\b|[Ss]egunda prueba", text)}


def test_what_a_page_or_use_case_asks_for_is_not_called_unused() -> None:
    assert NO_USE_YET <= FEATURES
    pages = "\n".join(path.read_text() for path in (SOURCES / "portal").rglob("*.py"))
    assert not set(re.findall(r'feature="([\w.-]+)"', pages)) & NO_USE_YET
    assert set(re.findall(r'feature="([\w.-]+)"', pages))
