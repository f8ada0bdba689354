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
from kuska.security.domain.accounts import Account, Correction, NewAccount
from kuska.security.domain.audit_event import audit_event
from kuska.security.domain.client_roles import check_roles as check_client
from kuska.security.domain.clients import Client
from kuska.security.domain.doors import Needs, guarded, needs_of, open_to_all, require_step_up
from kuska.security.domain.features import FEATURES, NO_USE_YET
from kuska.security.domain.purposes import PURPOSES
from kuska.security.domain.roles import NAME as ROLE_NAME
from kuska.security.domain.roles import content as role_content
from kuska.security.domain.scopes import read as read_scopes
from kuska.security.domain.sealed_files import FileOpener, FileSealer
from kuska.security.domain.sessions import Session
from kuska.security.domain.trail_question import Page as TrailPage
from kuska.security.domain.trail_question import Question as TrailQuestion
from kuska.security.errors import NobodyError, RefusedByPolicyError, StepUpError
from kuska.security.store.epoch import Epoch
from kuska.security.store.glass import Glass
from kuska.security.store.place import remember_origin, remembered_origin, settle_place
from kuska.security.store.roles import Edition
from kuska.security.usecases.accounts.at_the_machine import id_of as account_id
from kuska.security.usecases.accounts.at_the_machine import ruling as accounts_ruling
from kuska.security.usecases.consents import Consents
from kuska.security.usecases.door import Door
from kuska.security.usecases.external.external import External
from kuska.security.usecases.factors.totp import reseal as reseal_factors
from kuska.security.usecases.keys import Keys, open_keys
from kuska.security.usecases.mailing.mailroom import mail_queue
from kuska.security.usecases.oauth.authorize import BadRequest, NeedsConsent, NeedsLogin, Outcome, Redirect
from kuska.security.usecases.oauth.operator import OPERATOR
from kuska.security.usecases.oauth.resealing import reseal as reseal_signing_keys
from kuska.security.usecases.opening import Security, open_security
from kuska.security.usecases.pseudonyms import Pseudonyms
from kuska.security.usecases.trail.export import MEDIA_TYPES as AUDIT_TYPES
from kuska.security.usecases.trail.restoring import bring_heads, heads_files
from kuska.security.usecases.trail.running import open_trail, trail_verifier
from kuska.security.usecases.trail.trail import AuditTrail
from kuska.security.usecases.unrestricted import Unnoted, visit_off, visit_operator, visit_system
from kuska.security.visit import Visit

__all__ = [
    "ANONYMOUS",
    "AUDIT_TYPES",
    "FEATURES",
    "NO_USE_YET",
    "OPERATOR",
    "PURPOSES",
    "ROLE_NAME",
    "Access",
    "Account",
    "AuditTrail",
    "BadRequest",
    "Caller",
    "Cipher",
    "Client",
    "Consents",
    "Correction",
    "Door",
    "Edition",
    "Epoch",
    "Event",
    "External",
    "FileOpener",
    "FileSealer",
    "Glass",
    "Keys",
    "Kind",
    "Letter",
    "Needs",
    "NeedsConsent",
    "NeedsLogin",
    "NewAccount",
    "NobodyError",
    "Outcome",
    "Pseudonyms",
    "Reach",
    "Redirect",
    "RefusedByPolicyError",
    "Role",
    "ScopeRule",
    "Sealer",
    "Security",
    "Session",
    "StepUpError",
    "Trail",
    "TrailPage",
    "TrailQuestion",
    "Unnoted",
    "Visit",
    "Way",
    "account_id",
    "accounts_ruling",
    "audit_event",
    "bring_heads",
    "check_client",
    "guarded",
    "heads_files",
    "mail_queue",
    "needs_of",
    "open_keys",
    "open_security",
    "open_to_all",
    "open_trail",
    "read_scopes",
    "remember_origin",
    "remembered_origin",
    "require_step_up",
    "reseal_factors",
    "reseal_signing_keys",
    "role_content",
    "settle_place",
    "trail_verifier",
    "visit_off",
    "visit_operator",
    "visit_system",
]
