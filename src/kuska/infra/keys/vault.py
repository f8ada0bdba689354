"""Provider `vault`: the transit engine of HashiCorp Vault or OpenBao. The master key never leaves it.

https://developer.hashicorp.com/vault/api-docs/secret/transit
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import quote

from kuska.infra.keys.master import MasterError, Wrapped
from kuska.kit.errors import KuskaError

# (address, headers, body) -> (status, body): the house's one HTTP client, given by the composition root.
Post = Callable[[str, Mapping[str, str], bytes], Awaitable[tuple[int, bytes]]]


class VaultMaster:
    name = "vault"

    def __init__(self, address: str, mount: str, key: str, token: str, post: Post) -> None:
        for setting, value in (("ADDRESS", address), ("TOKEN", token), ("KEY", key)):
            if not value:
                raise MasterError("keys.setting-missing", setting=f"KUSKA_KEYS_VAULT_{setting}", provider=self.name)
        self._base = f"{address.rstrip('/')}/v1/{quote(mount)}"
        self._key = key
        self._token = token
        self._post = post

    async def wrap(self, key: bytes, context: str) -> Wrapped:
        answer = await self._ask(
            f"encrypt/{quote(self._key, safe='')}", plaintext=key, associated_data=context.encode()
        )
        text = str(answer["ciphertext"])  # 'vault:v3:…': with which version of the key
        return Wrapped(self.name, f"{self._key}:{text.split(':')[1]}", text.encode())

    async def unwrap(self, wrapped: Wrapped, context: str) -> bytes:
        key = wrapped.master.rpartition(":")[0]
        answer = await self._ask(
            f"decrypt/{quote(key, safe='')}", ciphertext=wrapped.text.decode(), associated_data=context.encode()
        )
        return base64.b64decode(answer["plaintext"])

    async def renew(self) -> None:
        """Versions of the key are made in Vault, by its policy or `vault write -f transit/keys/…/rotate`."""

    async def forget_old(self) -> None:
        pass

    async def _ask(self, what: str, **fields: bytes | str) -> dict[str, Any]:
        body = {
            name: base64.b64encode(value).decode() if isinstance(value, bytes) else value
            for name, value in fields.items()
        }
        headers = {"X-Vault-Token": self._token, "X-Vault-Request": "true", "Content-Type": "application/json"}
        try:
            status, answer = await self._post(f"{self._base}/{what}", headers, json.dumps(body).encode())
        except KuskaError as error:
            raise MasterError("keys.provider-away", provider=self.name, reason=type(error).__name__) from error
        if status != 200:
            # 503: sealed. Its own text is left out: it may quote what was sent.
            kind = "keys.provider-away" if status >= 500 else "keys.provider-refused"
            raise MasterError(kind, provider=self.name, reason=f"HTTP {status}")
        try:
            return dict(json.loads(answer)["data"])
        except (ValueError, KeyError, TypeError, binascii.Error) as error:
            raise MasterError("keys.provider-refused", provider=self.name, reason="no answer of Vault's") from error
