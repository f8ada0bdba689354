"""PDF files of strangers: looked into before they are kept or shown, and refused when they would do something.

A PDF can run scripts, start programs, send forms and carry other files. A clinical document needs none of these.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any

from pypdf import PdfReader
from pypdf.errors import PdfReadError, PyPdfError
from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject

from kuska.kit.errors import IncorrectError, Issue

BYTES = 100 * 1024 * 1024
OBJECTS = 200_000
_ACTIVE = frozenset({"/JS", "/JavaScript", "/Launch", "/EmbeddedFile", "/EmbeddedFiles", "/RichMedia", "/SubmitForm",
                     "/ImportData", "/GoToE", "/GoToR", "/XFA", "/Movie", "/Sound", "/Rendition"})  # fmt: skip


def pages(raw: bytes) -> int:
    """The number of pages of a PDF that only shows something. Anything else is refused."""
    if not raw.startswith(b"%PDF-") or len(raw) > BYTES:
        raise _refused("pdf.not-a-pdf")
    try:
        reader = PdfReader(BytesIO(raw), strict=False)
        if reader.is_encrypted:
            raise _refused("pdf.encrypted")
        for looked, node in enumerate(_nodes(reader.trailer)):
            if looked > OBJECTS:
                raise _refused("pdf.too-large")
            _look(node)
        return len(reader.pages)
    except (PyPdfError, PdfReadError, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        raise _refused("pdf.damaged") from None


def _nodes(root: Any) -> Iterator[DictionaryObject]:
    """Every dictionary that can be reached, each once."""
    seen: set[tuple[int, int]] = set()
    waiting: list[Any] = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, IndirectObject):
            place = (node.idnum, node.generation)
            if place in seen:
                continue
            seen.add(place)
            node = node.get_object()
        if isinstance(node, DictionaryObject):
            yield node
            waiting.extend(node.values())
        elif isinstance(node, ArrayObject):
            waiting.extend(node)


def _look(node: DictionaryObject) -> None:
    found = _ACTIVE.intersection(str(key) for key in node)
    action = str(node.get("/S", ""))
    kind = str(node.get("/Type", ""))
    if found or action in _ACTIVE or kind in _ACTIVE:
        raise _refused("pdf.active")


def _refused(message: str, **params: object) -> IncorrectError:
    return IncorrectError(Issue(severity="fatal", code="structure", message=message, params=params))
