"""There and back with a real, certified provider."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from tests.security.usecases.external.conftest import ADDRESS, KEYS, OWN, House, RealProvider, house_with, provider

from kuska.infra.postgres.database import Database
from kuska.security.domain.external import ProvidersFile
from kuska.security.settings import LimitSettings
from kuska.security.usecases.external.errors import ExternalError, NoProviderError, ProviderDownError
from kuska.security.usecases.external.external import Begun, ExternalSignIn
from kuska.security.usecases.limits import Limits, ThrottledError

pytestmark = [pytest.mark.requirement("HC-08"), pytest.mark.requirement("AP-10")]


async def signed_in(
    house: House, idp: RealProvider, login: str, amr: str = "", name: str = "hospital"
) -> ExternalSignIn:
    begun = await house.external.begin(name, "/inicio")
    return await house.came_back(begun, await idp.visited(begun.url, login, amr), name)


def somebody() -> str:
    return f"ana-{uuid4()}"


async def test_there_and_back(house: House, idp: RealProvider) -> None:
    ana = somebody()
    await idp.people(**{
        ana: {
            "name": "Ana Quispe", "email": "ana@example.org", "email_verified": True, "hospital": "org-1",
            "groups": ["admision", "deporte"], "realm_access": {"roles": ["kuska-auditor"]},
        }
    })  # fmt: skip
    done = await signed_in(house, idp, ana)
    assert done.next == "/inicio"
    assert not done.needs_factor
    session = await house.sessions.find(done.session_cookie, ADDRESS)
    assert session
    assert session.methods == ("ext",)
    account = session.account
    assert account.roles == ("admissions", "auditor")
    assert (account.display_name, account.email, account.organization) == ("Ana Quispe", "ana@example.org", "org-1")
    assert [event.interaction for event in house.trail.seen] == ["external-account-made", "external-sign-in"]


async def test_the_way_there_says_nothing_that_could_be_used_elsewhere(house: House, idp: RealProvider) -> None:
    begun = await house.external.begin("hospital", "/paciente/123")
    query = parse_qs(urlsplit(begun.url).query)
    assert query["code_challenge_method"] == ["S256"]
    assert query["redirect_uri"] == [f"{OWN}/externo/hospital/retorno"]
    assert len(query["state"][0]) >= 40
    assert len(query["nonce"][0]) >= 40
    assert "123" not in begun.url
    assert begun.cookie not in begun.url
    async with house.db.read() as conn:
        row = await conn.fetchrow("select * from security.external_attempt order by ends desc limit 1")
    assert row
    assert begun.cookie not in str(list(row.values()))
    assert query["state"][0] not in str(list(row.values()))


async def test_a_role_taken_away_there_is_gone_here(house: House, idp: RealProvider) -> None:
    ana = somebody()
    await idp.people(**{ana: {"groups": ["admision"], "realm_access": {"roles": ["kuska-auditor"]}}})
    first = await signed_in(house, idp, ana)
    old = await house.sessions.find(first.session_cookie, ADDRESS)
    await idp.people(**{ana: {"groups": ["admision"], "name": "Ana Mamani"}})
    second = await signed_in(house, idp, ana)
    assert second.account.id == first.account.id
    assert second.account.roles == ("admissions",)
    assert second.account.display_name == "Ana Mamani"
    # In a session that was open before, too
    now = await house.sessions.find(first.session_cookie, ADDRESS)
    assert old
    assert now
    assert (old.account.roles, now.account.roles) == (("admissions", "auditor"), ("admissions",))


async def test_who_has_no_role_left_does_not_come_in_and_keeps_none(house: House, idp: RealProvider) -> None:
    ana = somebody()
    await idp.people(**{ana: {"groups": ["admision"]}})
    first = await signed_in(house, idp, ana)
    await idp.people(**{ana: {"groups": ["deporte"]}})
    with pytest.raises(ExternalError, match=r"external\.no-role"):
        await signed_in(house, idp, ana)
    session = await house.sessions.find(first.session_cookie, ADDRESS)
    assert session
    assert session.account.roles == ()


async def test_nobody_without_a_role_gets_an_account(house: House, idp: RealProvider) -> None:
    ana = somebody()
    await idp.people(**{ana: {"groups": []}})
    with pytest.raises(ExternalError, match=r"external\.not-known"):
        await signed_in(house, idp, ana)
    async with house.db.read() as conn:
        assert not await conn.fetchval("select count(*) from security.external_identity where subject = $1", ana)


async def test_a_disabled_account_stays_shut(house: House, idp: RealProvider) -> None:
    ana = somebody()
    await idp.people(**{ana: {"groups": ["admision"]}})
    done = await signed_in(house, idp, ana)
    async with house.db.write() as tx:
        await tx.execute("update security.account set status = 'disabled' where id = $1", done.account.id)
    with pytest.raises(ExternalError, match=r"external\.not-known"):
        await signed_in(house, idp, ana)


async def test_a_second_factor_is_asked_for_here_unless_it_was_shown_there(house: House, idp: RealProvider) -> None:
    ana = somebody()
    await idp.people(**{ana: {"groups": ["medicos"]}})
    done = await signed_in(house, idp, ana, "pwd")
    assert done.needs_factor
    assert await house.sessions.find(done.session_cookie, ADDRESS) is None
    assert await house.sessions.half(done.session_cookie)
    done = await signed_in(house, idp, ana, "pwd mfa")
    assert not done.needs_factor
    session = await house.sessions.find(done.session_cookie, ADDRESS)
    assert session
    assert session.methods == ("ext", "otp")


async def test_an_address_nobody_verified_is_not_taken(house: House, idp: RealProvider) -> None:
    ana = somebody()
    await idp.people(**{ana: {"groups": ["admision"], "email": "director@example.org", "email_verified": False}})
    assert (await signed_in(house, idp, ana)).account.email == ""


async def test_the_same_address_is_not_the_same_person(house: House, idp: RealProvider) -> None:
    ana, eve = somebody(), somebody()
    mail = {"groups": ["admision"], "email": f"{ana}@example.org", "email_verified": True}
    await idp.people(**{ana: mail, eve: mail})
    assert (await signed_in(house, idp, ana)).account.id != (await signed_in(house, idp, eve)).account.id


async def test_two_first_sign_ins_at_once_make_one_account(house: House, idp: RealProvider) -> None:
    ana = somebody()
    await idp.people(**{ana: {"groups": ["admision"]}})
    found = await asyncio.gather(*(signed_in(house, idp, ana) for _ in range(4)))
    assert len({done.account.id for done in found}) == 1


async def test_another_country_and_another_tenant_stay_outside(
    db: Database, house: House, idp: RealProvider, tmp_path: Path
) -> None:
    ana = somebody()
    await idp.people(**{ana: {"groups": ["admision"], "country": "CL"}})
    with pytest.raises(ExternalError):
        await signed_in(house, idp, ana)
    assert house.reasons() == ["external.other-country"]
    strict = provider(idp.issuer, tmp_path, claims={"tenant": "hospital"})
    async with house_with(db, ProvidersFile(provider=(strict,))) as other:
        await idp.people(**{ana: {"groups": ["admision"], "hospital": "clinica"}})
        with pytest.raises(ExternalError):
            await signed_in(other, idp, ana)
        assert other.reasons() == ["external.other-tenant"]
        await idp.people(**{ana: {"groups": ["admision"], "hospital": "demo"}})
        assert (await signed_in(other, idp, ana)).account.roles == ("admissions",)


@pytest.mark.requirement("HC-07")
async def test_guessing_what_was_begun_has_a_limit(db: Database, idp: RealProvider, tmp_path: Path) -> None:
    limits = Limits(LimitSettings(failures_per_minute=1, failures_burst=2), now=lambda: 0.0)
    async with house_with(db, ProvidersFile(provider=(provider(idp.issuer, tmp_path),)), limits=limits) as house:
        guessed = Begun("", "guessed cookie")
        for _ in range(2):
            assert await failed(house, guessed, {"state": "guessed state", "code": "x"}) == "external.no-attempt"
            assert "guessed" not in repr(house.trail.seen)
        with pytest.raises(ThrottledError):
            await house.came_back(guessed, {"state": "guessed state", "code": "x"})
        assert len(house.trail.seen) == 1
        # Who changed their mind at the provider guessed nothing.
        for _ in range(2):
            begun = await house.external.begin("hospital", "/")
            assert await failed(house, begun, await idp.visited(begun.url, "")) == "external.refused-there"


async def test_its_refusal_is_said_politely(house: House, idp: RealProvider) -> None:
    begun = await house.external.begin("hospital", "/")
    params = await idp.visited(begun.url, "")
    assert params["error"] == "access_denied"
    with pytest.raises(ExternalError, match=r"external\.cancelled"):
        await house.came_back(begun, params)
    assert house.reasons() == ["external.refused-there"]


async def failed(house: House, begun: Begun, params: dict[str, str], name: str = "hospital") -> str:
    """The reason in the trail."""
    house.trail.seen.clear()
    with pytest.raises(ExternalError):
        await house.came_back(begun, params, name)
    assert len(house.trail.seen) == 1
    return house.reasons()[0]


async def test_an_answer_is_good_once_in_one_browser_with_its_own_state(house: House, idp: RealProvider) -> None:
    ana = somebody()
    await idp.people(**{ana: {"groups": ["admision"]}})
    begun = await house.external.begin("hospital", "/")
    params = await idp.visited(begun.url, ana)
    other = await house.external.begin("hospital", "/")
    # Somebody else's browser (whose cookie is another one, or none), a wrong state, none, another provider's page
    assert await failed(house, other, params) == "external.no-attempt"
    assert await failed(house, Begun("", ""), params) == "external.no-attempt"
    assert await failed(house, begun, {**params, "state": "x" * 43}) == "external.no-attempt"
    assert await failed(house, begun, {"code": params["code"]}) == "external.no-attempt"
    assert await failed(house, begun, params, "known") == "external.no-attempt"
    # None of that has spent it
    assert (await house.came_back(begun, params)).account.roles == ("admissions",)
    assert await failed(house, begun, params) == "external.no-attempt"


async def test_somebody_elses_code_in_ones_own_sign_in_is_refused(house: House, idp: RealProvider) -> None:
    """Code injection: PKCE and nonce bind the code to the sign-in that it was made for."""
    ana = somebody()
    await idp.people(**{ana: {"groups": ["admision"]}})
    stolen = await idp.visited((await house.external.begin("hospital", "/")).url, ana)
    begun = await house.external.begin("hospital", "/")
    own = await idp.visited(begun.url, somebody())
    assert await failed(house, begun, {**own, "code": stolen["code"]}) == "external.code-refused"


async def test_an_answer_of_another_issuer_is_refused(house: House, idp: RealProvider) -> None:
    begun = await house.external.begin("hospital", "/")
    params = await idp.visited(begun.url, somebody())
    assert await failed(house, begun, {**params, "iss": "https://evil.example"}) == "external.wrong-issuer"
    begun = await house.external.begin("hospital", "/")
    params = await idp.visited(begun.url, somebody())
    del params["iss"]  # this provider promises to send it
    assert await failed(house, begun, params) == "external.wrong-issuer"


async def test_a_wrong_nonce_is_refused(house: House, idp: RealProvider) -> None:
    begun = await house.external.begin("hospital", "/")
    changed = begun.url.replace("nonce=", "nonce=x")
    params = await idp.visited(changed, somebody())
    assert await failed(house, begun, params) == "external.wrong-nonce"


async def test_keys_that_were_rotated_are_found(house: House, idp: RealProvider) -> None:
    ana = somebody()
    await idp.people(**{ana: {"groups": ["admision"]}})
    await idp.rotate(alg="ES256")
    try:
        assert (await signed_in(house, idp, ana)).account.roles == ("admissions",)
        relying = house.external._of("hospital")
        assert relying._keys
        # A while after they were fetched, the provider changes them
        relying._keys.since = relying._keys.since.replace(year=2020)
        await idp.rotate(alg="RS256")
        assert (await signed_in(house, idp, ana)).account.roles == ("admissions",)
        # At once again: we do not look more often than once a minute, so this one has to wait
        await idp.rotate()
        begun = await house.external.begin("hospital", "/")
        assert await failed(house, begun, await idp.visited(begun.url, ana)) == "external.unknown-key"
    finally:
        await idp.rotate(alg="RS256")


async def test_an_algorithm_that_is_not_on_the_list(db: Database, idp: RealProvider, tmp_path: Path) -> None:
    strict = provider(idp.issuer, tmp_path, algorithms=["ES384"])
    async with house_with(db, ProvidersFile(provider=(strict,))) as house:
        begun = await house.external.begin("hospital", "/")
        assert await failed(house, begun, await idp.visited(begun.url, somebody())) == "external.algorithm"


async def test_a_wrong_secret_of_ours(db: Database, idp: RealProvider, tmp_path: Path) -> None:
    ours = provider(idp.issuer, tmp_path)
    (tmp_path / "client-secret").write_text("wrong")
    async with house_with(db, ProvidersFile(provider=(ours,))) as house:
        begun = await house.external.begin("hospital", "/")
        assert await failed(house, begun, await idp.visited(begun.url, somebody())) == "external.code-refused"


@pytest.mark.parametrize("kind", KEYS)
async def test_a_key_of_our_own_instead_of_a_secret(db: Database, idp: RealProvider, tmp_path: Path, kind: str) -> None:
    (tmp_path / "key.pem").write_bytes(KEYS[kind].as_pem(private=True))
    changes = {"client_id": kind, "client_secret_file": "", "private_key_file": str(tmp_path / "key.pem")}
    ana = somebody()
    await idp.people(**{ana: {"groups": ["admision"]}})
    async with house_with(db, ProvidersFile(provider=(provider(idp.issuer, tmp_path, **changes),))) as house:
        assert (await signed_in(house, idp, ana)).account.roles == ("admissions",)


async def test_claims_can_come_from_userinfo(db: Database, idp: RealProvider, tmp_path: Path) -> None:
    ana = somebody()
    await idp.people(**{ana: {"groups": ["admision"]}})
    ours = provider(idp.issuer, tmp_path, userinfo=True)
    async with house_with(db, ProvidersFile(provider=(ours,))) as house:
        assert (await signed_in(house, idp, ana)).account.roles == ("admissions",)


@pytest.mark.parametrize("issuer", ["http://127.0.0.1:1", "https://[::1]:1", "http://10.0.0.1"])
async def test_a_provider_that_is_down_or_inside(db: Database, tmp_path: Path, issuer: str) -> None:
    async with house_with(db, ProvidersFile(provider=(provider(issuer, tmp_path),)), connect_seconds=0.2) as house:
        with pytest.raises(ProviderDownError):
            await house.external.begin("hospital", "/")


async def test_a_provider_that_goes_down_on_the_way(db: Database, idp: RealProvider, tmp_path: Path) -> None:
    async with house_with(db, ProvidersFile(provider=(provider(idp.issuer, tmp_path),))) as house:
        begun = await house.external.begin("hospital", "/")
        params = await idp.visited(begun.url, somebody())
        relying = house.external._of("hospital")
        assert relying._document
        relying._document.value = {**relying._document.value, "token_endpoint": "http://127.0.0.1:1/token"}
        with pytest.raises(ProviderDownError):
            await house.came_back(begun, params)
        assert len(house.reasons()) == 1


async def test_an_issuer_that_is_not_the_one_it_says(db: Database, idp: RealProvider, tmp_path: Path) -> None:
    ours = provider(idp.issuer.replace("127.0.0.1", "localhost"), tmp_path)
    async with house_with(db, ProvidersFile(provider=(ours,)), allowed_hosts=("localhost",)) as house:
        with pytest.raises(ProviderDownError):
            await house.external.begin("hospital", "/")


async def test_nobody_fills_the_table_with_sign_ins_that_never_end(house: House) -> None:
    with pytest.raises(ThrottledError):
        for _ in range(300):
            await house.external.begin("hospital", "/", address="192.0.2.9")
    await house.external.begin("hospital", "/", address="192.0.2.10")


async def test_no_such_provider(house: House) -> None:
    with pytest.raises(NoProviderError):
        await house.external.begin("nobody", "/")
    with pytest.raises(NoProviderError):
        await house.external.finish("nobody", {}, "", "")


async def test_the_way_out(house: House, idp: RealProvider) -> None:
    assert (await house.external.way_out("hospital")).startswith(f"{idp.issuer}/session/end?client_id=kuska&")


async def test_a_mapping_that_gives_both_hands_gives_none(db: Database, idp: RealProvider, tmp_path: Path) -> None:
    """Another provider's groups cannot bring together what an administrator may not."""
    mapped = [
        {"claim": "groups", "value": "jefes", "role": "administrator"},
        {"claim": "groups", "value": "medicos", "role": "physician"},
    ]
    one = provider(idp.issuer, tmp_path, role=mapped)
    old, new = somebody(), somebody()
    async with house_with(db, ProvidersFile(provider=(one,))) as house:
        await idp.people(**{old: {"groups": ["medicos"]}, new: {"groups": ["medicos", "jefes"]}})
        first = await signed_in(house, idp, old)
        assert first.account.roles == ("physician",)
        await idp.people(**{old: {"groups": ["jefes", "medicos"]}})
        for who in (old, new):
            with pytest.raises(ExternalError) as raised:
                await signed_in(house, idp, who)
            (issue,) = raised.value.issues
            assert (issue.message, issue.params) == ("external.roles-apart", {"roles": "administrator, physician"})
            assert house.trail.seen[-1].reason == "external.roles-apart"
        now = await house.sessions.find(first.session_cookie, ADDRESS)
        assert now is None or now.account.roles == ()
