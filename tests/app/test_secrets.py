"""Where secrets may come from, and that they come out nowhere."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from tests.app.test_cli import kuska

from kuska.app.configuration import SettingsError, is_secret, load
from kuska.app.settings import SLICES
from kuska.kit.messages import LANGUAGES, render

pytestmark = pytest.mark.requirement("LW-29")
PASSWORD = "hunter2-muy-secreto"
URL = f"postgresql://kuska:{PASSWORD}@db/kuska"


def secret_file(folder: Path, text: str) -> str:
    path = folder / "secret"
    path.write_text(text)
    return str(path)


def test_a_secret_is_read_from_a_file(tmp_path: Path) -> None:
    settings = load({"KUSKA_DATABASE_URL_FILE": secret_file(tmp_path, URL + "\n")})
    assert settings.database.url == URL
    settings = load({"KUSKA_KEYS_VAULT_TOKEN_FILE": secret_file(tmp_path, "hvs.x")})
    assert settings.keys.vault_token == "hvs.x"


def test_from_the_settings_file_too(tmp_path: Path) -> None:
    config = tmp_path / "kuska.toml"
    config.write_text(f"[keys]\nvault_token_file = '{secret_file(tmp_path, 'hvs.x')}'\n")
    assert load({"KUSKA_CONFIG": str(config)}).keys.vault_token == "hvs.x"


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        ("mail", "password", PASSWORD),
        ("keys", "vault_token", PASSWORD),
        ("database", "url", URL),
        ("database", "url", f"postgresql://db/kuska?user=kuska&password={PASSWORD}"),
        ("database", "url", f"postgresql://kuska:{PASSWORD}@[db/kuska"),
        ("outgoing", "proxy", f"http://kuska:{PASSWORD}@proxy:3128"),
    ],
)
@pytest.mark.parametrize("lang", LANGUAGES)
def test_none_stands_in_the_settings_file(tmp_path: Path, section: str, name: str, value: str, lang: str) -> None:
    config = tmp_path / "kuska.toml"
    config.write_text(f"[{section}]\n{name} = '{value}'\n")
    with pytest.raises(SettingsError) as caught:
        load({"KUSKA_CONFIG": str(config)})
    (issue,) = caught.value.issues
    assert issue.message == "settings.secret-in-file"
    said = render(issue, lang)
    assert f"{section}.{name}_file" in said
    assert f"KUSKA_{section}_{name}_FILE".upper() in said
    assert PASSWORD not in said


def test_an_address_without_a_password_may_stand_there(tmp_path: Path) -> None:
    config = tmp_path / "kuska.toml"
    config.write_text("[database]\nurl = 'postgresql://kuska@db/kuska?host=/run/postgresql'\n[mail]\npassword = ''\n")
    settings = load({"KUSKA_CONFIG": str(config)})
    assert settings.database.url == "postgresql://kuska@db/kuska?host=/run/postgresql"


def test_only_secrets_have_files(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load({"KUSKA_PORT_FILE": secret_file(tmp_path, "1")})
    assert caught.value.issues[0].message == "settings.unknown-near"


def test_not_twice_and_not_missing(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load({"KUSKA_DATABASE_URL_FILE": secret_file(tmp_path, URL), "KUSKA_DATABASE_URL": URL})
    assert caught.value.issues[0].message == "settings.secret-twice"
    with pytest.raises(SettingsError) as caught:
        load({"KUSKA_DATABASE_URL_FILE": str(tmp_path / "nothing")})
    assert caught.value.issues[0].message == "settings.unreadable"


@pytest.mark.parametrize(
    ("section", "name"),
    [
        (section, field.name)
        for section, slice_ in SLICES.items()
        for field in dataclasses.fields(slice_)
        if is_secret(section, field.name)
    ],
)
def test_no_secret_is_printed(section: str, name: str) -> None:
    good = {("database", "url"): URL, ("outgoing", "proxy"): f"http://u:{PASSWORD}@proxy"}.get(
        (section, name), PASSWORD
    )
    variable = f"KUSKA_{section.upper()}_{name.upper()}"
    assert PASSWORD not in repr(load({variable: good}))
    if (section, name) in {("database", "url"), ("outgoing", "proxy")}:
        with pytest.raises(SettingsError) as caught:
            load({variable: f"ftp://u:{PASSWORD}@x"})
        for issue in caught.value.issues:
            assert not [lang for lang in LANGUAGES if PASSWORD in render(issue, lang)]
        assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize(
    ("command", "url"),
    [("doctor", f"postgresql://kuska:{PASSWORD}@127.0.0.1:9/kuska"), ("migrate", f"postgresql://kuska:{PASSWORD}@")],
)
def test_no_command_prints_the_address_with_its_password(command: str, url: str, tmp_path: Path) -> None:
    done = kuska(command, "--data", str(tmp_path), KUSKA_DATABASE_URL=url, KUSKA_SECURITY="off", KUSKA_PORT="0")
    assert done.returncode != 0
    assert PASSWORD not in done.stdout + done.stderr
