"""`only = true`: the provider's people and nobody else, in security as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from tests.security.usecases.external.test_file import GOOD, written
from tests.security.usecases.factors.device import Device

from kuska.infra.postgres.database import Database
from kuska.kit.clock import SystemClock
from kuska.security.api import NewAccount, open_security
from kuska.security.domain.sealing import passing_ring
from kuska.security.settings import LimitSettings, SecuritySettings
from kuska.security.usecases.accounts.errors import WrongPasswordError
from kuska.security.usecases.external.errors import ProvidersFileError
from kuska.security.usecases.factors.errors import WrongFactorError

pytestmark = [pytest.mark.requirement("HC-08"), pytest.mark.requirement("AP-10")]
PASSWORD = "una frase bastante larga"
HERE = "http://localhost:8080"


class NoMail:
    configured = False


def opened(db: Database, data: Path, providers: str) -> Any:
    settings = SecuritySettings(argon2_memory=7_168, argon2_passes=1, providers_file=providers)
    mailer = cast("Any", NoMail())
    return open_security(
        db, settings, SystemClock(), HERE, data, limits=LimitSettings(), sealer=passing_ring(), mailer=mailer
    )


@pytest.mark.parametrize("only", [True, False])
async def test_passwords_and_passkeys_of_ours(fresh_db: Database, tmp_path: Path, only: bool) -> None:
    providers = written(tmp_path, GOOD if only else GOOD.replace("only = true", ""))
    async with opened(fresh_db, tmp_path, providers) as security:
        new = NewAccount(login="ana@example.org", display_name="Ana", roles=("patient",), patient="ana")
        account = await security.accounts.create(new, PASSWORD)
        cookie = await security.sessions.start(account, methods=("pwd",), pending=False, address="", agent="")
        session = await security.sessions.find(cookie, "")
        phone = Device(HERE)
        options = await security.factors.begin_passkey_registration(session)
        await security.factors.finish_passkey_registration(session, "", phone.register(options))
        answer = phone.sign_in(await security.factors.begin_passkey_sign_in("browser"))
        if only:
            with pytest.raises(WrongPasswordError):
                await security.accounts.sign_in("ana@example.org", PASSWORD, address="", agent="")
            with pytest.raises(WrongFactorError):
                await security.factors.finish_passkey_sign_in("browser", answer, "")
        else:
            assert await security.accounts.sign_in("ana@example.org", PASSWORD, address="", agent="")
            assert await security.factors.finish_passkey_sign_in("browser", answer, "") == account.id
        assert security.external.only is only


async def test_a_file_that_is_wrong_stops_the_start(fresh_db: Database, tmp_path: Path) -> None:
    with pytest.raises(ProvidersFileError):
        async with opened(fresh_db, tmp_path, str(tmp_path / "missing.toml")):
            pass
