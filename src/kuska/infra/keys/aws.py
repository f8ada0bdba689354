"""Provider `aws-kms`: AWS Key Management Service. The master key never leaves it; its own rotation needs nothing of us.

https://docs.aws.amazon.com/kms/latest/APIReference/API_Encrypt.html
"""

from __future__ import annotations

import asyncio
from typing import Any

from kuska.infra.keys.master import MasterError, Wrapped


class AwsMaster:
    name = "aws-kms"

    def __init__(self, key: str, region: str, endpoint: str, patience: float) -> None:
        if not key:
            raise MasterError("keys.setting-missing", setting="KUSKA_KEYS_AWS_KEY", provider=self.name)
        self._key = key
        self._given = (region, endpoint, patience)
        self._client: Any = None

    async def wrap(self, key: bytes, context: str) -> Wrapped:
        answer = await self._ask("encrypt", KeyId=self._key, Plaintext=key, EncryptionContext={"kuska": context})
        return Wrapped(self.name, str(answer["KeyId"]), bytes(answer["CiphertextBlob"]))

    async def unwrap(self, wrapped: Wrapped, context: str) -> bytes:
        # The key that wrapped it, which after a rewrap to another key is not the setting's.
        answer = await self._ask(
            "decrypt", KeyId=wrapped.master, CiphertextBlob=wrapped.text, EncryptionContext={"kuska": context}
        )
        return bytes(answer["Plaintext"])

    async def renew(self) -> None:
        pass

    async def forget_old(self) -> None:
        pass

    async def _ask(self, what: str, **parameters: object) -> dict[str, Any]:
        return await asyncio.to_thread(self._ask_blocking, what, parameters)

    def _ask_blocking(self, what: str, parameters: dict[str, object]) -> dict[str, Any]:
        try:
            import boto3  # noqa: PLC0415 - an extra: kuska[aws]
            from botocore.config import Config  # noqa: PLC0415
            from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415
        except ImportError as error:
            raise MasterError("keys.aws-extra") from error
        try:
            if self._client is None:
                region, endpoint, patience = self._given
                config = Config(connect_timeout=patience, read_timeout=patience, retries={"total_max_attempts": 2})
                self._client = boto3.client(
                    "kms", region_name=region or None, endpoint_url=endpoint or None, config=config
                )
            return getattr(self._client, what)(**parameters)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", "?"))
            raise MasterError("keys.provider-refused", provider=self.name, reason=code) from error
        except (BotoCoreError, ValueError) as error:
            raise MasterError("keys.provider-away", provider=self.name, reason=type(error).__name__) from error
