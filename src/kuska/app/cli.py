"""The command line: `kuska serve | migrate | doctor | demo | account | token | …`. Prints for people; errors say what to do."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import ipaddress
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from kuska import __version__
from kuska.app.configuration import CONFIG, SettingsError, StartError, load
from kuska.app.settings import Settings
from kuska.kit.errors import KuskaError
from kuska.kit.messages import render, text

# Options that are settings: option -> variable.
_OPTIONS = {
    "data": ("KUSKA_DATA", "DIR", "folder of the embedded database"),
    "host": ("KUSKA_HOST", "H", "address to listen on (127.0.0.1)"),
    "port": ("KUSKA_PORT", "N", "port to listen on (8080)"),
    "roles": ("KUSKA_ROLES", "LIST", "what this process does (all)"),
    "workers": ("KUSKA_WORKERS", "N", "processes that answer requests (1)"),
}


class _Commands(Protocol):
    def add_parser(self, name: str, *, help: str, description: str) -> argparse.ArgumentParser: ...  # noqa: A002


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    overrides = {
        variable: value for name, (variable, _, _) in _OPTIONS.items() if (value := getattr(options, name, None))
    }
    if options.config:
        os.environ[CONFIG] = options.config
    command: Callable[[Settings, argparse.Namespace], int] = options.command
    try:
        # The environment carries the command line's choices to the worker processes.
        os.environ.update(overrides)
        status = command(load(os.environ), options)
        sys.stdout.flush()  # a pipe that nobody reads any more may show itself only now
        return status
    except KuskaError as error:
        for issue in error.issues:
            print(f"kuska: {render(issue, language(os.environ))}", file=sys.stderr)
        # As for a wrong option: nothing was begun, and another attempt with the same settings ends the same.
        return 2 if isinstance(error, SettingsError) else 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Who reads it has seen enough (`| head`). What Python still holds for it must not be written when we end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def language(environment: Mapping[str, str]) -> str:
    """Of the terminal: Spanish where the locale says so, English otherwise (as for any tool without a locale)."""
    locale = environment.get("LC_ALL") or environment.get("LC_MESSAGES") or environment.get("LANG") or ""
    return "es" if locale.startswith("es") else "en"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kuska", description="A FHIR R4 record on PostgreSQL.")
    parser.add_argument("--version", action="version", version=f"kuska {__version__}")
    parser.add_argument("--config", metavar="FILE", help="TOML file with settings")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _command(commands, "serve", _serve, "answer requests", ["data", "host", "port", "roles", "workers"])
    migrate = _command(commands, "migrate", _migrate, "bring the database up to date", ["data"])
    migrate.add_argument("--phase", choices=["pre", "post", "all"], default="all")
    _command(commands, "doctor", _doctor, "look for what is wrong and say what to do", ["data"])
    demo = _command(commands, "demo", _demo, "fill an empty record with synthetic people", ["data"])
    demo.add_argument("--patients", type=_whole, default=200, metavar="N")
    demo.add_argument("--seed", type=_whole, default=1, metavar="N")
    keys = _command(commands, "keys", _keys, "the keys that seal what is stored", ["data"])
    keys.add_argument("action", choices=["status", "rotate", "rewrap", "destroy", "replace-signing"])
    _audit_options(_command(commands, "audit", _audit, "verify the audit trail, or take it away", ["data"]))
    _account_options(_command(commands, "account", _account, "who may sign in", ["data", "port"]))
    _client_options(_command(commands, "client", _client, "applications that may ask for tokens", ["data", "port"]))
    token = _command(commands, "token", _token, "an access token of a client or an account", ["data", "port"])
    for option in ("client-id", "user", "scope"):
        token.add_argument(f"--{option}")
    return parser


def _audit_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["verify", "export"])
    parser.add_argument("--from", dest="first", type=date.fromisoformat, metavar="DAY", help="first day (UTC)")
    parser.add_argument("--to", dest="last", type=date.fromisoformat, metavar="DAY", help="last day")
    parser.add_argument("--form", choices=["ndjson", "csv"], default="ndjson", help="of an export")
    parser.add_argument("--patient", default="", metavar="ID", help="export: whose data it was")
    parser.add_argument("--account", default="", metavar="WHO", help="export: who it was, by login or id")


def _account_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["invite", "link", "list", "disable", "enable"])
    parser.add_argument("--login", default="", help="by which they sign in: a name, an address, a document")
    parser.add_argument("--name", default="", help="invite: as others see it")
    parser.add_argument("--email", default="", help="invite: where notices go")
    parser.add_argument("--role", action="append", default=[], help="invite: administrator, physician, …")
    for kind in ("patient", "practitioner", "organization"):
        parser.add_argument(f"--{kind}", default="", metavar="ID", help="invite: who it is in the record")


def _client_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["add", "list", "withdraw"])
    parser.add_argument("--id", default="", help="of the client; without it a new one is made")
    parser.add_argument("--replace", action="store_true", help="add: in place of the one of this id, with a new secret")
    parser.add_argument("--name", default="", help="what people see when they are asked for consent")
    parser.add_argument(
        "--kind", choices=["confidential-secret", "private-key-jwt", "public"], default="confidential-secret"
    )
    parser.add_argument(
        "--grant", action="append", default=[], help="authorization_code, client_credentials, refresh_token"
    )
    parser.add_argument("--redirect", action="append", default=[], metavar="URL")
    parser.add_argument("--scope", default="", help="all it may ever ask for")
    parser.add_argument("--role", action="append", default=[], help="of a client that acts for itself")
    parser.add_argument("--purpose", action="append", default=[], help="v3 PurposeOfUse, e.g. TREAT")
    parser.add_argument("--organization", default="", metavar="ID", help="a partner's; withdraw: all of it")
    parser.add_argument("--jwks", type=Path, metavar="FILE", help="public keys (private-key-jwt)")
    parser.add_argument("--jwks-uri", default="", metavar="URL", help="where it serves them")
    parser.add_argument("--launch-url", default="", metavar="URL", help="where it is opened from the hospital's system")
    parser.add_argument("--patient-facing", action="store_true", help="patients may use it with their own account")
    parser.add_argument("--trusted", action="store_true", help="the institution's own: nobody is asked for consent")
    parser.add_argument("--introspects", action="store_true", help="a resource server: sees what all tokens are worth")


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number from 0 on")
    return int(text)


def _command(
    commands: _Commands,
    name: str,
    run: Callable[[Settings, argparse.Namespace], int],
    about: str,
    settings: Sequence[str],
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=about, description=about)
    parser.set_defaults(command=run)
    for option in settings:
        _, metavar, meaning = _OPTIONS[option]
        parser.add_argument(f"--{option}", metavar=metavar, help=meaning)
    return parser


def _say(message: str) -> None:
    print(f"kuska: {message}", file=sys.stderr, flush=True)


def _serve(settings: Settings, _: argparse.Namespace) -> int:
    process = settings.process
    _check_security(settings)
    _check_transport(settings)
    _check_tenant(settings)
    gc.disable()  # while loading there is nothing to collect; the server turns it on
    # Imported here: the other commands need no HTTP server.
    from kuska.app import listening, storage  # noqa: PLC0415
    from kuska.infra.telemetry import logs  # noqa: PLC0415

    logs.configure(process.log_level)
    logs.last_words()
    sock = listening.listen(process.host, process.port)
    port = sock.getsockname()[1]
    with ThreadPoolExecutor(1) as beside:
        # The database starts while the rest of the program is loaded: half a second each.
        starting = beside.submit(storage.database_dsn, settings, _say)
        from kuska.app import server  # noqa: PLC0415
    starting.result()
    _say(text("serve.ready", addresses(settings, port), language(os.environ)))
    if process.security == "off":
        _say(text("serve.security-off", {}, language(os.environ)))
    else:
        _tell_first_steps(settings)
    if process.workers == 1:
        server.run(settings, sock)
    else:
        server.supervise(process.workers, sock)
    return 0


def addresses(settings: Settings, port: int) -> dict[str, object]:
    """Where to open it, and the base by which FHIR clients reach it. On this machine by name: passkeys take no numbers."""
    host = settings.process.host
    host = "localhost" if host in ("127.0.0.1", "::1") else f"[{host}]" if ":" in host else host
    here = f"{'https' if settings.http.tls_certificate else 'http'}://{host}:{port}"
    return {"address": here, "base": f"{settings.security.public_url or here}/fhir"}


def _tell_first_steps(settings: Settings) -> None:
    """A server at which nobody can sign in looks like one that is broken."""
    from kuska.app.doctor import nobody_rules  # noqa: PLC0415

    with contextlib.suppress(KuskaError):  # the server itself says in a moment what is wrong with its database
        if asyncio.run(nobody_rules(settings)):
            _say(text("serve.no-administrator", {}, language(os.environ)))


def _check_security(settings: Settings) -> None:
    process = settings.process
    if process.security == "off" and not _is_loopback(process.host):
        raise StartError("serve.security-off-elsewhere", host=process.host)


def _check_tenant(settings: Settings) -> None:
    """It cannot be changed later: a record that others reach must not begin with the example's name."""
    public = urlsplit(settings.security.public_url).hostname or settings.process.host
    elsewhere = not (_is_loopback(settings.process.host) and _is_loopback(public))
    if settings.process.security == "on" and settings.security.tenant == "demo" and elsewhere:
        raise StartError("serve.demo-tenant")


def _check_transport(settings: Settings) -> None:
    """What people and clients send must not be readable on its way."""
    http = settings.http
    if http.tls_certificate or http.tls_key or http.tls_client_ca:
        if not (http.tls_certificate and http.tls_key):
            raise StartError("serve.tls-half")
        from kuska.infra.web.tls import ServerTls  # noqa: PLC0415

        ServerTls(http)  # said here, once, and before anything is started
    elif not http.behind_proxy and not _is_loopback(settings.process.host):
        raise StartError("serve.no-tls", host=settings.process.host)
    if settings.process.security == "on" and not _is_public_address_safe(settings):
        raise StartError("serve.public-url")


def _is_public_address_safe(settings: Settings) -> bool:
    """Marks of cookies and the issuer of tokens follow from it: by plain http, cookies would go out without `Secure`."""
    public = settings.security.public_url
    if not public:
        return not settings.http.behind_proxy  # this machine alone, or TLS of ours
    parts = urlsplit(public)
    return parts.scheme == "https" or (not settings.http.tls_certificate and _is_loopback(parts.hostname or ""))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _migrate(settings: Settings, options: argparse.Namespace) -> int:
    from kuska.app import storage  # noqa: PLC0415
    from kuska.infra.postgres.migrate import Phase, migrate  # noqa: PLC0415

    dsn = storage.database_dsn(settings, _say)
    applied = asyncio.run(migrate(dsn, phase=Phase(options.phase), progress=_say))
    _say(f"{len(applied)} migrations applied" if applied else "the database is up to date")
    return 0


def _doctor(settings: Settings, _: argparse.Namespace) -> int:
    from kuska.app.doctor import examine  # noqa: PLC0415

    return asyncio.run(examine(settings, print, language(os.environ)))


def _demo(settings: Settings, options: argparse.Namespace) -> int:
    from kuska.app.demo.command import seed  # noqa: PLC0415

    return seed(settings, options, _say)


def _keys(settings: Settings, options: argparse.Namespace) -> int:
    lang = language(os.environ)
    if options.action == "replace-signing":
        from kuska.app import tokens  # noqa: PLC0415

        return tokens.replace_signing(settings, options, _say, lambda key: print(text(key, {}, lang)))
    from kuska.app import keyring  # noqa: PLC0415

    return keyring.run(settings, options, print, lang)


def _audit(settings: Settings, options: argparse.Namespace) -> int:
    from kuska.app import auditing  # noqa: PLC0415
    from kuska.infra.telemetry import logs  # noqa: PLC0415

    logs.configure(settings.process.log_level)  # to standard error: what is exported goes to standard output
    return auditing.run(settings, options, _say, language(os.environ))


def _account(settings: Settings, options: argparse.Namespace) -> int:
    from kuska.app import accounts  # noqa: PLC0415
    from kuska.infra.telemetry import logs  # noqa: PLC0415

    logs.configure(settings.process.log_level)  # to standard error: the link alone goes to standard output
    return accounts.run(settings, options, _say, language(os.environ))


def _client(settings: Settings, options: argparse.Namespace) -> int:
    from kuska.app import clients  # noqa: PLC0415
    from kuska.infra.telemetry import logs  # noqa: PLC0415

    logs.configure(settings.process.log_level)
    return clients.run(settings, options, _say)


def _token(settings: Settings, options: argparse.Namespace) -> int:
    from kuska.app import tokens  # noqa: PLC0415
    from kuska.infra.telemetry import logs  # noqa: PLC0415

    logs.configure(settings.process.log_level)  # to standard error: the token alone goes to standard output
    return tokens.run(settings, options, _say)
