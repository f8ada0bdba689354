"""From an empty folder to somebody who is signed in, by the operator's commands alone."""

from __future__ import annotations

import json
import re
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from tests.app.test_cli import PATIENCE, fetched, kuska, said, served
from tests.app.test_walk import Walk, walk

from kuska.app.cli import _check_tenant, main
from kuska.app.configuration import StartError, load
from kuska.kit.errors import ConflictError
from kuska.security.api import NewAccount, visit_operator

pytestmark = [pytest.mark.requirement("HC-04"), pytest.mark.requirement("LW-31")]
__all__ = ["walk"]
ADMINISTRATOR = ("--login", "jefa", "--name", "Jefa de sistemas", "--role", "administrator")


def done(*arguments: str) -> str:
    ended = kuska(*arguments)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_the_first_administrator(tmp_path: Path) -> None:
    data = ("--data", str(tmp_path / "data"))
    found = kuska("doctor", *data)
    assert found.returncode == 1
    assert "no administrator yet: kuska account invite" in found.stdout
    with served(tmp_path / "data", security="on") as (process, port):
        assert "Nobody can sign in yet" in said(process)
        assert "nobody is told when the glass is broken" in said(process)
        invited = kuska("account", "invite", *data, *ADMINISTRATOR)
        assert invited.returncode == 0, invited.stderr
        assert "no mail server" not in invited.stderr
        # At the address of the running server, though nobody said its port.
        link = re.fullmatch(rf"http://localhost:{port}/invitacion/([\w-]{{20,}})\n", invited.stdout)
        assert link is not None, invited.stdout
        with urllib.request.urlopen(invited.stdout.strip(), timeout=PATIENCE) as page:  # noqa: S310
            assert 'type="password"' in page.read().decode()
        again = kuska("account", "link", *data, "--login", "jefa").stdout.strip()
        assert again != invited.stdout.strip()
        listed = json.loads(done("account", "list", *data))
        assert (listed["login"], listed["status"], listed["roles"]) == ("jefa", "invited", ["administrator"])
        client = ("client", "add", *data, "--name", "Lab", "--grant", "client_credentials", "--scope",
                  "system/Patient.rs", "--role", "partner", "--organization", "org-1")  # fmt: skip
        made = json.loads(done(*client))
        issued = kuska("token", *data, "--client-id", made["client_id"])
        assert "no mail server" not in issued.stderr
        assert fetched(port, "/fhir/Patient", issued.stdout.strip()) == 200
    found = kuska("doctor", *data)
    assert found.returncode == 0, found.stdout
    assert "has not come in yet" in found.stdout
    assert kuska("account", "disable", *data, "--login", "jefa").returncode == 0
    with served(tmp_path / "data", security="on") as (process, _):
        assert "Nobody can sign in yet" in said(process)


def test_what_has_to_be_said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUSKA_SECURITY", raising=False)
    for wrong in (
        ["invite"],
        ["invite", "--login", "x"],
        ["invite", "--login", "x", "--name", "X"],
        ["link"],
        ["disable"],
    ):
        assert main(["account", *wrong]) == 1, wrong
        told = capsys.readouterr()
        assert not told.out
        assert "--" in told.err
    monkeypatch.setenv("KUSKA_SECURITY", "off")
    assert main(["account", "list"]) == 1


async def test_the_link_opens_the_account_and_leaves_the_operators_lines(walk: Walk) -> None:
    accounts = walk.security.accounts
    visit = visit_operator(walk.security.trail, walk.clock, "demo")
    new = NewAccount(login="jefa", display_name="Jefa", email="jefa@example.org", roles=("administrator",))
    account, link = await accounts.invite_by_hand(new, visit.access.caller)
    await walk.security.mailroom.send_due()
    assert not walk.post.mails, "a mail would make the printed link worthless"
    redeemed = await accounts.redeem(link.rpartition("/")[2], "una frase bastante larga", "127.0.0.1")
    assert (redeemed.id, redeemed.status) == (account.id, "active")
    reset = await accounts.link_by_hand(redeemed, visit.access.caller)
    assert "/clave/" in reset
    disabled = await accounts.disable(visit, account.id)
    with pytest.raises(ConflictError):
        await accounts.link_by_hand(disabled, visit.access.caller)
    lines: list[Any] = [line for line in await walk.lines() if line.caller.account == "operator"]
    assert sorted(line.interaction for line in lines) == ["disabled", "invited", "link-by-hand", "link-by-hand"]


@pytest.mark.parametrize(
    "elsewhere",
    [{"KUSKA_HOST": "0.0.0.0"}, {"KUSKA_SECURITY_PUBLIC_URL": "https://record.example.org"}],
)
def test_a_record_that_others_reach_is_not_the_demos(elsewhere: dict[str, str]) -> None:
    with pytest.raises(StartError) as caught:
        _check_tenant(load(elsewhere))
    assert caught.value.issues[0].message == "serve.demo-tenant"
    _check_tenant(load(elsewhere | {"KUSKA_SECURITY_TENANT": "hospital"}))
    _check_tenant(load({"KUSKA_HOST": "127.0.0.1", "KUSKA_SECURITY_PUBLIC_URL": "http://localhost:8080"}))
