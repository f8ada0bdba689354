"""Hashes and folded texts that index rows and queries share.

Role: whatever turns a value into something comparable is here (dates: dates.py; units: kuska.fhir.domain.ucum), and
both sides call it. Invariants: every function is pure and depends on nothing but its arguments (no locale, no
collation of a server, no seed); a change of any result means re-indexing everything.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from hashlib import blake2b

__all__ = [
    "code_hash",
    "exact_hash",
    "fold",
    "sort_key",
    "system_hash",
    "token_code",
    "unit_hash",
    "variant_key",
    "word_starts",
    "words",
]

MAX_CODE = 200  # characters of a code that are kept as they are
MAX_TEXT = 512  # characters of a folded text; keeps the longest index entry (3 bytes each) well below a page's third
MAX_WORDS = 1024  # different words of one text that get a row

# --- hashes ------------------------------------------------------------------------------------------------------


def _hash32(text: str) -> int:
    """Signed, and never 0: that is 'none' in every column."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=4).digest(), signed=True) or 1


@lru_cache(maxsize=8192)
def system_hash(uri: str) -> int:
    """Of a code system's or identifier system's URI; 0 for the empty one."""
    return _hash32(uri) if uri else 0


@lru_cache(maxsize=4096)
def unit_hash(system: str, code: str) -> int:
    """Of a unit with its system; 0 without a code."""
    return _hash32(f"{system}|{code}") if code else 0


@lru_cache(maxsize=4096)
def code_hash(code: str) -> int:
    """Of a unit's code, or of its text where it has no code; 0 when empty."""
    return _hash32(code) if code else 0


def exact_hash(text: str) -> int:
    """Signed, 64 bits, of a text exactly as written."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), signed=True)


def token_code(text: str) -> str:
    """The code column: the text itself; one of more than 200 characters is cut there and told apart by a hash."""
    if len(text) <= MAX_CODE:
        return text
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return f"{text[:MAX_CODE]}~{digest}"


@lru_cache(maxsize=4096)
def variant_key(type_: str, code: str, variant: str) -> int:
    """`param` of the rows that answer `Type?code:variant=`: 'identifier', 'of-type' (tokens), 'text' (strings).

    Tests prove that no two parameters or variants of R4 share a number.
    """
    return _hash32(f"{type_}.{code}:{variant}")


# --- texts -------------------------------------------------------------------------------------------------------

# Letters that no decomposition turns into a plain one.
_LETTERS = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "ı": "i", "þ": "th", "ħ": "h", "ŋ": "n", "ƶ": "z"}
)
# Inside a word these are no separators: O'Higgins = OHiggins, D´Angelo = Dangelo. The soft hyphen and zero-width signs too.
_APOSTROPHES = re.compile("['`´ʹʻʼʽʾʿˈ‘’‛′ꞌ＇\u00ad\u200b-\u200f\u2060\ufeff]")
_INITIALS = re.compile(r"(?<=\b[^\W\d_])\.(?=[^\W\d_]\b|\W|$)")  # S.A.C. = SAC, but J.Pérez = J Pérez
_SEPARATORS = re.compile(r"[\W_]+")
_N_TILDE = re.compile("n\u0303")
_AFTER_N = "n~"  # sorts after every n-word: '~' follows all letters in the order of the code points


def fold(text: str) -> str:
    """The text as it is searched: no case, no accents, no punctuation, single blanks, at most 512 characters.

    ñ is n, ü is u, ß is ss, æ is ae, ligatures and full-width letters are plain ones. Apostrophes vanish (O'Higgins is
    ohiggins), dots of initials too (S.A. is sa); all other punctuation separates words (Pérez-Gil is perez gil).
    fold(fold(x)) == fold(x).
    """
    return _folded(text)[:MAX_TEXT].rstrip()


def sort_key(text: str) -> str | None:
    """Where the text stands in the Spanish alphabet, if that is not where its folded form stands: ñ follows n."""
    if text.isascii():
        return None
    lower = text.casefold()
    if "ñ" not in lower and "\u0303" not in lower:
        return None
    marked = _N_TILDE.sub("nⴆ", unicodedata.normalize("NFD", lower))  # a letter that folding leaves alone
    key = _folded(marked).replace("nⴆ", _AFTER_N)[:MAX_TEXT].rstrip()
    return key if key != fold(text) else None


def words(text: str) -> list[str]:
    """All words of a text as written, folded, each once; not cut at 512 characters like the whole text is."""
    return list(dict.fromkeys(word[:MAX_TEXT] for word in _folded(text).split()))[:MAX_WORDS]


def word_starts(folded: str) -> list[str]:
    """The later words of a folded text, each once, that a prefix search on the whole text would not find."""
    first, *later = folded.split() or [""]
    return [word for word in dict.fromkeys(later) if not first.startswith(word)]


@lru_cache(maxsize=8192)
def _folded(text: str) -> str:
    """Nearly all texts are words of Latin letters: those take one translation and no search for exceptions."""
    lower = text.lower() if text.isascii() else text.casefold().translate(_latin())
    if lower.isascii():
        plain = " ".join(lower.split())
        return plain if plain.replace(" ", "").isalnum() else _plain(lower)
    return _settled(text)


def _settled(text: str) -> str:
    for _ in range(3):  # a case mapping can bring out a mark and the other way round; the second turn settles it
        folded = _plain(_unmarked(_APOSTROPHES.sub("", text).casefold()))
        if folded == text:
            break
        text = folded
    return text


@cache
def _latin() -> dict[int, str]:
    """What the letters of Latin-1 and its extensions fold to, so far as that is plain letters."""
    found = {point: _settled(chr(point)) for point in range(0x80, 0x250)}
    # Between letters too: ŀ at the end of a word is l, but inside one it brings a dot that separates.
    letters = {
        point: text
        for point, text in found.items()
        if text.isascii() and text.isalnum() and _settled(f"x{chr(point)}x") == f"x{text}x"
    }
    return letters | {point: "" for point in range(0x80, 0x250) if _APOSTROPHES.match(chr(point))}


def _unmarked(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join([sign for sign in decomposed if unicodedata.category(sign) != "Mn"]).casefold().translate(_LETTERS)


def _plain(text: str) -> str:
    """Words of letters and digits with single blanks between them."""
    return _SEPARATORS.sub(" ", _INITIALS.sub("", _APOSTROPHES.sub("", text))).strip()
