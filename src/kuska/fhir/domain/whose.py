"""Whose data a resource is, read from its bytes without decoding it: for the trail, and as the quick way to a yes.

The patient it belongs to by the rule of docs/adr/0002-shard-key.md; where that rule names nobody (an Appointment with
its list of participants), every patient it refers to.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec

from kuska.fhir.domain.definitions.model import Definitions
from kuska.fhir.domain.indexing.extractor import Extractor

_REMEMBERED = 16384
_PATIENT = re.compile(rb'"reference":"(?:https?://[^"]*/)?Patient/([A-Za-z0-9\-.]{1,64})')


class _Reference(msgspec.Struct):
    reference: str = ""


class Whose:
    def __init__(self, definitions: Definitions, extractor: Extractor) -> None:
        self._owned = frozenset(definitions.compartments["Patient"])
        self._extractor = extractor
        # The same patients are referred to again and again.
        self._patient = lru_cache(_REMEMBERED)(extractor.local_patient)
        self._readers: dict[str, tuple[msgspec.json.Decoder[Any], Sequence[tuple[str, ...]]] | None] = {}

    def patients(self, type_: str, id_: str, body: bytes) -> tuple[str, ...]:
        """Ids of the patients whose data this is. `body`: the resource's JSON, or the end of it (store/bodies.py)."""
        if type_ == "Patient":
            return (id_,)
        if type_ not in self._owned:
            return ()
        home = self.home(type_, body)
        if home is not None:
            return (home,)
        return tuple(dict.fromkeys(found.decode() for found in _PATIENT.findall(body)))

    def home(self, type_: str, body: bytes) -> str | None:
        """Id of the one patient it belongs to, if the rule names one."""
        if type_ not in self._readers:
            self._readers[type_] = self._made(type_)
        reader = self._readers[type_]
        if reader is None:
            return None
        decoder, places = reader
        try:
            node = decoder.decode(body)
        except msgspec.MsgspecError:
            return None
        for names in places:
            value: Any = node
            for name in names:
                value = getattr(value, name, None)
            if value is not None and (found := self._patient(value.reference)) is not None:
                return found
        return None

    def _made(self, type_: str) -> tuple[msgspec.json.Decoder[Any], Sequence[tuple[str, ...]]] | None:
        places = self._extractor.home_places(type_)
        return (msgspec.json.Decoder(_struct(tuple(places))), places) if places else None


@lru_cache
def _struct(places: tuple[tuple[str, ...], ...]) -> type[msgspec.Struct]:
    """A type with the places and nothing else: all the rest of the JSON is passed over."""
    deeper: dict[str, list[tuple[str, ...]]] = {}
    for first, *rest in places:
        deeper.setdefault(first, []).append(tuple(rest))
    fields: list[tuple[str, Any, Any]] = [
        (name, (_Reference if () in rests else _struct(tuple(rests))) | None, None) for name, rests in deeper.items()
    ]
    return msgspec.defstruct("Home", fields)
