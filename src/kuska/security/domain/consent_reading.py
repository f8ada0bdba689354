"""From a FHIR Consent (R4) to rules. http://hl7.org/fhir/R4/consent.html

What is not understood is read to the patient's safety: a refusal limited by it refuses without that limit, a permission
limited by it permits nothing. Not understood are limits to documents, data, codes and labels, and actors that no caller
can be recognised as (groups, care teams, devices, references to other servers).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from kuska.security.domain.consents import ConsentRule, Effect
from kuska.security.domain.directory import COMPARTMENT
from kuska.security.domain.purposes import PURPOSES

Node = Mapping[str, Any]

# What of a Consent is about privacy. Consents to a treatment and advance directives say nothing about who may read.
_SCOPES = frozenset({"patient-privacy", "research"})
_RESEARCH = "HRESCH"
# An actor may be a role of this record instead of somebody: {"identifier": {"system": …, "value": "physician"}}.
ROLES = "urn:kuska:role"
_RESOURCE_TYPES = "http://hl7.org/fhir/resource-types"
_KNOWN_ACTORS = frozenset({"Organization", "Patient", "Practitioner"})
_NOT_UNDERSTOOD = ("code", "data", "dataPeriod", "securityLabel")
_OPENING = frozenset({"access", "use", "disclose"})
# In the older form the provision has no type, and a base policy says what is so without it. Only the refusals among them
# are clear: the examples of R4 use OPTIN both for letting somebody in and for keeping somebody out.
_OPT_OUT = frozenset({"OPTOUT", "OPTOUTE"})


@dataclass(frozen=True, slots=True)
class _Reading:
    """What holds for every rule of one Consent."""

    patient: str
    bases: Sequence[str]
    zone: tzinfo


def consent_rules(node: Node, *, bases: Sequence[str] = (), zone: tzinfo = UTC) -> tuple[ConsentRule, ...]:
    """() = it says nothing about who may read. `bases`: FHIR bases that are this server; `zone`: of dates without one."""
    scopes = set(_codes(node.get("scope")))
    if node.get("status") != "active" or (scopes and not scopes & _SCOPES):
        return ()
    reading = _Reading("", bases, zone)
    reference = _reference(node.get("patient"), reading)
    if not reference.startswith("Patient/"):
        return ()
    reading = replace(reading, patient=reference.removeprefix("Patient/"))
    base: Effect | None = "deny" if _OPT_OUT & set(_codes(node.get("policyRule"))) else None
    root = ConsentRule(
        patient=reading.patient, effect="deny", depth=0, purposes=(_RESEARCH,) if scopes == {"research"} else ()
    )
    return tuple(_rules(node.get("provision") or {}, root, base, reading))


def _rules(provision: Node, around: ConsentRule, base: Effect | None, reading: _Reading) -> Iterator[ConsentRule]:
    """`around`: the rule that this one is an exception to; where this one sets no limit of its own, its limits hold."""
    effect = provision.get("type", base)
    begins, ends, readable = _period(provision.get("period"), reading.zone)
    actors, all_known = _actors(provision.get("actor", []), reading)
    types, all_types = _types(provision.get("class", []))
    rule = ConsentRule(
        patient=reading.patient,
        effect=effect if effect in ("permit", "deny") else "deny",
        depth=around.depth,
        actors=actors or around.actors,
        purposes=tuple(_coding_codes(provision.get("purpose", []))) or around.purposes,
        types=types or around.types,
        begins=max(filter(None, (begins, around.begins)), default=None),
        ends=min(filter(None, (ends, around.ends)), default=None),
    )
    clear = readable and all_types and not any(provision.get(field) for field in _NOT_UNDERSTOOD)
    if effect == "permit":
        nobody = bool(provision.get("actor")) and not actors
        actions = {code for concept in provision.get("action", []) for code in _codes(concept)}
        if clear and not nobody and (not actions or actions & _OPENING):
            yield rule
    elif effect == "deny":
        rule = replace(
            rule,
            actors=rule.actors if all_known else (),
            purposes=rule.purposes if PURPOSES.keys() >= set(rule.purposes) else (),
            types=rule.types if all_types else (),
        )
        yield rule if readable else replace(rule, begins=None, ends=None)
    for exception in provision.get("provision", []):
        yield from _rules(exception, replace(rule, depth=around.depth + 1), None, reading)


def _actors(actors: Sequence[Node], reading: _Reading) -> tuple[tuple[str, ...], bool]:
    """Those that a caller can be recognised as, and whether all can."""
    found: list[str] = []
    for actor in actors:
        who: Node = actor.get("reference") or {}
        identifier: Node = who.get("identifier") or {}
        reference = _reference(who, reading)
        if reference.partition("/")[0] in _KNOWN_ACTORS:
            found.append(reference)
        elif identifier.get("system") == ROLES and _plain(identifier.get("value")):
            found.append(f"role:{identifier['value']}")
    return tuple(dict.fromkeys(found)), len(found) == len(actors)


def _reference(value: object, reading: _Reading) -> str:
    """'Practitioner/1'; '' for what is not here."""
    text = value.get("reference") if isinstance(value, Mapping) else None
    if not isinstance(text, str):
        return ""
    for base in reading.bases:
        text = text.removeprefix(base.rstrip("/") + "/")
    parts = text.split("/")
    if len(parts) == 4 and parts[2] == "_history":
        parts = parts[:2]
    return "/".join(parts) if len(parts) == 2 and all(map(_plain, parts)) else ""


def _plain(value: object) -> bool:
    """Stored in lists that are joined by spaces."""
    return isinstance(value, str) and bool(value) and " " not in value


def _types(classes: Sequence[Node]) -> tuple[tuple[str, ...], bool]:
    """Those that are types of resource, and whether all are."""
    found = [
        str(coding["code"])
        for coding in classes
        if coding.get("system") == _RESOURCE_TYPES and coding.get("code") in COMPARTMENT
    ]
    return tuple(dict.fromkeys(found)), len(found) == len(classes)


def _codes(concept: object) -> Iterator[str]:
    if isinstance(concept, Mapping):
        yield from _coding_codes(concept.get("coding", []))


def _coding_codes(codings: Sequence[Node]) -> Iterator[str]:
    for coding in codings:
        if _plain(coding.get("code")):
            yield str(coding["code"])


def _period(period: object, zone: tzinfo) -> tuple[datetime | None, datetime | None, bool]:
    """Beginning, first moment after the end, whether it could be read."""
    if not isinstance(period, Mapping):
        return None, None, True
    try:
        start, end = period.get("start"), period.get("end")
        return (
            _moments(start, zone)[0] if start else None,
            _moments(end, zone)[1] if end else None,
            True,
        )
    except (ValueError, OverflowError, TypeError):
        return None, None, False


def _moments(text: str, zone: tzinfo) -> tuple[datetime, datetime]:
    """First moment of what the text names (a year, month, day or moment), and the first one after it."""
    if "T" in text:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
        return moment, moment + timedelta(seconds=1)
    parts = [int(part) for part in text.split("-")]
    year, month, day = (*parts, 1, 1)[:3]
    first = datetime(year, month, day, tzinfo=zone)
    match len(parts):
        case 1:
            return first, first.replace(year=year + 1)
        case 2:
            return first, first.replace(year=year + month // 12, month=month % 12 + 1)
        case _:
            return first, first + timedelta(days=1)
