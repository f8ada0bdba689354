"""What a number in the settings may be. Every number has an upper bound too: what is above it is a slip, not a wish."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Le

Port = Annotated[int, Ge(0), Le(65_535)]
Processes = Annotated[int, Ge(1), Le(256)]
Count = Annotated[int, Ge(1), Le(1_000_000)]
Bytes = Annotated[int, Ge(1024), Le(1 << 40)]
# A limit of time: none is no choice, because every wait has an end.
Seconds = Annotated[float, Ge(0.01), Le(86_400.0)]
SecondsOrNone = Annotated[float, Ge(0.0), Le(86_400.0)]
