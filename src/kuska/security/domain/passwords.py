"""What a password may be: NIST SP 800-63B-4 and OWASP ASVS 5 §6.2. Long enough, not leaked, not the person's own name.

No rule about kinds of characters and no forced change: both make passwords worse. Every character counts, blanks too.
"""

from __future__ import annotations

import lzma
import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from itertools import pairwise

from kuska.kit.errors import Issue

# More is refused rather than cut off: hashing takes no longer, but a megabyte must still be received and kept.
MAX_LENGTH = 256
# What people put around a leaked word to satisfy a rule: '2026', '123!', '***'.
_TRIMMING = re.compile(r"^[\W\d_]+|[\W\d_]+$")
_LEET = str.maketrans("01345@$7", "oieasast")
# A word of the person's own that is shorter proves nothing when it is found inside.
_TELLING = 3


@cache
def breached() -> frozenset[str]:
    """The most common of published leaks, folded (dev/passwords/build.py)."""
    raw = files("kuska.security.domain").joinpath("breached.txt.xz").read_bytes()
    return frozenset(lzma.decompress(raw).decode().split("\n"))


@cache
def common_words() -> frozenset[str]:
    """Words that people here make passwords of: months, cities, clubs, what the work is about. Without accents."""
    return frozenset(files("kuska.security.domain").joinpath("common_words.txt").read_text("utf-8").split())


def normal(password: str) -> str:
    """The text that is hashed: the same whatever keyboard composed it."""
    return unicodedata.normalize("NFKC", password)


def problems(password: str, *, least: int, own_words: Iterable[str] = ()) -> tuple[Issue, ...]:
    """Why this password is refused; () = it is good. `own_words`: login, name, e-mail of its owner."""
    text = normal(password)
    if len(text) < least:
        return (_issue("password.too-short", least=least),)
    if len(text) > MAX_LENGTH:
        return (_issue("password.too-long", most=MAX_LENGTH),)
    folded = text.casefold()
    bare = _bare(folded)
    if _is_leaked(folded) or _is_leaked(bare) or _is_one_word(bare) or _repeats(folded):
        return (_issue("password.common"),)
    if 2 * len(_without(folded, _words(own_words))) <= len(folded):
        return (_issue("password.own-name"),)
    return ()


def _is_leaked(folded: str) -> bool:
    known = breached()
    if folded in known or folded.translate(_LEET) in known:
        return True
    # 'password2026!' is a leaked word with trimmings; a word among three others is not.
    core = _TRIMMING.sub("", folded)
    return 2 * len(core) >= len(folded) and (core in known or core.translate(_LEET) in known)


def _bare(folded: str) -> str:
    """Without accents and tildes: 'contraseña' is as easily guessed as 'contrasena'."""
    return "".join(sign for sign in unicodedata.normalize("NFKD", folded) if not unicodedata.combining(sign))


def _is_one_word(bare: str) -> bool:
    """One common word with trimmings, perhaps said to be one's own: 'Bienvenido123!', 'mihospital2026'."""
    core = _TRIMMING.sub("", bare).translate(_LEET)
    return any(core.removeprefix(own) in common_words() for own in ("", "mi", "el", "la"))


def _repeats(folded: str) -> bool:
    """One short piece over and over ('aaaaaaaaaaaa', 'abcabcabcabc', 'password' twice), or a run ('123456789012')."""
    for size in range(1, len(folded) // 2 + 1):
        if (folded[:size] * (len(folded) // size + 1))[: len(folded)] == folded:
            return size <= 4 or folded[:size] in breached()
    if folded.isdigit():
        return len({(ord(later) - ord(earlier)) % 10 for earlier, later in pairwise(folded)}) == 1
    # 'abcdefghijkl' and back, whatever is put behind it.
    core = _TRIMMING.sub("", folded)
    steps = {ord(later) - ord(earlier) for earlier, later in pairwise(core)}
    return 2 * len(core) >= len(folded) and len(steps) == 1 and abs(steps.pop()) <= 1


def _without(folded: str, words: set[str]) -> str:
    for word in sorted(words, key=len, reverse=True):
        folded = folded.replace(word, "")
    return folded


def _words(own: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for text in own:
        folded = normal(text).casefold()
        found |= {folded, folded.partition("@")[0], folded.replace(" ", ""), *re.split(r"[\s@._-]+", folded)}
    return {word for word in found if len(word) >= _TELLING}


def _issue(message: str, **params: object) -> Issue:
    return Issue(code="value", message=message, params=params, expression="password")
