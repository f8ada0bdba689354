"""What an operator can set about keys. Filled from KUSKA_KEYS_* by the composition root."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from annotated_types import Predicate

from kuska.kit.bounds import Seconds


def _is_web(url: str) -> bool:
    return not url or url.startswith(("http://", "https://"))


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysSettings:
    # Who keeps the master key that wraps the data keys: `file` (in the data folder, or `keys.file`), `aws-kms`, `vault`
    # (transit engine of HashiCorp Vault or OpenBao), or `none`: bodies are then stored readable.
    provider: Literal["file", "aws-kms", "vault", "none"] = "file"
    # Provider `file`: where it lies, if not in DATA/keys/master. Made at the first start, readable by its owner only. Back
    # it up apart from the database: whoever has lost it has lost the record.
    file: str = ""
    # Provider `aws-kms`: id, ARN or alias of a symmetric key. Credentials come from the environment as for any AWS tool.
    aws_key: str = ""
    # Provider `aws-kms`: region; empty: as AWS_REGION says.
    aws_region: str = ""
    # Provider `aws-kms`: another endpoint, such as a VPC's; empty: AWS' own.
    aws_endpoint: Annotated[str, Predicate(_is_web)] = ""
    # Provider `vault`: address, 'https://vault.example.org:8200'.
    vault_address: Annotated[str, Predicate(_is_web)] = ""
    # Provider `vault`: name of the transit key (type aes256-gcm96).
    vault_key: str = "kuska"
    # Provider `vault`: where the transit engine is mounted.
    vault_mount: str = "transit"
    # Provider `vault`: a token that may encrypt and decrypt with this key. As KUSKA_KEYS_VAULT_TOKEN_FILE it is read from
    # a file.
    vault_token: str = field(default="", repr=False)
    # Seconds until a provider that does not answer counts as away.
    patience_seconds: Seconds = 10.0
