"""What codes are displayed as, for `:text`: a dictionary shared by all resources instead of strings of each.

A population repeats a few thousand displays millions of times; as strings of each resource they would double its index
rows (measured: docs/adr/0003-index-tables.md). So a display belongs to its code: `:text` finds the codes that are
shown so somewhere, then the resources that have them. The text of a CodeableConcept that is not one of its displays
belongs to the resource: it becomes a code itself, of the made-up system TEXTS, with its hash as the code. So does the
display of a code without a system: "1" is one thing here and another there.

Invariant: the displays of a resource are in its rows' `displays`, or somebody reported them as stored with `learn`;
forgetting costs a repeated insert, never a lost display.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from itertools import islice
from typing import Any

from kuska.fhir.domain.indexing.keys import fold, system_hash, token_code
from kuska.fhir.domain.indexing.rows import DisplayRow, IndexRows

TEXTS = system_hash("urn:kuska:text")
_MAX_TEXT = 200  # characters; with the longest code it still fits an index entry
MAX_KNOWN = 100_000  # about 20 MB; a record that shows more than that has free text where terms should be


@lru_cache(maxsize=8192)
def text_code(folded: str) -> str:
    """The code that a text without a code has: twelve characters."""
    return urlsafe_b64encode(blake2b(folded.encode("utf-8", "surrogatepass"), digest_size=9).digest()).decode()


def folded_display(written: str) -> str:
    return fold(written)[:_MAX_TEXT].rstrip()


class Displays:
    """`unknown`: has anything been noted since the last `learn` that was not known?"""

    def __init__(self) -> None:
        self._known: set[DisplayRow] = set()
        self.unknown = True

    def learn(self, stored: Iterable[DisplayRow]) -> None:
        """These are committed: no resource need bring them again. Beyond the limit the rest stays unknown."""
        self._known = set(islice(stored, MAX_KNOWN))
        self.unknown = False

    def of_coding(self, coding: dict[str, Any], key: int, rows: IndexRows) -> str:
        """Gives the display back folded. Without a code of some system it is a text."""
        code, system = coding.get("code"), coding.get("system")
        if code is None or not system:
            return self.of_text(coding["display"], key, rows)
        text = folded_display(coding["display"])
        self._note((system_hash(system), token_code(code), text), rows)
        return text

    def of_text(self, written: str, key: int, rows: IndexRows) -> str:
        """`key` is the parameter's variant 'text'."""
        text = folded_display(written)
        if text:
            code = text_code(text)
            rows.tokens.append((key, TEXTS, code))
            self._note((TEXTS, code, text), rows)
        return text

    def _note(self, entry: DisplayRow, rows: IndexRows) -> None:
        if entry not in self._known and entry[2]:
            self.unknown = True
            rows.displays.append(entry)
