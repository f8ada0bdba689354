"""Makes src/kuska/security/domain/breached.txt.xz from the frequency list of the package zxcvbn (MIT).

    uv pip install --target FOLDER zxcvbn==4.5.0 && python dev/passwords/build.py FOLDER

The list holds the most common of several published leaks. Shorter ones than six characters are left out: no rule of
ours lets them through anyway, and as the core of a longer password they say little.
"""

from __future__ import annotations

import lzma
import sys
from importlib import import_module
from pathlib import Path

TARGET = Path(__file__).parents[2] / "src" / "kuska" / "security" / "domain" / "breached.txt.xz"
_SHORTEST = 6


def main(folder: str) -> None:
    sys.path.insert(0, folder)
    leaked: list[str] = list(import_module("zxcvbn.frequency_lists").FREQUENCY_LISTS["passwords"])
    kept = sorted({word.casefold() for word in leaked if len(word) >= _SHORTEST})
    TARGET.write_bytes(lzma.compress("\n".join(kept).encode(), preset=9 | lzma.PRESET_EXTREME))
    print(f"{len(kept)} passwords, {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main(sys.argv[1])
