"""What README tells a newcomer to type works as it stands there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from tests.app.test_cli import KUSKA, served

README = Path(__file__).parents[2] / "README.md"


def commands() -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", README.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in re.sub(r"\\\n\s*", "", block).splitlines(keepends=True)]
    found: list[str] = []
    for line in lines:
        if line.startswith("curl "):
            found.append(line)
        elif found and found[-1].count("'") % 2:
            found[-1] += line
    return found


@pytest.mark.requirement("LW-37")
def test_every_example_works(tmp_path: Path) -> None:
    data = tmp_path / "data"
    subprocess.run([*KUSKA, "demo", "--data", str(data), "--patients", "60"], check=True, capture_output=True)
    examples = commands()
    assert len(examples) >= 5
    with served(data) as (_, port):
        for example in examples:
            done = subprocess.run(
                ["bash", "-c", example.replace("8080", str(port))], capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, example
            assert '"resourceType"' in done.stdout.replace(" ", ""), example
            if "/Patient?" in example or "/Condition?" in example:
                assert '"entry"' in done.stdout, f"finds nothing: {example}"
