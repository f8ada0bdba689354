"""What reads bytes of strangers, each with a few good beginnings. Whatever comes in, only the house's own errors come out.

A target is a function of bytes. It may raise the errors it is known to raise; anything else, and anything that takes
longer than the runner's limit, is a defect.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from types import SimpleNamespace
from typing import cast
from urllib.parse import parse_qsl

from joserfc.jwk import RSAKey
from pypdf import PdfWriter

from kuska.countries.registry import documents_like
from kuska.fhir.domain import call as calls
from kuska.fhir.domain import http
from kuska.fhir.domain.bundle import json_patch
from kuska.fhir.domain.definitions.load import definitions
from kuska.fhir.domain.fhirpath import parser as fhirpath
from kuska.fhir.domain.identity import Identities
from kuska.fhir.domain.indexing.extractor import Extractor
from kuska.fhir.domain.narrative import narrative_problem
from kuska.fhir.domain.patch.json_patch import apply_json_patch
from kuska.fhir.domain.search.parse import Parser
from kuska.fhir.domain.search.references import References
from kuska.fhir.domain.search.request import SearchRequest
from kuska.fhir.domain.sight import Eyes, Sight
from kuska.fhir.domain.validation.run import validate
from kuska.kit import archives, pdf, xml
from kuska.kit.clock import SystemClock
from kuska.kit.errors import KuskaError
from kuska.kit.json import decode, encode
from kuska.security.api import visit_off
from kuska.security.domain import external, id_token, scopes
from kuska.security.domain.sealing import passing_ring
from kuska.security.usecases.factors import passkeys
from kuska.security.usecases.factors.parts import Parts

_D = definitions()
_IDS = Identities(b"fuzz")
_EXTRACTOR = Extractor(_D, _IDS, [])
_KEYS = [RSAKey.generate_key(2048, {"kid": "k"})]
_RULES = (external.RoleRule(claim="groups", value="medicos", role="physician"),)
_PROVIDER = external.Provider(name="x", title="X", issuer="https://x.example", client_id="c", role=_RULES)
_FACTORS = cast("Parts", SimpleNamespace(sealer=passing_ring(), clock=SystemClock()))
_PARSER = Parser(_D, References(_IDS, _D.type_numbers, []), _EXTRACTOR.home_parameters, lambda: 1_700_000_000_000_000)
_SIGHT = Sight(visit_off(), Eyes(_D, _IDS, _EXTRACTOR, _PARSER), frozenset())


@dataclass(frozen=True, slots=True)
class Target:
    run: Callable[[bytes], None]
    seeds: Sequence[bytes]


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _json(data: bytes) -> None:
    """What was read is written so that it reads the same again."""
    node = decode(data)
    if decode(encode(node)) != node:
        raise AssertionError("JSON does not come back")


def _resource(data: bytes) -> None:
    """What is valid can be indexed."""
    node = decode(data)
    if not any(issue.severity in ("error", "fatal") for issue in validate(node)):
        _EXTRACTOR.rows(node)


def _fhirpath(data: bytes) -> None:
    fhirpath.parse(_text(data))


def _search(data: bytes) -> None:
    type_, _, query = _text(data).partition("?")
    chosen = type_ if type_ in _D.type_numbers else None
    parameters = tuple(parse_qsl(query, keep_blank_values=True))
    _PARSER.parse(SearchRequest(type=chosen, parameters=parameters), _SIGHT)


def _url(data: bytes) -> None:
    method, _, path = _text(data).partition(" ")
    calls.parse(method, path, _D.type_numbers)


def _headers(data: bytes) -> None:
    text = _text(data)
    http.prefer(text)
    http.parse_http_date(text)
    http.none_match(text, 3)
    http.parse_if_match(text)


def _narrative(data: bytes) -> None:
    narrative_problem(_text(data))


def _patch(data: bytes) -> None:
    node = {"resourceType": "Patient", "name": [{"family": "a", "given": ["b", "c"]}], "active": True}
    apply_json_patch(node, json_patch(data))


def _scopes(data: bytes) -> None:
    """What was read and rendered reads the same again."""
    rules = scopes.parse(_text(data))
    if scopes.parse(scopes.render(rules)) != rules:
        raise AssertionError("scopes do not come back")


def _documents(data: bytes) -> None:
    documents_like(_text(data))


def _zip(data: bytes) -> None:
    for name, _ in archives.members(data, total=1_000_000):
        if name.startswith("/") or ".." in name.split("/"):
            raise AssertionError("a name leads elsewhere")


def _xml(data: bytes) -> None:
    xml.parse(data)


def _pdf(data: bytes) -> None:
    pdf.pages(data)


def _id_token(data: bytes) -> None:
    with contextlib.suppress(id_token.RefusedTokenError):
        id_token.logout_token_claims(
            _text(data), _KEYS, ("RS256",), issuer="i", client="c", now=datetime.fromtimestamp(0, UTC)
        )
        raise AssertionError("signed by nobody")


def _keys(data: bytes) -> None:
    id_token.public_keys(decode(data))


def _claims(data: bytes) -> None:
    """What a provider says gives no role that the rules do not have."""
    if set(external.said(_PROVIDER, {**decode(data), "sub": "s"}).roles) - {"physician"}:
        raise AssertionError("a role from nowhere")


def _passkey(data: bytes) -> None:
    passkeys.taken_apart(_FACTORS, "sign-in", "browser", _text(data))
    raise AssertionError("a challenge that was not sealed here")


ALLOWED = (KuskaError,)

_ZIP = (
    b"PK\x03\x04\x14\x00\x00\x00\x00\x00\x00\x00!\x00\x83\x16\xdc\x8c\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00"
    b"axPK\x01\x02\x14\x03\x14\x00\x00\x00\x00\x00\x00\x00!\x00\x83\x16\xdc\x8c\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00"
    b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x01\x00\x00\x00\x00aPK\x05\x06\x00\x00\x00\x00\x01\x00\x01\x00/\x00"
    b"\x00\x00 \x00\x00\x00\x00\x00"
)


def _blank() -> bytes:
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    made = BytesIO()
    writer.write(made)
    return made.getvalue()


TARGETS = {
    "json": Target(_json, (b'{"a":[1,2.50,"\\u00e9",null,true,{"b":{}}]}', b'{"a":-1e400}')),
    "resource": Target(
        _resource,
        (
            b'{"resourceType":"Patient","name":[{"family":"Quispe"}],"birthDate":"1970-02"}',
            b'{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.0,"unit":"mg"}}',
        ),
    ),
    "fhirpath": Target(
        _fhirpath, (b"name.where(use='official').given.first() & 'x'", b"(1 | 2).count() >= @2020-01-01T10:00")
    ),
    "search": Target(
        _search,
        (
            b"Patient?name:exact=a&birthdate=ge2020-01&_sort=-_lastUpdated&_include=Patient:link",
            b"Observation?code-value-quantity=http://loinc.org|1$gt5.4||mg&subject:Patient.name=x&_has:Provenance:target:agent=y",
        ),
    ),
    "url": Target(_url, (b"GET Patient/1/_history/2", b"POST Patient/_search", b"GET Patient/1/*")),
    "headers": Target(_headers, (b'W/"3"', b"return=minimal; handling=lenient", b"Wed, 21 Oct 2015 07:28:00 GMT")),
    "narrative": Target(_narrative, (b'<div xmlns="http://www.w3.org/1999/xhtml"><p title="a">b &amp; c</p></div>',)),
    "patch": Target(
        _patch, (b'[{"op":"add","path":"/name/0/given/-","value":"d"}]', b'[{"op":"move","from":"/a","path":"/b"}]')
    ),
    "scopes": Target(_scopes, (b"patient/Observation.rs?category=laboratory user/*.cruds", b"system/Patient.read")),
    "xml": Target(_xml, (b'<a x="1"><b>c</b></a>', b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>')),
    "zip": Target(_zip, (_ZIP,)),
    "pdf": Target(_pdf, (_blank(),)),
    "id-token": Target(
        _id_token, (b"eyJhbGciOiJSUzI1NiIsImtpZCI6ImsifQ.eyJpc3MiOiJpIn0.AAAA", b"eyJhbGciOiJub25lIn0.e30.")
    ),
    "keys": Target(
        _keys, (b'{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA","use":"sig"},{"kty":"RSA","n":"AQ"}]}',)
    ),
    "claims": Target(
        _claims, (b'{"groups":["medicos"],"email":"a@b.c","email_verified":true,"realm_access":{"roles":["x"]}}',)
    ),
    "passkey": Target(_passkey, (b'{"rawId":"AA","response":{"clientDataJSON":"eyJjaGFsbGVuZ2UiOiJBQSJ9"}}',)),
    "documents": Target(_documents, (b"10117410-2", b"12.531.909-2")),
}
