"""XML of strangers, read without what XML can do to its reader: no DTD, no entities, no other files, bounded.

https://cheatsheetseries.owasp.org/cheatsheets/XML_External_Entity_Prevention_Cheat_Sheet.html
"""

from __future__ import annotations

from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from kuska.kit.errors import IncorrectError, Issue

DEPTH = 100
NODES = 200_000


class _Bounded(TreeBuilder):
    def __init__(self, depth: int, nodes: int) -> None:
        super().__init__()
        self._left = self._most = nodes
        self._open = 0
        self._deepest = depth

    def start(self, tag: str, attrs: dict[str, str], /) -> Element:  # pyright: ignore[reportIncompatibleMethodOverride]
        self._open += 1
        self._left -= 1 + len(attrs)
        if self._open > self._deepest:
            raise _refused("xml.too-deep", limit=self._deepest)
        if self._left < 0:
            raise _refused("xml.too-many-nodes", limit=self._most)
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> Element:
        self._open -= 1
        return super().end(tag)


def parse(raw: bytes, *, depth: int = DEPTH, nodes: int = NODES) -> Element:
    """The root element. Whoever reads the bytes from a stream bounds their number."""
    parser = DefusedXMLParser(
        target=_Bounded(depth, nodes), forbid_dtd=True, forbid_entities=True, forbid_external=True
    )
    try:
        parser.feed(raw)
        root: Element = parser.close()
    except DefusedXmlException:
        raise _refused("xml.forbidden") from None
    except (ParseError, ValueError, LookupError) as error:
        # Without the parser's text: it may quote the document. Its place is enough.
        line, column = getattr(error, "position", (0, 0))
        raise _refused("xml.not-well-formed", line=line, column=column) from None
    return root


def _refused(message: str, **params: object) -> IncorrectError:
    return IncorrectError(Issue(severity="fatal", code="structure", message=message, params=params))
