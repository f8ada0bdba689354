"""The only door of security: what the composition root opens and what the other contexts use."""

from __future__ import annotations

from kuska.security.contracts import (
    ANONYMOUS,
    Access,
    Caller,
    Cipher,
    Event,
    Kind,
    Letter,
    Reach,
    Role,
    ScopeRule,
    Sealer,
    Trail,
    Way,
)
from kuska.security.errors import NobodyError, RefusedByPolicyError, StepUpError
from kuska.security.usecases.keys import Keys, open_keys
from kuska.security.visit import Visit

__all__ = [
    "ANONYMOUS",
    "Access",
    "Caller",
    "Cipher",
    "Event",
    "Keys",
    "Kind",
    "Letter",
    "NobodyError",
    "Reach",
    "RefusedByPolicyError",
    "Role",
    "ScopeRule",
    "Sealer",
    "StepUpError",
    "Trail",
    "Visit",
    "Way",
    "open_keys",
]
