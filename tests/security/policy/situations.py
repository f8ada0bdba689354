"""The people of the policy tables: who asks, and whose record it is. All of it made up."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from kuska.security.contracts import Access, Caller, Letter
from kuska.security.domain.consents import ConsentRule
from kuska.security.domain.directory import COMPARTMENT
from kuska.security.domain.policy import Facts, Granted, Place, decide
from kuska.security.domain.roles import shipped
from kuska.security.domain.scopes import parse

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HERE = Place("hospital", "PE")
LETTERS: tuple[Letter, ...] = ("c", "r", "u", "d", "s")

# Whose the resource is, as the tables' columns say it -> the patient's id.
WHOSE = {
    "their own": "self",
    "in care": "cared",
    "permits us": "permits",
    "stranger": "stranger",
    "in care, refuses": "refuses",
    "stranger, glass broken": "opened",
    "refuses, glass broken": "refused-opened",
}
IN_CARE = frozenset({"cared", "refuses"})
OPENED = frozenset({"opened", "refused-opened"})

TYPES = (
    "Patient", "Encounter", "Appointment", "Coverage", "Condition", "Observation", "DiagnosticReport", "ImagingStudy",
    "MedicationRequest", "ServiceRequest", "CarePlan", "Composition", "DocumentReference", "Consent", "Communication",
    "RelatedPerson", "EpisodeOfCare", "Provenance", "Group", "List", "Task", "Device", "Binary", "Bundle",
    "Organization", "Practitioner", "Location", "Slot", "ValueSet", "ResearchStudy", "AuditEvent",
)  # fmt: skip

_MACHINE = {"partner", "service"}


def caller(*roles: str, scopes: str | None = None, **changed: object) -> Caller:
    """Somebody of the hospital, who is also a patient there ('self')."""
    machine = bool(_MACHINE & set(roles))
    made = Caller(
        kind="partner" if "partner" in roles else "service" if machine else "person",
        account="" if machine else "account",
        client="client" if machine or scopes is not None else "",
        roles=roles,
        scopes=None if scopes is None else parse(scopes),
        patient="" if machine else "self",
        practitioner="" if machine else "doctor",
        organization="us",
        tenant=HERE.tenant,
        country=HERE.country,
        authenticated=NOW,
        methods=() if machine else ("pwd", "otp"),
    )
    return replace(made, **changed)  # type: ignore[arg-type]


def rule(patient: str, effect: str, **limits: object) -> ConsentRule:
    made = ConsentRule(patient=patient, effect=effect, depth=0)  # type: ignore[arg-type]
    return replace(made, **limits)  # type: ignore[arg-type]


CONSENTS = {
    "consent-1": (rule("permits", "permit", actors=("Organization/us",)),),
    "consent-2": (rule("refuses", "deny"),),
    "consent-3": (rule("refused-opened", "deny"),),
}


def facts(who: Caller) -> Facts:
    may_break = any("break-glass" in shipped()[name].features for name in who.roles if name in shipped())
    return Facts(
        patient="self" if who.kind == "person" else "",
        consents=CONSENTS,
        opened=dict.fromkeys(OPENED, NOW + timedelta(hours=1)) if may_break else {},
    )


def access(who: Caller, purpose: str = "") -> Access:
    return Granted(who, decide(who, purpose, shipped(), facts(who), place=HERE, now=NOW))


def allowed(given: Access, type_: str, letter: Letter, patient: str) -> bool:
    """What the record does with the ways it is given, in the plainest words."""

    def holds(reach: str) -> bool:
        match reach:
            case "all":
                return True
            case "own":
                return patient == given.caller.patient
            case "care":
                return patient in IN_CARE or patient in given.opened
            case "consented":
                return patient in given.consented_for(type_)
            case _:
                raise AssertionError(reach)

    if type_ in COMPARTMENT and patient in given.withheld_for(type_):
        return False
    return any(all(holds(reach) for reach in (way.reach, *way.also)) for way in given.ways(type_, letter))


def letters(given: Access, type_: str, patient: str) -> str:
    """'crus'; '–' = nothing."""
    return "".join(letter for letter in LETTERS if allowed(given, type_, letter, patient)) or "–"
