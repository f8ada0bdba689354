"""The XHTML of narratives: well formed, one `div`, only the tags and attributes that R4 allows, nothing active.

https://hl7.org/fhir/R4/narrative.html · constraints txt-1 and txt-2
"""

from __future__ import annotations

import re
from xml.parsers import expat

_XHTML = "http://www.w3.org/1999/xhtml"
# HTML 4.0 chapters 7-11 (but section 4 of chapter 9) and 15, plus <a>, <img> and style attributes.
_TAGS = frozenset(
    [
        "div",
        "p",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "address",
        "hr",
        "em",
        "strong",
        "dfn",
        "code",
        "samp",
        "kbd",
        "var",
        "cite",
        "abbr",
        "acronym",
        "q",
        "blockquote",
        "sub",
        "sup",
        "br",
        "pre",
        "ul",
        "ol",
        "li",
        "dl",
        "dt",
        "dd",
        "table",
        "caption",
        "thead",
        "tfoot",
        "tbody",
        "colgroup",
        "col",
        "tr",
        "th",
        "td",
        "tt",
        "i",
        "b",
        "big",
        "small",
        "span",
        "bdo",
        "a",
        "img",
        "ins",
        "del",
        "s",
        "strike",
        "u",
        "font",
        "center",
        "map",
        "area",
    ]
)
_ATTRIBUTES = frozenset(
    [
        "abbr",
        "accesskey",
        "align",
        "alt",
        "axis",
        "bgcolor",
        "border",
        "cellhalign",
        "cellpadding",
        "cellspacing",
        "cellvalign",
        "char",
        "charoff",
        "charset",
        "cite",
        "class",
        "colspan",
        "compact",
        "coords",
        "dir",
        "frame",
        "headers",
        "height",
        "href",
        "hreflang",
        "hspace",
        "id",
        "lang",
        "longdesc",
        "name",
        "nowrap",
        "rel",
        "rev",
        "rowspan",
        "rules",
        "scope",
        "shape",
        "span",
        "src",
        "start",
        "style",
        "summary",
        "tabindex",
        "target",
        "title",
        "type",
        "valign",
        "value",
        "vspace",
        "width",
        "usemap",
        "color",
        "face",
        "size",
        "clear",
        "noshade",
    ]
)
_ACTIVE_URL = re.compile(r"(?:javascript|vbscript|data:(?!image/))", re.IGNORECASE)
_BLANK = re.compile(r"[\x00-\x20\u2028\u2029]+")
_URLS = frozenset(("href", "src", "cite", "longdesc", "usemap"))


class _Bad(Exception):  # noqa: N818
    pass


def narrative_problem(text: str) -> tuple[str, str] | None:
    """(message key, detail) of the first thing that is wrong."""
    parser = expat.ParserCreate(namespace_separator="}")
    depth = 0
    has_content = False

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth, has_content
        space, _, name = tag.rpartition("}")
        if depth == 0 and (name != "div" or space != _XHTML):
            raise _Bad("narrative-not-div", name)
        if space != _XHTML or name not in _TAGS:
            raise _Bad("narrative-tag", name)
        for attribute, value in attributes.items():
            # xml:lang and xml:id come with the XML name space.
            if attribute not in _ATTRIBUTES and not attribute.startswith("http://www.w3.org/XML/1998/namespace}"):
                raise _Bad("narrative-attribute", attribute)
            # Browsers leave out blanks and control characters before they look at the scheme.
            if attribute in _URLS and _ACTIVE_URL.match(_BLANK.sub("", value)):
                raise _Bad("narrative-active-link", value[:40])
        if name == "img":
            has_content = True
        depth += 1

    def end(tag: str) -> None:  # noqa: ARG001
        nonlocal depth
        depth -= 1

    def data(text: str) -> None:
        nonlocal has_content
        has_content = has_content or not text.isspace()

    def declared(*_: object) -> None:
        raise _Bad("narrative-doctype", "")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = data
    parser.StartDoctypeDeclHandler = declared
    parser.ProcessingInstructionHandler = declared
    try:
        parser.Parse(text, True)
    except _Bad as bad:
        key, detail = bad.args
        return key, detail
    except expat.ExpatError as error:
        return "narrative-not-xml", expat.ErrorString(error.code)
    return None if has_content else ("narrative-empty", "")
