from __future__ import annotations

from pathlib import Path

import pytest

from kuska.infra.keys.file import FileMaster
from kuska.infra.keys.master import MasterError, Wrapped

KEY = bytes(range(64))


async def problem(master: FileMaster, wrapped: Wrapped, context: str = "c") -> str:
    with pytest.raises(MasterError) as caught:
        await master.unwrap(wrapped, context)
    return caught.value.issues[0].message


@pytest.mark.requirement("LW-30")
async def test_made_at_the_first_use_for_its_owner_only_and_said_once(tmp_path: Path) -> None:
    path, said = tmp_path / "keys" / "master", list[Path]()
    wrapped = await FileMaster(path, said.append).wrap(KEY, "c")
    assert said == [path]
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert KEY not in wrapped.text
    later = FileMaster(path, said.append)
    assert await later.unwrap(wrapped, "c") == KEY
    await later.wrap(KEY, "c")
    assert len(said) == 1
    assert list(path.parent.iterdir()) == [path]
    assert later.check()
    assert not FileMaster(tmp_path / "nothing").check()


async def test_bound_to_its_context(tmp_path: Path) -> None:
    master = FileMaster(tmp_path / "master")
    assert await problem(master, await master.wrap(KEY, "tenant-a/record/1"), "tenant-b/record/1") == (
        "keys.wrapped-broken"
    )


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
async def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    master = FileMaster(tmp_path / "master")
    wrapped = await master.wrap(KEY, "c")
    (tmp_path / "master").chmod(mode)
    assert await problem(master, wrapped) == "keys.file-open"


async def test_a_lost_or_wrong_or_damaged_file_says_which_key_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "master"
    master = FileMaster(path)
    wrapped = await master.wrap(KEY, "c")
    path.unlink()
    assert await problem(master, wrapped) == "keys.file-gone"
    assert not path.exists(), "a second master key would hide the loss"
    await master.wrap(KEY, "c")
    assert await problem(master, wrapped) == "keys.file-other"
    path.write_text("# nothing\n")
    assert await problem(master, wrapped) == "keys.file-damaged"
    path.write_text("no base64!\n")
    assert await problem(master, wrapped) == "keys.file-damaged"


async def test_renewal_keeps_the_old_key_until_it_is_told_to_forget(tmp_path: Path) -> None:
    master = FileMaster(tmp_path / "master")
    old = await master.wrap(KEY, "c")
    await master.renew()
    new = await master.wrap(KEY, "c")
    assert new.master != old.master
    assert await master.unwrap(old, "c") == await master.unwrap(new, "c") == KEY
    await master.forget_old()
    assert await problem(master, old) == "keys.file-other"
    assert await master.unwrap(new, "c") == KEY
    assert (tmp_path / "master").stat().st_mode & 0o777 == 0o600
