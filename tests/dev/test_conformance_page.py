"""Nothing is said about conformance that was not checked just now: a wrong folder fails, and old results make no page."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from dev.docs import conformance

pytestmark = pytest.mark.requirement("HC-01")
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("made", [[], ["fhirpath-r4", "fhir-examples-r4", "fhir-patch-r4"]])
def test_a_folder_without_the_cases_fails(tmp_path: Path, made: list[str]) -> None:
    for name in made:
        (tmp_path / name).mkdir()
    folder = tmp_path if made else tmp_path / "nowhere"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--corpus={folder}", "tests/conformance"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "fhir-validation-r4" in done.stderr
    assert str(folder) in done.stderr


@pytest.fixture
def results(tmp_path: Path) -> Path:
    folder = tmp_path / "build" / "conformance"
    folder.mkdir(parents=True)
    for suite in conformance.SUITES:
        found = {"suite": suite, "total": 2, "passed": 2, "target": 1.0, "failures": []}
        (folder / f"{suite}.json").write_text(json.dumps(found), "utf-8")
    return folder


def test_the_results_of_all_suites_make_the_page(tmp_path: Path, results: Path) -> None:
    assert "| validation-strict | 2 | 2 | 100.0% | 100% |" in (conformance.render(tmp_path) or "")
    (results / "validation-writes.json").unlink()
    assert conformance.render(tmp_path) is None


def test_results_of_a_suite_that_is_no_more_make_none(
    tmp_path: Path, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (results / "validation.json").write_text("{}", "utf-8")
    assert conformance.render(tmp_path) is None
    assert "validation" in capsys.readouterr().err


def test_results_older_than_what_they_are_about_make_none(tmp_path: Path, results: Path) -> None:
    source = tmp_path / "src" / "kuska" / "fhir" / "x.py"
    source.parent.mkdir(parents=True)
    source.touch()
    os.utime(source, (1, 1))
    assert conformance.render(tmp_path)
    newest = max(path.stat().st_mtime for path in results.iterdir())
    os.utime(source, (newest + 1, newest + 1))
    assert conformance.render(tmp_path) is None


def test_all_suites_are_on_the_page() -> None:
    """Those that the tests name, and those of the examples, one for each of their two files."""
    text = "".join(path.read_text("utf-8") for path in (ROOT / "tests" / "conformance").glob("test_*.py"))
    named = set(re.findall(r'ledger\("([\w-]+)"', text)) | set(re.findall(r'\("(validation-\w+)", [\d.]+\)', text))
    kinds = set(re.findall(r'ledger\(f"\{\w+\}-(\w+)"', text))
    assert named | {f"{file}-{kind}" for file in ("examples", "conformance") for kind in kinds} == set(
        conformance.SUITES
    )
