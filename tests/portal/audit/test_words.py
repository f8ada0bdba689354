"""Whatever can come into the trail has words for who reads it: what is new in the sources and has none fails here."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import get_args

import pytest
from tests.portal.audit import sources

from kuska.kit.messages import LANGUAGES, catalogue
from kuska.portal.audit.words import KINDS, because, did, reason_key
from kuska.security.contracts import Event
from kuska.security.domain.clients import GRANTS
from kuska.security.domain.trail_chain import Problem

pytestmark = pytest.mark.requirement("HC-09")
EVENT = Event(id="1", at=datetime(2026, 11, 21, tzinfo=UTC), action="E", kind="rest", outcome="4")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_reason(lang: str) -> None:
    known, found = catalogue(lang), sources.reasons()
    assert {"security.token-audience", "security.code-unknown", "factors.wrong-code", "external.replayed"} <= found
    assert len(found) > 90
    assert not {reason for reason in found if not reason_key(reason, known)}


@pytest.mark.parametrize("what", ["resolve", "forget"])
def test_a_persons_own_reason_is_shown_as_it_was_written(what: str) -> None:
    written = "The person asked for it in writing."
    done = replace(EVENT, kind="pseudonym", interaction=what, outcome="0", reason=written)
    assert because(done, catalogue("es")) == written
    assert because(replace(done, outcome="4", reason="security.feature"), catalogue("es")) != "security.feature"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_message_of_the_record_as_a_reason(lang: str) -> None:
    """The record notes the first issue of what it refused, whichever that is."""
    known = catalogue(lang)
    said = {key: because(replace(EVENT, interaction="read", reason=key), known) for key in known}
    assert not {key: text for key, text in said.items() if "{" in text or text == key}
    parts = ("interaction", "search", "validation", "json", "fhirpath", "patch", "store")
    other = known["because.other"]
    assert not {key for key, text in said.items() if key.split(".")[0] in parts and text == other}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_everything_that_is_done(lang: str) -> None:
    known, found = catalogue(lang), sources.interactions()
    assert {("account", "roles"), ("token", "issued"), ("key", "settle"), ("login", "external-sign-in")} <= found
    assert len(found) > 50
    # Composed where they are said.
    found |= {("factor", f"verify-{kind}") for kind in ("passkey", "totp", "recovery")}
    found |= {("token", grant) for grant in (*GRANTS, "authorize")}
    without = {(kind, what) for kind, what in found if not did(replace(EVENT, kind=kind, interaction=what), known)}
    assert not without


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_kind_and_every_problem_of_the_chain(lang: str) -> None:
    known, kinds = catalogue(lang), sources.kinds()
    assert {"account", "retention", "break-glass", "token"} <= kinds | {"token", "account"}
    assert not kinds - set(KINDS), "an auditor can choose each in the filter"
    assert not {kind for kind in KINDS if f"auditing.kind-{kind}" not in known}
    works = sources.works()
    assert {"emergency", "registration", "staff"} <= works
    assert not {work for work in works if f"auditing.system-{work}" not in known}
    for problem in get_args(Problem):
        text = known[f"audit.{problem}"].format(day="21/11/2026", link=7, event="e1")
        assert "7" in text, problem
