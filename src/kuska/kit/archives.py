"""Zip files of strangers: nothing is unpacked outside its place, nothing grows without end.

What an archive says of its own sizes is not believed: bytes are counted while they come out.
"""

from __future__ import annotations

import stat
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import PurePosixPath
from typing import BinaryIO
from zipfile import BadZipFile, ZipFile, ZipInfo

from kuska.kit.errors import IncorrectError, Issue

ENTRIES = 10_000
TOTAL = 2 * 1024**3
RATIO = 200  # a file that grows more than this is made to; text of records stays below 50
_PIECE = 256 * 1024


def members(
    archive: BinaryIO | bytes, *, entries: int = ENTRIES, total: int = TOTAL, ratio: int = RATIO
) -> Iterator[tuple[str, bytes]]:
    """(name, content) of every file, one at a time. The names are relative, plain and stay below where they are put."""
    left = total
    try:
        with ZipFile(BytesIO(archive) if isinstance(archive, bytes) else archive) as opened:
            infos = opened.infolist()
            if len(infos) > entries:
                raise _refused("archive.too-many-files", limit=entries)
            seen: set[str] = set()
            for info in infos:
                name = _plain(info)
                if info.is_dir():
                    continue
                if name.casefold() in seen:
                    raise _refused("archive.twice")
                seen.add(name.casefold())
                content = _content(opened, info, min(left, max(info.compress_size, 1024) * ratio))
                left -= len(content)
                yield name, content
    except (BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError):
        raise _refused("archive.damaged") from None


def _content(opened: ZipFile, info: ZipInfo, most: int) -> bytes:
    if info.flag_bits & 0x1:
        raise _refused("archive.encrypted")
    pieces: list[bytes] = []
    size = 0
    with opened.open(info) as stream:
        while piece := stream.read(_PIECE):
            size += len(piece)
            if size > most:
                raise _refused("archive.too-large")
            pieces.append(piece)
    return b"".join(pieces)


def _plain(info: ZipInfo) -> str:
    name = info.filename
    path = PurePosixPath(name)
    kind = stat.S_IFMT(info.external_attr >> 16)
    odd = "\\" in name or ":" in name or any(ord(letter) < 32 for letter in name)
    if odd or path.is_absolute() or ".." in path.parts or not path.parts or kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _refused("archive.bad-name")
    return str(path)


def _refused(message: str, **params: object) -> IncorrectError:
    return IncorrectError(Issue(severity="fatal", code="structure", message=message, params=params))
