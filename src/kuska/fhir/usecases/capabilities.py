"""capabilities: what this record can do. https://hl7.org/fhir/R4/http.html#capabilities

Made once for each base address and kept as bytes: monitors ask for it all day.
"""

from __future__ import annotations

from kuska import __version__
from kuska.fhir.domain.call import Call
from kuska.fhir.domain.capability import Server, statement
from kuska.fhir.domain.openapi import document
from kuska.fhir.domain.query import pairs
from kuska.fhir.store.bodies import instant
from kuska.fhir.usecases.part import cut, refuse_unknown
from kuska.fhir.usecases.record import Answer, Record
from kuska.kit.clock import SystemClock
from kuska.kit.errors import IncorrectError, Issue
from kuska.kit.json import encode

_KNOWN = ("mode", "_elements", "_summary", "_format", "_pretty")
_MODES = ("full", "normative")
_BASES = 8  # addresses remembered: a client may send any Host
_made: dict[tuple[str, str, str], bytes] = {}
_SINCE = instant(SystemClock().now())


async def perform(record: Record, call: Call) -> Answer:
    params = pairs(call.query)
    refuse_unknown(call, params, _KNOWN)
    mode = dict(params).get("mode", "full")
    if mode not in _MODES:
        shown = {"name": "mode", "value": mode[:40], "allowed": ", ".join(_MODES)}
        raise IncorrectError(Issue(code="not-supported", message="interaction.bad-value", params=shown))
    call.query = "&".join(f"{name}={value}" for name, value in params if name != "mode")
    return cut(record, call, Answer(200, _bytes(record, call, "capabilities")))


async def openapi(record: Record, call: Call) -> Answer:
    """A compact OpenAPI document of a few types, for tools that explore APIs; the CapabilityStatement is complete."""
    return Answer(200, _bytes(record, call, "openapi"))


def _bytes(record: Record, call: Call, what: str) -> bytes:
    key = (what, call.base, call.issuer)
    if key not in _made:
        if len(_made) >= _BASES:
            _made.clear()
        server = Server(__version__, _SINCE, call.base, call.issuer)
        make = statement if what == "capabilities" else document
        _made[key] = encode(make(record.definitions, server))
    return _made[key]
