"""Who has not come in: may do nothing with any resource. What a record is before it is somebody's."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from kuska.kit.clock import SystemClock
from kuska.security.api import ANONYMOUS, Letter, Unnoted, Visit, Way


class Nothing:
    """`contracts.Access` to nothing."""

    caller = ANONYMOUS
    purpose = ""
    durable = False
    areas: frozenset[str] = frozenset()
    withheld: frozenset[str] = frozenset()
    consented: frozenset[str] = frozenset()
    opened: frozenset[str] = frozenset()
    glass: Mapping[str, str] = MappingProxyType({})

    def withheld_for(self, type_: str) -> frozenset[str]:
        del type_
        return self.withheld

    def consented_for(self, type_: str) -> frozenset[str]:
        del type_
        return self.consented

    def ways(self, type_: str, letter: Letter) -> tuple[Way, ...]:
        del type_, letter
        return ()

    def free(self, type_: str, letter: Letter) -> bool:
        del type_, letter
        return False

    def may(self, feature: str) -> bool:
        del feature
        return False


def nobody() -> Visit:
    return Visit(Nothing(), Unnoted(), SystemClock())
