"""The R4 definitions in memory: `definitions()`.

Role: read the artifact that dev/definitions/build.py made. Invariants: one copy per process; every part is decoded
when it is first asked for, so start-up pays only for the index of the parts; nothing here is ever changed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Generic, TypeVar

import msgspec
import zstandard

from kuska.fhir.domain.definitions.model import Definitions, Extension, SearchParameter, Structure, ValueSet

_FOLDER = Path(__file__).parent
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Artifact:
    structures: dict[str, bytes]
    resource_types: tuple[str, ...]
    search: dict[str, bytes]
    compartments: dict[str, dict[str, tuple[str, ...]]]
    value_sets: dict[str, bytes]
    extensions: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class _Codes:
    url: str
    by_system: dict[str, frozenset[str]] | None


class _Lazy(Mapping[str, T], Generic[T]):
    """A mapping whose values are decoded on first use. Two threads may decode the same one; both get equal values."""

    __slots__ = ("_decoder", "_ready", "_waiting")

    def __init__(self, packed: dict[str, bytes], decoder: msgspec.msgpack.Decoder[T]) -> None:
        self._waiting = packed
        self._decoder = decoder
        self._ready: dict[str, T] = {}

    def __getitem__(self, key: str) -> T:
        found = self._ready.get(key)
        if found is None:
            found = self._ready[key] = self._decoded(key)
        return found

    def _decoded(self, key: str) -> T:
        return self._decoder.decode(self._waiting[key])

    def __contains__(self, key: object) -> bool:
        return key in self._waiting

    def __iter__(self) -> Iterator[str]:
        return iter(self._waiting)

    def __len__(self) -> int:
        return len(self._waiting)


class _ValueSets(Mapping[str, ValueSet]):
    __slots__ = ("_codes", "_ready")

    def __init__(self, codes: _Lazy[_Codes]) -> None:
        self._codes = codes
        self._ready: dict[str, ValueSet] = {}

    def __getitem__(self, url: str) -> ValueSet:
        found = self._ready.get(url)
        if found is None:
            by_system = self._codes[url].by_system
            codes = None if by_system is None else frozenset[str]().union(*by_system.values())
            found = self._ready[url] = ValueSet(url=url, codes=codes, by_system=by_system)
        return found

    def __contains__(self, url: object) -> bool:
        return url in self._codes

    def __iter__(self) -> Iterator[str]:
        return iter(self._codes)

    def __len__(self) -> int:
        return len(self._codes)


@cache
def definitions() -> Definitions:
    packed = zstandard.ZstdDecompressor().decompress((_FOLDER / "r4.msgpack.zst").read_bytes())
    artifact = msgspec.msgpack.decode(packed, type=_Artifact)
    names = msgspec.json.decode((_FOLDER / "type_numbers.json").read_bytes(), type=dict[str, int])
    numbers = {sys.intern(name): number for name, number in names.items()}
    return Definitions(
        structures=_Lazy(artifact.structures, msgspec.msgpack.Decoder(Structure)),
        resource_types=tuple(map(sys.intern, artifact.resource_types)),
        type_numbers=numbers,
        search=_Lazy(artifact.search, msgspec.msgpack.Decoder(dict[str, SearchParameter])),
        compartments=artifact.compartments,
        value_sets=_ValueSets(_Lazy(artifact.value_sets, msgspec.msgpack.Decoder(_Codes))),
        extensions=_Lazy(artifact.extensions, msgspec.msgpack.Decoder(Extension)),
        type_names={number: name for name, number in numbers.items()},
    )
