"""Figures are kept only where they can be traced to what was measured."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from bench.measure import options

from bench import result

pytestmark = pytest.mark.requirement("LW-20")


def git(place: Path, *arguments: str) -> None:
    who = ["-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(place), *who, *arguments], check=True, capture_output=True)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for folder in ("src", "bench/results", "docs"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "a").write_text("1")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "x")
    revision = result.revision
    monkeypatch.setattr(result, "revision", lambda: revision(tmp_path))
    monkeypatch.setattr("bench.measure.revision", lambda: revision(tmp_path))
    monkeypatch.setattr(result, "RESULTS", tmp_path / "bench" / "results")
    return tmp_path


def kept(place: Path) -> bool:
    file = place / "bench" / "results" / "x.json"
    refused = ""
    try:
        result.publish("x", {}, {"figure": 1})
    except SystemExit as end:
        refused = str(end.code)
    assert file.exists() is not ("--trial" in refused)
    file.unlink(missing_ok=True)
    return not refused


@pytest.mark.parametrize("changed", ["src/a", "src/new", "bench/a", "bench/new"])
def test_figures_of_a_changed_program_are_printed_and_not_kept(
    place: Path, changed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kept(place)
    capsys.readouterr()
    (place / changed).write_text("2")
    assert not kept(place)
    assert json.loads(capsys.readouterr().out)["revision"].endswith("-dirty")
    result.publish("x", {}, {}, keep=False)


def test_notes_and_earlier_figures_change_nothing(place: Path) -> None:
    (place / "docs" / "a").write_text("2")
    (place / "bench" / "results" / "a").write_text("2")
    (place / "bench" / "results" / "b").write_text("2")
    assert kept(place)


def test_without_a_repository_nothing_is_kept(place: Path) -> None:
    (place / ".git").rename(place / "gone")
    assert result.revision() == "unknown"
    assert not kept(place)


def test_it_is_said_before_anything_is_measured(place: Path) -> None:
    parser = options("x", seconds=1, runs=1, connections=[1], patients=1)
    parser.parse_args([])
    (place / "src" / "a").write_text("2")
    with pytest.raises(SystemExit):
        parser.parse_args([])
    assert parser.parse_args(["--trial"]).trial
