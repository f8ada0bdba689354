"""SQL stays SQL: files of named queries, read once.

    -- read --
    -- Why it is asked this way.
    select ... where rid = $1;

`load(__package__, "records.sql")["read"]` is the query with its comment, so that the server's own views show it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

_NAME = re.compile(r"^-- (?P<name>[a-z][a-z0-9_]*) --$", re.MULTILINE)


@cache
def load(package: str, file: str) -> Mapping[str, str]:
    return MappingProxyType(parse(files(package).joinpath(file).read_text("utf-8")))


def parse(text: str) -> dict[str, str]:
    """Name -> query. Text before the first name is the file's own comment."""
    queries: dict[str, str] = {}
    _, *parts = _NAME.split(text)
    for name, query in zip(parts[::2], parts[1::2], strict=True):
        if name in queries:
            raise ValueError(f"the query {name!r} is there twice")
        queries[name] = query.strip().removesuffix(";")
    return queries
