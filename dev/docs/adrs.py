"""The index of the decisions, from the files themselves."""

from __future__ import annotations

import re
from pathlib import Path

_HEAD = """# Decisions

One page each: the question, what was chosen, what follows from it, what was rejected. A decision is not edited when it
changes; a newer one replaces it and says so. Write one when the choice was not obvious, is dear to change, or was measured;
not for what the code already shows. Template: [template.md](template.md).

| | decision | status |
|---|---|---|
"""


def render(root: Path) -> str:
    rows = [_row(path) for path in sorted((root / "docs/adr").glob("[0-9]*.md"))]
    return _HEAD + "".join(rows)


def _row(path: Path) -> str:
    _, title, status = parts(path)
    return f"| {path.name[:4]} | [{title}]({path.name}) | {status} |\n"


def parts(path: Path) -> tuple[int, str, str]:
    """Number and title from the first line ('# 4. Title' or '# 0004 — Title'), and the status."""
    text = path.read_text("utf-8")
    first = re.match(r"# (\d+)\W+(.+)", text)
    status = re.search(r"^Status: (.+?)\.?$", text, re.MULTILINE)
    return int(first[1]) if first else 0, first[2] if first else "", status[1] if status else ""
