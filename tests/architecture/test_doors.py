"""Every route of the assembled site, with what it asks for. One that is open to all is in the list here, or fails."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from starlette.routing import Mount, Route

from kuska.app import site
from kuska.fhir.api import open_record
from kuska.infra.postgres.database import Database
from kuska.infra.telemetry.metrics import HttpMetrics
from kuska.kit.clock import SystemClock
from kuska.portal import pages as portal
from kuska.portal.record import routes as record_routes
from kuska.security.api import Needs, open_security
from kuska.security.domain.sealing import passing_ring
from kuska.security.routes import external as external_routes
from kuska.security.routes import oauth as oauth_routes
from kuska.security.settings import LimitSettings, SecuritySettings

# Think twice before adding one: whoever is on the network may call it. Those under /cuenta are for who has given the
# password and has to enrol a second factor before being signed in; they look for that half of a session themselves.
OPEN = {
    "GET /", "GET /healthz", "GET /readyz", "GET /metrics", "GET /estatico/{name}", "GET /idioma/{language}",
    "GET /login", "POST /login", "POST /logout", "POST /login/llave", "POST /login/llave/respuesta",
    "GET /verificar", "POST /verificar", "POST /verificar/llave",
    "GET /cuenta/codigos", "POST /cuenta/codigos", "GET /cuenta/llave", "POST /cuenta/llave",
    "GET /registro", "POST /registro", "GET /invitacion/{token}", "POST /invitacion/{token}",
    "GET /clave", "POST /clave", "GET /clave/{token}", "POST /clave/{token}",
    "GET /externo/{provider}", "GET /externo/{provider}/retorno", "POST /externo/{provider}/salida",
    "GET /oauth/authorize", "POST /oauth/authorize", "POST /oauth/token", "OPTIONS /oauth/token",
    "POST /oauth/revoke", "OPTIONS /oauth/revoke", "POST /oauth/introspect",
    "GET /oauth/userinfo", "POST /oauth/userinfo", "OPTIONS /oauth/userinfo", "GET /oauth/jwks",
    "GET /oauth/smart-style.json", "GET /.well-known/openid-configuration",
    "GET /.well-known/oauth-authorization-server", "GET /fhir/.well-known/smart-configuration",
    "GET /externo/{provider}/salir",
    # Preflights of browsers: nothing is done and nothing told.
    "OPTIONS /oauth/jwks", "OPTIONS /oauth/smart-style.json", "OPTIONS /.well-known/openid-configuration",
    "OPTIONS /.well-known/oauth-authorization-server", "OPTIONS /fhir/.well-known/smart-configuration",
}  # fmt: skip


class NoMails:
    configured = False

    async def send(self, mail: object) -> None:
        raise AssertionError(mail)


async def declared(db: Database, folder: Path) -> dict[str, Needs]:
    """'GET /login' -> what it needs."""
    clock, settings = SystemClock(), SecuritySettings(argon2_memory=7_168, argon2_passes=1)
    async with open_security(
        db, settings, clock, "http://localhost", folder,
        limits=LimitSettings(), sealer=passing_ring(), mailer=NoMails(),
    ) as security:  # fmt: skip
        pages = portal.build(security, secure=False, zone=ZoneInfo("America/Lima"))
        archive = await open_record(db)
        routers = [
            record_routes.build(archive, clock),
            oauth_routes.build(security.oauth),
            external_routes.build(security.external),
            pages.router,
        ]
        app = site.build(db, HttpMetrics(), routers, door=security.door)
    found: dict[str, Needs] = {}
    for route in app.routes:
        assert isinstance(route, Route | Mount)
        needs: Needs = route.app.needs  # type: ignore[attr-defined]
        for method in getattr(route, "methods", None) or {"GET"}:
            if method != "HEAD":  # answered as GET is
                found[f"{method} {route.path}"] = needs
    return found


@pytest.mark.requirement("HC-04", "AP-10")
async def test_what_is_open_to_all_is_known(fresh_db: Database, tmp_path: Path) -> None:
    found = await declared(fresh_db, tmp_path)
    assert {name for name, needs in found.items() if needs.why_open} == OPEN
    inside = {
        name for name in found if name.split(" ")[1].startswith(("/admin", "/auditoria", "/urgencia", "/admision"))
    }
    assert inside
    assert all(found[name].features for name in inside), "what few may do asks for a feature"
    assert {name for name, needs in found.items() if needs.by != "page"} == {"GET /paciente/{id}"}
