"""Every change of how somebody signs in is told to them, in words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kuska.kit.messages import LANGUAGES, catalogue

pytestmark = pytest.mark.requirement("HC-07")
USECASES = Path(__file__).parents[4] / "src" / "kuska" / "security" / "usecases"
_TOLD = re.compile(r"(?:\.tell\(tx, [\w.]+, |_changed\(tx, session, \"[CUD]\", |_removed\(tx, session, )\"([\w-]+)\"")


def test_every_notice_has_a_text() -> None:
    told = {
        what for part in ("factors", "external") for file in (USECASES / part).glob("*.py") for what in _TOLD.findall(file.read_text())
    }  # fmt: skip
    assert told == {
        "totp-added", "totp-removed", "passkey-added", "passkey-removed", "recovery-codes-made", "recovery-used",
        "factors-reset", "external-linked", "external-unlinked",
    }  # fmt: skip
    for lang in LANGUAGES:
        for what in told:
            assert catalogue(lang)[f"mail.notice.{what}.subject"]
            assert "{name}" in catalogue(lang)[f"mail.notice.{what}.text"]
