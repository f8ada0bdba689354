"""Reads the settings: defaults, then the TOML file, then the environment, then the command line.

A name that nobody declared stops the start and names the one that was probably meant: a misspelt setting that is
silently ignored is worse than none.

What is secret comes from the environment or, better, from a file that only its owner can read: a setting X that holds a
secret is also taken as X_FILE, whose content it then is. In the TOML file itself it is refused: that is copied, and shown to
who helps. Secrets appear in no message.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, cast, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl, urlsplit

from annotated_types import Ge, Le
from pydantic import TypeAdapter, ValidationError

from kuska.app.settings import SLICES, Settings
from kuska.kit.errors import IncorrectError, Issue

PREFIX = "KUSKA_"
CONFIG = "KUSKA_CONFIG"  # names the TOML file
# Read by the test suite and the benchmarks, not by the program.
_OTHERS = ("KUSKA_TEST_", "KUSKA_BENCH_", CONFIG)
_SECRET = re.compile(r"(?:.*_)?(?:password|secret|token)")
# Addresses that may hold a password.
_WITH_PASSWORD = frozenset({("database", "url"), ("outgoing", "proxy")})
_IN_FILE = "_file"


class StartError(IncorrectError):
    """This start is refused; the message says what to do."""

    def __init__(self, message: str, **params: object) -> None:
        super().__init__(Issue(severity="fatal", code="exception", message=message, params=params))


class SettingsError(StartError):
    """A setting is not what it may be."""


def variable(section: str, name: str) -> str:
    return PREFIX + "_".join(part.upper() for part in (section, name) if part)


def declared() -> dict[str, tuple[str, str]]:
    """Variable -> (section, field)."""
    return {
        variable(section, field.name): (section, field.name)
        for section, slice_ in SLICES.items()
        for field in dataclasses.fields(slice_)
    }


def is_secret(section: str, name: str) -> bool:
    return (section, name) in _WITH_PASSWORD or _SECRET.fullmatch(name) is not None


def load(environment: Mapping[str, str], overrides: Mapping[str, str] | None = None) -> Settings:
    """`overrides` are variables too, from the command line."""
    values: dict[str, dict[str, Any]] = {section: {} for section in SLICES}
    if file := environment.get(CONFIG):
        for (section, name), value in _from_file(Path(file)).items():
            values[section][name] = value
    for (section, name), value in _from_variables({**environment, **(overrides or {})}).items():
        values[section][name] = value
    slices = {section or "process": _checked(section, given) for section, given in values.items()}
    return Settings(**slices)


def _from_variables(environment: Mapping[str, str]) -> dict[tuple[str, str], Any]:
    known = declared()
    found: dict[tuple[str, str], Any] = {}
    for name, text in environment.items():
        if not name.startswith(PREFIX) or name.startswith(_OTHERS):
            continue
        if name in known:
            section, field = known[name]
            found[section, field] = _as_list(SLICES[section], field, text)
        elif place := _of_file(name, known, _IN_FILE.upper()):
            if variable(*place) in environment:
                raise SettingsError("settings.secret-twice", name=variable(*place), file=name)
            found[place] = _secret_in(text)
        else:
            raise _unknown(name, known, "environment")
    return found


def _of_file(name: str, known: Mapping[str, tuple[str, str]], suffix: str) -> tuple[str, str] | None:
    """The setting whose secret the file of this name holds."""
    place = known.get(name.removesuffix(suffix)) if name.endswith(suffix) else None
    return place if place is not None and is_secret(*place) else None


def _secret_in(file: str) -> str:
    """Whatever its mode: containers' secrets are readable by all inside, and that is the container's border."""
    try:
        return Path(file).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError("settings.unreadable", file=file, reason=str(error)) from error


def _from_file(path: Path) -> dict[tuple[str, str], Any]:
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SettingsError("settings.unreadable", file=str(path), reason=str(error)) from error
    known = {f"{section}.{name}".lstrip("."): (section, name) for section, name in declared().values()}
    found: dict[tuple[str, str], Any] = {}
    for key, value in content.items():
        inner = cast("dict[str, Any]", value) if isinstance(value, dict) else None
        given = {key: value} if inner is None else {f"{key}.{name}": each for name, each in inner.items()}
        for name, each in given.items():
            if name in known:
                if _holds_secret(*known[name], str(each)):
                    raise SettingsError(
                        "settings.secret-in-file", name=name, where=str(path), variable=variable(*known[name])
                    )
                found[known[name]] = each
            elif place := _of_file(name, known, _IN_FILE):
                found[place] = _secret_in(str(each))
            else:
                raise _unknown(name, known, str(path))
    return found


def _holds_secret(section: str, name: str, value: str) -> bool:
    """An address is one only with a password in it."""
    if not value or not is_secret(section, name):
        return False
    if (section, name) not in _WITH_PASSWORD:
        return True
    try:
        parts = urlsplit(value)
        asked = [key for key, _ in parse_qsl(parts.query)]
        return parts.password is not None or any(key.endswith("password") for key in asked)
    except ValueError:
        return "@" in value  # no address; said without the value elsewhere


def _as_list(slice_: type, field: str, text: str) -> Any:
    return [part.strip() for part in text.split(",")] if get_origin(get_type_hints(slice_)[field]) is tuple else text


def _unknown(name: str, known: Mapping[str, object], where: str) -> SettingsError:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if close:
        return SettingsError("settings.unknown-near", name=name, near=close[0], where=where)
    return SettingsError("settings.unknown", name=name, where=where)


def _checked(section: str, given: dict[str, Any]) -> Any:
    try:
        return TypeAdapter(SLICES[section]).validate_python(given)
    except ValidationError as error:
        field = str(error.errors(include_url=False)[0]["loc"][0])
        raise _wrong(section, field, str(given.get(field))) from None


def _wrong(section: str, field: str, value: str) -> SettingsError:
    name = variable(section, field)
    if is_secret(section, field):
        value = "…"
    if name == "KUSKA_DATABASE_URL":
        return SettingsError("settings.wrong-address", name=name)  # without the value: it may hold a password
    hint = hint_of(SLICES[section], field)
    if (found := bounds(hint)) is not None:
        low, high = found
        whole = get_args(hint)[0] is int
        message = "settings.wrong-whole-number" if whole else "settings.wrong-number"
        return SettingsError(message, name=name, value=value, low=f"{low:g}", high=f"{high:.0f}")
    if choices := [word for part in (hint, *get_args(hint)) if get_origin(part) is Literal for word in get_args(part)]:
        return SettingsError("settings.wrong-choice", name=name, value=value, choices=choices)
    return SettingsError("settings.wrong", name=name, value=value)


def hint_of(slice_: type, field: str) -> Any:
    """The declared type, with what it says about its bounds."""
    return get_type_hints(slice_, include_extras=True)[field]


def bounds(hint: Any) -> tuple[float, float] | None:
    """Least and greatest value of a number's declared type (kit.bounds)."""
    least = [mark.ge for mark in get_args(hint) if isinstance(mark, Ge)]
    most = [mark.le for mark in get_args(hint) if isinstance(mark, Le)]
    return (cast("float", least[0]), cast("float", most[0])) if least and most else None
