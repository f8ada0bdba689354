"""Styles and scripts, each under a name that holds its content's hash: kept by browsers for ever, never out of date."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from starlette.requests import Request
from starlette.responses import Response

from kuska.security.api import open_to_all

PATH = "/estatico"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
_FOR_EVER = {"cache-control": "public, max-age=31536000, immutable"}


@dataclass(frozen=True, slots=True)
class Asset:
    content: bytes
    media_type: str


class Assets:
    """Read once: a file that changes while the process runs is a new release's business."""

    def __init__(self, folder: Path | None = None) -> None:
        names: dict[str, str] = {}
        served: dict[str, Asset] = {}
        for path in sorted((folder or Path(__file__).parent / "static").iterdir()):
            content = path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()[:12]
            name = f"{path.stem}.{digest}{path.suffix}"
            names[path.name] = f"{PATH}/{name}"
            served[name] = Asset(content, _TYPES[path.suffix])
        self._names: Mapping[str, str] = MappingProxyType(names)
        self._served: Mapping[str, Asset] = MappingProxyType(served)

    def url(self, name: str) -> str:
        return self._names[name]

    @open_to_all("styles and scripts, the same for everybody")
    async def serve(self, request: Request) -> Response:
        """Only names that were read at the start: a path is never joined to a folder."""
        found = self._served.get(request.path_params["name"])
        if found is None:
            return Response(status_code=404)
        return Response(found.content, 200, dict(_FOR_EVER), found.media_type)
