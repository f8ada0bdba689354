"""What administrators do with accounts. Every function asks the policy first, and leaves its line in the trail.

Whatever changes an account asks for a second factor that was just shown; only the admission desk's invitations do not,
which give a patient nothing but the patient's own record, many times a day.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta

from kuska.infra.postgres.connection import Write
from kuska.infra.postgres.errors import DuplicateError
from kuska.kit.errors import ConflictError, IncorrectError, Issue
from kuska.security.contracts import Caller, Event
from kuska.security.domain.accounts import (
    Account,
    Correction,
    Language,
    NewAccount,
    Status,
    corrected,
    made,
    shown_name,
)
from kuska.security.domain.doors import require, why
from kuska.security.domain.roles import excluding
from kuska.security.errors import RefusedByPolicyError, StepUpError
from kuska.security.usecases.accounts.asking import read_registration
from kuska.security.usecases.accounts.errors import NoAccountError, NoPatientError, OwnAccountError, TakenError
from kuska.security.usecases.accounts.parts import Parts
from kuska.security.visit import Action, Visit, event_id

READ, WRITE = "accounts.read", "accounts.write"
# At the admission desk, where the person stands with their document.
INVITE_PATIENTS = "patients.invite"
_MOST = 200


async def create(parts: Parts, new: NewAccount, password: str | None = None) -> Account:
    """By the operator at the machine itself (`kuska demo`, tests): active at once, with this password."""
    hashed = None if password is None else await parts.hasher.hash(password)
    event = parts.event("C", "created", caller=Caller(kind="system", account="operator", tenant=parts.settings.tenant))
    return await add(parts, new, "active", hashed, event)


async def invite(parts: Parts, visit: Visit, new: NewAccount) -> Account:
    """Whoever is invited gets a mail with a link, sets the password and is in.

    Raises RefusedByPolicyError, StepUpError, IncorrectError, TakenError.
    """
    await _permit(parts, visit, _inviting(visit) if _is_patient(new) else WRITE)
    if not new.email:
        raise IncorrectError(Issue(code="required", message="account.bad-email", expression="email"))
    _with_record(new.roles, new.patient)
    return await add(parts, new, "invited", None, _event(visit, "C", "invited"), also=_invitation)


async def invite_patient(
    parts: Parts, visit: Visit, *, document_kind: str, document: str, birth_date: date, email: str, language: Language
) -> Account:
    """At the admission desk, where the person stands with their document: the address is the one they say.

    Raises RefusedByPolicyError, StepUpError, IncorrectError, NoPatientError, TakenError.
    """
    await _permit(parts, visit, _inviting(visit))
    known = read_registration(parts, document_kind, document, birth_date, email)
    match = None if parts.patients is None else await parts.patients.find(known.systems, known.value, birth_date)
    if match is None:
        raise NoPatientError
    new = NewAccount(
        login=known.value,
        display_name=shown_name(match.name) or known.value,
        email=known.email,
        roles=("patient",),
        patient=match.id,
        language=language,
    )
    return await add(parts, new, "invited", None, _event(visit, "C", "invited"), also=_invitation)


async def invite_again(parts: Parts, visit: Visit, id_: str) -> None:
    """The mail was lost or the link ran out: another one; the older link is worth nothing once it is sent."""
    await _permit(parts, visit, WRITE)

    async def work(tx: Write) -> None:
        account = await _locked(parts, tx, id_)
        if account.status != "invited":
            raise ConflictError(Issue(code="conflict", message="account.already-active"))
        await parts.mailroom.put(tx, "invitation", {"account": id_})
        await parts.trail.within(tx, [_about(_event(visit, "U", "invited-again"), account)])

    await parts.db.transact(work)


async def assign_roles(parts: Parts, visit: Visit, id_: str, roles: Sequence[str]) -> Account:
    """Raises RefusedByPolicyError, StepUpError, OwnAccountError, NoAccountError, IncorrectError (unknown role)."""
    await _permit(parts, visit, WRITE, id_)
    await _known(parts, roles)
    wanted = tuple(dict.fromkeys(roles))

    async def work(tx: Write) -> Account:
        account = await _locked(parts, tx, id_)
        _with_record(wanted, account.patient)
        await parts.store.set_roles(tx, id_, wanted, parts.clock.now())
        event = _about(_event(visit, "U", "roles"), account)
        detail = (*event.detail, ("before", " ".join(account.roles)), ("after", " ".join(wanted)))
        await parts.trail.within(tx, [replace(event, detail=detail)])
        await parts.mailroom.tell(tx, id_, "roles")
        await parts.epoch.bump(tx)
        return replace(account, roles=wanted)

    changed = await parts.db.transact(work)
    parts.epoch.forget()
    return changed


async def correct(parts: Parts, visit: Visit, id_: str, by: Correction) -> Account:
    """A name or an address that was written wrongly, who it is at the hospital. Raises like `assign_roles`.

    With another address for mail, links that went to the old one are dead, and the old one is told.
    """
    await _permit(parts, visit, WRITE, id_)

    async def work(tx: Write) -> Account:
        before = await _locked(parts, tx, id_)
        after = corrected(before, by, parts.clock.now())
        await parts.store.correct(tx, after)
        if after.email != before.email:
            await parts.store.drop_links(tx, id_)
            if before.email and before.status != "invited":
                await parts.mailroom.put(tx, "notice", {"account": id_, "what": "email", "to": before.email})
        # Which fields, not what stands in them: names and addresses are no matter for the trail.
        fields = [field for field in Correction.__slots__ if getattr(before, field) != getattr(after, field)]
        event = _about(_event(visit, "U", "corrected"), after)
        detail = (*event.detail, ("fields", " ".join(fields)))
        await parts.trail.within(tx, [replace(event, detail=detail)])
        await parts.epoch.bump(tx)
        return after

    changed = await parts.db.transact(work)
    parts.epoch.forget()
    return changed


async def disable(parts: Parts, visit: Visit, id_: str) -> Account:
    """Signed out everywhere at once, applications too, links in mails dead. Raises like `assign_roles`."""
    await _permit(parts, visit, WRITE, id_)

    async def work(tx: Write) -> Account:
        account = await _locked(parts, tx, id_)
        await parts.store.disable(tx, id_, parts.clock.now())
        await parts.sessions.drop_all_access(tx, id_)
        await parts.store.drop_links(tx, id_)
        await parts.trail.within(tx, [_about(_event(visit, "U", "disabled"), account)])
        await parts.epoch.bump(tx)
        return replace(account, status="disabled")

    changed = await parts.db.transact(work)
    parts.epoch.forget()
    return changed


async def enable(parts: Parts, visit: Visit, id_: str) -> Account:
    """As it was: with the password it had, or invited if it never had one."""
    await _permit(parts, visit, WRITE, id_)

    async def work(tx: Write) -> Account:
        account = await _locked(parts, tx, id_)
        status = account.status
        if status == "disabled":
            status = await parts.store.enable(tx, id_, parts.clock.now())
        await parts.trail.within(tx, [_about(_event(visit, "U", "enabled"), account)])
        await parts.epoch.bump(tx)
        return replace(account, status=status)

    changed = await parts.db.transact(work)
    parts.epoch.forget()
    return changed


async def end_sessions(parts: Parts, visit: Visit, id_: str) -> None:
    """Signed out everywhere, applications too: a device was lost."""
    await _permit(parts, visit, WRITE)

    async def work(tx: Write) -> None:
        account = await _locked(parts, tx, id_)
        await parts.sessions.drop_all_access(tx, id_)
        await parts.trail.within(tx, [_about(_event(visit, "U", "sessions-ended"), account)])
        await parts.epoch.bump(tx)

    await parts.db.transact(work)
    parts.epoch.forget()


async def page(parts: Parts, visit: Visit, *, containing: str = "", after: str = "", limit: int = 50) -> list[Account]:
    """By login, those after `after`."""
    await _permit(parts, visit, READ)
    async with parts.db.read() as conn:
        found = await parts.store.page(conn, containing.strip(), after, max(1, min(limit, _MOST)))
    await parts.trail.keep(_event(visit, "R", "list"))
    return found


async def get(parts: Parts, visit: Visit, id_: str) -> Account:
    await _permit(parts, visit, READ)
    async with parts.db.read() as conn:
        account = await parts.store.by_id(conn, id_)
    if account is None:
        raise NoAccountError
    await parts.trail.keep(_about(_event(visit, "R", "read"), account))
    return account


Also = Callable[[Parts, Write, Account], Awaitable[None]]


async def _nothing(_: Parts, __: Write, ___: Account) -> None:
    pass


async def _invitation(parts: Parts, tx: Write, account: Account) -> None:
    await parts.mailroom.put(tx, "invitation", {"account": account.id})


async def add(
    parts: Parts, new: NewAccount, status: Status, hashed: str | None, event: Event, *, also: Also = _nothing
) -> Account:
    """For use cases that have asked the policy. `also`: what is done in the same transaction."""
    await _known(parts, new.roles)
    settings = parts.settings
    account = made(
        new, id_=event_id(), tenant=settings.tenant, country=settings.country, status=status, now=parts.clock.now()
    )

    async def work(tx: Write) -> None:
        await parts.store.add(tx, account, hashed)
        await parts.trail.within(tx, [_about(event, account)])
        await also(parts, tx, account)

    try:
        await parts.db.transact(work)
    except DuplicateError as taken:
        raise TakenError(taken.constraint) from taken
    return account


def _inviting(visit: Visit) -> str:
    """The feature by which a patient is invited: the desk's, or an administrator's who has not that one."""
    return WRITE if visit.access.may(WRITE) and not visit.access.may(INVITE_PATIENTS) else INVITE_PATIENTS


def _is_patient(new: NewAccount) -> bool:
    """A patient of the record and nothing else."""
    return (
        new.kind == "person"
        and new.roles == ("patient",)
        and bool(new.patient)
        and not (new.practitioner or new.organization)
    )


def _with_record(roles: Sequence[str], patient: str) -> None:
    """A patient who is nobody in the record would sign in to nothing. Raises IncorrectError."""
    if "patient" in roles and not patient:
        raise IncorrectError(Issue(code="required", message="account.patient-needed", expression="patient"))


async def _known(parts: Parts, roles: Sequence[str]) -> None:
    known = await parts.roles()
    if unknown := [name for name in roles if name not in known]:
        params: dict[str, object] = {"roles": unknown}
        raise IncorrectError(Issue(code="value", message="account.unknown-role", params=params, expression="roles"))
    if apart := excluding(known[name] for name in roles):
        params = {"roles": ", ".join(apart)}
        raise IncorrectError(Issue(code="value", message="account.roles-apart", params=params, expression="roles"))


async def _permit(parts: Parts, visit: Visit, feature: str, id_: str = "") -> None:
    """`id_`: the account that is to be changed in a way nobody may change their own."""
    try:
        if id_ and visit.access.caller.account == id_:
            raise OwnAccountError
        require(visit.access, feature, parts.clock.now(), timedelta(minutes=parts.settings.step_up_minutes))
    except (OwnAccountError, RefusedByPolicyError, StepUpError) as error:
        reason = "account.own" if isinstance(error, OwnAccountError) else why(error)
        event = replace(visit.event("E", kind="account", outcome="8", reason=reason), interaction=feature)
        await parts.trail.keep(replace(event, detail=(("account", id_),)) if id_ else event)
        raise


async def _locked(parts: Parts, tx: Write, id_: str) -> Account:
    account = await parts.store.locked(tx, id_)
    if account is None:
        raise NoAccountError
    return account


def _event(visit: Visit, action: Action, what: str) -> Event:
    return replace(visit.event(action, kind="account"), interaction=what)


def _about(event: Event, account: Account) -> Event:
    patients = (account.patient,) if account.patient else ()
    return replace(event, patients=patients, detail=(("account", account.id),))
