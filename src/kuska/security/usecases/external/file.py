"""Reads the operator's list of providers. What is misspelt there stops the start."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from kuska.security.domain.accounts import is_role_name
from kuska.security.domain.external import ALGORITHMS, Provider, ProvidersFile
from kuska.security.usecases.external.errors import ProvidersFileError

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")


def read(path: str) -> ProvidersFile:
    """Without a path: no providers."""
    if not path:
        return ProvidersFile()
    try:
        found = msgspec.convert(tomllib.loads(Path(path).read_text("utf-8")), ProvidersFile)
    except (OSError, ValueError, msgspec.ValidationError) as error:
        raise ProvidersFileError("external.file", file=path, reason=str(error)) from error
    names = [provider.name for provider in found.provider]
    if len(set(names)) < len(names):
        raise ProvidersFileError("external.file", file=path, reason="two providers have the same name")
    for provider in found.provider:
        if problem := _problem(provider):
            raise ProvidersFileError("external.file", file=path, reason=f"{provider.name}: {problem}")
    if found.only and not found.provider:
        raise ProvidersFileError("external.file", file=path, reason="only = true, and there is no provider")
    return found


def _problem(provider: Provider) -> str:
    parts = urlsplit(provider.issuer)
    if not _NAME.fullmatch(provider.name):
        return "name: lower-case letters, digits and dashes"
    if parts.scheme not in {"https", "http"} or not parts.netloc or parts.query or parts.fragment:
        return "issuer: an address without query and fragment"
    if "openid" not in provider.scopes:
        return "scopes: 'openid' is needed"
    if not provider.algorithms or not set(provider.algorithms) <= set(ALGORITHMS):
        return f"algorithms: some of {', '.join(ALGORITHMS)}"
    if provider.client_secret_file and provider.private_key_file:
        return "client_secret_file or private_key_file, not both"
    for file in (provider.client_secret_file, provider.private_key_file):
        if file and not Path(file).is_file():
            return f"{file} is not there"
    if wrong := [rule.role for rule in provider.role if not is_role_name(rule.role)]:
        return f"role: {wrong[0]!r} is no name of a role"
    if provider.accounts == "new" and not provider.role:
        return "accounts = 'new' needs rules for roles"
    return ""
