"""What was done to what: the details of an event, each with its name, in words that an auditor reads without a manual."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from kuska.kit.errors import IncorrectError
from kuska.portal.audit.words import KINDS, Known, Said, did, own_words, reason_key
from kuska.portal.ui.plain import sentences
from kuska.portal.ui.reader import role_name
from kuska.security.api import read_scopes
from kuska.security.contracts import Event

# Numbers for who follows something up; nobody else needs to see them.
_NUMBERS = frozenset({"jti", "grant", "kid", "hash", "through", "glass", "interaction", "reason"})
# Fields of a role, and what pages call them.
_OF_ROLES = {
    "reach": "admin.reach",
    "scopes": "admin.scopes",
    "features": "admin.features",
    "areas": "admin.areas",
    "purposes": "admin.purposes",
    "countries": "admin.countries",
    "factors": "admin.factors",
    "durable_reads": "admin.durable",
}
_MOMENT = timedelta(seconds=5)
# Of these a change says what came (+) and what went (-), instead of what was and what is.
_LISTS = frozenset({"scopes", "features", "areas", "purposes", "countries"})


@dataclass(frozen=True, slots=True)
class Fact:
    label: str
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    whose: str  # the account that something was done to; '' = none, or the caller's own
    facts: tuple[Fact, ...]
    numbers: tuple[Fact, ...]


def details(event: Event, names: Mapping[str, str], t: Said, known: Known, lang: str) -> Details:
    """`names`: of accounts and clients, by id."""
    return _Telling(event, names, t, known, lang).details()


@dataclass(frozen=True, slots=True)
class _Telling:
    event: Event
    names: Mapping[str, str]
    t: Said
    known: Known
    lang: str

    def details(self) -> Details:
        found: dict[str, list[str]] = {}
        for name, value in self.event.detail:
            if value and not (name == "until" and self._now(value)):
                found.setdefault(name, []).append(value)
        if not self._has_words():
            found["interaction"] = [self.event.interaction]
        if self.event.reason and not (own_words(self.event) or reason_key(self.event.reason, self.known)):
            found["reason"] = [self.event.reason]
        whose = self._whose(found)
        facts: list[Fact] = []
        if self.event.kind == "account" and {"before", "after"} & set(found):
            before, after = (" ".join(found.pop(name, ())).split() for name in ("before", "after"))
            facts.append(Fact(self.t("admin.roles"), f"{self._roles(before)} → {self._roles(after)}"))
        told = {name: Fact(self._label(name), self._value(name, values)) for name, values in found.items()}
        facts += [fact for name, fact in told.items() if name not in _NUMBERS]
        return Details(whose=whose, facts=tuple(facts), numbers=tuple(told[name] for name in told if name in _NUMBERS))

    def _now(self, until: str) -> bool:
        """An export ends at its own beginning, whatever was asked for."""
        return datetime.fromisoformat(until) + _MOMENT > self.event.at

    def _has_words(self) -> bool:
        """Or the page shows something better than the word that the trail has."""
        word = self.event.interaction
        return not word or word.startswith("/") or f"feature.{word}" in self.known or bool(did(self.event, self.known))

    def _whose(self, found: dict[str, list[str]]) -> str:
        """Taken out of what is found. Exports name the account that they were asked for: that is no one's data."""
        if self.event.kind in ("export", "audit"):
            return ""
        whose = [id_ for name in ("account", "subject") for id_ in found.pop(name, ())]
        return ", ".join(self._named(id_) for id_ in whose if id_ != self.event.caller.account)

    def _label(self, name: str) -> str:
        if self.event.kind == "role" and name in _OF_ROLES:
            return self.t(_OF_ROLES[name])
        return self.known.get(f"auditing.detail-{name}", name)

    def _value(self, name: str, values: Iterable[str]) -> str:
        return ", ".join(self._one(name, value) for value in values)

    def _one(self, name: str, value: str) -> str:
        if self.event.kind == "role" and name in _OF_ROLES:
            return self._changed(name, value)
        match name:
            case "account" | "client":
                return self._named(value)
            case "role":
                return role_name(value, self.lang)
            case "roles":
                return self._roles(value.split())
            case "scope":
                return self._scopes(value)
            case "fields":
                return ", ".join(self.known.get(f"auditing.field-{each}", each) for each in value.split())
            case "keys":
                return ", ".join(self._key(each) for each in value.split(", "))
            case "active":
                return self._yes(value)
            case "kind" if value in KINDS:
                return self.t(f"auditing.kind-{value}")
            case "outcome":
                return self.t("auditing.fine" if value == "0" else "auditing.refused")
            case "since" | "until":
                return value[:16]
            case _:
                return value

    def _named(self, id_: str) -> str:
        return self.names.get(id_) or self.known.get(f"auditing.who-{id_}") or id_

    def _key(self, text: str) -> str:
        """'record 2': what the key is for, and its number."""
        purpose, _, number = text.partition(" ")
        return " ".join(filter(None, (self.known.get(f"auditing.key-{purpose}", purpose), number)))

    def _roles(self, names: Iterable[str]) -> str:
        return ", ".join(role_name(name, self.lang) for name in names) or self.t("auditing.no-roles")

    def _yes(self, value: str) -> str:
        return self.t("admin.yes" if value.lower() == "true" else "admin.no")

    def _scopes(self, text: str) -> str:
        """As the pages say them to who consents; what cannot be read is shown as it stands."""
        try:
            scopes = read_scopes(text)
        except IncorrectError:
            return text
        said = [f"{each.verbs}: {', '.join(each.things)}" + (f" ({each.only})" if each.only else "")
                for each in sentences(scopes.rules, self.t, self.lang)]  # fmt: skip
        return "; ".join([*(self.t(f"consenting.feature-{word}") for word in scopes.features), *said])

    def _changed(self, field: str, value: str) -> str:
        if field in _LISTS:
            came = [self._of_list(field, each[1:]) for each in value.split() if each.startswith("+")]
            went = [self._of_list(field, each[1:]) for each in value.split() if each.startswith("-")]
            parts = (("auditing.came", came), ("auditing.went", went))
            return "; ".join(self.t(key, what=", ".join(each)) for key, each in parts if each)
        was, _, now = value.partition(" > ")
        told = [self._of_role(field, each) for each in (was, now) if each and each != "None"]
        return " → ".join(told)

    def _of_list(self, field: str, value: str) -> str:
        match field:
            case "scopes":
                return self._scopes(value)
            case "features":
                return self.known.get(f"feature.{value}", value)
            case "purposes":
                return self.known.get(f"purpose.{value}", value)
            case _:
                return value

    def _of_role(self, field: str, value: str) -> str:
        return self.known.get(f"admin.reach-{value}", value) if field == "reach" else self._yes(value)
