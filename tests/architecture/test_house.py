"""Rules of the house that no linter knows."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from dev.docs import __main__ as pages
from dev.docs import adrs
from dev.docs import settings as settings_page
from dev.lint import size_budget

from kuska.app.settings import SLICES
from kuska.infra.postgres import migrate
from kuska.kit.sqlfiles import parse

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "kuska"


def queries() -> Iterator[tuple[str, str]]:
    for path in sorted(SOURCE.rglob("store/**/*.sql")):
        for name, query in parse(path.read_text("utf-8")).items():
            yield f"{path.relative_to(SOURCE)}:{name}", query


async def test_every_query_fits_the_migrated_schema(dsn: str) -> None:
    conn = await asyncpg.connect(dsn)
    wrong: dict[str, str] = {}
    for name, query in queries():
        try:
            await conn.prepare(query)
        except asyncpg.PostgresError as error:
            wrong[name] = str(error)
    await conn.close()
    assert not wrong


def test_every_setting_says_what_it_means() -> None:
    silent = [
        f"{slice_.__name__}.{field.name}"
        for slice_ in SLICES.values()
        for field in dataclasses.fields(slice_)
        if not settings_page.comments(slice_)[field.name]
    ]
    assert not silent


@pytest.mark.parametrize("page", ["docs/adr/README.md", "docs/reference/errors.md", "docs/reference/settings.md"])
def test_generated_pages_are_up_to_date(page: str) -> None:
    assert pages.PAGES[page](ROOT) == (ROOT / page).read_text("utf-8"), "make docs"


def test_rooms_are_small() -> None:
    assert not size_budget.problems(size_budget.oversized(), size_budget.ledger())


def test_the_size_ledger_may_only_shrink() -> None:
    assert size_budget.problems({"a.py": 500}, {"a.py": 500}) == []
    assert size_budget.problems({"a.py": 501}, {"a.py": 500})
    assert size_budget.problems({"a.py": 450}, {"a.py": 500})
    assert size_budget.problems({}, {"a.py": 500})


def test_migrations_have_an_order_of_their_own() -> None:
    names = [migration.name for migration in migrate.discovered()]
    assert len(names) == len(set(names))


def test_every_decision_has_its_parts() -> None:
    for path in (ROOT / "docs" / "adr").glob("[0-9]*.md"):
        number, title, status = adrs.parts(path)
        assert number == int(path.name[:4]), path.name
        assert title, path.name
        assert status, path.name


def test_the_repository_names_no_machine() -> None:
    """Nothing but the program: no folders of whoever built it."""
    machine = re.compile(r"/wo[r]k/|/ro[o]t/|/ho[m]e/[a-z]")
    texts = [path for folder in ("src", "tests", "dev", "docs", "bench", ".ci") for path in (ROOT / folder).rglob("*")]
    guilty = [
        str(path.relative_to(ROOT))
        for path in [*texts, ROOT / "README.md", ROOT / "Makefile", ROOT / "pyproject.toml"]
        if path.suffix in {".py", ".md", ".toml", ".sql", ".json", ""} and path.is_file()
        if machine.search(path.read_text("utf-8"))
    ]
    assert not guilty
