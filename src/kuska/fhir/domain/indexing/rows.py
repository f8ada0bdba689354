"""Index rows: the searchable values of one resource, in the shape the database keeps them.

Each list is one table; each tuple one row without the columns every row has (rid, bucket). Rows are unique within
their list. `param` is always `SearchParameter.key`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

# (param, system, code): system = signed 32-bit hash of the system URI, 0 when the value has none. `code` is the exact
# text (cut to 200 characters + '~' + 16 hex of its hash when longer). Booleans are 'true'/'false'. URIs are tokens
# with system 0 (prefix search gives :below). `:identifier` and `:of-type` have params of their own (`variant_key`).
TokenRow = tuple[int, int, str]
# (param, text, exact, sort): one row for the whole value, with text folded (no case, no accents, single blanks),
# exact = 64-bit hash of the value as written, sort = Spanish collation key when it differs from text; and one row for
# each later word (the word alone), with exact = None and sort = None, so that a prefix search finds any word. A word
# that a whole value of the same element begins with has no row of its own.
StringRow = tuple[int, str, int | None, str | None]
# (param, low, high): microseconds since 1970 UTC, low inclusive, high exclusive; open ends are MIN_TIME / MAX_TIME.
DateRow = tuple[int, int, int]
# (param, low, high, unit, code, dim, clow, chigh): numbers and quantities. unit = 32-bit hash of 'system|code', code =
# hash of the code alone or of the unit's text when there is no code, 0 when absent; dim = hash of the canonical UCUM
# unit, 0 when there is none; clow/chigh are low/high in canonical units (equal to low/high without one). low == high
# for a plain value; open ends are +-inf.
QuantityRow = tuple[int, float, float, int, int, int, float, float]
# (param, target, target_type): target = rid of what is referred to (foreign_rid(url) for other servers, canonicals);
# target_type = type number, 0 when unknown.
ReferenceRow = tuple[int, int, int]
# (param, code, system, code2, system2, low, high, unit, dim, clow, chigh): one row per element pair. The first component
# is a token or a reference (as text 'Type/id', system 0); the second fills code2/system2 (token, reference, folded
# string) or low/high (quantity with unit/dim/clow/chigh, and the hash of its code as system2; date in microseconds;
# number); a third number fills clow/chigh. Unused columns are None.
CompositeRow = tuple[
    int,
    str,
    int,
    str | None,
    int | None,
    float | None,
    float | None,
    int | None,
    int | None,
    float | None,
    float | None,
]
# (system, code, text): what a code is displayed as, folded, for `:text`. Not a row of the resource but of a dictionary
# shared by all (fhir.display); only displays that this process does not know to be there yet. A text without a code is
# a code of its own there (TEXTS, hash of the text), and the resource has a token row of it under variant 'text'.
DisplayRow = tuple[int, str, str]

MIN_TIME = -62_135_596_800_000_000
MAX_TIME = 253_402_300_800_000_000


@dataclass(slots=True)
class IndexRows:
    tokens: list[TokenRow] = field(default_factory=list[TokenRow])
    strings: list[StringRow] = field(default_factory=list[StringRow])
    dates: list[DateRow] = field(default_factory=list[DateRow])
    quantities: list[QuantityRow] = field(default_factory=list[QuantityRow])
    references: list[ReferenceRow] = field(default_factory=list[ReferenceRow])
    composites: list[CompositeRow] = field(default_factory=list[CompositeRow])
    displays: list[DisplayRow] = field(default_factory=list[DisplayRow])
