"""`python -m dev.fuzz [--seconds N] [target …]`: coverage-guided fuzzing of everything that reads bytes of strangers.

Each target runs in a process of its own for N seconds (3). What it dies of is kept in build/fuzz/<target>/ and printed;
`python -m dev.fuzz --again FILE target` runs one input. Inputs that found new paths are kept there too and are the
beginnings of the next run.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "build" / "fuzz"
_SLOWEST = 5  # seconds for one input


def main() -> int:
    parser = argparse.ArgumentParser(prog="fuzz")
    parser.add_argument("targets", nargs="*")
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--runs", type=int, default=0, help="so many inputs instead, the same ones every time")
    parser.add_argument("--again", type=Path)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    try:
        import atheris  # noqa: F401, PLC0415 # pyright: ignore[reportMissingImports]
    except ImportError:
        print("fuzz: atheris is not there for this Python: nothing was fuzzed (the seeds run in the test suite)")
        return 0
    if options.inside:
        return _inside(options.targets[0], options.seconds, options.runs)
    from dev.fuzz.targets import ALLOWED, TARGETS  # noqa: PLC0415

    if options.again:
        try:
            TARGETS[options.targets[0]].run(options.again.read_bytes())
        except ALLOWED as error:
            print(f"refused as it should be: {error}")
        return 0
    failed = [name for name in options.targets or TARGETS if not _beside(name, options.seconds, options.runs)]
    return 1 if failed else 0


def _beside(name: str, seconds: int, runs: int) -> bool:
    begun = time.monotonic()
    command = [sys.executable, "-m", "dev.fuzz", "--inside", f"--seconds={seconds}", f"--runs={runs}", name]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=seconds * 3 + 300)
    looked = re.findall(r"^#(\d+)\s", done.stderr, re.MULTILINE)
    taken = time.monotonic() - begun
    print(
        f"fuzz: {name}: {'ok' if done.returncode == 0 else 'FAILED'}, {looked[-1] if looked else '?'} inputs, {taken:.0f} s",
        flush=True,
    )
    if done.returncode:
        print(done.stderr[-4000:])
        if found := re.search(r"^Base64: (\S+)", done.stderr, re.MULTILINE):
            print(f"the input: {base64.b64decode(found[1])!r}")
    return done.returncode == 0


def _inside(name: str, seconds: int, runs: int) -> int:
    import atheris  # noqa: PLC0415 # pyright: ignore[reportMissingImports]

    # What atheris 2.3 makes of this module's bytecode on Python 3.11 runs wrongly; it is fuzzed without its coverage.
    with atheris.instrument_imports(include=["kuska"], exclude=["kuska.fhir.domain.fhirpath.parser"]):
        from dev.fuzz.targets import ALLOWED, TARGETS  # noqa: PLC0415
    target = TARGETS[name]
    folder = KEPT / name
    (folder / "corpus").mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds):
        (folder / "corpus" / f"seed{number}").write_bytes(seed)

    def run(data: bytes) -> None:
        with contextlib.suppress(*ALLOWED):
            target.run(data)

    length = ["-seed=1", f"-runs={runs}"] if runs else [f"-max_total_time={seconds}"]
    limits = [*length, f"-timeout={_SLOWEST}", "-rss_limit_mb=2048", "-max_len=4096"]
    atheris.Setup([name, *limits, f"-artifact_prefix={folder}/", str(folder / "corpus")], run)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
