"""Pseudonyms: what they are, who gets back, and what the table alone tells."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from datetime import timedelta

import pytest
from tests.security.usecases.visitors import NOW, SETTINGS, House, house

from kuska.infra.postgres.database import Database
from kuska.kit.errors import IncorrectError
from kuska.security.domain.sealing import DataKey, passing_ring
from kuska.security.errors import RefusedByPolicyError, StepUpError
from kuska.security.settings import SecuritySettings
from kuska.security.usecases.pseudonyms import Pseudonyms

pytestmark = pytest.mark.requirement("QX-10", "IM-17")
REASON = "Incidental finding that the person has to be told of."
RING = passing_ring()


@pytest.fixture
async def at(db: Database) -> House:
    async with db.write() as tx:
        await tx.execute("truncate security.pseudonym")
    return house(db)


@pytest.fixture
def pseudonyms(at: House) -> Pseudonyms:
    return Pseudonyms(at.db, SETTINGS, RING, at.clock)


async def vault(at: House) -> list[dict[str, bytes]]:
    async with at.db.read() as conn:
        rows = await conn.fetch("select purpose, person, token, sealed from security.pseudonym")
    return [dict(zip(row.keys(), row.values(), strict=True)) for row in rows]


async def test_one_person_one_token_for_each_purpose(pseudonyms: Pseudonyms) -> None:
    first = await pseudonyms.of("research", ["Patient/1", "Patient/2", "Patient/1"])
    assert first == await pseudonyms.of("research", ["Patient/2", "Patient/1"])
    assert first["Patient/1"] != first["Patient/2"]
    other = await pseudonyms.of("statistics", ["Patient/1"])
    tokens = {*first.values(), *other.values()}
    assert len(tokens) == 3
    for token in tokens:
        assert re.fullmatch(r"(research|statistics)-[0-9a-z]{27}", token)
    assert len({token.partition("-")[2][:4] for token in tokens}) == 3
    assert len(max(tokens, key=len)) <= 64, "a valid FHIR id"


async def test_the_table_alone_tells_nothing(at: House, pseudonyms: Pseudonyms) -> None:
    tokens = await pseudonyms.of("research", ["Patient/1"]) | await pseudonyms.of("statistics", ["Patient/1"])
    rows = await vault(at)
    raw = b"".join(value for row in rows for value in row.values() if isinstance(value, bytes))
    for secret in ("Patient/1", *(token.partition("-")[2] for token in tokens.values())):
        assert secret.encode() not in raw
    one, other = rows
    assert not {one["person"], one["token"], one["sealed"]} & {other["person"], other["token"], other["sealed"]}
    # Whoever knows the ids but not the keys cannot even ask whether somebody is in it.
    strangers = Pseudonyms(at.db, SETTINGS, passing_ring(), at.clock)
    await strangers.of("research", ["Patient/1"])
    assert len(await vault(at)) == 3


async def test_another_country_has_a_vault_of_its_own(at: House, pseudonyms: Pseudonyms) -> None:
    chile = Pseudonyms(at.db, SecuritySettings(tenant="hospital", country="CL"), RING, at.clock)
    assert await pseudonyms.of("research", ["Patient/1"]) != await chile.of("research", ["Patient/1"])


async def test_who_arrives_at_the_same_time_gets_the_same_token(at: House, pseudonyms: Pseudonyms) -> None:
    people = [f"Patient/{number}" for number in range(50)]
    others = [Pseudonyms(at.db, SETTINGS, RING, at.clock) for _ in range(8)]
    answers = await asyncio.gather(
        *(each.of("research", people[:: 1 if turn % 2 else -1]) for turn, each in enumerate(others))
    )
    assert all(answer == answers[0] for answer in answers)
    assert len(await vault(at)) == 50


async def test_the_way_back_is_a_role_with_a_reason_in_the_trail(at: House, pseudonyms: Pseudonyms) -> None:
    tokens = await pseudonyms.of("research", ["Patient/1", "Patient/2"])
    found = await pseudonyms.resolve(await at.visit("steward"), "research", list(tokens.values()), REASON)
    assert found == {token: person for person, token in tokens.items()}
    (line,) = at.lines.events
    assert (line.kind, line.interaction, line.outcome, line.reason) == ("pseudonym", "resolve", "0", REASON)
    assert sorted(line.patients) == ["1", "2"]
    assert dict(line.detail) == {"for": "research", "count": "2"}
    assert not [token for token in tokens.values() if token in repr(line)], "the trail is no second vault"


@pytest.mark.parametrize(
    "role", ["patient", "admissions", "physician", "results", "coordinator", "integrator", "auditor", "administrator"]
)
async def test_no_other_role_gets_back_and_the_attempt_is_kept(at: House, pseudonyms: Pseudonyms, role: str) -> None:
    tokens = await pseudonyms.of("research", ["Patient/1"])
    with pytest.raises(RefusedByPolicyError):
        await pseudonyms.resolve(await at.visit(role), "research", list(tokens.values()), REASON)
    (line,) = at.lines.events
    assert (line.outcome, line.patients) == ("4", ())


async def test_the_second_factor_was_shown_too_long_ago(at: House, pseudonyms: Pseudonyms) -> None:
    visit = await at.visit("steward", confirmed=NOW - timedelta(hours=2))
    with pytest.raises(StepUpError):
        await pseudonyms.resolve(visit, "research", [], REASON)
    assert at.lines.said() == [("pseudonym", "resolve", "4", "security.step-up")]


async def test_bound_to_its_purpose(at: House, pseudonyms: Pseudonyms) -> None:
    token = (await pseudonyms.of("research", ["Patient/1"]))["Patient/1"]
    with pytest.raises(IncorrectError):
        await pseudonyms.resolve(await at.visit("steward"), "statistics", [token], REASON)
    renamed = "statistics-" + token.partition("-")[2]
    assert await pseudonyms.resolve(await at.visit("steward"), "statistics", [renamed], REASON) == {}


@pytest.mark.parametrize(
    ("purpose", "tokens", "reason"),
    [
        ("research", [], ""),
        ("research", [], "  short    "),
        ("Research", [], REASON),
        ("research", ["research-x"], REASON),
        ("research", ["research-" + "0" * 27] * 1001, REASON),
    ],
)
async def test_what_is_no_question(
    at: House, pseudonyms: Pseudonyms, purpose: str, tokens: list[str], reason: str
) -> None:
    with pytest.raises(IncorrectError):
        await pseudonyms.resolve(await at.visit("steward"), purpose, tokens, reason)


async def test_who_was_forgotten_cannot_be_found_any_more(at: House, pseudonyms: Pseudonyms) -> None:
    tokens = [(await pseudonyms.of(purpose, ["Patient/1"]))["Patient/1"] for purpose in ("research", "statistics")]
    kept = (await pseudonyms.of("research", ["Patient/2"]))["Patient/2"]
    assert await pseudonyms.forget(await at.visit("steward"), "Patient/1", REASON) == 2
    found = await pseudonyms.resolve(await at.visit("steward"), "research", [tokens[0], kept], REASON)
    assert found == {kept: "Patient/2"}
    assert (await pseudonyms.of("research", ["Patient/1"]))["Patient/1"] not in tokens, "and does not come back"
    assert at.lines.events[0].action == "D"
    assert (at.lines.events[0].patients, at.lines.events[0].reason) == (("1",), REASON)


async def test_forgetting_asks_for_role_second_factor_and_reason(at: House, pseudonyms: Pseudonyms) -> None:
    token = (await pseudonyms.of("research", ["Patient/1"]))["Patient/1"]
    with pytest.raises(RefusedByPolicyError):
        await pseudonyms.forget(await at.visit("administrator"), "Patient/1", REASON)
    with pytest.raises(StepUpError):
        await pseudonyms.forget(await at.visit("steward", confirmed=NOW - timedelta(hours=2)), "Patient/1", REASON)
    with pytest.raises(IncorrectError):
        await pseudonyms.forget(await at.visit("steward"), "Patient/1", "  short  ")
    assert at.lines.said() == [
        ("pseudonym", "forget", "4", "security.feature"),
        ("pseudonym", "forget", "4", "security.step-up"),
    ]
    assert await pseudonyms.resolve(await at.visit("steward"), "research", [token], REASON) == {token: "Patient/1"}


async def test_rows_of_an_older_key_are_sealed_anew(at: House) -> None:
    ring = passing_ring()
    cipher = ring.cipher("pseudonyms")
    pseudonyms = Pseudonyms(at.db, SETTINGS, ring, at.clock)
    people = [f"Patient/{number}" for number in range(700)]
    tokens = await pseudonyms.of("research", people)
    long_ago = NOW - timedelta(days=1)
    old = DataKey(1, cipher.subkey()[1], long_ago)
    cipher.hold([old, DataKey(2, bytes(range(64)), long_ago)])
    assert await pseudonyms.reseal() == 700
    assert Counter(row["sealed"][0] for row in await vault(at)) == {2: 700}
    cipher.hold([DataKey(2, bytes(range(64)), long_ago)])
    assert await pseudonyms.of("research", people) == tokens
