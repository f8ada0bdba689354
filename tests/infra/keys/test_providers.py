"""AWS KMS against moto's server; Vault's transit engine against a small one that keeps to its documentation.

With KUSKA_TEST_VAULT_ADDRESS and KUSKA_TEST_VAULT_TOKEN the same tests run on a real Vault or OpenBao (transit mounted,
key `kuska` of the type aes256-gcm96).
"""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from moto.server import ThreadedMotoServer

from kuska.infra.http.outgoing import open_outgoing
from kuska.infra.http.settings import OutgoingSettings
from kuska.infra.keys.aws import AwsMaster
from kuska.infra.keys.master import Master, MasterError, Wrapped
from kuska.infra.keys.masters import Masters
from kuska.infra.keys.settings import KeysSettings
from kuska.infra.keys.vault import Post, VaultMaster

pytestmark = pytest.mark.requirement("LW-30")
KEY = os.urandom(64)
TOKEN = "hvs.of-the-test"


@dataclass
class Transit:
    """POST /v1/transit/{encrypt,decrypt}/{key} as Vault's documentation says it."""

    versions: list[bytes] = field(default_factory=lambda: [os.urandom(32)])
    sealed: bool = False
    forbidden: bool = False

    def answer(self, path: str, token: str | None, body: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        if self.sealed:
            return 503, {"errors": ["Vault is sealed"]}
        if token != TOKEN or self.forbidden:
            return 403, {"errors": ["permission denied"]}
        _, _, mount, verb, name = path.split("/")
        if (mount, name) != ("transit", "kuska"):
            return 400, {"errors": ["encryption key not found"]}
        bound = base64.b64decode(body.get("associated_data", ""))
        if verb == "encrypt":
            nonce = os.urandom(12)
            text = nonce + AESGCM(self.versions[-1]).encrypt(nonce, base64.b64decode(body["plaintext"]), bound)
            said = f"vault:v{len(self.versions)}:{base64.b64encode(text).decode()}"
            return 200, {"data": {"ciphertext": said, "key_version": len(self.versions)}}
        _, version, rest = body["ciphertext"].split(":")
        text = base64.b64decode(rest)
        try:
            plain = AESGCM(self.versions[int(version[1:]) - 1]).decrypt(text[:12], text[12:], bound)
        except InvalidTag:
            return 400, {"errors": ["cipher: message authentication failed"]}
        return 200, {"data": {"plaintext": base64.b64encode(plain).decode()}}


@pytest.fixture
def transit() -> Transit:
    return Transit()


@pytest.fixture
def vault_address(transit: Transit) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            status, said = transit.answer(self.path, self.headers["x-vault-token"], body)
            out = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(out)))
            self.end_headers()
            self.wfile.write(out)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
async def post() -> AsyncIterator[Post]:
    """The house's own client, guard included."""
    settings = OutgoingSettings(allowed_hosts=("127.0.0.1",), connect_seconds=2.0, total_seconds=5.0)
    async with open_outgoing(settings) as client:

        async def send(url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
            answer = await client.send("POST", url, headers=headers, body=body)
            return answer.status, answer.body

        yield send


@pytest.fixture(scope="module")
def kms() -> Iterator[tuple[str, list[str]]]:
    """Address, and two keys."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        address = f"http://{host}:{port}"
        client = boto3.client("kms", endpoint_url=address)
        yield address, [client.create_key()["KeyMetadata"]["Arn"] for _ in range(2)]
        server.stop()


def aws(kms: tuple[str, list[str]], which: int = 0) -> AwsMaster:
    return AwsMaster(kms[1][which], "us-east-1", kms[0], 5.0)


@pytest.fixture(params=["aws-kms", "vault", *(["vault-real"] if "KUSKA_TEST_VAULT_ADDRESS" in os.environ else [])])
def master(request: pytest.FixtureRequest, kms: tuple[str, list[str]], vault_address: str, post: Post) -> Master:
    if request.param == "aws-kms":
        return aws(kms)
    if request.param == "vault":
        return VaultMaster(vault_address, "transit", "kuska", TOKEN, post)
    return VaultMaster(
        os.environ["KUSKA_TEST_VAULT_ADDRESS"], "transit", "kuska", os.environ["KUSKA_TEST_VAULT_TOKEN"], post
    )


async def problem(master: Master, wrapped: Wrapped, context: str = "c") -> str:
    with pytest.raises(MasterError) as caught:
        await master.unwrap(wrapped, context)
    return caught.value.issues[0].message


async def test_wraps_and_unwraps_and_is_bound_to_its_context(master: Master) -> None:
    wrapped = await master.wrap(KEY, "hospital/record/1")
    assert wrapped.provider == master.name
    assert KEY not in wrapped.text
    assert await master.unwrap(wrapped, "hospital/record/1") == KEY
    assert await problem(master, wrapped, "hospital/record/2") == "keys.provider-refused"
    assert await master.wrap(KEY, "c") != await master.wrap(KEY, "c")


async def test_a_provider_that_is_away_says_so_soon(vault_address: str, post: Post) -> None:
    gone = [
        AwsMaster("alias/x", "us-east-1", "http://127.0.0.1:9", 1.0),
        VaultMaster("http://127.0.0.1:9", "transit", "kuska", TOKEN, post),
    ]
    for each in gone:
        assert await problem(each, Wrapped(each.name, "x:v1", b"vault:v1:eA==")) == "keys.provider-away"


async def test_a_sealed_or_forbidding_vault(transit: Transit, vault_address: str, post: Post) -> None:
    vault = VaultMaster(vault_address, "transit", "kuska", TOKEN, post)
    wrapped = await vault.wrap(KEY, "c")
    transit.sealed = True
    assert await problem(vault, wrapped) == "keys.provider-away"
    transit.sealed, transit.forbidden = False, True
    assert await problem(vault, wrapped) == "keys.provider-refused"


async def test_versions_of_vaults_key(transit: Transit, vault_address: str, post: Post) -> None:
    vault = VaultMaster(vault_address, "transit", "kuska", TOKEN, post)
    old = await vault.wrap(KEY, "c")
    transit.versions.append(os.urandom(32))
    new = await vault.wrap(KEY, "c")
    assert (old.master, new.master) == ("kuska:v1", "kuska:v2")
    assert await vault.unwrap(old, "c") == await vault.unwrap(new, "c") == KEY


async def test_after_a_change_of_the_kms_key_the_old_one_still_unwraps(kms: tuple[str, list[str]]) -> None:
    old = await aws(kms, 0).wrap(KEY, "c")
    assert old.master == kms[1][0]
    assert await aws(kms, 1).unwrap(old, "c") == KEY
    assert (await aws(kms, 1).wrap(KEY, "c")).master == kms[1][1]


async def test_a_key_that_is_not_there(kms: tuple[str, list[str]]) -> None:
    with pytest.raises(MasterError) as caught:
        await AwsMaster("alias/nothing", "us-east-1", kms[0], 5.0).wrap(KEY, "c")
    assert caught.value.issues[0].params["reason"] == "NotFoundException"


@pytest.mark.parametrize(
    ("settings", "needed"),
    [
        (KeysSettings(provider="aws-kms"), "KUSKA_KEYS_AWS_KEY"),
        (KeysSettings(provider="vault"), "KUSKA_KEYS_VAULT_ADDRESS"),
        (KeysSettings(provider="vault", vault_address="https://v"), "KUSKA_KEYS_VAULT_TOKEN"),
    ],
)
def test_what_a_provider_needs_is_named(settings: KeysSettings, needed: str, tmp_path: Path) -> None:
    with pytest.raises(MasterError) as caught:
        _ = Masters(settings, tmp_path).chosen
    assert caught.value.issues[0].params["setting"] == needed
