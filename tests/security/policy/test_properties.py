"""What holds for every role, token, consent and request, and not only for those of the tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.security.policy.situations import CONSENTS, HERE, LETTERS, NOW, TYPES, WHOSE, allowed, caller, rule

from kuska.security.contracts import Access, Caller, ScopeRule
from kuska.security.domain.consents import Common, ConsentRule
from kuska.security.domain.directory import DIRECTORY
from kuska.security.domain.policy import Facts, Granted, decide
from kuska.security.domain.purposes import PURPOSES
from kuska.security.domain.roles import shipped
from kuska.security.errors import RefusedByPolicyError

pytestmark = pytest.mark.requirement("LW-29")

# Each example is a thousand decisions; and a busy machine is no failure.
SOME = settings(max_examples=60, deadline=None)
_LETTERS = st.sets(st.sampled_from("cruds"), min_size=1).map(frozenset)
_SOME_TYPES = st.sampled_from(["*", *TYPES])
_QUERY = st.lists(st.tuples(st.sampled_from(["category", "status"]), st.sampled_from(["a", "b"])), max_size=2)
SCOPE = st.builds(
    ScopeRule,
    st.sampled_from(["patient", "user", "system"]),
    _SOME_TYPES,
    _LETTERS,
    _QUERY.map(lambda pairs: tuple(sorted(set(pairs)))),
)
ROLES = st.lists(st.sampled_from([*shipped(), "unknown"]), max_size=3, unique=True).map(tuple)
# Most of the time one that some role has: a purpose of nobody opens nothing, and proves little.
PURPOSE = st.sampled_from(["", "", "TREAT", "PATADMIN", "PATRQT"]) | st.sampled_from(sorted(PURPOSES))
PATIENTS = tuple(WHOSE.values())


@st.composite
def callers(draw: st.DrawFn) -> Caller:
    scopes = draw(st.none() | st.lists(SCOPE, max_size=4).map(tuple))
    return replace(
        caller(*draw(ROLES)),
        kind=draw(st.sampled_from(["person", "partner"])),
        account="account",
        scopes=scopes,
        patient=draw(st.sampled_from(["", *PATIENTS])),
        methods=draw(st.sampled_from([("pwd",), ("pwd", "otp"), ("webauthn",)])),
    )


_EFFECT = st.sampled_from(["permit", "deny"])
_ACTORS = st.lists(
    st.sampled_from(["Organization/us", "Practitioner/doctor", "role:partner", "Organization/x"]), max_size=2
)
RULE = st.builds(
    lambda patient, effect, depth, actors, purposes, types, begins, ends: rule(
        patient, effect, depth=depth, actors=tuple(actors), purposes=tuple(purposes), types=tuple(types),
        begins=begins, ends=ends,
    ),
    st.sampled_from(PATIENTS), _EFFECT, st.integers(0, 2), _ACTORS,
    st.lists(st.sampled_from(["TREAT", "HRESCH"]), max_size=1),
    st.lists(st.sampled_from(["Observation", "Consent", "Patient"]), max_size=2),
    st.none() | st.just(NOW - timedelta(days=1)) | st.just(NOW + timedelta(days=1)),
    st.none() | st.just(NOW - timedelta(hours=1)) | st.just(NOW + timedelta(hours=1)),
)  # fmt: skip
CONSENT = st.lists(RULE, min_size=1, max_size=3).map(tuple)
RECORD = st.dictionaries(st.sampled_from(["a", "b", "c"]), CONSENT, max_size=3)

Cell = tuple[str, str, str]


def opens(who: Caller, purpose: str, consents: dict[str, tuple[ConsentRule, ...]]) -> set[Cell]:
    """Everything that is allowed, as far as ways without query restrictions tell; restricted ones are cells too."""
    access = _access(who, purpose, consents)
    return set() if access is None else _cells(access)


def _access(who: Caller, purpose: str, consents: dict[str, tuple[ConsentRule, ...]]) -> Access | None:
    facts = Facts(patient="self", consents=consents)
    try:
        return Granted(who, decide(who, purpose, shipped(), facts, place=HERE, now=NOW))
    except RefusedByPolicyError:
        return None


def _cells(access: Access) -> set[Cell]:
    return {
        (type_, letter, patient)
        for type_ in TYPES
        for letter in LETTERS
        if access.ways(type_, letter)
        for patient in PATIENTS
        if allowed(access, type_, letter, patient)
    }


@SOME
@given(who=callers(), purpose=PURPOSE, consents=RECORD, drop=st.integers(0, 3), letter=st.sampled_from("cruds"))
def test_a_smaller_token_never_opens_more(
    who: Caller, purpose: str, consents: dict[str, tuple[ConsentRule, ...]], drop: int, letter: str
) -> None:
    wide = opens(who, purpose, consents)
    scopes = who.scopes if who.scopes is not None else (ScopeRule("user", "*", frozenset("cruds")),)
    without_one = tuple(scope for number, scope in enumerate(scopes) if number != drop)
    without_letter = tuple(replace(scope, letters=scope.letters - {letter}) for scope in scopes)
    restricted = tuple(replace(scope, query=tuple(sorted({*scope.query, ("category", "z")}))) for scope in scopes)
    about_one = tuple(replace(scope, context="patient") for scope in scopes if scope.context == "user")
    for narrower in (without_one, without_letter, restricted, about_one, ()):
        assert opens(replace(who, scopes=narrower), purpose, consents) <= wide


@SOME
@given(who=callers(), purpose=PURPOSE, consents=RECORD, added=CONSENT)
def test_another_refusal_never_opens_more(
    who: Caller, purpose: str, consents: dict[str, tuple[ConsentRule, ...]], added: tuple[ConsentRule, ...]
) -> None:
    refusal = tuple(replace(one, effect="deny") for one in added)
    assert opens(who, purpose, {**consents, "added": refusal}) <= opens(who, purpose, consents)


@SOME
@given(who=callers(), purpose=PURPOSE, consents=RECORD, added=CONSENT)
def test_another_permission_opens_only_to_who_reaches_by_consent(
    who: Caller, purpose: str, consents: dict[str, tuple[ConsentRule, ...]], added: tuple[ConsentRule, ...]
) -> None:
    permission = tuple(replace(one, effect="permit") for one in added)
    more = opens(who, purpose, {**consents, "added": permission}) - opens(who, purpose, consents)
    if "partner" not in who.roles:
        assert not more
    assert {patient for _, _, patient in more} <= {one.patient for one in permission if one.names}


@SOME
@given(who=callers(), purpose=PURPOSE, consents=RECORD)
def test_what_is_found_once_for_everybody_is_the_same_for_each(
    who: Caller, purpose: str, consents: dict[str, tuple[ConsentRule, ...]]
) -> None:
    """Consents that speak of everybody are kept for all callers together."""
    everybody = {id_: rules for id_, rules in consents.items() if any(not one.actors for one in rules)}
    others = {id_: rules for id_, rules in consents.items() if id_ not in everybody}
    facts = Facts(patient="self", consents=others, common=Common(everybody))
    try:
        apart = Granted(who, decide(who, purpose, shipped(), facts, place=HERE, now=NOW))
    except RefusedByPolicyError:
        return
    assert _cells(apart) == opens(who, purpose, consents)
    free = _access(who, purpose, consents)
    assert free is not None
    assert all(apart.free(type_, letter) == free.free(type_, letter) for type_ in TYPES for letter in LETTERS)


@SOME
@given(who=callers(), purpose=PURPOSE.filter(bool), consents=RECORD, drop=st.integers(0, 2))
def test_a_role_less_never_opens_more(
    who: Caller, purpose: str, consents: dict[str, tuple[ConsentRule, ...]], drop: int
) -> None:
    # Consents that name roles would change with them; a refusal of a role that is taken away falls.
    unnamed = {id_: tuple(one for one in rules if not one.actors) for id_, rules in consents.items()}
    fewer = tuple(name for number, name in enumerate(who.roles) if number != drop)
    if "consents.write" in {feature for name in who.roles for feature in _features(name)}:
        return
    assert opens(replace(who, roles=fewer), purpose, unnamed) <= opens(who, purpose, unnamed)


def _features(name: str) -> frozenset[str]:
    return shipped()[name].features if name in shipped() else frozenset()


@SOME
@given(who=callers(), purpose=PURPOSE.filter(bool), consents=RECORD)
def test_the_order_of_roles_and_scopes_does_not_matter(
    who: Caller, purpose: str, consents: dict[str, tuple[ConsentRule, ...]]
) -> None:
    turned = replace(who, roles=who.roles[::-1], scopes=None if who.scopes is None else who.scopes[::-1])
    assert opens(turned, purpose, consents) == opens(who, purpose, consents)


@SOME
@given(who=callers(), purpose=PURPOSE, consents=RECORD)
def test_what_is_free_is_what_everybody_s_data_is_open_to(
    who: Caller, purpose: str, consents: dict[str, tuple[ConsentRule, ...]]
) -> None:
    access = _access(who, purpose, consents)
    if access is None:
        return
    for type_ in TYPES:
        for letter in LETTERS:
            ways = access.ways(type_, letter)
            if access.free(type_, letter):
                assert all(allowed(access, type_, letter, patient) for patient in PATIENTS)
                assert not any(way.queries for way in ways)
            # No way is left out that opens something, and none is there that another one contains.
            assert len(set(ways)) == len(ways)


@SOME
@given(who=callers(), purpose=PURPOSE, consents=RECORD, place=st.sampled_from(["tenant", "country"]))
def test_another_tenant_or_country_opens_nothing(
    who: Caller, purpose: str, consents: dict[str, tuple[ConsentRule, ...]], place: str
) -> None:
    elsewhere = replace(who, **{place: "elsewhere"})
    assert not opens(elsewhere, purpose, consents)


@SOME
@given(who=callers(), purpose=PURPOSE, consents=RECORD)
def test_one_factor_is_not_enough_for_roles_that_ask_for_two(
    who: Caller, purpose: str, consents: dict[str, tuple[ConsentRule, ...]]
) -> None:
    one = replace(who, kind="person", methods=("pwd",))
    access = _access(one, purpose, consents)
    if access is not None and "patient" not in who.roles and "partner" not in who.roles:
        assert not _cells(access)
        assert not access.may("break-glass")


@SOME
@given(who=callers(), scopes=st.lists(SCOPE, max_size=3).map(tuple))
def test_an_application_gets_no_power_of_the_pages(who: Caller, scopes: tuple[ScopeRule, ...]) -> None:
    access = _access(replace(who, kind="person", scopes=scopes), "", {})
    if access is not None:
        assert not any(
            access.may(feature) for feature in ("accounts.write", "roles.write", "break-glass", "keys.write", "launch")
        )


@SOME
@given(who=callers())
def test_a_patient_scope_reaches_one_patient(who: Caller) -> None:
    """Whatever the role."""
    access = _access(replace(who, scopes=(ScopeRule("patient", "*", frozenset("cruds")),)), "", CONSENTS)
    if access is not None:
        reached = {patient for type_, _, patient in _cells(access) if type_ not in DIRECTORY}
        assert reached <= {who.patient}
