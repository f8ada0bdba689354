"""Bound parameters of one statement: values never become part of its text."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from kuska.fhir.domain.indexing.rows import MAX_TIME, MIN_TIME

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Binder:
    """`bind.int(5)` gives `$1::integer` and remembers the 5."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def _bind(self, value: Any, cast: str) -> str:
        self.values.append(value)
        return f"${len(self.values)}::{cast}"

    def int(self, value: int) -> str:
        return self._bind(value, "integer")

    def small(self, value: int) -> str:
        return self._bind(value, "smallint")

    def big(self, value: int) -> str:
        return self._bind(value, "bigint")

    def float(self, value: float) -> str:
        return self._bind(value, "double precision")

    def moment(self, microseconds: int) -> str:
        return self._bind(_EPOCH + timedelta(microseconds=_within(microseconds)), "timestamptz")

    def text(self, value: str) -> str:
        return self._bind(value, "text")

    def texts(self, values: Sequence[str]) -> str:
        return self._bind(list(values), "text[]")

    def ints(self, values: Sequence[int]) -> str:
        return self._bind(list(values), "integer[]")

    def bigs(self, values: Sequence[int]) -> str:
        return self._bind(list(values), "bigint[]")

    def is_param(self, keys: Sequence[int]) -> str:
        """`param` is one of the keys."""
        return (
            f"param = {self.int(keys[0])}" if len(keys) == 1 else f"param = any ({self._bind(list(keys), 'integer[]')})"
        )

    def is_param_of(self, keys: Sequence[int]) -> str:
        """The same where the rids are given: `+ 0` keeps a planner without statistics from starting at the parameter."""
        return self.is_param(keys).replace("param =", "param + 0 =", 1)

    def is_type(self, column: str, types: Sequence[int]) -> str:
        if len(types) == 1:
            return f"{column} = {self.small(types[0])}"
        return f"{column} = any ({self._bind(list(types), 'smallint[]')})"


def _within(microseconds: int) -> int:
    """The last moment Python knows is the last microsecond of 9999."""
    return min(max(microseconds, MIN_TIME), MAX_TIME - 1)
