"""How resources of a life point to each other and to what all lives share.

SERVER: POST entries, `urn:uuid` references, conditional references to shared resources; the record mints the ids.
CLIENT: PUT entries with ids of our own and literal references; loading twice changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Ids(StrEnum):
    SERVER = "server"
    CLIENT = "client"


@dataclass(frozen=True, slots=True)
class Shared:
    """A resource that many lives point to."""

    type: str
    id: str
    system: str
    value: str
    display: str

    def reference(self, ids: Ids) -> dict[str, Any]:
        if ids is Ids.CLIENT:
            return {"reference": f"{self.type}/{self.id}", "display": self.display}
        return {"reference": f"{self.type}?identifier={self.system}|{self.value}", "display": self.display}


def local(ids: Ids, type_: str, uuid: str) -> str:
    return f"{type_}/{uuid}" if ids is Ids.CLIENT else f"urn:uuid:{uuid}"


def entry(ids: Ids, uuid: str, node: dict[str, Any]) -> dict[str, Any]:
    """The transaction entry of a resource of a life."""
    type_ = node["resourceType"]
    if ids is Ids.CLIENT:
        return {"fullUrl": f"urn:uuid:{uuid}", "resource": node, "request": {"method": "PUT", "url": f"{type_}/{uuid}"}}
    return {"fullUrl": f"urn:uuid:{uuid}", "resource": node, "request": {"method": "POST", "url": type_}}


def bundle(entries: list[dict[str, Any]]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}
