"""The operator's list of providers, and our proof to a provider by a key of our own."""

from __future__ import annotations

from pathlib import Path

import pytest

from kuska.security.usecases.external.errors import ProvidersFileError
from kuska.security.usecases.external.file import read

pytestmark = [pytest.mark.requirement("HC-08"), pytest.mark.requirement("AP-10")]

GOOD = """
only = true

[[provider]]
name = "keycloak"
title = "Hospital San Juan"
issuer = "https://login.example.org/realms/hospital"
client_id = "kuska"
accounts = "new"

[provider.claims]
practitioner = "practitioner_id"

[provider.second_factor]
acr = ["2"]

[[provider.role]]
claim = "realm_access.roles"
value = "medico"
role = "physician"
"""


def written(folder: Path, text: str) -> str:
    path = folder / "providers.toml"
    path.write_text(text)
    return str(path)


def test_a_good_one(tmp_path: Path) -> None:
    found = read(written(tmp_path, GOOD))
    assert found.only
    assert [(each.name, each.role[0].role, each.claims.practitioner) for each in found.provider] == [
        ("keycloak", "physician", "practitioner_id")
    ]


def test_none() -> None:
    assert read("").provider == ()
    assert not read("").only


@pytest.mark.parametrize(("old", "new"), [
    ("title =", "tittle ="), ('name = "keycloak"', 'name = "../x"'), ("https://login", "ftp://login"),
    ("https://login.example.org/realms/hospital", "https://login.example.org/?a=b"), ('"new"', '"all"'),
    ('role = "physician"', 'role = "Médico"'), ("client_id", 'client_secret_file = "/not/there"\nclient_id'),
    ("client_id", 'algorithms = ["none"]\nclient_id'), ("client_id", 'algorithms = ["HS256"]\nclient_id'),
    ("client_id", "algorithms = []\nclient_id"), ("client_id", 'scopes = ["profile"]\nclient_id'),
    ("only = true", "only = "), ("[[provider]]", "[[providers]]"), (GOOD, "only = true"),
    (GOOD, GOOD + GOOD.split("only = true")[1]), (GOOD[GOOD.index("[[provider.role]]"):], ""),
])  # fmt: skip
def test_what_is_wrong_stops_the_start(tmp_path: Path, old: str, new: str) -> None:
    assert old in GOOD
    with pytest.raises(ProvidersFileError, match=r"external\.file"):
        read(written(tmp_path, GOOD.replace(old, new)))


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ProvidersFileError):
        read(str(tmp_path / "nothing"))


def test_the_one_in_the_documentation(tmp_path: Path) -> None:
    page = (Path(__file__).parents[4] / "docs" / "contexts" / "security" / "external.md").read_text()
    secret = tmp_path / "secret"
    secret.write_text("x")
    sample = page.split("```toml")[1].split("```")[0].replace("/run/secrets/kuska-oidc", str(secret))
    assert read(written(tmp_path, sample)).provider[0].claims.practitioner == "practitioner_id"
