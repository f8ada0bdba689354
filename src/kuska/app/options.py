"""What may be typed after `kuska`, and its help in the language of the terminal."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from kuska import __version__
from kuska.app.settings import Settings
from kuska.kit.messages import text

Run = Callable[[Settings, argparse.Namespace], int]
# Options that are settings: option -> variable, and what stands for its value in the help.
SETTINGS = {
    "data": ("KUSKA_DATA", "DIR"),
    "host": ("KUSKA_HOST", "H"),
    "port": ("KUSKA_PORT", "N"),
    "roles": ("KUSKA_ROLES", "LIST"),
    "workers": ("KUSKA_WORKERS", "N"),
}
# What the library says of a wrong line, in its own words -> ours. What is not here is said as the library says it.
_WRONG = {
    "cli.missing": r"the following arguments are required: (?P<names>.+)",
    "cli.unknown": r"unrecognized arguments: (?P<names>.+)",
    "cli.choice": r"argument (?P<name>[^:]+): invalid choice: (?P<value>.+?) \(choose from (?P<choices>.+)\)",
    "cli.no-value": r"argument (?P<name>[^:]+): expected (?:one|at least one) argument",
    "cli.wrong": r"argument (?P<name>[^:]+): (?P<said>.+)",
}


class _Formatter(argparse.HelpFormatter):
    def __init__(self, prog: str, lang: str) -> None:
        super().__init__(prog)
        self._lang = lang

    def add_usage(
        self,
        usage: str | None,
        actions: Iterable[argparse.Action],
        groups: Iterable[Any],
        prefix: str | None = None,
    ) -> None:
        super().add_usage(usage, actions, groups, text("cli.usage", {}, self._lang) if prefix is None else prefix)


class Parser(argparse.ArgumentParser):
    """Its headings, its help and what it says of a wrong line come from the catalogue."""

    def __init__(self, *, lang: str, about: str, **given: Any) -> None:
        self.lang = lang
        super().__init__(
            description=self.said(about), add_help=False, formatter_class=partial(_Formatter, lang=lang), **given
        )
        self._given = self.add_argument_group(self.said("cli.arguments"))
        self._options = self.add_argument_group(self.said("cli.options"))
        self._options.add_argument("-h", "--help", action="help", help=self.said("cli.help"))

    def said(self, key: str, **params: object) -> str:
        return text(key, params, self.lang)

    def choice(self, name: str, *choices: str) -> None:
        self._given.add_argument(name, choices=choices)

    def given(self, name: str, shown: str) -> None:
        self._given.add_argument(name, metavar=shown)

    def option(self, name: str, about: str = "", **given: Any) -> None:
        self._options.add_argument(f"--{name}", help=self.said(about) if about else None, **given)

    def text(self, name: str, about: str, **given: Any) -> None:
        self.option(name, about, **{"default": "", **given})

    def flag(self, name: str, about: str) -> None:
        self.option(name, about, action="store_true")

    def several(self, name: str, about: str, **given: Any) -> None:
        self.option(name, about, action="append", default=[], **given)

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(2, f"{self.prog}: {self._explained(message)}\n")

    def _explained(self, message: str) -> str:
        for key, pattern in _WRONG.items():
            if found := re.fullmatch(pattern, message):
                return self.said(key, **found.groupdict())
        return message


def parser(commands: Mapping[str, Run], lang: str) -> Parser:
    """`commands`: name -> what it does."""
    made = Parser(lang=lang, prog="kuska", about="cli.about")
    made.option("version", "cli.version", action="version", version=f"kuska {__version__}")
    made.option("config", "cli.config", metavar="FILE")
    below = made.add_subparsers(required=True, metavar="COMMAND", title=made.said("cli.commands"))
    for name, run in commands.items():
        settings, add = _COMMANDS[name]
        about = f"cli.{name}"
        one = below.add_parser(name, lang=lang, about=about, help=made.said(about))
        one.set_defaults(command=run)
        for option in settings:
            one.option(option, f"cli.setting-{option}", metavar=SETTINGS[option][1])
        add(one)
    return made


def _nothing(_: Parser) -> None:
    pass


def _migrate(one: Parser) -> None:
    one.option("phase", "cli.migrate-phase", choices=["pre", "post", "all"], default="all")


def _demo(one: Parser) -> None:
    whole = partial(_whole, lang=one.lang)
    one.option("patients", "cli.demo-patients", type=whole, default=200, metavar="N")
    one.option("seed", "cli.demo-seed", type=whole, default=1, metavar="N")


def _keys(one: Parser) -> None:
    one.choice("action", "status", "rotate", "rewrap", "destroy", "replace-signing")


def _audit(one: Parser) -> None:
    day = partial(_day, lang=one.lang)
    one.choice("action", "verify", "export")
    one.option("from", "cli.audit-from", dest="first", type=day, metavar="DAY")
    one.option("to", "cli.audit-to", dest="last", type=day, metavar="DAY")
    one.option("form", "cli.audit-form", choices=["ndjson", "csv"], default="ndjson")
    one.text("patient", "cli.audit-patient", metavar="ID")
    one.text("account", "cli.audit-account", metavar="WHO")


def _account(one: Parser) -> None:
    one.choice("action", "invite", "link", "list", "disable", "enable")
    one.text("login", "cli.account-login")
    one.text("name", "cli.account-name")
    one.text("email", "cli.account-email")
    one.several("role", "cli.account-role")
    for kind in ("patient", "practitioner", "organization"):
        one.text(kind, "cli.account-in-the-record", metavar="ID")


def _client(one: Parser) -> None:
    one.choice("action", "add", "list", "withdraw")
    one.text("id", "cli.client-id")
    one.flag("replace", "cli.client-replace")
    one.text("name", "cli.client-name")
    kinds = ["confidential-secret", "private-key-jwt", "public"]
    one.option("kind", "cli.client-kind", choices=kinds, default="confidential-secret")
    one.several("grant", "cli.client-grant")
    one.several("redirect", "cli.client-redirect", metavar="URL")
    one.text("scope", "cli.client-scope")
    one.several("role", "cli.client-role")
    one.several("purpose", "cli.client-purpose")
    one.text("organization", "cli.client-organization", metavar="ID")
    one.option("jwks", "cli.client-jwks", type=Path, metavar="FILE")
    one.text("jwks-uri", "cli.client-jwks-uri", metavar="URL")
    one.text("launch-url", "cli.client-launch-url", metavar="URL")
    one.flag("patient-facing", "cli.client-patient-facing")
    one.flag("trusted", "cli.client-trusted")
    one.flag("introspects", "cli.client-introspects")


def _token(one: Parser) -> None:
    one.option("client-id", "cli.token-client-id", metavar="ID")
    one.option("user", "cli.token-user", metavar="LOGIN")
    one.option("scope", "cli.token-scope")


def _folder(one: Parser) -> None:
    one.given("folder", "FOLDER")


# Command -> the settings that are options of it, and what else it takes.
_COMMANDS: dict[str, tuple[tuple[str, ...], Callable[[Parser], None]]] = {
    "serve": (("data", "host", "port", "roles", "workers"), _nothing),
    "migrate": (("data",), _migrate),
    "doctor": (("data",), _nothing),
    "demo": (("data",), _demo),
    "backup": (("data",), _folder),
    "restore": (("data",), _folder),
    "keys": (("data",), _keys),
    "audit": (("data",), _audit),
    "account": (("data", "port"), _account),
    "client": (("data", "port"), _client),
    "token": (("data", "port"), _token),
}


def _whole(given: str, lang: str) -> int:
    if not given.isascii() or not given.isdigit():
        raise argparse.ArgumentTypeError(text("cli.no-number", {"value": given}, lang))
    return int(given)


def _day(given: str, lang: str) -> date:
    try:
        return date.fromisoformat(given)
    except ValueError:
        raise argparse.ArgumentTypeError(text("cli.no-day", {"value": given}, lang)) from None
