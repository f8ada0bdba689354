"""What the server says of itself, so that clients need nothing but its address.

OpenID Connect Discovery 1.0, RFC 8414, SMART App Launch 2.x (`.well-known/smart-configuration`).
"""

from __future__ import annotations

from typing import Any

from kuska.security.domain.scopes import FEATURES
from kuska.security.domain.signing import ALGORITHMS, ASSERTION_ALGORITHMS

# What tests show to work; a capability that is not here is not there.
CAPABILITIES = (
    "launch-ehr",
    "launch-standalone",
    "client-public",
    "client-confidential-symmetric",
    "client-confidential-asymmetric",
    "sso-openid-connect",
    "context-banner",
    "context-style",
    "context-ehr-patient",
    "context-ehr-encounter",
    "context-standalone-patient",
    "permission-offline",
    "permission-online",
    "permission-patient",
    "permission-user",
    "permission-v1",
    "permission-v2",
)
_METHODS = ["client_secret_basic", "client_secret_post", "private_key_jwt"]


def authorization_server(issuer: str) -> dict[str, Any]:
    """RFC 8414."""
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth/authorize",
        "token_endpoint": f"{issuer}/oauth/token",
        "jwks_uri": f"{issuer}/oauth/jwks",
        "revocation_endpoint": f"{issuer}/oauth/revoke",
        "introspection_endpoint": f"{issuer}/oauth/introspect",
        "scopes_supported": [
            *FEATURES,
            "patient/*.rs",
            "patient/*.cruds",
            "user/*.rs",
            "user/*.cruds",
            "system/*.rs",
            "system/*.cruds",
        ],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "token_endpoint_auth_methods_supported": [*_METHODS, "none"],
        "token_endpoint_auth_signing_alg_values_supported": list(ASSERTION_ALGORITHMS),
        "revocation_endpoint_auth_methods_supported": [*_METHODS, "none"],
        "revocation_endpoint_auth_signing_alg_values_supported": list(ASSERTION_ALGORITHMS),
        "introspection_endpoint_auth_methods_supported": _METHODS,
        "introspection_endpoint_auth_signing_alg_values_supported": list(ASSERTION_ALGORITHMS),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "ui_locales_supported": ["es", "en"],
    }


def openid(issuer: str) -> dict[str, Any]:
    return authorization_server(issuer) | {
        "userinfo_endpoint": f"{issuer}/oauth/userinfo",
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": list(ALGORITHMS),
        "claims_supported": ["iss", "sub", "aud", "iat", "exp", "auth_time", "amr", "sid", "nonce", "fhirUser", "name"],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
    }


def smart(issuer: str) -> dict[str, Any]:
    server = openid(issuer)
    names = (
        "issuer", "jwks_uri", "authorization_endpoint", "token_endpoint", "introspection_endpoint",
        "revocation_endpoint", "grant_types_supported", "token_endpoint_auth_methods_supported",
        "token_endpoint_auth_signing_alg_values_supported", "scopes_supported", "response_types_supported",
        "code_challenge_methods_supported",
    )  # fmt: skip
    return {name: server[name] for name in names} | {"capabilities": list(CAPABILITIES)}
