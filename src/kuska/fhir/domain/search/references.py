"""References in queries: `123`, `Patient/123`, an absolute URL, a canonical, as the rids that index rows carry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kuska.fhir.domain.identity import ID_PATTERN, Identities
from kuska.fhir.domain.indexing.targets import Targets
from kuska.fhir.domain.search import problems


class References:
    def __init__(self, identities: Identities, numbers: Mapping[str, int], base_urls: Sequence[str]) -> None:
        self._identities = identities
        self._types = tuple(numbers)
        self._targets = Targets(identities, numbers, base_urls)

    def local(self, value: str) -> tuple[str, str] | None:
        """('Patient', '123') when the value names a resource of this record."""
        return self._targets.local(value)

    def rid(self, type_: str, id_: str) -> int:
        return self._identities.address(type_, id_).rid

    def bucket(self, id_: str) -> int:
        """Of a patient and everything that is theirs."""
        return self._identities.address("Patient", id_).bucket

    def address(self, url: str) -> int:
        """What index rows have for a URL."""
        return self._targets.of(url)[0]

    def rids(self, name: str, value: str, targets: Sequence[str]) -> tuple[int, ...]:
        """Usually one; several when an id without a type can be of several types."""
        local = self.local(value)
        if local is not None:
            if targets and local[0] not in targets:
                raise problems.bad_value(name, value, "search.wrong-target", targets=", ".join(targets))
            return (self.rid(*local),)
        if ":" in value or "/" in value:
            return (self._targets.of(value)[0],)
        if not ID_PATTERN.fullmatch(value):
            raise problems.bad_value(name, value, "search.bad-reference")
        return tuple(dict.fromkeys(self.rid(type_, value) for type_ in targets or self._types))

    def text(self, name: str, value: str) -> str:
        """'Type/id' or the URL, as composite rows keep it."""
        local = self.local(value)
        if local is None and ":" not in value:
            raise problems.bad_value(name, value, "search.bad-reference")
        return value if local is None else f"{local[0]}/{local[1]}"
