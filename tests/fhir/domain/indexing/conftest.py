"""Rows with names instead of numbers, so that a test reads like the resource it is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import pytest

from kuska.fhir.domain.definitions.load import definitions
from kuska.fhir.domain.identity import Identities
from kuska.fhir.domain.indexing.extractor import Extractor
from kuska.fhir.domain.indexing.keys import variant_key
from kuska.kit.json import decode, encode

TABLES = ("tokens", "strings", "dates", "quantities", "references", "composites")
Named = dict[str, list[tuple[Any, ...]]]


@pytest.fixture(scope="session")
def identities() -> Identities:
    return Identities(b"a key of tests" * 2)


@pytest.fixture(scope="session")
def extractor(identities: Identities) -> Extractor:
    return Extractor(definitions(), identities, ("https://fhir.example.org/fhir", "http://localhost:8080/fhir/"))


@cache
def names() -> Mapping[int, str]:
    found: dict[int, str] = {}
    known = definitions()
    for type_ in known.resource_types:
        for code, parameter in known.search[type_].items():
            found[parameter.key] = code
            for variant in ("identifier", "of-type", "text"):
                found[variant_key(type_, code, variant)] = f"{code}:{variant}"
    return found


@pytest.fixture(scope="session")
def rows_of(extractor: Extractor) -> Callable[[dict[str, Any]], dict[str, Named]]:
    """table -> parameter -> rows without the parameter's number."""

    def read(node: dict[str, Any]) -> dict[str, Named]:
        rows = extractor.rows(decode(encode(node)))
        found: dict[str, Named] = {}
        for table in TABLES:
            named: Named = {}
            for param, *rest in getattr(rows, table):
                named.setdefault(names()[param], []).append(tuple(rest))
            found[table] = named
        return found

    return read
