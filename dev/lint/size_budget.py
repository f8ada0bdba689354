"""Files under 400 lines, functions under 50: more is usually two rooms in one.

Exceptions are listed with their reason and their size in size_budget.toml. The list may only shrink: an entry that is
no longer needed, or larger than needed, fails as well.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("src", "tests", "dev", "bench")
FILE_LINES = 400
FUNCTION_LINES = 50
LEDGER = Path(__file__).with_name("size_budget.toml")


def oversized(root: Path = ROOT) -> dict[str, int]:
    """'path' or 'path:function' -> lines."""
    found: dict[str, int] = {}
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            name = path.relative_to(root).as_posix()
            source = path.read_text("utf-8")
            lines = source.count("\n")
            if lines > FILE_LINES:
                found[name] = lines
            for function, length in _functions(ast.parse(source)):
                if length > FUNCTION_LINES:
                    found[f"{name}:{function}"] = length
    return found


def _functions(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            # What a function says about itself does not count.
            documented = ast.get_docstring(node, clean=False)
            body = node.body[1:] if documented is not None and len(node.body) > 1 else node.body
            yield node.name, (node.end_lineno or 0) - body[0].lineno + 1


def problems(found: dict[str, int], ledger: dict[str, int]) -> list[str]:
    complaints = [
        f"{name}: {lines} lines, allowed are {ledger.get(name, FUNCTION_LINES if ':' in name else FILE_LINES)}"
        for name, lines in found.items()
        if lines > ledger.get(name, 0)
    ]
    complaints += [
        f"{name}: the ledger allows {lines}, it has {found.get(name, 'fewer than the budget')}: lower or remove the entry"
        for name, lines in ledger.items()
        if found.get(name, 0) < lines
    ]
    return complaints


def ledger() -> dict[str, int]:
    entries = tomllib.loads(LEDGER.read_text("utf-8"))
    for name, entry in entries.items():
        if not entry.get("reason"):
            raise SystemExit(f"{LEDGER.name}: {name} needs a reason")
    return {name: int(entry["lines"]) for name, entry in entries.items()}


if __name__ == "__main__":
    complaints = problems(oversized(), ledger())
    for complaint in complaints:
        print(complaint)
    sys.exit(bool(complaints))
