"""A server with its database, its clock, and people and clients to play with."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import os
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from kuska.infra.postgres.connection import Write
from kuska.infra.postgres.database import Database, Limits
from kuska.kit.clock import SetClock
from kuska.security.contracts import Caller, Event
from kuska.security.domain import signing
from kuska.security.domain.accounts import Account
from kuska.security.domain.clients import Client
from kuska.security.domain.scopes import read
from kuska.security.domain.sealing import passing_ring
from kuska.security.domain.sessions import Session
from kuska.security.domain.trail_line import line
from kuska.security.routes import oauth as routes
from kuska.security.settings import SecuritySettings
from kuska.security.store.epoch import Epoch
from kuska.security.store.trail_events import TrailEvents
from kuska.security.usecases.oauth.authorize import NeedsConsent, Outcome, Redirect
from kuska.security.usecases.oauth.server import OAuth, oauth_of, open_tokens
from kuska.security.visit import event_id

ISSUER = "https://record.example.org"
FHIR = f"{ISSUER}/fhir"
BACK = "https://app.example.org/back"
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
SETTINGS = SecuritySettings(public_url=ISSUER)
RING = passing_ring()
OPERATOR = Caller(kind="system", account="operator")


class Book:
    """The trail's rows, and at hand what was written."""

    def __init__(self, db: Database) -> None:
        self.events: list[Event] = []
        self._rows = TrailEvents(db)

    async def within(self, tx: Write, events: Sequence[Event]) -> None:
        await self._rows.append_within(tx, [line(event) for event in events])
        self.events += events

    async def keep(self, event: Event) -> None:
        await self._rows.append([line(event)])
        self.events.append(event)

    def note(self, event: Event) -> None:
        self.events.append(event)

    @property
    def last(self) -> Event:
        return self.events[-1]


@dataclass(frozen=True, slots=True)
class Proof:
    """PKCE."""

    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    @property
    def challenge(self) -> str:
        return base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()


@dataclass(slots=True)
class Shop:
    """What a test needs in few words."""

    db: Database
    clock: SetClock
    epoch: Epoch
    book: Book
    oauth: OAuth
    http: httpx.AsyncClient

    async def client(self, **given: Any) -> tuple[Client, str]:
        scope = given.pop(
            "scope", "openid fhirUser profile launch launch/patient offline_access online_access user/*.rs patient/*.rs"
        )
        values: dict[str, Any] = {
            "id": f"app-{secrets.token_hex(4)}",
            "name": "Aplicación",
            "kind": "confidential-secret",
            "grants": ("authorization_code", "refresh_token"),
            "redirects": (BACK,),
            "patient_facing": True,
            **given,
        }
        return await self.oauth.clients.register(Client(**values, scope=read(scope)), OPERATOR)

    async def backend(self, key: RSAKey | ECKey, **given: Any) -> Client:
        public = key.as_dict(private=False)
        values = {"kind": "private-key-jwt", "grants": ("client_credentials",), "redirects": (), "scope": "system/*.rs"}
        registered, _ = await self.client(**values | {"jwks": json.dumps({"keys": [public]})} | given)
        return registered

    async def person(self, **given: Any) -> Account:
        values: dict[str, Any] = {
            "id": event_id(),
            "kind": "person",
            "tenant": SETTINGS.tenant,
            "login": secrets.token_hex(6),
            "display_name": "Ana de Prueba",
            "status": "active",
            "country": SETTINGS.country,
            "roles": ("physician",),
            "practitioner": "dr-1",
            "created": self.clock.now(),
            "updated": self.clock.now(),
            **given,
        }
        account = Account(**values)
        async with self.db.write() as tx:
            await tx.execute(
                """insert into security.account (id, kind, tenant, login, display_name, status, country, organization,
                   patient, practitioner, roles, created, updated)
                   values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12)""",
                account.id, account.kind, account.tenant, account.login, account.display_name, account.status,
                account.country, account.organization, account.patient, account.practitioner, account.roles,
                account.created,
            )  # fmt: skip
        return account

    async def patient(self, **given: Any) -> Account:
        return await self.person(roles=("patient",), practitioner="", patient=f"p-{secrets.token_hex(4)}", **given)

    async def signed_in(self, account: Account, **given: Any) -> Session:
        now = self.clock.now()
        values: dict[str, Any] = {
            "id": event_id(),
            "account": account,
            "pending": False,
            "methods": ("pwd",),
            "shown": (now,),
            "created": now,
            "authenticated": now,
            "seen": now,
            "ends": now + timedelta(hours=12),
            "address": "192.0.2.1",
            "agent": "test",
            **given,
        }
        session = Session(**values)
        async with self.db.write() as tx:
            await tx.execute(
                """insert into security.session (hash, id, account, pending, methods, shown, created, authenticated,
                   seen, ends, address, agent) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)""",
                os.urandom(32), session.id, account.id, session.pending, session.methods, session.shown,
                session.created, session.authenticated, session.seen, session.ends, session.address, session.agent,
            )  # fmt: skip
        return session

    def asks(self, client: Client, proof: Proof, **given: str) -> dict[str, str]:
        return {
            "response_type": "code",
            "client_id": client.id,
            "redirect_uri": BACK,
            "scope": "openid fhirUser offline_access user/Observation.rs",
            "state": "st-1",
            "nonce": "no-1",
            "aud": FHIR,
            "code_challenge": proof.challenge,
            "code_challenge_method": "S256",
            **given,
        }

    async def ask(self, client: Client, session: Session | None, proof: Proof | None = None, **given: str) -> Outcome:
        return await self.oauth.authorize(self.asks(client, proof or Proof(), **given).items(), session)

    async def code(self, client: Client, session: Session, proof: Proof, patient: str = "", **given: str) -> str:
        """Asked, consented to in full, and back."""
        outcome = await self.ask(client, session, proof, **given)
        if isinstance(outcome, NeedsConsent):
            outcome = await self.oauth.decide(outcome.handle, session, outcome.texts, patient)
        return answered(outcome)["code"]

    async def post(self, path: str, *, auth: Any = None, **form: str) -> httpx.Response:
        return await self.http.post(path, data=form, auth=auth)

    async def trade(self, client: Client, secret: str, **form: str) -> httpx.Response:
        return await self.post(
            "/oauth/token", client_id=client.id, **form, **({"client_secret": secret} if secret else {})
        )

    async def tokens(
        self, client: Client, secret: str, session: Session, patient: str = "", **given: str
    ) -> dict[str, Any]:
        """The whole flow."""
        proof = Proof()
        code = await self.code(client, session, proof, patient, **given)
        answer = await self.trade(
            client,
            secret,
            grant_type="authorization_code",
            code=code,
            code_verifier=proof.verifier,
            redirect_uri=given.get("redirect_uri", BACK),
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    def assertion(self, client: Client, key: RSAKey | ECKey, **given: Any) -> str:
        now = self.clock.now().timestamp()
        said = {
            "iss": client.id,
            "sub": client.id,
            "aud": f"{ISSUER}/oauth/token",
            "exp": int(now) + 240,
            "iat": int(now),
            "jti": secrets.token_hex(8),
            **given.pop("claims", {}),
        }
        algorithm = "RS384" if isinstance(key, RSAKey) else "ES384"
        header = {"alg": algorithm, "kid": key.kid, "typ": "JWT", **given}
        return jwt.encode(header, said, key, [header["alg"]])


def answered(outcome: Outcome) -> dict[str, str]:
    assert isinstance(outcome, Redirect), outcome
    return {name: values[0] for name, values in parse_qs(urlsplit(outcome.url).query).items()}


@pytest.fixture(scope="session", autouse=True)
def _keys_are_read_once() -> Iterator[None]:
    """Reading an RSA key checks its numbers: 30 ms for each of hundreds of tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signing, "load", functools.cache(signing.load))
        yield


@pytest.fixture(scope="session")
async def shop_db(server_dsn: str, template: str) -> AsyncIterator[Database]:
    """Of these tests alone: the keys in it are sealed with nothing."""
    name = f"test_{os.getpid()}_{secrets.token_hex(4)}"
    conn = await asyncpg.connect(server_dsn)
    await conn.execute(f"create database {name} template {template}")
    parts = urlsplit(server_dsn)
    database = await Database.open(
        parts._replace(path=f"/{name}").geturl(), Limits(read_connections=4, write_connections=4)
    )
    yield database
    await database.close()
    await conn.execute(f"drop database if exists {name} with (force)")
    await conn.close()


async def open_shop(db: Database, clock: SetClock, settings: SecuritySettings = SETTINGS, **more: Any) -> Shop:
    epoch, book = Epoch(db), Book(db)
    tokens = await open_tokens(db, clock=clock, epoch=epoch, sealer=RING, settings=settings, own_url=ISSUER)
    oauth = oauth_of(tokens, db=db, clock=clock, epoch=epoch, trail=book, settings=settings, **more)
    site = FastAPI(openapi_url=None)
    site.include_router(routes.build(oauth))
    http = httpx.AsyncClient(transport=httpx.ASGITransport(site), base_url=ISSUER)
    return Shop(db, clock, epoch, book, oauth, http)


@pytest.fixture
async def shop(shop_db: Database) -> AsyncIterator[Shop]:
    one = await open_shop(shop_db, SetClock(NOON))
    yield one
    await one.oauth.parts.tokens.settled()
    await one.http.aclose()


@pytest.fixture(scope="session")
def rsa() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "rsa-1"})


@pytest.fixture(scope="session")
def ec() -> ECKey:
    return ECKey.generate_key("P-384", {"kid": "ec-1"})
