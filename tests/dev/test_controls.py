"""The lists of controls say nothing that the tests do not show."""

from __future__ import annotations

from pathlib import Path

import pytest
from dev.docs import controls

pytestmark = pytest.mark.requirement("LW-32")

ROOT = Path(__file__).parents[2]
_TESTS = frozenset({"tests/a.py::test_b"})
# Requirements of levels 1 and 2 in each chapter of ASVS 5.0.0.
CHAPTERS = [27, 11, 19, 10, 9, 35, 18, 7, 7, 29, 14, 9, 13, 9, 13, 16, 7]


def test_a_row_needs_what_its_state_claims() -> None:
    good = {
        "1": {"title": "a", "state": "met", "how": "b", "tests": ["tests/a.py::test_b"]},
        "2": {"title": "a", "state": "part", "how": "b", "tests": ["tests/a.py::test_b"], "missing": "c"},
        "3": {"title": "a", "state": "not-yet", "missing": "c"},
        "4": {"title": "a", "state": "outside", "how": "b"},
    }
    assert list(controls.problems(good, _TESTS, ROOT)) == []
    for id_, change in {
        "1": {"tests": []},
        "2": {"missing": ""},
        "3": {"how": "something"},
        "4": {"state": "fine"},
    }.items():
        assert list(controls.problems({id_: good[id_] | change}, _TESTS, ROOT)), id_
    for change in ({"tests": ["tests/a.py::test_gone"]}, {"how": "see docs/contexts/nowhere.md"}):
        assert list(controls.problems({"1": good["1"] | change}, _TESTS, ROOT))
    assert not list(controls.problems({"1": good["1"] | {"how": "docs/adr/README.md"}}, _TESTS, ROOT))


@pytest.mark.parametrize("list_", [controls.ASVS, controls.HIPAA, controls.SIHCE], ids=lambda list_: list_.file)
def test_what_the_rows_name_is_there(list_: controls.List) -> None:
    assert list(controls.problems(controls.rows(list_.file), controls.known_tests(ROOT), ROOT)) == []


@pytest.mark.parametrize("list_", [controls.ASVS, controls.HIPAA, controls.SIHCE], ids=lambda list_: list_.file)
def test_the_pages_are_what_the_lists_and_tests_make(list_: controls.List) -> None:
    page = ROOT / "docs" / "compliance" / f"{list_.file}.md"
    assert controls.render(list_, ROOT) == page.read_text("utf-8"), "make docs"


def test_what_nothing_uses_yet_meets_nothing() -> None:
    """Readers for files that the program does not take yet: tested, and in no row that is met."""
    readers = {"xml": "kuska.kit.xml", "zip": "kuska.kit.archives", "pdf": "kuska.kit.pdf"}
    sources = [path.read_text("utf-8") for path in (ROOT / "src").rglob("*.py")]
    idle = [kind for kind, module in readers.items() if not any(f"from {module} import" in text for text in sources)]
    too_early = {
        id_: test
        for list_ in (controls.ASVS, controls.HIPAA, controls.SIHCE)
        for id_, row in controls.rows(list_.file).items()
        if row["state"] == "met"
        for test in row["tests"]
        if test.startswith(tuple(f"tests/kit/test_files_of_strangers.py::test_{kind}" for kind in idle))
    }
    assert too_early == {}


def test_every_requirement_of_levels_one_and_two_is_answered() -> None:
    per_chapter = [
        len([id_ for id_ in controls.rows("asvs") if id_.startswith(f"{chapter}.")]) for chapter in range(1, 18)
    ]
    assert per_chapter == CHAPTERS
    assert {row["level"] for row in controls.rows("asvs").values()} == {1, 2}
