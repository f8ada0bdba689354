"""What the repository must not hold: keys, tokens, passwords. A simple look at every file; what tests invent is listed."""

from __future__ import annotations

import math
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

pytestmark = pytest.mark.requirement("LW-29")
ROOT = Path(__file__).parents[2]
_PATTERNS = {
    "private key": re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s*\n[A-Za-z0-9+/=\s]{40,}"),
    "AWS access key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "GitHub token": re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36,}\b"),
    "Slack token": re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{20,}\b"),
    "Vault token": re.compile(r"\bhv[sb]\.[A-Za-z0-9_-]{24,}\b"),
    "Google key": re.compile(r"\bAIza[0-9A-Za-z_-]{35}\b"),
    "signed token": re.compile(r"\beyJ[A-Za-z0-9_-]{20,}\.eyJ[A-Za-z0-9_-]{40,}\.[A-Za-z0-9_-]{40,}\b"),
    "password in an address": re.compile(
        r"[a-z]+://[^/\s:@{}$<>…]+:(?!password|secret|…)[^/\s@{}$<>…*]{12,}@(?!example)[\w.-]+"
    ),
}
_ASSIGNED = re.compile(
    r"""(?i)\b(?:password|passwd|secret|api_?key|token|private_?key)\w*["']?\s*[:=]\s*["']([A-Za-z0-9+/=_-]{24,})["']"""
)
_RANDOM = 4.0  # bits per character: words and names have less
_BINARY = {".zst", ".xz", ".png", ".ico", ".woff2", ".dict", ".gz", ".dcm", ".pdf", ".jpg"}
# A file and why what looks like a secret there is none.
_KNOWN: dict[str, str] = {}


def committed() -> list[Path]:
    said = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in said.stdout.split("\0") if name and Path(name).suffix not in _BINARY]


def randomness(text: str) -> float:
    counts = Counter(text)
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values())


def findings(text: str) -> list[str]:
    found = [name for name, pattern in _PATTERNS.items() if pattern.search(text)]
    if any(randomness(value) > _RANDOM for value in _ASSIGNED.findall(text)):
        found.append("a random value under the name of a secret")
    return found


def test_no_secret_is_committed() -> None:
    guilty: dict[str, list[str]] = {}
    for path in committed():
        if path.name in {"uv.lock", "package-lock.json"} or not path.is_file():
            continue
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        name = str(path.relative_to(ROOT))
        if name not in _KNOWN and (found := findings(text)):
            guilty[name] = found
    assert not guilty


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN " + "PRIVATE KEY-----\n" + "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQ",
        "AKIA" + "ABCDEFGHIJKLMNOP",
        "postgresql://kuska:" + "Zk93mQpl20dkWw" + "@db.hospital.pe/kuska",
        'API_KEY = "' + "q8Jd03kLmZx92bVtYw7RfHs1" + '"',
    ],
)
def test_it_would_be_seen(text: str) -> None:
    assert findings(text)
