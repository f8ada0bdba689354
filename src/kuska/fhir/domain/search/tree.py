"""A search as a typed tree. Pure data: nothing here knows SQL, nothing here is text to be interpreted again.

A condition is true or false of one resource. All numbers are final: parameter keys, hashes, rids, microseconds since
1970, canonical UCUM values. `prefix` is one of R4's comparators; bounds are those of the query's value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

Table = Literal["token", "string", "date", "quantity", "reference", "composite"]
Prefix = Literal["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"]

# --- tests of one index row --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TokenIs:
    """The row's code and system; None = any, system 0 = the value has none."""

    code: str | None
    system: int | None


@dataclass(frozen=True, slots=True)
class CodeStarts:
    """The row's code begins with this text (uri `:below`)."""

    text: str


@dataclass(frozen=True, slots=True)
class WordStarts:
    """A word of the row's folded text begins with this one (rows exist for every word start)."""

    word: str


@dataclass(frozen=True, slots=True)
class TextIs:
    """The value as written is this one: equal when folded, and its hash is equal."""

    text: str
    exact: int


@dataclass(frozen=True, slots=True)
class TextContains:
    text: str


@dataclass(frozen=True, slots=True)
class DateTest:
    """The row's time span against [low, high)."""

    prefix: Prefix
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class NumberTest:
    """The row's value against a number. eq, ne: within [low, high); ap: overlaps [low, high]; others: against `value`.

    With `dim` the canonical columns are compared, otherwise the written ones. `unit`/`code` (hashes) narrow to what has
    exactly this unit.
    """

    prefix: Prefix
    value: float
    low: float
    high: float
    dim: int | None = None
    unit: int | None = None
    code: int | None = None


@dataclass(frozen=True, slots=True)
class RefersTo:
    rids: tuple[int, ...]


SecondTest = TokenIs | WordStarts | DateTest | NumberTest


@dataclass(frozen=True, slots=True)
class PairTest:
    """A composite row: its first element a token, its second (and third) whatever the parameter says."""

    first: TokenIs
    second: SecondTest
    third: NumberTest | None = None


Test = TokenIs | CodeStarts | WordStarts | TextIs | TextContains | DateTest | NumberTest | RefersTo | PairTest

# --- conditions on a resource ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Match:
    """Some row of these parameters passes, in every group, at least one of the group's tests."""

    table: Table
    keys: tuple[int, ...]
    groups: tuple[tuple[Test, ...], ...]
    single: bool = False  # a resource has at most one row: two Matches are then one with the groups of both
    # A weaker condition that every match fulfils and an index delivers in order of rid: where to look for many matches.
    guide: Match | None = None


@dataclass(frozen=True, slots=True)
class Present:
    """Some row of these parameters exists in any of the tables named."""

    sources: tuple[tuple[Table, tuple[int, ...]], ...]
    target_types: tuple[int, ...] = ()  # of references; () = any


@dataclass(frozen=True, slots=True)
class Shown:
    """A code of these parameters is displayed with all these words somewhere, or it has a text with them (`:text`)."""

    keys: tuple[int, ...]
    text_keys: tuple[int, ...]
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Chain:
    """A reference of these parameters points to a resource that fulfils `inner`."""

    keys: tuple[int, ...]
    target_type: int
    inner: Condition


@dataclass(frozen=True, slots=True)
class Reverse:
    """A resource that fulfils `inner` points here with one of these parameters (`_has`, `_list`)."""

    keys: tuple[int, ...]
    source_type: int
    inner: Condition


@dataclass(frozen=True, slots=True)
class Link:
    """Canonicals of these parameters (of one type) name resources of another by their `url`, or `url|version`."""

    keys: tuple[int, ...]
    target_type: int
    url: int  # the token parameters of the target
    version: int
    source_type: int
    address: Callable[[str], int] = field(compare=False, repr=False)  # what an index row has for a URL


@dataclass(frozen=True, slots=True)
class Canonical:
    """A canonical names a resource that fulfils `inner`: what `Chain` is for references."""

    link: Link
    inner: Condition


@dataclass(frozen=True, slots=True)
class Named:
    """A resource that fulfils `inner` names this one by a canonical: what `Reverse` is for references."""

    link: Link
    inner: Condition


@dataclass(frozen=True, slots=True)
class Ids:
    rids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Updated:
    """Last changed in [low, high), microseconds; None = open."""

    low: int | None
    high: int | None


@dataclass(frozen=True, slots=True)
class Not:
    inner: Condition


@dataclass(frozen=True, slots=True)
class AllOf:
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    conditions: tuple[Condition, ...]


Condition = Match | Present | Shown | Chain | Reverse | Canonical | Named | Ids | Updated | Not | AllOf | AnyOf


def joined(conditions: Iterable[Condition]) -> tuple[Condition, ...]:
    """Flat, and with all conditions on one single value in one: they are about the same row."""
    flat: list[Condition] = []
    for condition in conditions:
        flat += condition.conditions if isinstance(condition, AllOf) else (condition,)
    singles: dict[tuple[int, ...], Match | Updated] = {}
    others: list[Condition] = []
    for condition in flat:
        match condition:
            case Updated():
                before = singles.get((), Updated(None, None))
                singles[()] = _both(before, condition) if isinstance(before, Updated) else condition
            case Match(single=True):
                before = singles.get(condition.keys)
                groups = before.groups if isinstance(before, Match) else ()
                singles[condition.keys] = replace(condition, groups=(*groups, *condition.groups))
            case _:
                others.append(condition)
    return (*singles.values(), *others)


def _both(one: Updated, other: Updated) -> Updated:
    lows = [bound for bound in (one.low, other.low) if bound is not None]
    highs = [bound for bound in (one.high, other.high) if bound is not None]
    return Updated(max(lows, default=None), min(highs, default=None))


# --- what is done with the resources that fulfil it --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SortKey:
    """One level of the order. Resources without a value come last either way, then by rid.

    A resource with several values is placed by its smallest one ascending, by its largest one descending.
    """

    by: Table | Literal["updated", "id"]
    keys: tuple[int, ...] = ()
    descending: bool = False
    single: bool = False


@dataclass(frozen=True, slots=True)
class Include:
    """Follow references forward (`_include`) or backward (`_revinclude`). Empty tuples = any."""

    reverse: bool
    source_type: int | None  # None = any
    keys: tuple[int, ...]
    target_types: tuple[int, ...]
    iterate: bool
    links: tuple[Link, ...] = ()  # followed from URL to URL, besides


@dataclass(frozen=True, slots=True)
class Find:
    """All resources of one type that fulfil all conditions."""

    type: int
    conditions: tuple[Condition, ...]
    bucket: int | None = None  # the only bucket where there can be any
    # What the caller's rights ask besides: apart, because they are no part of the question.
    within: tuple[Condition, ...] = ()


Total = Literal["none", "accurate", "estimate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A whole search: what to find, per type, and what to give back of it."""

    finds: tuple[Find, ...]
    sort: tuple[tuple[SortKey, ...], ...]  # per find, all of the same length and kinds
    includes: tuple[Include, ...] = ()
    count: int = 20
    total: Total = "none"
    count_only: bool = False
    cursor: str | None = None
    binding: str = ""  # says which question a cursor belongs to
