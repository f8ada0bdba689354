"""Measuring with security on: a client that may do everything with everybody's data, and its token.

Its role is written straight into the database: no role that an administrator may make is that wide.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time

import asyncpg

from bench.server import KUSKA, Server

_ROLE = {
    "reach": "all",
    "scopes": ["system/*.cruds"],
    "features": [],
    "areas": [],
    "purposes": ["TREAT"],
    "countries": [],
    "factors": False,
    "durable_reads": False,
}
_SQL = """
insert into security.role (name, version, content, by, at) values ('bench', 1, $1::text::jsonb, 'bench', now());
"""
_CLIENT = """
insert into security.client
    (id, name, kind, party, grants, scope, roles, tenant, country, created, updated)
values ('bench', 'bench', 'confidential-secret', 'service', '{client_credentials}', 'system/*.cruds', '{bench}',
    'demo', 'PE', now(), now())
"""
_BUMP = "update security.epoch set value = value + 1"
# Nobody is slowed down here, and the token outlives the runs.
ENVIRONMENT = {
    "KUSKA_SECURITY": "on",
    "KUSKA_LIMITS_REQUESTS_PER_SECOND": "1000000",
    "KUSKA_LIMITS_REQUESTS_BURST": "1000000",
}


def token(server: Server) -> str:
    asyncio.run(let_in(server.place.admin))
    time.sleep(1.5)  # until every process has heard of it
    command = [KUSKA, "token", "--data", str(server.place.folder), "--port", str(server.port)]
    done = subprocess.run(
        [*command, "--client-id", "bench", "--scope", "system/*.cruds"],
        env={**os.environ, **ENVIRONMENT},
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr.decode(errors="replace")[-2000:])
    return done.stdout.decode().strip()


async def let_in(dsn: str) -> None:
    conn = await asyncpg.connect(dsn)
    try:
        await conn.execute(_SQL, json.dumps(_ROLE))
        await conn.execute(_CLIENT)
        await conn.execute(_BUMP)
    finally:
        await conn.close()
