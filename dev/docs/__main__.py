"""`python -m dev.docs` writes the generated pages; `--check` only says whether they are up to date.

A page that cannot be made here (no conformance results) is left as it is.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench import report as performance
from dev.docs import adrs, conformance, controls, errors, requirements, settings

ROOT = Path(__file__).parents[2]

PAGES: dict[str, Callable[[Path], str | None]] = {
    "docs/adr/README.md": adrs.render,
    "docs/compliance/asvs.md": partial(controls.render, controls.ASVS),
    "docs/compliance/hipaa.md": partial(controls.render, controls.HIPAA),
    "docs/compliance/sihce.md": partial(controls.render, controls.SIHCE),
    "docs/conformance.md": conformance.render,
    "docs/reference/errors.md": errors.render,
    "docs/reference/settings.md": settings.render,
    "docs/performance.md": performance.render,
    "docs/requirements.md": requirements.render,
}


def outdated(root: Path = ROOT) -> dict[Path, str]:
    """Page -> what it should say."""
    wanted = {root / name: render(root) for name, render in PAGES.items()}
    return {
        path: text
        for path, text in wanted.items()
        if text is not None and (not path.exists() or path.read_text("utf-8") != text)
    }


def main(arguments: list[str]) -> int:
    pages = outdated()
    for path, text in pages.items():
        name = path.relative_to(ROOT)
        if "--check" in arguments:
            print(f"{name} is out of date: make docs")
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        print(f"wrote {name}")
    return 1 if pages and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
