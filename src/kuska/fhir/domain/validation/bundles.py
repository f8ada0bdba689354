"""Rules of Bundles that need more than one entry or more than FHIRPath says.

https://hl7.org/fhir/R4/bundle.html
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from kuska.fhir.domain.validation.context import Context, shown
from kuska.kit.json import Node

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")
_RESTFUL = re.compile(r"https?://.+/([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})")


def _full_urls(node: Node, at: str, context: Context) -> None:
    """FullUrl is absolute, and agrees with the id where it is the address of a resource on a server."""
    for index, entry in _entries(node):
        url, resource = entry.get("fullUrl"), entry.get("resource")
        if not isinstance(url, str):
            continue
        place = f"{at}.entry[{index}].fullUrl"
        if not _ABSOLUTE.match(url):
            context.error(place, "value", "full-url-not-absolute", found=shown(url))
        elif isinstance(resource, dict) and (found := _RESTFUL.fullmatch(url)):
            id_ = resource.get("id")
            if found[1] == resource.get("resourceType") and isinstance(id_, str) and found[2] != id_:
                context.error(place, "value", "full-url-differs", found=shown(url), id=shown(id_))


def _links(node: Node, at: str, context: Context) -> None:
    """One link of each relation that pages a result."""
    links = node.get("link")
    if not isinstance(links, list):
        return
    relations = Counter(str(link.get("relation")) for link in links if isinstance(link, dict))
    for relation in ("self", "first", "previous", "prev", "next", "last"):
        if relations[relation] > 1:
            context.error(f"{at}.link", "structure", "link-repeated", relation=relation)


def _matches(node: Node, at: str, context: Context) -> None:
    """What a search returns has ids, and outcomes are OperationOutcomes."""
    if node.get("type") != "searchset":
        return
    for index, entry in _entries(node):
        resource, search = entry.get("resource"), entry.get("search")
        mode = search.get("mode") if isinstance(search, dict) else None
        if not isinstance(resource, dict):
            continue
        place = f"{at}.entry[{index}].resource"
        is_outcome = resource.get("resourceType") == "OperationOutcome"
        if mode == "outcome" and not is_outcome:
            context.error(place, "value", "search-outcome", found=shown(resource.get("resourceType")))
        if "id" not in resource and not is_outcome:
            context.error(place, "required", "search-result-without-id")


def _entries(node: Node) -> list[tuple[int, Node]]:
    entries: Any = node.get("entry")
    if not isinstance(entries, list):
        return []
    return [(index, entry) for index, entry in enumerate(entries) if isinstance(entry, dict)]


bundle_rules = (_full_urls, _links, _matches)
