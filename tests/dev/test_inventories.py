"""The inventories name what there is in the code."""

from __future__ import annotations

import ast
import dataclasses
from pathlib import Path

import pytest

from kuska.app.settings import SLICES
from kuska.security.domain.external import Provider
from kuska.security.domain.sealing import PURPOSES
from kuska.security.domain.signing import ALGORITHMS, ASSERTION_ALGORITHMS

pytestmark = pytest.mark.requirement("LW-32")
ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "compliance" / "inventories.md").read_text("utf-8")
# Whoever adds one of these opens a way out of the house.
_TALKING = frozenset(
    {"httpx", "asyncpg", "aiosmtplib", "boto3", "requests", "aiohttp", "socketserver", "smtplib", "ftplib"}
)


def test_every_key_has_its_place() -> None:
    assert not [purpose for purpose in PURPOSES if f"`{purpose}`" not in PAGE]


def test_every_algorithm_is_named() -> None:
    theirs = Provider.__struct_defaults__
    lists = [each for each in theirs if isinstance(each, tuple) and "RS256" in each]
    assert lists
    assert not [name for name in {*ALGORITHMS, *ASSERTION_ALGORITHMS, *lists[0]} if name not in PAGE]


def test_every_library_that_talks_to_others_is_named() -> None:
    imported = {
        name.partition(".")[0]
        for path in (ROOT / "src").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        for name in (
            [each.name for each in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported & _TALKING
    assert not [name for name in imported & _TALKING if f"`{name}`" not in PAGE]


def test_limits_and_settings_that_are_named_exist() -> None:
    known = {field.name for slice_ in SLICES.values() for field in dataclasses.fields(slice_)}
    for name in ("max_body_bytes", "max_bodies_bytes", "max_bundle_entries", "statement_seconds"):
        assert name in PAGE
        assert name in known
    variables = {
        f"KUSKA_{slice_}_{field.name}".upper() for slice_, kind in SLICES.items() for field in dataclasses.fields(kind)
    }
    variables |= {f"KUSKA_{field.name}".upper() for field in dataclasses.fields(SLICES[""])}
    named = {word.strip("`|,. ()") for word in PAGE.split() if word.strip("`|,. ()").startswith("KUSKA_")}
    assert named - variables == set()
