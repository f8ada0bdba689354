"""TLS on real sockets, with certificates made here: who gets in, with what, and what a renewal does."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from tests.infra.web.certificates import Authority, Pair

from kuska.infra.web.protocol import GuardedProtocol
from kuska.infra.web.settings import HttpSettings
from kuska.infra.web.tls import CertificateError, ServerTls

pytestmark = pytest.mark.requirement("LW-30")


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    said = {"scheme": scope["scheme"], "client": scope["client"][0]}
    body = json.dumps(said).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def serving(tls: ServerTls | None, proxies: tuple[str, ...] = ()) -> AsyncGenerator[int]:
    """As kuska.app.server configures it."""
    config = uvicorn.Config(
        app,
        http=GuardedProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        port=0,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(proxies),
        ssl_context_factory=None if tls is None else lambda _, __: tls.context,
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await task


def settings(pair: Pair, **more: Any) -> HttpSettings:
    return HttpSettings(tls_certificate=str(pair.certificate), tls_key=str(pair.key), **more)


def client(authority: Authority, pair: Pair | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority.file))
    if pair is not None:
        context.load_cert_chain(pair.certificate, pair.key)
    return context


async def get(port: int, context: ssl.SSLContext | None, head: bytes = b"") -> tuple[dict[str, Any], ssl.SSLObject]:
    name = {"server_hostname": "localhost"} if context else {}
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, **name)
    try:
        writer.write(b"GET / HTTP/1.1\r\nhost: localhost\r\n" + head + b"connection: close\r\n\r\n")
        answer = await asyncio.wait_for(reader.read(), 60)
        if not answer:
            raise ConnectionResetError
        return json.loads(answer.partition(b"\r\n\r\n")[2]), writer.get_extra_info("ssl_object")
    finally:
        writer.close()
        with suppress(OSError, ssl.SSLError):
            await writer.wait_closed()


async def test_a_usual_connection(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with serving(ServerTls(settings(authority.sign("server")))) as port:
        said, spoken = await get(port, client(authority))
    assert said["scheme"] == "https"
    assert spoken.version() == "TLSv1.3"


@pytest.mark.parametrize(
    "weaken",
    [
        lambda context: setattr(context, "maximum_version", ssl.TLSVersion.TLSv1_1),
        lambda context: (
            setattr(context, "maximum_version", ssl.TLSVersion.TLSv1_2),
            context.set_ciphers("AES128-SHA:AES256-GCM-SHA384:ECDHE+AES128+SHA"),  # no forward secrecy, or CBC
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
async def test_old_versions_and_weak_ciphers_are_not_spoken(tmp_path: Path, weaken: Any) -> None:
    authority = Authority(tmp_path)
    context = client(authority)
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    weaken(context)
    async with serving(ServerTls(settings(authority.sign("server")))) as port:
        with pytest.raises((ssl.SSLError, OSError)):
            await get(port, context)


async def test_plain_http_on_the_tls_port_gets_nothing(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with serving(ServerTls(settings(authority.sign("server")))) as port:
        with pytest.raises(OSError):
            await get(port, None)


async def test_no_unknown_or_expired_certificate_comes_in(tmp_path: Path) -> None:
    authority, stranger = Authority(tmp_path), Authority(tmp_path, "stranger")
    (tmp_path / "other").mkdir()
    namesake = Authority(tmp_path / "other")
    shown: list[Pair | None] = [
        None,
        stranger.sign("laboratorio"),
        namesake.sign("laboratorio"),
        authority.sign("expired", lasts=-timedelta(hours=1)),
    ]
    async with serving(ServerTls(settings(authority.sign("server"), tls_client_ca=str(authority.file)))) as port:
        for pair in shown:
            with pytest.raises((ssl.SSLError, OSError)):
                await get(port, client(authority, pair))
        assert (await get(port, client(authority, authority.sign("good"))))[0]["scheme"] == "https"


async def test_optional_means_none_or_a_good_one(tmp_path: Path) -> None:
    authority, stranger = Authority(tmp_path), Authority(tmp_path, "stranger")
    given = settings(authority.sign("server"), tls_client_ca=str(authority.file), tls_clients="optional")
    async with serving(ServerTls(given)) as port:
        for pair in (None, authority.sign("good")):
            assert (await get(port, client(authority, pair)))[0]["scheme"] == "https"
        with pytest.raises((ssl.SSLError, OSError)):
            await get(port, client(authority, stranger.sign("x")))


async def test_a_renewed_certificate_is_shown_without_a_restart(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair = authority.sign("server")
    said: list[str] = []
    tls = ServerTls(settings(pair), said.append)
    async with serving(tls) as port:
        first = (await get(port, client(authority)))[1].getpeercert(binary_form=True)
        assert not tls.renew()
        old_key = pair.key.read_bytes()
        authority.sign("server")
        new_key = pair.key.read_bytes()
        # Half written: the certificate is new, the key is still the old one.
        pair.key.write_bytes(old_key)
        assert not tls.renew()
        assert said == ["tls.unusable"]
        assert (await get(port, client(authority)))[1].getpeercert(binary_form=True) == first
        pair.key.write_bytes(new_key)
        assert tls.renew()
        assert (await get(port, client(authority)))[1].getpeercert(binary_form=True) != first
    pair.key.unlink()
    assert not tls.renew()
    assert said == ["tls.unusable", "tls.renewed", "tls.unreadable"]


async def test_the_watch_looks_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kuska.infra.web.tls._LOOK_AGAIN", 0.01)
    authority = Authority(tmp_path)
    heard = asyncio.Event()
    tls = ServerTls(settings(authority.sign("server")), lambda _: heard.set())
    async with tls.watched():
        authority.sign("server")
        await asyncio.wait_for(heard.wait(), 60)


def test_what_cannot_be_used_is_said(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    one, other = authority.sign("one"), authority.sign("two")
    wrong = [
        settings(Pair(one.certificate, other.key)),
        settings(Pair(tmp_path / "nothing", one.key)),
        settings(Pair(one.key, one.key)),
        settings(one, tls_client_ca=str(one.key)),
    ]
    problems = []
    for given in wrong:
        with pytest.raises(CertificateError) as caught:
            ServerTls(given)
        problems.append(caught.value.issues[0].message)
    assert problems == ["tls.unusable", "tls.unreadable", "tls.unusable", "tls.no-authority"]


FORWARDED = b"x-forwarded-for: 203.0.113.7\r\nx-forwarded-proto: https\r\n"


@pytest.mark.parametrize(
    ("proxies", "client_seen", "scheme"),
    [
        ((), "127.0.0.1", "http"),
        (("10.0.0.0/8",), "127.0.0.1", "http"),  # somebody else claims to be a proxy
        (("127.0.0.0/8",), "203.0.113.7", "https"),
    ],
)
async def test_only_named_proxies_are_believed(proxies: tuple[str, ...], client_seen: str, scheme: str) -> None:
    async with serving(None, proxies) as port:
        said, _ = await get(port, None, FORWARDED)
    assert (said["client"], said["scheme"]) == (client_seen, scheme)


async def test_a_client_cannot_add_an_address_before_its_own() -> None:
    async with serving(None, ("127.0.0.1",)) as port:
        said, _ = await get(port, None, b"x-forwarded-for: 1.2.3.4, 203.0.113.7\r\n")
    assert said["client"] == "203.0.113.7"
