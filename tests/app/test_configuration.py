from __future__ import annotations

from pathlib import Path
from typing import get_type_hints

import pytest

from kuska.app.configuration import SettingsError, bounds, hint_of, load
from kuska.app.settings import SLICES


def refused(environment: dict[str, str]) -> tuple[str, dict[str, object]]:
    with pytest.raises(SettingsError) as caught:
        load(environment)
    issue = caught.value.issues[0]
    return issue.message, dict(issue.params)


def test_without_anything_there_are_defaults() -> None:
    settings = load({})
    assert settings.process.host == "127.0.0.1"
    assert settings.process.security == "on"
    assert settings.database.url == ""


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "kuska.toml"
    file.write_text("port = 1\nhost = '::1'\nworkers = 3\n[database]\nread_connections = 5\n")
    environment = {"KUSKA_CONFIG": str(file), "KUSKA_PORT": "2", "KUSKA_HOST": "localhost"}
    settings = load(environment, {"KUSKA_HOST": "127.0.0.2"})
    assert (settings.process.workers, settings.process.port, settings.process.host) == (3, 2, "127.0.0.2")
    assert settings.database.read_connections == 5


def test_a_misspelt_variable_stops_the_start_and_names_the_one_that_was_meant() -> None:
    message, params = refused({"KUSKA_DATABSE_URL": "postgresql://x"})
    assert message == "settings.unknown-near"
    assert params["near"] == "KUSKA_DATABASE_URL"


def test_a_misspelt_line_of_the_file_does_too(tmp_path: Path) -> None:
    file = tmp_path / "kuska.toml"
    file.write_text("[databse]\nurl = 'x'\n")
    message, params = refused({"KUSKA_CONFIG": str(file)})
    assert (message, params["near"]) == ("settings.unknown-near", "database.url")


def test_a_value_of_the_wrong_kind_names_its_variable() -> None:
    message, params = refused({"KUSKA_PORT": "many"})
    assert (message, params["name"]) == ("settings.wrong-whole-number", "KUSKA_PORT")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KUSKA_PORT", "99999"),
        ("KUSKA_WORKERS", "0"),
        ("KUSKA_FHIR_HISTORY_COUNT", "-5"),
        ("KUSKA_DATABASE_READ_CONNECTIONS", "0"),
        ("KUSKA_HTTP_HEAD_SECONDS", "inf"),
        ("KUSKA_LOG_SLOW_SECONDS", "nan"),
    ],
)
def test_a_number_that_makes_no_sense_is_refused_with_what_is_allowed(name: str, value: str) -> None:
    message, params = refused({name: value})
    assert message in {"settings.wrong-number", "settings.wrong-whole-number"}
    assert (params["name"], params["value"]) == (name, value)
    assert float(str(params["low"])) < float(str(params["high"]))


def test_every_number_has_bounds() -> None:
    numbers = [
        (slice_, name)
        for slice_ in SLICES.values()
        for name, kind in get_type_hints(slice_).items()
        if kind in {int, float}
    ]
    assert numbers
    assert [(slice_, name) for slice_, name in numbers if bounds(hint_of(slice_, name)) is None] == []


@pytest.mark.parametrize(
    "address",
    [
        "nonsense",
        "rosa:secret@host/kuska",
        "mysql://rosa:secret@host/kuska",
        "postgresql://rosa:secret@host:99999/kuska",
    ],
)
def test_an_address_of_no_database_is_refused_without_repeating_it(address: str) -> None:
    message, params = refused({"KUSKA_DATABASE_URL": address})
    assert message == "settings.wrong-address"
    assert "secret" not in str(params)


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://kuska:a:b@host/kuska",
        "postgres://one:5432,two:5433/kuska",
        "postgresql://kuska@/kuska?host=/run/postgresql",
        "postgresql://[::1]/kuska",
        "postgresql://[::1]:5432/kuska",
    ],
)
def test_the_forms_of_an_address_that_postgresql_takes(address: str) -> None:
    assert load({"KUSKA_DATABASE_URL": address}).database.url == address


def test_a_role_that_does_not_exist() -> None:
    assert refused({"KUSKA_ROLES": "api,cook"})[0] == "settings.wrong-choice"


def test_an_own_address_that_is_none() -> None:
    message, params = refused({"KUSKA_FHIR_BASE_URL": "record.example.org"})
    assert (message, params["name"]) == ("settings.wrong", "KUSKA_FHIR_BASE_URL")


def test_other_programs_variables_are_none_of_our_business() -> None:
    load({"PATH": "/bin", "KUSKA_TEST_CITUS_URL": "x", "KUSKAR": "x"})
