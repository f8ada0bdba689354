"""What README tells a newcomer to type works as it stands there."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from tests.app.test_cli import KUSKA, served

README = Path(__file__).parents[2] / "README.md"


def commands() -> list[str]:
    """The lines of the examples that ask a running server, each with the lines that belong to it."""
    blocks = re.findall(r"^```sh\n(.*?)^```", README.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in re.sub(r"\\\n\s*", "", block).splitlines(keepends=True)]
    found: list[str] = []
    for line in lines:
        if line.startswith(("curl ", "TOKEN=", ".venv/bin/kuska audit")):
            found.append(line)
        elif found and found[-1].count("'") % 2:
            found[-1] += line
    return found


@pytest.mark.requirement("LW-37")
def test_every_example_works(tmp_path: Path) -> None:
    data = tmp_path / "data"
    subprocess.run([*KUSKA, "demo", "--data", str(data), "--patients", "10"], check=True, capture_output=True)
    examples = commands()
    assert sum(example.startswith("curl") for example in examples) >= 7
    with served(data, security="on") as (_, port):
        environment = os.environ | {"KUSKA_PORT": str(port)}
        for example in examples:
            script = example.replace("8080", str(port)).replace("--data data", f"--data '{data}'")
            script = script.replace(".venv/bin/kuska", shlex.join(KUSKA))
            if example.startswith("TOKEN="):
                script += 'printf %s "$TOKEN"'
            done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, example + done.stderr
            if example.startswith("TOKEN="):
                environment["TOKEN"] = done.stdout
            elif example.startswith("curl"):
                assert '"resourceType"' in done.stdout.replace(" ", ""), example
                if "?" in example:
                    assert '"entry"' in done.stdout, f"finds nothing: {example}"
