"""Suites that run other people's test data, from a folder beside the repository or given with --corpus.

Each suite records its cases in a `Ledger`: what it found is written to build/conformance/<suite>.json (docs/conformance.md
is made from these), and compared with the tracked list of known failures. A failure that is not on the list fails the
test, and so does one on the list that no longer fails: the list may only tell the truth.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_KNOWN = Path(__file__).parent / "known"
_FOUND = _ROOT / "build" / "conformance"


@pytest.fixture(scope="session")
def corpus(request: pytest.FixtureRequest) -> Path:
    given = request.config.getoption("--corpus")
    folder = Path(given) if given else _ROOT.parent / "shared" / "corpora"
    if not folder.is_dir():
        pytest.skip(f"no third-party test data at {folder}: nothing was checked")
    return folder


@dataclass(slots=True)
class Ledger:
    suite: str
    target: float  # share of the cases that must pass
    total: int = 0
    failures: dict[str, str] = field(default_factory=dict[str, str])

    def passed(self) -> None:
        self.total += 1

    def failed(self, case: str, reason: str) -> None:
        self.total += 1
        self.failures[case] = reason

    def close(self) -> None:
        """Writes what was found and holds it against what is known."""
        assert self.total, "no case was run"
        file = _KNOWN / f"{self.suite}.json"
        known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        self._write(known)
        new = {case: reason for case, reason in self.failures.items() if case not in known}
        mended = sorted(set(known) - set(self.failures))
        assert not new, f"{len(new)} cases fail that are not in {file.name}: {new}"
        assert not mended, f"these cases pass and must leave {file.name}: {mended}"
        share = 1 - len(self.failures) / self.total
        assert share >= self.target, f"{share:.1%} of {self.suite} pass; {self.target:.1%} must"

    def _write(self, known: dict[str, str]) -> None:
        _FOUND.mkdir(parents=True, exist_ok=True)
        found = {
            "suite": self.suite,
            "total": self.total,
            "passed": self.total - len(self.failures),
            "target": self.target,
            "failures": [
                {"case": case, "reason": known.get(case, reason)} for case, reason in sorted(self.failures.items())
            ],
        }
        text = json.dumps(found, ensure_ascii=False, indent=2)
        (_FOUND / f"{self.suite}.json").write_text(text + "\n", encoding="utf-8")


@pytest.fixture
def ledger() -> Callable[[str, float], Ledger]:
    """`ledger("fhirpath", 0.97)`"""
    return Ledger
