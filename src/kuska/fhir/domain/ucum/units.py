"""Unit expressions: `unit("mg/dL")` is what it comes down to, or None where the text is no UCUM unit.

The grammar is that of https://ucum.org/ucum §2 (case-sensitive codes): terms of simple units, numbers, annotations and
parentheses, joined by `.` and `/` from left to right; a leading `/`; a prefix before a metric atom; an exponent after.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from kuska.fhir.domain.ucum.atoms import Atom, table

MAX_LENGTH = 128  # no unit of practice has half of that; bounds what a hostile code costs
_MAX_EXPONENT = 60
_SYMBOL = r"""10[*^]|(?:[^\s0-9+\-./(){}\[\]"=*]|\[[^\]\s]*\])+"""
_TOKEN = re.compile(
    rf"(?P<mark>[./()])|(?P<note>\{{[!-z|~]*\}})|(?P<symbol>{_SYMBOL})(?P<power>[+-]?\d+)?|(?P<number>\d+)"
)

Dimension = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Unit:
    """1 of this unit = `factor` canonical ones, `zero` added."""

    factor: Fraction
    dimension: Dimension  # powers of base units, sorted, none of them 0
    zero: Fraction = Fraction(0)


_ONE = Unit(Fraction(1), ())


class _NoUnitError(ValueError):
    pass


@lru_cache(maxsize=2048)
def unit(code: str) -> Unit | None:
    if not code or len(code) > MAX_LENGTH or not code.isascii():
        return None
    try:
        return _Parser(code).whole()
    except (_NoUnitError, RecursionError):
        return None


class _Parser:
    """One walk over the tokens. A scale with a zero of its own is a unit only alone, with a prefix or a note."""

    def __init__(self, code: str) -> None:
        self._tokens = _tokens(code)
        self._place = 0

    def whole(self) -> Unit:
        found = _divided(_ONE, self._term()) if self._mark("/") else self._term()
        if self._place != len(self._tokens):
            raise _NoUnitError
        return found

    def _term(self) -> Unit:
        found = self._component()
        while True:
            if self._mark("."):
                found = _multiplied(found, self._component())
            elif self._mark("/"):
                found = _divided(found, self._component())
            else:
                return found

    def _component(self) -> Unit:
        if self._mark("("):
            found = self._term()
            if not self._mark(")"):
                raise _NoUnitError
            return found
        token = self._next()
        if token["number"] is not None:
            if not int(token["number"]):
                raise _NoUnitError
            return Unit(Fraction(token["number"]), ())
        if token["note"] is not None:
            return _ONE
        if token["symbol"] is None:
            raise _NoUnitError
        found = _powered(_simple(token["symbol"]), int(token["power"] or 1), written=token["power"] is not None)
        if self._place < len(self._tokens) and self._tokens[self._place]["note"] is not None:
            self._place += 1
        return found

    def _next(self) -> Mapping[str, str | None]:
        if self._place == len(self._tokens):
            raise _NoUnitError
        self._place += 1
        return self._tokens[self._place - 1]

    def _mark(self, sign: str) -> bool:
        if self._place < len(self._tokens) and self._tokens[self._place]["mark"] == sign:
            self._place += 1
            return True
        return False


def _tokens(code: str) -> list[Mapping[str, str | None]]:
    tokens: list[Mapping[str, str | None]] = []
    place = 0
    while place < len(code):
        found = _TOKEN.match(code, place)
        if found is None:
            raise _NoUnitError
        tokens.append(found.groupdict())
        place = found.end()
    return tokens


def _simple(symbol: str) -> Unit:
    """An atom, or a prefix and a metric atom. An atom that looks like both is the atom (`cd`, `Pa`, `min`)."""
    known = table()
    if symbol in known.atoms:
        return _of_atom(symbol)
    for length in (1, 2):
        prefix, code = known.prefixes.get(symbol[:length]), symbol[length:]
        if prefix is not None and code in known.atoms and known.atoms[code].metric:
            plain = _of_atom(code)
            return Unit(plain.factor * prefix, plain.dimension, plain.zero)
    raise _NoUnitError


@lru_cache(maxsize=512)
def _of_atom(code: str) -> Unit:
    atom: Atom = table().atoms[code]
    if atom.kind in ("base", "own"):
        return Unit(Fraction(1), ((code, 1),))
    of = _Parser(atom.unit).whole()
    return Unit(of.factor * atom.value, of.dimension, atom.zero)


def _powered(found: Unit, power: int, *, written: bool) -> Unit:
    if not written:
        return found
    if found.zero or abs(power) > _MAX_EXPONENT:
        raise _NoUnitError
    dimension = tuple((base, exponent * power) for base, exponent in found.dimension if power)
    return Unit(found.factor**power, dimension)


def _multiplied(left: Unit, right: Unit) -> Unit:
    return Unit(left.factor * right.factor, _joined(left, right, 1))


def _divided(left: Unit, right: Unit) -> Unit:
    return Unit(left.factor / right.factor, _joined(left, right, -1))


def _joined(left: Unit, right: Unit, sign: int) -> Dimension:
    if left.zero or right.zero:
        raise _NoUnitError
    powers = dict(left.dimension)
    for base, exponent in right.dimension:
        powers[base] = powers.get(base, 0) + sign * exponent
    return tuple(sorted((base, exponent) for base, exponent in powers.items() if exponent))
