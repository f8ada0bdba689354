"""The table of UCUM: prefixes and atoms, read from ucum-essence.xml as published (never edited; see NOTICE).

Invariants: read once, at the first use; values keep all their digits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Literal

Kind = Literal["base", "derived", "affine", "own"]

# Scales with a zero of their own: kelvins at zero. Their step is in the table.
_ZEROS = {"Cel": Fraction("273.15"), "degF": Fraction("459.67") * 5 / 9, "degRe": Fraction("273.15")}


@dataclass(frozen=True, slots=True)
class Atom:
    """One unit with a code of its own.

    base: one of UCUM's seven. derived: `value` times `unit`. affine: the same, `zero` added (temperatures). own: a
    dimension for itself, being arbitrary (`[iU]` defined as nothing else) or a logarithmic or trigonometric scale:
    values of those compare with each other, and not by ratio with anything else.
    """

    code: str
    kind: Kind
    metric: bool  # takes prefixes
    value: Fraction = Fraction(1)
    unit: str = "1"
    zero: Fraction = Fraction(0)


@dataclass(frozen=True, slots=True)
class Table:
    prefixes: Mapping[str, Fraction]
    atoms: Mapping[str, Atom]


@cache
def table() -> Table:
    from xml.etree import ElementTree as ET  # noqa: PLC0415  (only the process that meets a unit pays for it)

    root = ET.parse(Path(__file__).with_name("ucum-essence.xml")).getroot()  # noqa: S314  (our own file)
    space = {"u": "http://unitsofmeasure.org/ucum-essence"}
    atoms = {
        code: Atom(code, "base", metric=True)
        for code in (element.attrib["Code"] for element in root.findall("u:base-unit", space))
    }
    for element in root.findall("u:unit", space):
        value = element.find("u:value", space)
        function = None if value is None else value.find("u:function", space)
        source = value if function is None else function
        if source is not None:
            atom = _atom(element.attrib, source.attrib, None if function is None else function.attrib["name"])
            atoms[atom.code] = atom
    prefixes: dict[str, Fraction] = {}
    for element in root.findall("u:prefix", space):
        value = element.find("u:value", space)
        if value is not None:
            prefixes[element.attrib["Code"]] = Fraction(value.attrib["value"])
    return Table(prefixes, atoms)


def _atom(unit: Mapping[str, str], value: Mapping[str, str], function: str | None) -> Atom:
    code, metric = unit["Code"], unit["isMetric"] == "yes"
    step, of = Fraction(value["value"]), value["Unit"]
    if function in _ZEROS:
        return Atom(code, "affine", metric, step, of, _ZEROS[function])
    if function is not None or (unit.get("isArbitrary") == "yes" and of == "1"):
        return Atom(code, "own", metric)
    return Atom(code, "derived", metric, step, of)
