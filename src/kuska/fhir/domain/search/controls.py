"""Parameters that do not choose resources but say how the result looks: order, size, total, what else to bring.

See https://hl7.org/fhir/R4/search.html#return.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from kuska.fhir.domain.search import problems
from kuska.fhir.domain.search.canonicals import Canonicals
from kuska.fhir.domain.search.conditions import table
from kuska.fhir.domain.search.naming import Names
from kuska.fhir.domain.search.tree import Include, SortKey, Total

_TOTALS = ("none", "accurate", "estimate")
_SUMMARIES = ("true", "text", "data", "count", "false")
# Of HTTP and of the representation: not the search's business, but no mistake either.
_ELSEWHERE = frozenset({"_format", "_pretty", "_elements"})
_NAMES = frozenset({"_count", "_total", "_sort", "_summary", "_include", "_revinclude", "_contained", "_containedType"})
# What a cursor is not bound to: a client may change it from page to page.
FREE = frozenset(
    {"_count", "_total", "_summary", "_elements", "_format", "_pretty", "_include", "_revinclude", "_cursor"}
)


def is_control(name: str) -> bool:
    return name.partition(":")[0] in _NAMES or name in _ELSEWHERE


@dataclass(slots=True)
class Controls:
    """Filled from the parameters one by one. `types`: those searched (several at system level)."""

    names: Names
    canonicals: Canonicals
    types: tuple[str, ...]
    count: int
    largest: int
    total: Total = "none"
    count_only: bool = False
    sort: list[tuple[SortKey, ...]] = field(default_factory=list[tuple[SortKey, ...]])  # by level, then by type
    includes: list[Include] = field(default_factory=list[Include])

    def take(self, name: str, value: str) -> None:
        match name:
            case "_count":
                self._count(value)
            case "_total":
                if value not in _TOTALS:
                    raise problems.bad_value(name, value, "search.bad-choice", allowed=", ".join(_TOTALS))
                self.total = value
            case "_summary":
                if value not in _SUMMARIES:
                    raise problems.bad_value(name, value, "search.bad-choice", allowed=", ".join(_SUMMARIES))
                self.count_only = self.count_only or value == "count"
            case "_sort":
                for part in value.split(","):
                    self._sort(part)
            case "_contained" | "_containedType":
                if name == "_containedType" or value != "false":
                    raise problems.unsupported(name)
            case _ if name in _ELSEWHERE:
                pass
            case _:
                self._include(name, value)

    def _count(self, value: str) -> None:
        if not value.isascii() or not value.isdigit() or len(value) > 9:
            raise problems.bad_value("_count", value, "search.bad-count")
        if int(value) == 0:
            self.count_only = True
        self.count = min(int(value), self.largest)

    # --- order -------------------------------------------------------------------------------------------------------

    def _sort(self, part: str) -> None:
        code = part.removeprefix("-")
        descending = part != code
        keys = tuple(self._sort_key(type_, code, descending) for type_ in self.types)
        if len({key.by for key in keys}) > 1:
            raise problems.bad_value("_sort", code, "search.bad-sort")
        self.sort.append(keys)

    def _sort_key(self, type_: str, code: str, descending: bool) -> SortKey:
        if code == "_lastUpdated":
            return SortKey("updated", (), descending, True)
        if code == "_id":
            return SortKey("id", (), descending, True)
        parameter = self.names.parameter(type_, code)
        if parameter.type in ("composite", "special"):
            raise problems.bad_value("_sort", code, "search.bad-sort")
        return SortKey(table(parameter), self.names.keys(parameter), descending, self.names.single(parameter))

    # --- includes ----------------------------------------------------------------------------------------------------

    def _include(self, name: str, value: str) -> None:
        base, _, modifier = name.partition(":")
        if modifier not in ("", "iterate", "recurse"):
            raise problems.bad_modifier(base, modifier, "include")
        reverse, iterate = base == "_revinclude", bool(modifier)
        if value == "*":
            self.includes.append(Include(reverse, None, (), (), iterate, self.canonicals.all))
            return
        parts = value.split(":")
        if len(parts) not in (2, 3) or not all(parts):
            raise problems.bad_value(name, value, "search.bad-include")
        source = self.names.type(parts[0], name)
        number = self.names.number(source)
        target = self.names.type(parts[2], name) if len(parts) == 3 and parts[2] != "*" else None
        targets = () if target is None else (self.names.number(target),)
        if parts[1] == "*":
            links = self.canonicals.links(self.names.references(source), target)
            self.includes.append(Include(reverse, number, self.names.all_references(source), targets, iterate, links))
            return
        parameter = self.names.reference(source, parts[1])
        if target is not None and parameter.targets and target not in parameter.targets:
            raise problems.bad_value(name, value, "search.wrong-target", targets=", ".join(parameter.targets))
        keys, links = self.names.keys(parameter), self.canonicals.links([parameter], target)
        self.includes.append(Include(reverse, number, keys, targets or self.names.narrowed(parameter), iterate, links))
