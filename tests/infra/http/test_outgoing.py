"""The house's HTTP client on real sockets, and everything by which it could be sent to the inside."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpcore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kuska.infra.http.errors import NoAnswerError, RefusedAddressError
from kuska.infra.http.outgoing import Outgoing, open_outgoing
from kuska.infra.http.settings import OutgoingSettings

Peer = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]
PUBLIC = "93.184.215.14"
pytestmark = pytest.mark.requirement("AP-10")


@asynccontextmanager
async def peer(serve: Peer, trust: ssl.SSLContext | None = None) -> AsyncGenerator[int]:
    """One request at a time on a loopback port; `serve` gets its head and answers as it likes."""
    connected: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        connected.add(task)
        try:
            while True:
                await serve(await reader.readuntil(b"\r\n\r\n"), writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=trust)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in connected:
            task.cancel()
        await asyncio.gather(*connected, return_exceptions=True)


async def hello(head: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Said: " + head.split()[1] + b"\r\n\r\nhello")


def settings(**given: object) -> OutgoingSettings:
    return OutgoingSettings(**{"allowed_hosts": ("127.0.0.1",), **given})  # pyright: ignore[reportArgumentType]


def key_of(error: pytest.ExceptionInfo[RefusedAddressError] | pytest.ExceptionInfo[NoAnswerError]) -> str:
    return error.value.issues[0].message


async def test_an_allowed_host_is_called_and_kept_connected() -> None:
    async with peer(hello) as port, open_outgoing(settings()) as http:
        for _ in range(3):
            answer = await http.get(f"http://127.0.0.1:{port}/there")
            assert (answer.status, answer.body, answer.headers["x-said"]) == (200, b"hello", "/there")


async def test_the_allow_list_can_name_a_port() -> None:
    async with peer(hello) as port, open_outgoing(settings(allowed_hosts=(f"127.0.0.1:{port}",))) as http:
        assert (await http.get(f"http://127.0.0.1:{port}/")).status == 200
        with pytest.raises(RefusedAddressError):
            await http.get(f"http://127.0.0.1:{port + 1}/")


INSIDE = [
    "127.0.0.1", "127.1", "127.9.9.9", "2130706433", "0x7f000001", "0x7f.1", "017700000001", "0177.0.0.1", "0", "0.0.0.0",
    "localhost", "localhost.", "LOCALHOST", "①②⑦.0.0.1", "127。0。0。1",
    "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "169.254.170.2", "100.64.0.1",
    "100.100.100.200", "168.63.129.16", "192.0.0.192", "198.18.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1",
    "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[fe80::1]", "[fc00::1]", "[fd00:ec2::254]",
    "[fec0::1]", "[ff02::1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[2001:0:7f00:1::]", "[::ffff:169.254.169.254]",
    "[2001:db8::1]",
]  # fmt: skip


@pytest.mark.parametrize("host", INSIDE)
async def test_the_inside_is_not_called(host: str) -> None:
    """However it is written. Nothing listens there that could answer; the call must not even be tried."""
    called: list[str] = []
    async with open_outgoing(OutgoingSettings(), inner=recording(called)) as http:
        for scheme in ("https", "http"):
            with pytest.raises((RefusedAddressError, NoAnswerError)) as refused:
                await http.get(f"{scheme}://{host}/latest/meta-data/")
            assert key_of(refused).startswith("outgoing.")
    assert not called


def recording(called: list[str]) -> httpcore.AsyncNetworkBackend:
    class Recording(httpcore.AsyncNetworkBackend):
        async def connect_tcp(self, host: str, *_: object, **__: object) -> httpcore.AsyncNetworkStream:
            called.append(host)
            raise httpcore.ConnectError("nobody")

    return Recording()


@pytest.mark.parametrize(
    "url",
    ["ftp://example.org/", "file:///etc/passwd", "gopher://example.org/", "https://user:word@example.org/", "https:///x",
     "//example.org/", "example.org", "https://exa mple.org/", "https://[::1/", "https://example.org:99999/", ""],
)  # fmt: skip
async def test_only_plain_addresses_of_the_web(url: str) -> None:
    called: list[str] = []
    async with open_outgoing(settings(), inner=recording(called)) as http:
        with pytest.raises(RefusedAddressError):
            await http.get(url)
    assert not called


async def test_without_encryption_only_where_the_operator_says_so() -> None:
    called: list[str] = []

    async def lookup(host: str, port: int) -> list[str]:
        return [PUBLIC]

    async with open_outgoing(settings(allowed_hosts=("allowed.example",)), lookup, recording(called)) as http:
        with pytest.raises(RefusedAddressError) as refused:
            await http.get("http://public.example/")
        assert key_of(refused) == "outgoing.plain-http"
        assert not called
        for url in ("https://public.example/", "http://allowed.example/"):
            with pytest.raises(NoAnswerError):
                await http.get(url)
    assert called == [PUBLIC, PUBLIC]


async def test_the_name_is_resolved_once_and_that_address_is_called() -> None:
    """A second answer of the resolver, pointing inside, is never asked for (DNS rebinding)."""
    answers = [[PUBLIC], ["127.0.0.1"], ["127.0.0.1"]]
    called: list[str] = []

    async def rebinding(host: str, port: int) -> list[str]:
        return answers.pop(0)

    async with open_outgoing(OutgoingSettings(), rebinding, recording(called)) as http:
        with pytest.raises(NoAnswerError):
            await http.get("https://rebind.example/")
        assert called == [PUBLIC]
        with pytest.raises(RefusedAddressError):
            await http.get("https://rebind.example/")
        assert called == [PUBLIC]


@pytest.mark.parametrize("addresses", [[PUBLIC, "127.0.0.1"], ["10.0.0.1", PUBLIC], ["fe80::1%eth0"], ["nonsense"], []])
async def test_a_name_that_also_means_the_inside_is_refused(addresses: list[str]) -> None:
    called: list[str] = []

    async def lookup(host: str, port: int) -> list[str]:
        return addresses

    async with open_outgoing(OutgoingSettings(), lookup, recording(called)) as http:
        with pytest.raises(RefusedAddressError):
            await http.get("https://both.example/")
    assert not called


async def test_another_address_of_the_name_is_tried() -> None:
    called: list[str] = []

    async def lookup(host: str, port: int) -> list[str]:
        return [PUBLIC, "2606:2800:220:1:248:1893:25c8:1946"]

    async with open_outgoing(OutgoingSettings(), lookup, recording(called)) as http:
        with pytest.raises(NoAnswerError):
            await http.get("https://two.example/")
    assert [ip_address(each).version for each in called] == [4, 6]


async def test_a_redirect_is_not_followed() -> None:
    seen: list[bytes] = []

    async def inside(head: bytes, writer: asyncio.StreamWriter) -> None:
        seen.append(head)
        await hello(head, writer)

    async with peer(inside) as secret:

        async def lure(head: bytes, writer: asyncio.StreamWriter) -> None:
            to = f"Location: http://127.0.0.1:{secret}/".encode()
            writer.write(b"HTTP/1.1 302 Found\r\n" + to + b"\r\nContent-Length: 0\r\n\r\n")

        async with peer(lure) as port, open_outgoing(settings()) as http:
            assert (await http.get(f"http://127.0.0.1:{port}/")).status == 302
    assert not seen


async def body_of(chunk: bytes, pause: float, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
        await writer.drain()
        await asyncio.sleep(pause)


async def refused_call(serve: Peer, **given: object) -> str:
    async with peer(serve) as port, open_outgoing(settings(**given)) as http:
        with pytest.raises(NoAnswerError) as refused:
            await http.get(f"http://127.0.0.1:{port}/")
    return key_of(refused)


async def test_a_slow_body_has_an_end() -> None:
    async def slow(head: bytes, writer: asyncio.StreamWriter) -> None:
        await body_of(b"x", 0.02, writer)

    assert await refused_call(slow, total_seconds=0.15) == "outgoing.too-slow"


async def test_a_silent_peer_has_an_end() -> None:
    async def silent(head: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    assert await refused_call(silent, total_seconds=0.1) == "outgoing.too-slow"


async def test_a_giant_body_is_given_up() -> None:
    sent = 0

    async def giant(head: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()
            sent += 65536

    assert await refused_call(giant, max_response_bytes=100_000) == "outgoing.too-long"
    assert sent < 20_000_000


async def test_what_comes_compressed_is_not_unpacked() -> None:
    async def packed(head: bytes, writer: asyncio.StreamWriter) -> None:
        assert b"accept-encoding: identity" in head.lower()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc")

    assert await refused_call(packed) == "outgoing.compressed"


async def test_no_http_is_no_answer() -> None:
    async def babble(head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")

    assert await refused_call(babble) == "outgoing.no-answer"


async def test_nobody_there(unused_port: int) -> None:
    async with open_outgoing(settings()) as http:
        with pytest.raises(NoAnswerError):
            await http.get(f"http://127.0.0.1:{unused_port}/")


@pytest.fixture
async def unused_port() -> int:
    async with peer(hello) as port:
        return port


async def test_the_environment_does_not_send_it_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with peer(hello) as port, open_outgoing(settings()) as http:
        assert (await http.get(f"http://127.0.0.1:{port}/")).status == 200


async def test_a_proxy_that_is_set_is_used_and_the_inside_stays_shut() -> None:
    asked: list[bytes] = []

    async def proxy(head: bytes, writer: asyncio.StreamWriter) -> None:
        asked.append(head.split(b"\r\n")[0])
        await hello(head, writer)

    async with peer(proxy) as port:
        given = settings(allowed_hosts=("inner.example",), proxy=f"http://127.0.0.1:{port}")
        async with open_outgoing(given) as http:
            assert (await http.get("http://inner.example/x")).status == 200
            with pytest.raises(RefusedAddressError):
                await http.get("https://10.0.0.1/")
    assert asked == [b"GET http://inner.example/x HTTP/1.1"]


class Certified:
    """A server's context with a certificate for `name`, and the file of the authority that signed it."""

    def __init__(self, folder: Path, name: str) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        self.ca = folder / "ca.pem"
        self.ca.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        secret = folder / "key.pem"
        secret.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.ca, secret)


async def there(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


async def over_tls(http: Outgoing, name: str, port: int) -> bytes:
    return (await http.get(f"https://{name}:{port}/")).body


async def test_tls_verifies_the_name_although_an_address_is_called(tmp_path: Path) -> None:
    certified = Certified(tmp_path, "idp.example")
    allowed = ("idp.example", "other.example")
    async with peer(hello, certified.context) as port:
        async with open_outgoing(settings(allowed_hosts=allowed, ca_file=str(certified.ca)), there) as http:
            assert await over_tls(http, "idp.example", port) == b"hello"
            with pytest.raises(NoAnswerError) as refused:
                await over_tls(http, "other.example", port)
            assert key_of(refused) == "outgoing.certificate"
        async with open_outgoing(settings(allowed_hosts=allowed), there) as http:
            with pytest.raises(NoAnswerError) as refused:
                await over_tls(http, "idp.example", port)
            assert key_of(refused) == "outgoing.certificate"


async def test_addresses_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        async with peer(hello) as port, open_outgoing(settings()) as http:
            await http.get(f"http://127.0.0.1:{port}/keys?of=somebody")
    assert "somebody" not in caplog.text


async def test_a_form_is_posted() -> None:
    got = asyncio.Queue[bytes]()

    async def form(head: bytes, writer: asyncio.StreamWriter) -> None:
        got.put_nowait(head)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")

    async with peer(form) as port, open_outgoing(settings()) as http:
        assert (await http.post_form(f"http://127.0.0.1:{port}/token", {"a": "b"}, {"x-y": "z"})).body == b"{}"
    head = (await got.get()).lower()
    assert head.startswith(b"post /token")
    assert b"x-y: z" in head
    assert b"content-type: application/x-www-form-urlencoded" in head
