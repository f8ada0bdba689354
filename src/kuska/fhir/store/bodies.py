"""How a resource's body lies in the database.

A body is stored without what the server itself adds: `resourceType`, `id`, `meta.versionId` and `meta.lastUpdated` come
from columns and are put in front when the resource is read. So an unchanged body is equal byte for byte, a new version
needs no re-encoding, and reading is joining bytes, never parsing. The rest is compressed with a dictionary that knows
how FHIR looks; the first byte says with which, and whether the rest is sealed (docs/adr/0022): then a key's number
follows, and the bytes open only for the resource they were sealed for.
"""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.resources import files

import zstandard

from kuska.kit.json import Node, encode
from kuska.security.contracts import Cipher
from kuska.security.errors import KeyMissingError

_LEVEL = 3
_PLAIN = b"\x00"
_DICTIONARY_1 = b"\x01"
_SEALED = 0x80


def _dictionary() -> zstandard.ZstdCompressionDict | None:
    file = files("kuska.fhir.store") / "body.dict"
    return zstandard.ZstdCompressionDict(file.read_bytes()) if file.is_file() else None


class Bodies:
    """Packs and unpacks bodies. Not for use by several threads at once (zstd contexts are not)."""

    def __init__(self, cipher: Cipher | None = None, *, seal: bool = True) -> None:
        """`seal` False: new bodies stay readable, sealed ones are opened all the same."""
        self._cipher = cipher
        self._sealing = cipher if seal else None
        dictionary = _dictionary()
        self._head = _PLAIN if dictionary is None else _DICTIONARY_1
        parameters = zstandard.ZstdCompressionParameters.from_level(
            _LEVEL, write_dict_id=False, write_checksum=False, write_content_size=True
        )
        if dictionary is None:
            self._compressor = zstandard.ZstdCompressor(compression_params=parameters)
        else:
            dictionary.precompute_compress(level=_LEVEL)
            self._compressor = zstandard.ZstdCompressor(compression_params=parameters, dict_data=dictionary)
        self._decompressors = {_PLAIN[0]: zstandard.ZstdDecompressor()}
        if dictionary is not None:
            self._decompressors[_DICTIONARY_1[0]] = zstandard.ZstdDecompressor(dict_data=dictionary)

    @property
    def mixed(self) -> bool:
        """An unchanged body may be stored as other bytes than `pack` makes now: by an older key, or not sealed."""
        return self._cipher is not None and self._cipher.mixed

    @property
    def beginning(self) -> bytes:
        """What every body packed now begins with."""
        if self._sealing is None:
            return self._head
        return bytes([self._head[0] | _SEALED]) + self._sealing.prefix

    def pack(self, rest: bytes, type_: str, rid: int) -> bytes:
        """`rest` as `tail` makes it."""
        compressed = self._compressor.compress(rest)
        if self._sealing is None:
            return self._head + compressed
        return b"%c%b" % (self._head[0] | _SEALED, self._sealing.seal(compressed, _place(type_, rid)))

    def rest(self, packed: bytes, type_: str, rid: int) -> bytes:
        """What `pack` was given."""
        codec = packed[0]
        body = memoryview(packed)[1:]
        if codec & _SEALED:
            if self._cipher is None:
                raise KeyMissingError("record")
            return self._decompressors[codec ^ _SEALED].decompress(self._cipher.open(body, _place(type_, rid)))
        return self._decompressors[codec].decompress(body)


def _place(type_: str, rid: int) -> bytes:
    """Not the version: an unchanged body must stay the same bytes."""
    return b"%b/%d" % (type_.encode(), rid)


def head(type_: str, id_: str, version: int, updated: datetime) -> bytes:
    return (
        f'{{"resourceType":"{type_}","id":"{id_}","meta":{{"versionId":"{version}","lastUpdated":"{instant(updated)}"'
    ).encode()


def tail(node: Node) -> bytes:
    """What follows `head`: the rest of meta, and every other member in the order it came."""
    parts: list[bytes] = []
    meta = node.get("meta")
    if isinstance(meta, dict):
        rest = {name: value for name, value in meta.items() if name not in ("versionId", "lastUpdated")}
        if rest:
            parts.append(b"," + encode(rest)[1:-1])
    parts.append(b"}")
    rest = {name: value for name, value in node.items() if name not in ("resourceType", "id", "meta")}
    if rest:
        parts.append(b"," + encode(rest)[1:-1])
    parts.append(b"}")
    return b"".join(parts)


def instant(moment: datetime) -> str:
    """As FHIR writes it, to the millisecond, in UTC."""
    moment = moment.astimezone(UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
