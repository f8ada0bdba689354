"""What every country pack must hold, whichever country."""

from __future__ import annotations

import re
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from kuska.countries.protocol import CountryPack
from kuska.countries.registry import pack, packs

ALL = pytest.mark.parametrize("country", packs(), ids=lambda country: country.code)


@ALL
def test_cohorts_cover_the_population_without_gaps(country: CountryPack) -> None:
    assert sum(cohort.share for cohort in country.cohorts) == pytest.approx(1.0)
    for older, younger in zip(country.cohorts, country.cohorts[1:], strict=False):
        assert older.age_from == younger.age_to
        assert older.number_to <= younger.number_from
    assert country.cohorts[-1].age_from == 0


@ALL
def test_places_have_unique_official_codes_and_a_real_time_zone(country: CountryPack) -> None:
    assert len({place.code for place in country.places}) == len(country.places)
    assert all(re.fullmatch(r"\d{6}" if country.code == "PE" else r"\d{5}", place.code) for place in country.places)
    for zone in {country.zone, *(place.zone for place in country.places)}:
        ZoneInfo(zone)


def test_places_outside_the_mainlands_clock() -> None:
    zones = {place.name: place.zone for place in pack("CL").places}
    assert zones["Punta Arenas"] == "America/Punta_Arenas"
    assert zones["Santiago"] == "America/Santiago"


@ALL
def test_payers_cover_at_most_everybody(country: CountryPack) -> None:
    assert 0.9 <= sum(payer.share for payer in country.payers) <= 1.0


@ALL
def test_names_have_accents_and_indigenous_surnames(country: CountryPack) -> None:
    names = country.names
    everything = [*names.surnames, *(n for pool in (*names.female.values(), *names.male.values()) for n in pool)]
    assert any("ñ" in name.lower() for name in everything)
    assert any(set("áéíóú") & set(name) for name in everything)
    regions = {place.code[:2] for place in country.places}
    for people, where in names.indigenous_regions.items():
        assert names.indigenous[people]
        assert regions.intersection(where)


@pytest.mark.parametrize(("code", "shown"), [("PE", r"\+51 9\d\d \d{3} \d{3}"), ("CL", r"\+56 9 \d{4} \d{4}")])
def test_mobile_numbers_are_written_as_in_the_country(code: str, shown: str) -> None:
    for number in (0, 7, 12_345_678):
        assert re.fullmatch(shown, pack(code).phones.mobile(number))


def test_both_surnames_are_kept_as_the_countrys_guide_has_them() -> None:
    peruvian = pack("PE").human_name(("Rosa", "Elena"), "Huamán", "Quispe")
    assert peruvian["family"] == "Huamán Quispe"
    chilean = pack("CL").human_name(("Rosa",), "Muñoz", "Painemal")
    assert chilean["family"] == "Muñoz"
    assert chilean["_family"]["extension"][0]["valueString"] == "Painemal"
    assert chilean["text"] == "Rosa Muñoz Painemal"


def test_an_unknown_country_has_no_pack() -> None:
    with pytest.raises(KeyError):
        pack("XX")


def test_only_the_registry_imports_pack_folders() -> None:
    source = Path(__file__).parents[2] / "src" / "kuska"
    for file in source.rglob("*.py"):
        inside = file.relative_to(source).as_posix()
        if inside.startswith(("countries/pe/", "countries/cl/")) or inside == "countries/registry.py":
            continue
        assert not re.search(r"kuska\.countries\.(pe|cl)\b", file.read_text()), inside
