"""The entries of a batch-response or transaction-response. Pure. https://hl7.org/fhir/R4/bundle.html#transaction-response"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus

from kuska.fhir.domain.http import etag
from kuska.kit.json import Node, encode


def status_line(status: int) -> str:
    return f"{status} {HTTPStatus(status).phrase}"


def entry(
    status: int,
    *,
    version: int = 0,
    updated: datetime | None = None,
    location: str = "",
    resource: bytes = b"",
    outcome: Node | None = None,
) -> bytes:
    response: Node = {"status": status_line(status)}
    if location:
        response["location"] = location
    if version:
        response["etag"] = etag(version)
    if updated is not None:
        moment = updated.astimezone(UTC)
        response["lastModified"] = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
    if outcome is not None:
        response["outcome"] = outcome
    head = b'"resource":%b,' % resource if resource else b""
    return b'{%b"response":%b}' % (head, encode(response))


def bundle(kind: str, base: str, entries: Sequence[bytes]) -> bytes:
    head: Node = {"resourceType": "Bundle", "type": f"{kind}-response"}
    if base:
        head["link"] = [{"relation": "self", "url": base}]
    return b'%b,"entry":[%b]}' % (encode(head)[:-1], b",".join(entries)) if entries else encode(head)
