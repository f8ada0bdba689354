"""Bundles of results, put together from bodies that are JSON already: nothing is parsed to be shown. Pure.

https://hl7.org/fhir/R4/search.html#response · https://hl7.org/fhir/R4/http.html#history
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from kuska.kit.json import Node, encode


@dataclass(frozen=True, slots=True)
class Link:
    relation: str
    url: str


def url(base: str, path: str, params: Sequence[tuple[str, str]]) -> str:
    """With the characters that searches are full of left readable."""
    head = f"{base}/{path}" if path else base
    return f"{head}?{urlencode(params, quote_via=quote, safe=':,|$*/@')}" if params else head


def bundle(type_: str, total: int | None, links: Iterable[Link], entries: Sequence[bytes]) -> bytes:
    head: Node = {"resourceType": "Bundle", "type": type_}
    if total is not None:
        head["total"] = total
    head["link"] = [{"relation": link.relation, "url": link.url} for link in links]
    if not entries:  # an empty array is no JSON of FHIR's
        return encode(head)
    return b'%b,"entry":[%b]}' % (encode(head)[:-1], b",".join(entries))


def found_entry(base: str, type_: str, id_: str, body: bytes, mode: str) -> bytes:
    return b'{"fullUrl":"%b/%b/%b","resource":%b,"search":{"mode":"%b"}}' % (
        base.encode(),
        type_.encode(),
        id_.encode(),
        body,
        mode.encode(),
    )


def outcome_entry(outcome: Node) -> bytes:
    return b'{"resource":%b,"search":{"mode":"outcome"}}' % encode(outcome)
