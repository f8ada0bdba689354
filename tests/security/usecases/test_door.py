"""The door: who comes in, with what, and that every attempt that fails is in the trail."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.security.usecases.visitors import NOW, House, emptied, house

from kuska.infra.postgres.database import Database
from kuska.security.contracts import Caller
from kuska.security.domain.accounts import Account
from kuska.security.domain.scopes import parse
from kuska.security.domain.sessions import Session
from kuska.security.errors import NobodyError, RefusedByPolicyError
from kuska.security.settings import LimitSettings
from kuska.security.usecases.door import Door, signed_in
from kuska.security.usecases.limits import Limits, ThrottledError
from kuska.security.usecases.refusals import Refusals
from kuska.security.usecases.unrestricted import visit_off, visit_system

pytestmark = [pytest.mark.requirement("HC-04"), pytest.mark.requirement("LW-13"), pytest.mark.requirement("AP-10")]
FROM = "203.0.113.9"


class Tokens:
    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def known(self, bearer: str) -> Caller | None:
        return self._caller if bearer == "known" else None

    def check(self, bearer: str) -> Caller:
        if bearer != "good":
            raise NobodyError("security.token-expired")
        return self._caller


class Sessions:
    def __init__(self) -> None:
        self.kept: dict[str, Session] = {}

    async def find(self, cookie: str, address: str) -> Session | None:
        assert address == FROM
        return self.kept.get(cookie)


def session(**changed: object) -> Session:
    account = Account(
        id="account-1", kind="person", tenant="hospital", login="doctor", display_name="Doctor", email="",
        status="active", country="PE", organization="us", patient="", practitioner="doctor", roles=("physician",),
        language="es", created=NOW, updated=NOW,
    )  # fmt: skip
    made = Session(
        id="session-1", account=account, pending=False, methods=("pwd", "otp"),
        shown=(NOW - timedelta(hours=1), NOW - timedelta(minutes=1)), created=NOW, authenticated=NOW, seen=NOW,
        ends=NOW + timedelta(hours=8), address=FROM, agent="",
    )  # fmt: skip
    return replace(made, **changed)  # type: ignore[arg-type]


@pytest.fixture
async def at(db: Database) -> House:
    await emptied(db)
    return house(db)


@pytest.fixture
def sessions() -> Sessions:
    return Sessions()


def _door(
    at: House,
    tokens: Tokens,
    sessions: Sessions | None = None,
    limits: Limits | None = None,
    refusals: Refusals | None = None,
) -> Door:
    return Door(
        tokens=tokens, sessions=sessions or Sessions(), policy=at.policy, trail=at.lines,
        limits=limits or Limits(LimitSettings()), clock=at.clock, refusals=refusals, secure=True,
    )  # fmt: skip


@pytest.fixture
def door(at: House, sessions: Sessions) -> Door:
    caller = replace(at.caller("physician"), address="")
    limits = Limits(LimitSettings(failures_per_minute=1, failures_burst=3), now=lambda: 0.0)
    return Door(
        tokens=Tokens(caller),
        sessions=sessions,
        policy=at.policy,
        trail=at.lines,
        limits=limits,
        clock=at.clock,
        secure=True,
    )


async def test_a_good_token_comes_in(at: House, door: Door) -> None:
    visit = await door.enter({b"authorization": b"Bearer good"}, address=FROM, request="r1", purpose="ETREAT")
    assert visit.access.caller.address == FROM
    assert visit.access.purpose == "ETREAT"
    assert visit.request == "r1"
    assert not at.lines.events, "the visit itself leaves its line when it ends"


@pytest.mark.parametrize("token", [b"good", b"known"])
async def test_a_known_token_comes_in_like_a_checked_one(at: House, door: Door, token: bytes) -> None:
    for scheme in (b"Bearer ", b"bearer "):
        visit = await door.enter({b"authorization": scheme + token}, address=FROM)
        assert (visit.access.caller.account, visit.access.caller.address) == ("account-physician", FROM)
    with pytest.raises(RefusedByPolicyError):
        await door.enter({b"authorization": b"Bearer " + token}, address=FROM, purpose="HRESCH")


async def test_a_token_without_scopes_opens_nothing(door: Door) -> None:
    """However it came to be: `None` means a session of the pages, which nothing narrows."""
    access = (await door.enter({b"authorization": b"Bearer good"}, address=FROM)).access
    assert not access.ways("Observation", "r")
    assert not access.may("break-glass")


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "security.no-token"),
        ({b"authorization": b""}, "security.no-token"),
        ({b"authorization": b"Basic Z29vZDpnb29k"}, "security.no-bearer"),
        ({b"authorization": b"Bearer"}, "security.no-bearer"),
        ({b"authorization": b"Bearer good good"}, "security.no-bearer"),
        ({b"authorization": b"Bearer good\n"}, "security.no-bearer"),
        ({b"authorization": "Bearer gööd".encode()}, "security.no-bearer"),
        ({b"authorization": b"Bearer expired"}, "security.token-expired"),
        # Seven letters before a token that is known already, and not the right ones.
        ({b"authorization": b"Basic  known"}, "security.no-bearer"),
        ({b"authorization": b"BEARER known"}, "security.no-bearer"),
        ({b"authorization": b"Bearerxknown"}, "security.no-bearer"),
        ({b"cookie": b"kuska=good"}, "security.no-token"),
        ({b"cookie": b"__Host-kuska=good"}, "security.no-token"),
    ],
)
async def test_everything_else_is_refused_alike_and_noted_apart(
    at: House, door: Door, sessions: Sessions, headers: dict[bytes, bytes], reason: str
) -> None:
    sessions.kept["good"] = session()
    with pytest.raises(NobodyError) as raised:
        await door.enter(headers, address=FROM, request="r1")
    assert [issue.message for issue in raised.value.issues] == ["security.unauthenticated"]
    (line,) = at.lines.events
    assert (line.kind, line.outcome, line.reason, line.request) == ("door", "4", reason, "r1")
    assert line.caller.address == FROM


async def test_what_the_policy_refuses_is_noted_with_who_it_was(at: House, door: Door) -> None:
    with pytest.raises(RefusedByPolicyError):
        await door.enter({b"authorization": b"Bearer good"}, address=FROM, purpose="HRESCH")
    (line,) = at.lines.events
    assert (line.reason, line.caller.account, line.purpose) == ("security.purpose", "account-physician", "HRESCH")


async def test_who_fails_too_often_waits_and_does_not_fill_the_trail(at: House, door: Door) -> None:
    for _ in range(3):
        with pytest.raises(NobodyError):
            await door.enter({}, address=FROM)
    for headers in ({}, {b"authorization": b"Bearer expired"}):
        for _ in range(5):
            with pytest.raises(ThrottledError):
                await door.enter(headers, address=FROM)
    with pytest.raises(ThrottledError):
        await door.enter_page({b"cookie": b"__Host-kuska=unknown"}, address=FROM)
    assert len(at.lines.events) == 3
    with pytest.raises(NobodyError):
        await door.enter({}, address="198.51.100.1")


async def test_one_bad_client_does_not_lock_out_the_others_behind_its_address(
    at: House, door: Door, sessions: Sessions
) -> None:
    sessions.kept["good"] = session()
    for _ in range(20):
        with pytest.raises((NobodyError, ThrottledError)):
            await door.enter({}, address=FROM)
    await door.enter({b"authorization": b"Bearer good"}, address=FROM)
    await door.enter_page({b"cookie": b"__Host-kuska=good"}, address=FROM)
    with pytest.raises(NobodyError) as page:  # the way to the sign-in, which counts for itself
        await door.enter_page({}, address=FROM)
    assert page.value.reason == "security.no-token"
    assert len(at.lines.events) == 3


@pytest.mark.parametrize(
    "cookies",
    [b"__Host-kuska=good", b"a=b; __Host-kuska=good; c", b"kuska=bad; __Host-kuska=good"],
)
async def test_a_page_takes_the_sessions_cookie(door: Door, sessions: Sessions, cookies: bytes) -> None:
    sessions.kept["good"] = session()
    visit = await door.enter_page({b"cookie": cookies}, address=FROM)
    caller = visit.access.caller
    assert (caller.account, caller.session, caller.practitioner) == ("account-1", "session-1", "doctor")
    assert caller.scopes is None
    assert caller.confirmed == NOW - timedelta(minutes=1), "the second factor, not the password"


async def test_behind_tls_a_cookie_that_a_neighbour_could_set_is_none(door: Door, sessions: Sessions) -> None:
    sessions.kept["good"] = session()
    with pytest.raises(NobodyError):
        await door.enter_page({b"cookie": b"kuska=good"}, address=FROM)


async def test_a_page_does_not_take_a_token(at: House, door: Door) -> None:
    with pytest.raises(NobodyError):
        await door.enter_page({b"authorization": b"Bearer good"}, address=FROM)
    assert not at.lines.events, "nothing was tried: somebody looks at a page before signing in"


@pytest.mark.parametrize("cookie", [b"__Host-kuska=unknown", b"__Host-kuska=half", b"__Host-kuska=\xff"])
async def test_a_page_refuses_a_session_that_is_not_good(
    at: House, door: Door, sessions: Sessions, cookie: bytes
) -> None:
    sessions.kept["half"] = session(pending=True)
    with pytest.raises(NobodyError):
        await door.enter_page({b"cookie": cookie}, address=FROM)
    assert [line.reason for line in at.lines.events] == ["security.no-session"]


def test_without_a_second_factor_none_was_shown() -> None:
    assert signed_in(session(methods=("pwd",), shown=(NOW,)), FROM).confirmed is None


async def test_security_off_may_everything_and_notes_nothing() -> None:
    visit = visit_off()
    assert visit.access.free("Patient", "d")
    assert visit.access.may("anything")
    visit.gave("Patient/1", "1")
    await visit.end("R")
    with pytest.raises(NotImplementedError):
        visit.trail.columns([])


async def test_the_programs_own_work_is_noted_under_its_name(at: House) -> None:
    visit = visit_system("demo", at.lines, at.clock)
    visit.gave("Patient/1", "1")
    await visit.end("R")
    (line,) = at.lines.events
    assert (line.caller.kind, line.caller.account, line.entities) == ("system", "system:demo", ("Patient/1",))


async def test_a_token_keeps_its_scopes_and_no_more(door: Door, at: House) -> None:
    rules = parse("user/Observation.r")
    narrowed = replace(at.caller("physician"), address="", scopes=rules)
    access = (await _door(at, Tokens(narrowed)).enter({b"authorization": b"Bearer good"}, address=FROM)).access
    assert access.caller.scopes == rules
    assert access.ways("Observation", "r")
    assert not access.ways("Observation", "s")
    assert not access.ways("Condition", "r")


@pytest.mark.parametrize("token", [b"good", b"known"])
async def test_who_asks_too_much_waits(at: House, sessions: Sessions, token: bytes) -> None:
    """By a token that is checked, by one that is known, by the pages."""
    limits = Limits(LimitSettings(requests_per_second=1, requests_burst=2), now=lambda: 0.0)
    door = _door(at, Tokens(replace(at.caller("physician"), address="")), sessions, limits)
    for _ in range(2):
        await door.enter({b"authorization": b"Bearer " + token}, address=FROM)
    with pytest.raises(ThrottledError):
        await door.enter({b"authorization": b"Bearer " + token}, address=FROM)
    sessions.kept["good"] = session()
    for _ in range(2):
        await door.enter_page({b"cookie": b"__Host-kuska=good"}, address=FROM)
    with pytest.raises(ThrottledError):
        await door.enter_page({b"cookie": b"__Host-kuska=good"}, address=FROM)
    assert not at.lines.events, "it is no refusal: nothing of it is anybody's business"


async def test_a_good_token_of_who_is_gone_is_an_attempt(at: House, sessions: Sessions) -> None:
    """The account was withdrawn since: noted with who it was, held against the address, counted as what was shown."""
    gone = replace(at.caller("physician"), address="", kind="anonymous")
    limits = Limits(LimitSettings(failures_per_minute=1, failures_burst=1), now=lambda: 0.0)
    tried: list[str] = []
    for way in ("token", "session"):
        refusals = Refusals(at.lines, limits)
        refusals.metrics.refused = tried.append  # type: ignore[method-assign]
        door = _door(at, Tokens(gone), sessions, limits, refusals)
        sessions.kept["good"] = session(account=replace(session().account, kind="anonymous"))
        with pytest.raises((NobodyError, ThrottledError)):
            if way == "token":
                await door.enter({b"authorization": b"Bearer good"}, address=FROM)
            else:
                await door.enter_page({b"cookie": b"__Host-kuska=good"}, address=FROM)
    (line,) = at.lines.events
    assert (line.outcome, line.caller.account, line.caller.address) == ("4", "account-physician", FROM)
    assert tried == ["token", "session"]
    with pytest.raises(ThrottledError):
        await door.enter({b"authorization": b"Bearer good"}, address=FROM)


async def test_what_is_kept_of_callers_has_a_bound(at: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kuska.security.usecases.door._MOST_CALLERS", 3)
    door = _door(at, Tokens(replace(at.caller("physician"), address="")))
    for number in range(10):
        address = f"203.0.113.{number}"
        visit = await door.enter({b"authorization": b"Bearer good"}, address=address)
        assert visit.access.caller.address == address
        assert len(door._placed) <= 3
    assert len(door._placed) > 0
