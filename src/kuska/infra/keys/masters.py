"""The providers of these settings, by name. Several at once: data keys wrapped by the one before are still unwrapped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from kuska.infra.keys.aws import AwsMaster
from kuska.infra.keys.file import FileMaster
from kuska.infra.keys.master import Master, MasterError
from kuska.infra.keys.settings import KeysSettings
from kuska.infra.keys.unwrapped import NoMaster
from kuska.infra.keys.vault import Post, VaultMaster


async def _no_client(_: str, __: Mapping[str, str], ___: bytes) -> tuple[int, bytes]:
    raise MasterError("keys.no-client")


class Masters:
    def __init__(
        self,
        settings: KeysSettings,
        data: Path,
        post: Post = _no_client,
        made: Callable[[Path], None] = lambda _: None,
    ) -> None:
        self._settings = settings
        self._data = data
        self._post = post
        self._made = made
        self._opened: dict[str, Master] = {}

    @property
    def chosen(self) -> Master:
        """The one that wraps what is new."""
        return self.named(self._settings.provider)

    def named(self, name: str) -> Master:
        if name not in self._opened:
            self._opened[name] = self._open(name)
        return self._opened[name]

    def _open(self, name: str) -> Master:
        given = self._settings
        match name:
            case "file":
                path = Path(given.file) if given.file else self._data / "keys" / "master"
                return FileMaster(path, self._made)
            case "aws-kms":
                return AwsMaster(given.aws_key, given.aws_region, given.aws_endpoint, given.patience_seconds)
            case "vault":
                return VaultMaster(
                    given.vault_address, given.vault_mount, given.vault_key, given.vault_token, self._post
                )
            case "none":
                return NoMaster()
            case _:
                raise MasterError("keys.provider-unknown", provider=name)
