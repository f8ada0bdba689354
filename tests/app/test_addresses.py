"""What `kuska serve` says about where it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kuska.app.cli import addresses
from kuska.app.settings import SLICES, Settings
from kuska.kit.messages import text

pytestmark = pytest.mark.requirement("HC-07")


def settings(host: str = "127.0.0.1", public: str = "") -> Settings:
    slices: dict[str, Any] = {name or "process": made() for name, made in SLICES.items()}
    whole = Settings(**slices)
    return replace(
        whole,
        process=replace(whole.process, host=host),
        security=replace(whole.security, public_url=public),
    )


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("127.0.0.1", "http://localhost:8000"),
        ("::1", "http://localhost:8000"),
        ("localhost", "http://localhost:8000"),
        ("127.0.0.5", "http://127.0.0.5:8000"),
        ("fd00::1", "http://[fd00::1]:8000"),
    ],
)
def test_this_machine_is_named_as_passkeys_need_it(host: str, shown: str) -> None:
    assert addresses(settings(host), 8000) == {"address": shown, "base": f"{shown}/fhir"}


def test_the_fhir_base_is_the_public_one_where_there_is_one() -> None:
    found = addresses(settings(public="https://kuska.example.org"), 8000)
    assert found == {"address": "http://localhost:8000", "base": "https://kuska.example.org/fhir"}
    assert text("serve.ready", found, "en").endswith("(FHIR base: https://kuska.example.org/fhir)")
