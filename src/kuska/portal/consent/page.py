"""What the consent page shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from kuska.portal.ui.forms import EMPTY, Filled
from kuska.portal.ui.plain import sentences
from kuska.security.contracts import ScopeRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    scope: str  # as the form sends it back
    said: str
    only: str = ""
    left_in: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentPage:
    handle: str
    client: str
    host: str
    items: Sequence[Item]
    wide: bool
    asks_patient: bool
    documents: Sequence[tuple[str, str]]  # kinds
    filled: Filled = EMPTY


def items(
    features: tuple[str, ...], rules: tuple[ScopeRule, ...], texts: tuple[str, ...], t: Callable[..., str], lang: str
) -> tuple[Item, ...]:
    """One per scope; `texts`: features first, then rules, each as the form sends it back."""
    found = [Item(scope=scope, said=t(f"consenting.feature-{scope}")) for scope in features]
    for rule, scope in zip(rules, texts[len(features) :], strict=True):
        (said,) = sentences([rule], t, lang)
        only = t("scope.only", what=said.only) if said.only else ""
        found.append(Item(scope=scope, said=f"{said.verbs}: {', '.join(said.things)}", only=only))
    return tuple(found)


def target(redirect: str) -> str:
    """What Content-Security-Policy calls the place of a redirect: an origin, or an application's own scheme."""
    parts = urlsplit(redirect)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") else f"{parts.scheme}:"
