"""The page of settings is for who runs the program: its tables are whole and say nothing in Python."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from dev.docs import settings as page

pytestmark = pytest.mark.requirement("LW-29")
ROWS = {row.split("`")[1]: row for row in page.render(Path()).splitlines() if row.startswith("| `")}


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_every_row_has_its_four_cells() -> None:
    assert {name for name, row in ROWS.items() if len(cells(row)) != 4} == set()


def test_types_and_defaults_are_words() -> None:
    assert cells(ROWS["KUSKA_MAIL_CA_FILE"])[1:3] == ["path", "none"]
    assert cells(ROWS["KUSKA_HTTP_BEHIND_PROXY"])[1:3] == ["list, separated by commas", "empty"]
    assert cells(ROWS["KUSKA_ROLES"])[1] == "list of `all` or `api`, separated by commas"
    assert cells(ROWS["KUSKA_SECURITY_SIGNING_RSA_BITS"])[1] == "`2048` or `3072`"
    python = re.compile(r"pathlib|tuple|None|Literal|<class|\[")
    assert {name for name, row in ROWS.items() if python.search("|".join(cells(row)[1:3]))} == set()


def test_it_says_where_secrets_go() -> None:
    head = page.render(Path()).partition("\n## ")[0]
    assert "`KUSKA_MAIL_PASSWORD`" in head
    assert "`…_FILE`" in head
