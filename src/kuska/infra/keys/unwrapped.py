"""Provider `none`: data keys lie unwrapped beside what they seal. Chosen by name only, never a fallback."""

from __future__ import annotations

from kuska.infra.keys.master import Wrapped


class NoMaster:
    name = "none"

    async def wrap(self, key: bytes, context: str) -> Wrapped:  # noqa: ARG002 - nothing to bind it to
        return Wrapped(self.name, "", key)

    async def unwrap(self, wrapped: Wrapped, context: str) -> bytes:  # noqa: ARG002
        return wrapped.text

    async def renew(self) -> None:
        pass

    async def forget_old(self) -> None:
        pass
