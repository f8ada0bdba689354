"""Whatever bytes come, only the house's own errors come out: the seeds of the fuzzer, mangled."""

from __future__ import annotations

import contextlib
import random

import pytest
from dev.fuzz.targets import ALLOWED, TARGETS
from hypothesis import given
from hypothesis import strategies as st

pytestmark = pytest.mark.requirement("LW-33")


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_and_what_becomes_of_them(name: str) -> None:
    target, chance = TARGETS[name], random.Random(name)
    for seed in target.seeds:
        with contextlib.suppress(*ALLOWED):
            target.run(seed)
        for _ in range(60):
            data = bytearray(seed)
            for _ in range(chance.randrange(1, 4)):
                place = chance.randrange(len(data) or 1)
                data[place : place + chance.randrange(3)] = chance.randbytes(chance.randrange(3))
            with contextlib.suppress(*ALLOWED):
                target.run(bytes(data))


@pytest.mark.parametrize("name", TARGETS)
@given(data=st.binary(max_size=64) | st.text(max_size=40).map(str.encode))
def test_anything(name: str, data: bytes) -> None:
    with contextlib.suppress(*ALLOWED):
        TARGETS[name].run(data)
