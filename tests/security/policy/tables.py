"""Reads the tables of the policy, and prints what the program does in their form:

    python -m tests.security.policy.tables what | why | tokens

A table is right because a physician, a clerk and an auditor agree with it, not because it was printed: read it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.security.policy.situations import TYPES, WHOSE, access, caller, letters

from kuska.security.domain.purposes import PURPOSES
from kuska.security.domain.roles import shipped
from kuska.security.errors import RefusedByPolicyError

FOLDER = Path(__file__).parent
Table = dict[tuple[str, str], str]  # (row, column) -> cell
# What an application may be given, against who gives it.
TOKENS = (
    "patient/*.rs", "patient/*.cruds", "patient/Observation.rs", "user/*.rs", "user/*.cruds", "user/Observation.rs",
    "user/AuditEvent.rs", "system/*.rs", "system/*.cruds",
)  # fmt: skip


def read(file: str) -> dict[str, Table]:
    """Heading -> table."""
    found: dict[str, Table] = {}
    heading, columns = "", []
    for line in (FOLDER / file).read_text("utf-8").splitlines():
        if line.startswith("## "):
            heading, columns = line.removeprefix("## ").strip(), []
        elif line.startswith("|") and not line.startswith("|-"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if not columns:
                columns = cells[1:]
                found[heading] = {}
                continue
            assert len(cells) == len(columns) + 1, f"{file}: a row of {heading} has {len(cells) - 1} cells: {line}"
            for column, cell in zip(columns, cells[1:], strict=True):
                assert (cells[0], column) not in found[heading], f"{file}: {heading} has {cells[0]} twice"
                found[heading][cells[0], column] = cell
    return found


def complete(table: Mapping[tuple[str, str], str], rows: Sequence[str], columns: Sequence[str]) -> None:
    wanted = {(row, column) for row in rows for column in columns}
    assert set(table) == wanted, f"missing {sorted(wanted - set(table))}, too many {sorted(set(table) - wanted)}"
    assert all(table.values()), "a cell is empty: write – for nothing"


def token_rows() -> list[str]:
    return [f"`{token}`" for token in TOKENS]


def _what() -> Iterator[str]:
    """A purpose has a table of its own where it makes a difference."""
    for role, content in shipped().items():
        usual: list[str] = []
        for number, purpose in enumerate(content.purposes):
            given = access(caller(role), purpose)
            lines = list(
                _table(
                    "",
                    "type",
                    TYPES,
                    tuple(WHOSE),
                    lambda type_, whose, given=given: letters(given, type_, WHOSE[whose]),
                )
            )[1:]
            if number == 0:
                usual = lines
            if number == 0 or lines != usual:
                yield f"## {role}\n" if number == 0 else f"## {role} for {purpose}\n"
                yield from lines


def _why() -> Iterator[str]:
    def cell(purpose: str, role: str) -> str:
        try:
            access(caller(role), purpose)
        except RefusedByPolicyError:
            return "–"
        return "yes"

    yield from _table("purposes", "purpose", tuple(PURPOSES), tuple(shipped()), cell)


def _tokens() -> Iterator[str]:
    for type_ in ("Observation", "Organization", "AuditEvent"):
        for whose, about in (("in care", "cared"), ("their own", "self"), ("stranger", "stranger")):

            def cell(row: str, role: str, type_: str = type_, about: str = about) -> str:
                return letters(access(caller(role, scopes=row.strip("`"), patient=about)), type_, about)

            yield from _table(f"{type_}, token about a patient: {whose}", "token", token_rows(), tuple(shipped()), cell)


def _table(heading, corner, rows, columns, cell) -> Iterator[str]:  # type: ignore[no-untyped-def]
    yield f"## {heading}\n"
    yield f"| {corner} | " + " | ".join(columns) + " |"
    yield "|---" * (len(columns) + 1) + "|"
    for row in rows:
        yield f"| {row} | " + " | ".join(cell(row, column) for column in columns) + " |"
    yield ""


if __name__ == "__main__":
    for line in {"what": _what, "why": _why, "tokens": _tokens}[sys.argv[1]]():
        print(line)  # noqa: T201
