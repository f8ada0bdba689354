"""Writes the mails about accounts, at the moment they are sent.

What a stranger asked for (a new password, an account) is looked up here and not while they wait: the answer they get
and the time it takes are the same whoever exists. The link is made here too, so that no readable one is ever stored.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, timedelta

from kuska.infra.mail.smtp import Mail
from kuska.infra.postgres.connection import Write
from kuska.infra.postgres.database import Database
from kuska.kit.clock import Clock
from kuska.kit.messages import catalogue, text
from kuska.security.contracts import PatientFinder, PatientMatch
from kuska.security.domain.accounts import Account, NewAccount, folded_email, made, shown_name
from kuska.security.settings import SecuritySettings
from kuska.security.store.accounts import AccountStore, Purpose
from kuska.security.store.mails import Errand
from kuska.security.usecases.mailing.parts import Noting, account_event
from kuska.security.usecases.secrets import digest, new_secret
from kuska.security.visit import event_id

# A second mail within this time says nothing new: the first one's link still works.
_ENOUGH = timedelta(minutes=2)
# Where the link of each purpose leads: pages of the portal.
PATHS: dict[Purpose, str] = {"invitation": "/invitacion/", "reset": "/clave/"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Letters:
    db: Database
    clock: Clock
    settings: SecuritySettings
    store: AccountStore
    trail: Noting
    own_url: str
    patients: PatientFinder | None = None

    async def mail(self, errand: Errand) -> Mail | None:
        write: Callable[[Errand], Awaitable[Mail | None]] = {
            "invitation": self._invitation,
            "reset": self._reset,
            "registration": self._registration,
            "notice": self._notice,
            "break-glass": self._glass,
        }[errand.kind]
        return await write(errand)

    async def link(self, account: Account, purpose: Purpose) -> str:
        """A new one; an older one of the same purpose is worth nothing from now on."""
        secret = new_secret()
        now = self.clock.now()
        lasts = (
            timedelta(hours=self.settings.invitation_hours)
            if purpose == "invitation"
            else timedelta(minutes=self.settings.reset_minutes)
        )
        await self.db.transact(
            lambda tx: self.store.put_link(tx, account.id, purpose, digest(secret), now=now, expires=now + lasts)
        )
        return f"{self.own_url}{PATHS[purpose]}{secret}"

    async def _invitation(self, errand: Errand) -> Mail | None:
        async with self.db.read() as conn:
            account = await self.store.by_id(conn, errand.about["account"])
        if account is None or account.status != "invited" or not account.email:
            return None
        return await self._with_link(errand, account, "invitation")

    async def _with_link(self, errand: Errand, account: Account, purpose: Purpose) -> Mail:
        link = await self.link(account, purpose)
        return self._mail(errand, purpose, account.email, account.language, name=account.display_name, link=link)

    async def _reset(self, errand: Errand) -> Mail | None:
        """Only to the account's own address, whoever asked."""
        async with self.db.read() as conn:
            account = await self.store.by_login(conn, errand.about["login"])
            if account is None or not account.email or account.status == "disabled":
                return None
            if account.status == "invited":
                return await self._with_link(errand, account, "invitation")
            made_at = await self.store.link_made(conn, account.id, "reset")
        if made_at is not None and errand.attempts == 1 and self.clock.now() - made_at < _ENOUGH:
            return None
        return await self._with_link(errand, account, "reset")

    async def _registration(self, errand: Errand) -> Mail | None:
        """A link goes only to an address that the record has for that patient. Knowing somebody's document and birthday,
        or having any other address, proves nothing: that mail sends the person to the admission desk with the document,
        and is the same whether or not the patient exists.
        """
        about = errand.about
        match = None
        if self.patients is not None:
            systems = tuple(str(about["systems"]).split(" "))
            match = await self.patients.find(systems, about["value"], date.fromisoformat(about["birth_date"]))
        if match is None or about["email"] not in {folded_email(known) for known in match.emails}:
            return self._mail(errand, "desk", about["email"], about["language"])
        account = await self._account_of(match, errand)
        # An account made otherwise may have another address than the record; its owner knows which.
        if account is None or account.status == "disabled" or account.email != about["email"]:
            return self._mail(errand, "desk", about["email"], about["language"])
        return await self._with_link(errand, account, "invitation" if account.status == "invited" else "reset")

    async def _account_of(self, match: PatientMatch, errand: Errand) -> Account | None:
        """The patient's account, made now when there was none. None: their login is somebody else's."""
        about = errand.about

        async def work(tx: Write) -> Account | None:
            found = await self.store.by_patient(tx, match.id)
            if found is not None:
                return found
            new = NewAccount(
                login=about["value"],
                display_name=shown_name(match.name) or about["value"],
                email=about["email"],
                roles=("patient",),
                patient=match.id,
                language="en" if about["language"] == "en" else "es",
            )
            account = made(
                new,
                id_=event_id(),
                tenant=self.settings.tenant,
                country=self.settings.country,
                status="invited",
                now=self.clock.now(),
            )
            if await self.store.by_login(tx, account.login) is not None:
                return None
            await self.store.add(tx, account, None)
            await self.trail.within(tx, [account_event(account, "C", "registered", self.clock.now())])
            return account

        return await self.db.transact(work)

    async def _notice(self, errand: Errand) -> Mail | None:
        async with self.db.read() as conn:
            account = await self.store.by_id(conn, errand.about["account"])
        # About a changed address: to the old one.
        to = errand.about.get("to") or (account.email if account is not None else "")
        if account is None or not to:
            return None
        what = f"notice.{errand.about['what']}"
        if f"mail.{what}.subject" not in catalogue(account.language):
            what = "notice.account"  # of a part that has no text of its own for it
        return self._mail(errand, what, to, account.language, name=account.display_name, link=self.own_url)

    async def _glass(self, errand: Errand) -> Mail:
        """Who, whose and why stay in the trail: a mail lies in places that nobody looks after."""
        params: dict[str, object] = {
            "tenant": self.settings.tenant,
            "at": errand.about["at"],
            "glass": errand.about["glass"],
            "link": f"{self.own_url}/urgencia/revision",
        }
        subject, body = (text(f"mail.break-glass.{part}", params, "es") for part in ("subject", "text"))
        return Mail(to=errand.about["to"], subject=subject, text=body + "\n", language="es", id=errand.id)

    def _mail(self, errand: Errand, key: str, to: str, language: str, *, name: str = "", link: str = "") -> Mail:
        params: dict[str, object] = {
            "name": name,
            "link": link,
            "hours": self.settings.invitation_hours,
            "minutes": self.settings.reset_minutes,
            "tenant": self.settings.tenant,
        }
        return Mail(
            to=to,
            subject=text(f"mail.{key}.subject", params, language),
            text=text(f"mail.{key}.text", params, language) + "\n",
            language=language,
            id=errand.id,
        )
