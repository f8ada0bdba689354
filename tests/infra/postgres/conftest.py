from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.infra.postgres.life import wait_until_stopped

from kuska.infra.postgres import embedded


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cluster that was made and stopped; copying it is cheaper than making one for each test."""
    data = tmp_path_factory.mktemp("pristine") / "data"
    embedded.attach(data).leave()
    wait_until_stopped(data)
    return data


@pytest.fixture
def data(pristine: Path, tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "data"
    shutil.copytree(pristine, folder, ignore=shutil.ignore_patterns("*.lock", "postgresql.conf", "*.log"))
    owner = (pristine / "postgres").stat()
    for path in (folder / "postgres", *(folder / "postgres").rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid)
    yield folder
    wait_until_stopped(folder)
