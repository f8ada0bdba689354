"""TLS of the server: what is spoken, who shows a certificate, and renewed certificates without a restart.

TLS 1.2 with forward secrecy and authenticated ciphers, or 1.3. With `http.tls_client_ca` clients show a certificate of
that authority (mutual TLS). It proves that the connection comes from a machine that may connect, and nothing else: who
asks, and may what, is said by the request's token alone.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from kuska.infra.web.settings import HttpSettings
from kuska.kit.background import beside
from kuska.kit.errors import Issue, UnavailableError

_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL"
_LOOK_AGAIN = 10.0  # seconds


class CertificateError(UnavailableError):
    """The certificate, key or authority that is set cannot be used; the message says why."""

    def __init__(self, message: str, **params: object) -> None:
        super().__init__(Issue(severity="fatal", code="exception", message=message, params=params))


class ServerTls:
    """One context for all connections of the process; `renew` puts a newer certificate into it."""

    def __init__(self, settings: HttpSettings, report: Callable[[str], None] = lambda _: None) -> None:
        """`report` hears of renewals, and of those that failed."""
        self._report = report
        self._settings = settings
        self._seen = self._marks()
        self.context = _context(settings)

    def renew(self) -> bool:
        """Looks whether the files have changed. One that cannot be used (yet: key and certificate are written one after
        the other) is reported, and the old one stays.
        """
        try:
            marks = self._marks()
            if marks == self._seen:
                return False
            _context(self._settings)  # apart, so that nothing half is put to use
            _load(self.context, self._settings)
        except CertificateError as error:
            self._report(error.issues[0].message)
            return False
        self._seen = marks
        self._report("tls.renewed")
        return True

    def watched(self) -> AbstractAsyncContextManager[None]:
        return beside(self._watch())

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_AGAIN)
            self.renew()

    def _marks(self) -> list[tuple[int, int, int]]:
        found: list[tuple[int, int, int]] = []
        for file in (self._settings.tls_certificate, self._settings.tls_key, self._settings.tls_client_ca):
            if file:
                try:
                    state = Path(file).stat()
                except OSError as error:
                    raise CertificateError("tls.unreadable", file=file, reason=error.strerror) from error
                found.append((state.st_mtime_ns, state.st_ino, state.st_size))
        return found


def _context(settings: HttpSettings) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    if settings.tls_client_ca:
        context.verify_mode = ssl.CERT_OPTIONAL if settings.tls_clients == "optional" else ssl.CERT_REQUIRED
        context.verify_flags |= ssl.VERIFY_X509_STRICT
    _load(context, settings)
    return context


def _load(context: ssl.SSLContext, settings: HttpSettings) -> None:
    try:
        # A key with a passphrase is refused here instead of asking on the terminal.
        context.load_cert_chain(settings.tls_certificate, settings.tls_key, password=_no_passphrase)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or type(error).__name__
        raise CertificateError(
            "tls.unusable", certificate=settings.tls_certificate, key=settings.tls_key, reason=reason
        ) from error
    if settings.tls_client_ca:
        try:
            context.load_verify_locations(settings.tls_client_ca)
        except OSError as error:
            raise CertificateError("tls.no-authority", file=settings.tls_client_ca) from error


def _no_passphrase() -> str:
    raise ValueError("passphrase")
