"""The command line: `kuska serve | migrate | doctor | demo | account | token | …`. Prints for people; errors say what to do."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import ipaddress
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from kuska.app.configuration import CONFIG, SettingsError, StartError, load
from kuska.app.options import SETTINGS, Run, parser
from kuska.app.settings import Settings
from kuska.app.terminal import language, teller
from kuska.kit.errors import KuskaError
from kuska.kit.messages import render, text


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser(_COMMANDS, language()).parse_args(arguments)
    overrides = {variable: value for name, (variable, _) in SETTINGS.items() if (value := getattr(options, name, None))}
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
            print(f"kuska: {render(issue, language())}", file=sys.stderr)
        # As for a wrong option: nothing was begun, and another attempt with the same settings ends the same.
        return 2 if isinstance(error, SettingsError) else 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Who reads it has seen enough (`| head`). What Python still holds for it must not be written when we end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def _say(message: str) -> None:
    print(f"kuska: {message}", file=sys.stderr, flush=True)


def _tell(key: str, /, **params: object) -> None:
    """To standard error: standard output is for what a command makes."""
    _say(text(key, params, language()))


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
        starting = beside.submit(storage.database_dsn, settings, _tell)
        from kuska.app import server  # noqa: PLC0415
    starting.result()
    _tell("serve.ready", **addresses(settings, port))
    if process.security == "off":
        _tell("serve.security-off")
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
            _tell("serve.no-administrator")


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

    dsn = storage.database_dsn(settings, _tell)
    applied = asyncio.run(migrate(dsn, phase=Phase(options.phase), progress=_tell))
    _tell("cli.migrated" if applied else "cli.up-to-date", **({"count": len(applied)} if applied else {}))
    return 0


def _doctor(settings: Settings, _: argparse.Namespace) -> int:
    from kuska.app.doctor import examine  # noqa: PLC0415

    return asyncio.run(examine(settings, print, language()))


def _demo(settings: Settings, options: argparse.Namespace) -> int:
    from kuska.app.demo.command import seed  # noqa: PLC0415

    return seed(settings, options, _tell)


def _backup(settings: Settings, options: argparse.Namespace) -> int:
    from kuska.app.backup import backup  # noqa: PLC0415

    return backup(settings, options, _tell)


def _restore(settings: Settings, options: argparse.Namespace) -> int:
    from kuska.app.backup import restore  # noqa: PLC0415

    return restore(settings, options, _tell)


def _keys(settings: Settings, options: argparse.Namespace) -> int:
    tell = teller(print, language())
    if options.action == "replace-signing":
        from kuska.app import tokens  # noqa: PLC0415

        return tokens.replace_signing(settings, options, _tell, tell)
    from kuska.app import keyring  # noqa: PLC0415

    return keyring.run(settings, options, tell)


def _audit(settings: Settings, options: argparse.Namespace) -> int:
    from kuska.app import auditing  # noqa: PLC0415
    from kuska.infra.telemetry import logs  # noqa: PLC0415

    logs.configure(settings.process.log_level)  # to standard error: what is exported goes to standard output
    return auditing.run(settings, options, _tell)


def _account(settings: Settings, options: argparse.Namespace) -> int:
    from kuska.app import accounts  # noqa: PLC0415
    from kuska.infra.telemetry import logs  # noqa: PLC0415

    logs.configure(settings.process.log_level)  # to standard error: the link alone goes to standard output
    return accounts.run(settings, options, _tell, language())


def _client(settings: Settings, options: argparse.Namespace) -> int:
    from kuska.app import clients  # noqa: PLC0415
    from kuska.infra.telemetry import logs  # noqa: PLC0415

    logs.configure(settings.process.log_level)
    return clients.run(settings, options, _tell)


def _token(settings: Settings, options: argparse.Namespace) -> int:
    from kuska.app import tokens  # noqa: PLC0415
    from kuska.infra.telemetry import logs  # noqa: PLC0415

    logs.configure(settings.process.log_level)  # to standard error: the token alone goes to standard output
    return tokens.run(settings, options, _tell)


_COMMANDS: dict[str, Run] = {
    "serve": _serve,
    "migrate": _migrate,
    "doctor": _doctor,
    "demo": _demo,
    "backup": _backup,
    "restore": _restore,
    "keys": _keys,
    "audit": _audit,
    "account": _account,
    "client": _client,
    "token": _token,
}
