"""Records do not travel readable between the server and its database."""

from __future__ import annotations

import pytest

from kuska.infra.postgres.address import guarded

pytestmark = pytest.mark.requirement("LW-30")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:word@db.example.org/kuska",
        "postgresql://user:word@10.0.0.5:5432/kuska",
        "postgresql://user@localhost,db.example.org/kuska",
        "postgresql://user@[2001:db8::1]:5432/kuska?application_name=x",
        "postgresql:///kuska?host=db.example.org",
    ],
)
def test_another_machine_is_spoken_to_by_tls(url: str) -> None:
    assert guarded(url).endswith("sslmode=require")
    assert guarded(guarded(url)) == guarded(url)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user@localhost:5433/kuska",
        "postgresql://user@127.0.0.1/kuska",
        "postgresql://user@[::1]:5432/kuska",
        "postgresql:///kuska?host=/run/postgresql",
        "postgresql://user@%2Frun%2Fpostgresql/kuska",
        "postgresql://user@db.example.org/kuska?sslmode=verify-full",
        "postgresql://user@db.example.org/kuska?sslmode=disable",
    ],
)
def test_what_stays_here_or_says_so_itself_is_left_alone(url: str) -> None:
    assert guarded(url) == url
