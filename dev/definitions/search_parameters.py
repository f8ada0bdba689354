"""SearchParameters to `SearchParameter` dictionaries: one per resource type and code, expression reduced to the type."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any

Json = dict[str, Any]
_RESOURCE_BASES = ("Resource", "DomainResource")
# Of one value of these types the index may make more than one row.
_MANY_ROWS = {"CodeableConcept", "HumanName", "Address"}
_TARGET = re.compile(r"\.where\(resolve\(\) is (\w+)\)$")
_STEP = re.compile(r"\.?(?:ofType\((\w+)\)|where\([^()]*(?:\(\)[^()]*)?\)|(\w+)(\[0\])?)")


def built(definitions: list[Json], structures: dict[str, Json], concrete: Iterable[str]) -> dict[str, dict[str, Json]]:
    pure = [d for d in definitions if d["resourceType"] == "SearchParameter" and d["version"] == "4.0.1"]
    by_url = {d["url"]: d for d in pure}
    found: dict[str, dict[str, Json]] = {name: {} for name in sorted(concrete)}
    for definition in pure:
        for type_ in _types(definition["base"], structures, found):
            if definition["code"] in found[type_]:
                raise SystemExit(f"{type_}.{definition['code']} is defined twice")
            found[type_][definition["code"]] = _parameter(definition, type_, structures, by_url)
    for parameters in found.values():
        _answer(parameters)
    _check_keys(found)
    return {name: dict(sorted(parameters.items())) for name, parameters in found.items()}


def _types(bases: list[str], structures: dict[str, Json], concrete: Iterable[str]) -> Iterator[str]:
    for base in bases:
        if base in _RESOURCE_BASES:
            inherits = {"Resource": ("Resource", "DomainResource"), "DomainResource": ("DomainResource",)}[base]
            yield from (name for name in concrete if structures[name]["base"] in inherits)
        else:
            yield base


def _parameter(definition: Json, type_: str, structures: dict[str, Json], by_url: dict[str, Json]) -> Json:
    branches = _branches(definition.get("expression", ""), type_)
    parameter: Json = {
        "code": definition["code"],
        "type": definition["type"],
        "base": type_,
        "url": definition["url"],
        "key": int.from_bytes(blake2b(f"{type_}.{definition['code']}".encode()).digest()[:4], "big", signed=True),
        "expression": " | ".join(branches),
        "multiple": definition["type"] == "composite" or _multiple(branches, structures),
    }
    if definition["type"] == "reference":
        parameter["targets"] = _targets(definition, branches, structures)
    if definition["type"] == "composite":
        parameter["components"] = [
            {
                "code": by_url[c["definition"]]["code"],
                "type": by_url[c["definition"]]["type"],
                "expression": c["expression"].replace("DateTime", "dateTime"),
            }
            for c in definition["component"]
        ]
    return parameter


def _branches(expression: str, type_: str) -> list[str]:
    """The parts of the union that speak of `type_`."""
    found: list[str] = []
    for part in _split(expression):
        match = re.match(r"\(*(\w+)", part)
        if match is None:
            continue
        first = match[1]
        if first in _RESOURCE_BASES:
            found.append(part.replace(first, type_, 1))
        elif first == type_:
            found.append(part)
        elif first[0].islower():
            found.append(f"{type_}.{part}")
    return list(dict.fromkeys(_bare(part) for part in found))


def _split(expression: str) -> list[str]:
    parts, depth, start = list[str](), 0, 0
    for index, char in enumerate(expression):
        depth += (char == "(") - (char == ")")
        if char == "|" and depth == 0:
            parts.append(expression[start:index].strip())
            start = index + 1
    return [*parts, expression[start:].strip()]


def _bare(part: str) -> str:
    """Without parentheses around the whole or around its beginning: '(A.value.ofType(B)).text' -> 'A.value.ofType(B).text'."""
    while part.startswith("("):
        depth = 0
        for index, char in enumerate(part):
            depth += (char == "(") - (char == ")")
            if depth == 0:
                part = part[1:index] + part[index + 1 :]
                break
    return part


def _walk(branch: str, structures: dict[str, Json]) -> tuple[list[Json], bool] | None:
    """The elements at the end of the path and whether they can occur more than once; None when it is no plain path."""
    type_, _, rest = branch.partition(".")
    ends: list[Json] = []
    owners = [type_]
    many = False
    position = 0
    while position < len(rest):
        step = _STEP.match(rest, position)
        if step is None:
            return None
        position = step.end()
        if step[1]:
            ends = [e for e in ends if e["type"] == step[1]]
        elif step[2]:
            ends = [
                e
                for owner in owners
                for e in structures[owner]["elements"].values()
                if step[2] in (e["name"], e.get("choice"))
            ]
            many = many or (not step[3] and any(e["max"] != 1 for e in ends))
        if not ends:
            return None
        owners = [e["type"] for e in ends]
    return ends, many


def _multiple(branches: list[str], structures: dict[str, Json]) -> bool:
    """May the index hold more than one row of one resource for this parameter?"""
    choices: set[str] = set()
    for branch in branches:
        walked = _walk(branch, structures)
        if walked is None:
            return ".exists()" not in branch  # a boolean question has one answer
        ends, many = walked
        if many or any(e["type"] in _MANY_ROWS for e in ends):
            return True
        choices.add(re.sub(r"\.ofType\(\w+\)$", "", branch))
    return len(choices) > 1


def _targets(definition: Json, branches: list[str], structures: dict[str, Json]) -> list[str]:
    """What the parameter may point to: what its definition says, narrowed to what the elements allow."""
    said = set(definition.get("target", []))
    allowed: set[str] = set()
    for branch in branches:
        if named := _TARGET.search(branch):
            allowed.add(named[1])
            continue
        walked = _walk(branch, structures)
        for end in walked[0] if walked else []:
            if not end.get("targets"):
                return sorted(said)
            allowed.update(end["targets"])
    return sorted(said & allowed or allowed or said)


def _answer(parameters: dict[str, Json]) -> None:
    """Fill `answered_by`: itself, or the parameters whose rows together are exactly its rows."""
    indexed = [p for p in parameters.values() if p["expression"]]
    # First those that are not narrowed to a type ('subject' before 'patient'), then the shorter codes.
    indexed.sort(key=lambda p: (bool(_TARGET.search(p["expression"])), len(p["code"]), p["code"]))
    rows = {p["code"]: _rows(p) for p in indexed}
    for code, own in rows.items():
        parameters[code]["answered_by"] = _answers(own, rows)
    for code in rows:
        for answer in parameters[code]["answered_by"]:
            if parameters[answer]["answered_by"] != [answer]:
                raise SystemExit(f"{parameters[code]['base']}.{code} is answered by {answer}, which is not indexed")


def _answers(own: frozenset[object], rows: dict[str, frozenset[object]]) -> list[str]:
    parts = [other for other in rows if rows[other] < own and _is_irreducible(other, rows)]
    if parts and frozenset[object]().union(*(rows[part] for part in parts)) == own:
        return sorted(parts)
    # Parameters with the same rows share those of the first one ('phonetic' -> 'name').
    return [next(other for other in rows if rows[other] == own)]


def _is_irreducible(code: str, rows: dict[str, frozenset[object]]) -> bool:
    return _answers(rows[code], rows) == [code]


def _rows(parameter: Json) -> frozenset[object]:
    """What decides a parameter's rows: the branches of its expression, and how they are read."""
    components = tuple((c["type"], c["expression"]) for c in parameter.get("components", ()))
    return frozenset((parameter["type"], components, _TARGET.sub("", part)) for part in _split(parameter["expression"]))


def _check_keys(found: dict[str, dict[str, Json]]) -> None:
    seen: dict[int, str] = {}
    for type_, parameters in found.items():
        for code, parameter in parameters.items():
            other = seen.setdefault(parameter["key"], f"{type_}.{code}")
            if other != f"{type_}.{code}":
                raise SystemExit(f"the keys of {other} and {type_}.{code} collide")
