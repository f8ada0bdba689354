from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuska.fhir.domain import ucum
from kuska.fhir.domain.ucum.atoms import table


@pytest.mark.requirement("HC-01")
@pytest.mark.parametrize(
    ("value", "source", "target", "result"),
    [
        ("5.4", "mmol/L", "umol/L", "5400"),
        ("37", "Cel", "[degF]", "98.6"),
        ("98.6", "[degF]", "Cel", "37"),
        ("0", "K", "Cel", "-273.15"),
        ("1", "[lb_av]", "kg", "0.45359237"),
        ("1", "[in_i]", "cm", "2.54"),
        ("1", "[ft_i]", "m", "0.3048"),
        ("120", "mm[Hg]", "kPa", "15.99864"),
        ("1", "10*9/L", "/uL", "1000"),
        ("1", "10*3/uL", "10*9/L", "1"),
        ("1", "{cells}/uL", "/L", "1000000"),
        ("1", "a", "d", "365.25"),
        ("1", "wk", "h", "168"),
        ("100", "mg/dL", "g/L", "1"),
        ("1", "kat", "U", "60000000"),
        ("7.4", "[pH]", "[pH]", "7.4"),
        ("20", "dB", "B", "2"),
        ("1", "10^3.mm3", "mL", "1"),
        ("1", "mg/(24.h)", "mg/d", "1"),
        ("48", "%", "1", "0.48"),
        ("1", "[iU]/mL", "[IU]/L", "1000"),
        ("60", "/min", "Hz", "1"),
        ("1", "kcal_th", "J", "4184"),
        ("1", "m[H2O]", "Pa", "9806.65"),
        ("1", "mL/min/{1.73_m2}", "mL/min", "1"),
    ],
)
def test_conversions(value: str, source: str, target: str, result: str) -> None:
    converted = ucum.convert(Decimal(value), source, target)
    assert str(converted) == result


@pytest.mark.parametrize(
    ("source", "target"),
    [("mg", "mL"), ("[iU]", "mg"), ("[iU]", "[arb'U]"), ("[pH]", "mol/L"), ("dB[SPL]", "Pa"), ("mg", "nonsense")],
)
def test_what_does_not_compare(source: str, target: str) -> None:
    assert not ucum.comparable(source, target)
    assert ucum.convert(Decimal(1), source, target) is None


@pytest.mark.parametrize(
    "code",
    ["", "°C", "µg", "mg//L", "mg.", "(mg", "mg)", "Cel/min", "Cel2", "xx", "kk", "2mg", "/", "mg/0", "k[lb_av]",
     "10*9999999", "m m", "a" * 500, "(" * 120, "1" * 500, "mg{a", "mg}", "{é}"],
)  # fmt: skip
def test_what_is_no_unit(code: str) -> None:
    assert ucum.unit(code) is None
    assert ucum.canonical(Decimal(1), code) is None
    assert ucum.dimension(code) is None


def test_every_atom_of_the_table_comes_down_to_base_units() -> None:
    known = table()
    assert len(known.atoms) == 312
    assert len(known.prefixes) == 24
    ground = {code for code, atom in known.atoms.items() if atom.kind in ("base", "own")}
    for code in known.atoms:
        found = ucum.unit(code)
        assert found is not None, code
        assert {base for base, _ in found.dimension} <= ground
        assert found.factor > 0


def test_equal_quantities_have_one_canonical_value() -> None:
    assert ucum.canonical(Decimal("5.4"), "mmol/L") == ucum.canonical(5400, "umol/L")
    assert ucum.canonical(Decimal("5.40"), "mmol/L") == ucum.canonical(5.4, "mmol/L")
    assert ucum.canonical(Decimal("98.6"), "[degF]") == ucum.canonical(37, "Cel")
    assert ucum.canonical(1, "g") == (1.0, ucum.dimension("kg"))


@given(st.decimals(-(10**6), 10**6, places=3), st.sampled_from(["mg", "kg", "ug", "[lb_av]", "g{dry}"]))
def test_there_and_back(value: Decimal, code: str) -> None:
    there = ucum.convert(value, code, "g")
    assert there is not None
    back = ucum.convert(there, "g", code)
    assert back is not None
    assert abs(back - value) <= Decimal("1e-20")


@given(st.decimals(0, 10**6, places=2), st.integers(-6, 6))
def test_powers_of_ten_are_exact(value: Decimal, power: int) -> None:
    """The same amount written in g and in 10*n.g."""
    assert ucum.canonical(value, "g") == ucum.canonical(value.scaleb(-power), f"10*{power}.g")


@given(st.text(), st.one_of(st.decimals(), st.floats(), st.integers()))
def test_nothing_raises(code: str, value: Decimal | float) -> None:
    ucum.canonical(value, code)
    ucum.canonical(value, "mg")
    ucum.convert(value, code, "mg")
    ucum.comparable(code, "mg")


@given(st.text(alphabet="mgLkdCel/.()[]{}10*^+- '", max_size=20))
def test_nothing_raises_on_almost_units(code: str) -> None:
    found = ucum.canonical(Decimal(2), code)
    assert found is None or (not math.isnan(found[0]) and found[1] != 0)


def test_what_is_no_number() -> None:
    for value in (math.nan, math.inf, Decimal("NaN"), Decimal("Infinity"), Decimal("1e999999")):
        assert ucum.canonical(value, "g") is None
