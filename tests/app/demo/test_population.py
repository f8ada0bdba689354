"""The population is deterministic, well formed and shaped like people."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import date
from itertools import pairwise
from statistics import mean
from typing import Any

import pytest

from kuska.app.demo.population.__main__ import main
from kuska.app.demo.population.calendar import instant
from kuska.app.demo.population.facilities import facilities
from kuska.app.demo.population.links import Ids
from kuska.app.demo.population.lung import LOBES, Nodule, category
from kuska.app.demo.population.oncology import stage_group, tumour_category
from kuska.app.demo.population.people import REFERENCE_DATE, Life, life, people
from kuska.app.demo.population.person import CAPACITY
from kuska.countries.registry import pack
from kuska.fhir.domain.validation import validate
from kuska.kit.json import decode, encode

COUNT = 300


@pytest.fixture(scope="module")
def lives() -> list[Life]:
    return list(people(COUNT, 7, ids=Ids.CLIENT))


def _of(lives: list[Life], type_: str) -> Iterator[dict[str, Any]]:
    return (node for one in lives for node in one.resources() if node["resourceType"] == type_)


def test_a_person_is_the_same_whatever_the_size_of_the_population(lives: list[Life]) -> None:
    again = list(people(3, 7, ids=Ids.CLIENT, start=41))
    assert [encode(one.bundle()) for one in again] == [encode(one.bundle()) for one in lives[41:44]]


def test_another_seed_gives_other_people(lives: list[Life]) -> None:
    other = {one.document for one in people(COUNT, 8)}
    assert len(other & {one.document for one in lives}) < COUNT / 50


def test_both_ways_of_ids_tell_the_same_story(lives: list[Life]) -> None:
    server = life(41, 7, ids=Ids.SERVER)
    assert [uuid for uuid, _ in server.nodes] == [uuid for uuid, _ in lives[41].nodes]
    assert all("id" not in node for node in server.resources())


@pytest.mark.requirement("LW-37")
def test_every_resource_is_valid(lives: list[Life]) -> None:
    wrong: Counter[tuple[str, str, str]] = Counter()
    nodes = [entry["resource"] for entry in facilities(7, Ids.CLIENT)["entry"]]
    nodes += [node for one in lives for node in one.resources()]
    for node in nodes:
        for issue in validate(decode(encode(node))):
            if issue.severity in {"error", "fatal"}:
                wrong[node["resourceType"], issue.message, issue.expression] += 1
    assert not wrong


def test_documents_are_valid_and_nobodys_twice() -> None:
    seen: set[tuple[str, str]] = set()
    for one in people(2000, 3):
        scheme = pack(one.country).documents[0]
        assert scheme.normalise(one.document) == one.document
        assert scheme.normalise(scheme.present(one.document)) == one.document
        seen.add((one.country, one.document))
    assert len(seen) == 2000


def test_documents_repeat_only_beyond_the_capacity() -> None:
    with pytest.raises(ValueError, match="documents repeat"):
        next(people(2, 1, start=CAPACITY - 1))


def test_size_and_mix(lives: list[Life]) -> None:
    """The figures that docs/contexts/countries.md and the benchmarks quote."""
    assert 50 <= mean(len(one.nodes) for one in lives) <= 66
    assert 900 <= mean(len(encode(node)) for one in lives for node in one.resources()) <= 1150
    types = {node["resourceType"] for one in lives for node in one.resources()}
    assert types >= {
        "Patient", "Coverage", "Encounter", "Condition", "Observation", "MedicationRequest", "AllergyIntolerance",
        "Immunization", "Procedure", "DiagnosticReport", "ServiceRequest", "ImagingStudy", "DocumentReference", "Specimen",
    }  # fmt: skip
    countries = Counter(one.country for one in lives)
    assert 0.5 < countries["PE"] / COUNT < 0.7


def test_every_reference_leads_somewhere(lives: list[Life]) -> None:
    known = {f"{e['resource']['resourceType']}/{e['resource']['id']}" for e in facilities(7, Ids.CLIENT)["entry"]}
    for one in lives:
        own = known | {f"{node['resourceType']}/{node['id']}" for node in one.resources()}
        assert set(_references(one.bundle())) <= own


def test_server_ids_use_urns_and_searches_that_find_one() -> None:
    shared = facilities(7, Ids.SERVER)
    searches = {f"{e['request']['url']}?{e['request']['ifNoneExist']}" for e in shared["entry"]}
    assert len(searches) == len(shared["entry"])
    urns = {e["fullUrl"] for e in shared["entry"]}
    assert set(_references(shared)) <= urns
    bundle = life(5, 7, ids=Ids.SERVER).bundle()
    own = {e["fullUrl"] for e in bundle["entry"]}
    assert set(_references(bundle)) <= own | searches


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, part in value.items():
            if key == "reference":
                yield part
            else:
                yield from _references(part)
    elif isinstance(value, list):
        for part in value:
            yield from _references(part)


def test_nothing_happens_before_birth_or_after_death_or_today() -> None:
    dates = re.compile(r'"(?:period|performedPeriod)":\{"start":"([\d-]{10})|"(?:effectiveDateTime|authoredOn|started|'
                       r'occurrenceDateTime|recordedDate|onsetDateTime)":"([\d-]{10})')  # fmt: skip
    died = 0
    for one in people(800, 11, ids=Ids.CLIENT):
        patient = next(one.resources())
        birth, end = patient["birthDate"], patient.get("deceasedDateTime", REFERENCE_DATE.isoformat())
        died += "deceasedDateTime" in patient
        for node in one.resources():
            if node["resourceType"] == "Coverage":
                continue
            for match in dates.findall(encode(node).decode()):
                day = match[0] or match[1]
                assert birth <= day <= end, (node["resourceType"], birth, day)
    assert 3 <= died <= 30


def test_diabetes_shows_in_the_laboratory(lives: list[Life]) -> None:
    diabetic, others = [], []
    for one in lives:
        has = any(_code(node) == "E11.9" for node in _of([one], "Condition"))
        sugar = [float(n["valueQuantity"]["value"]) for n in _of([one], "Observation") if _code(n) == "1558-6"]
        (diabetic if has else others).extend(sugar)
    assert mean(diabetic) > mean(others) + 30


def _code(node: dict[str, Any]) -> str:
    return node["code"]["coding"][0]["code"]


def test_ldl_agrees_with_its_panel(lives: list[Life]) -> None:
    checked = 0
    for one in lives:
        values: dict[tuple[str, str], float] = {}
        for node in _of([one], "Observation"):
            if "valueQuantity" in node:
                values[node["effectiveDateTime"], _code(node)] = float(node["valueQuantity"]["value"])
        for (when, code), ldl in values.items():
            if code == "13457-7" and ldl > 25:
                total, hdl, fat = (values[when, other] for other in ("2093-3", "2085-9", "2571-8"))
                assert ldl == pytest.approx(total - hdl - fat / 5, abs=2)
                checked += 1
    assert checked > 20


def test_ages_cover_a_lifetime_evenly_from_the_first_people_on() -> None:
    """Any small sample is balanced: the demo's 200 people have children and the very old."""
    ages = Counter((REFERENCE_DATE.year - int(next(one.resources())["birthDate"][:4])) // 20 for one in people(100, 1))
    assert all(ages[decade] >= 5 for decade in range(4))


@pytest.mark.parametrize(
    ("size", "expected"),
    [(0, "1"), (3, "2"), (5.9, "2"), (6, "3"), (7.9, "3"), (8, "4A"), (14.9, "4A"), (15, "4B"), (40, "4B")],
)
def test_lung_rads_of_solid_nodules_at_baseline(size: float, expected: str) -> None:
    assert category(Nodule(size, LOBES[0])) == expected


def test_spiculated_nodules_are_4x() -> None:
    assert category(Nodule(20, LOBES[0], spiculated=True)) == "4X"


@pytest.mark.parametrize(
    ("t", "n", "m", "group"),
    [
        ("T1a", "N0", "M0", "IA1"),
        ("T1c", "N1", "M0", "IIA"),
        ("T1b", "N2a", "M0", "IIB"),
        ("T2a", "N2b", "M0", "IIIB"),
        ("T3", "N2a", "M0", "IIIA"),
        ("T4", "N3", "M0", "IIIC"),
        ("T1a", "N0", "M1b", "IVA"),
        ("T4", "N3", "M1c2", "IVB"),
    ],
)
def test_stage_groups_of_tnm_9(t: str, n: str, m: str, group: str) -> None:
    assert stage_group(t, n, m) == group


@pytest.mark.parametrize(
    ("size", "t"), [(10, "T1a"), (20, "T1b"), (30, "T1c"), (40, "T2a"), (50, "T2b"), (70, "T3"), (71, "T4")]
)
def test_tumour_category_by_size(size: float, t: str) -> None:
    assert tumour_category(size) == t


def test_there_are_lung_cancer_journeys_to_show() -> None:
    found = Counter(_code(node)[:3] for node in _of(list(people(400, 1)), "Condition"))
    assert found["C34"] >= 2


def test_times_carry_the_offset_of_the_place() -> None:
    summer, winter = date(2026, 1, 15).toordinal(), date(2026, 7, 15).toordinal()
    assert instant(summer, 605, "America/Santiago") == "2026-01-15T10:05:00-03:00"
    assert instant(winter, 605, "America/Santiago") == "2026-07-15T10:05:00-04:00"
    assert instant(winter, 605, "America/Lima") == "2026-07-15T10:05:00-05:00"


def test_controls_of_a_trend_are_in_order(lives: list[Life]) -> None:
    """Visits are dated as they were made: planned controls go forward in time."""
    for one in lives:
        starts = [node["period"]["start"][:10] for node in _of([one], "Encounter") if _is_control(node)]
        assert all(a <= b for a, b in pairwise(starts))


def _is_control(node: dict[str, Any]) -> bool:
    return node["reasonCode"][0]["coding"][0]["code"] in {"Z00.0", "Z00.1"}


def test_files_are_the_same_for_the_same_seed(tmp_path: Any) -> None:
    for name in ("a", "b"):
        assert main(["--patients", "3", "--seed", "5", "--out", str(tmp_path / name)]) == 0
    first = (tmp_path / "a").read_bytes()
    assert first == (tmp_path / "b").read_bytes()
    types = [json.loads(line)["resourceType"] for line in first.splitlines()]
    assert types.count("Patient") == 3


def test_single_resources_need_ids(tmp_path: Any) -> None:
    assert main(["--patients", "1", "--ids", "server", "--out", str(tmp_path / "x")]) == 2
