"""What an event was, and why it was refused, in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from kuska.portal.ui.doors import door_to
from kuska.security.contracts import Event

KINDS = (
    "rest", "login", "logout", "door", "account", "factor", "role", "client", "token", "break-glass", "export", "audit",
    "key", "pseudonym", "retention",
)  # fmt: skip
_HOLE = re.compile(r"\{[^}]*\}")
# Where the reason is what a person wrote, and not one of our keys.
_OWN_WORDS = {
    ("break-glass", "open"), ("break-glass", "open-again"), ("pseudonym", "resolve"), ("pseudonym", "forget"),
}  # fmt: skip

Said = Callable[..., str]
Known = Mapping[str, str]


def what(event: Event, t: Said, known: Known) -> str:
    """The same word can mean one thing of a person and another of an application: by kind first."""
    if event.interaction.startswith("/"):
        return f"{t('auditing.kind-door')}: {_page(event.interaction, t)}"
    kind = t(f"auditing.kind-{event.kind}") if event.kind in KINDS else event.kind
    return f"{kind}: {known[key]}" if (key := did(event, known)) else f"{kind}: {_tried(event, t, known)}"


def did(event: Event, known: Known) -> str:
    """The key of the words for what was done; '' where there are none."""
    keys = [f"auditing.did-{event.kind}-{event.interaction}"]
    if event.kind != "rest":
        keys.append(f"auditing.did-{event.interaction}")
    return next((key for key in keys if key in known), "")


def _tried(event: Event, t: Said, known: Known) -> str:
    """Use cases name the feature that was missing."""
    feature = known.get(f"feature.{event.interaction}", "")
    return t("auditing.tried", what=feature) if feature else t(f"auditing.action-{event.action}")


def _page(path: str, t: Said) -> str:
    door = door_to(path)
    return t("auditing.tried-page", page=t(door.title)) if door else t("auditing.tried-some-page")


def shown_path(event: Event) -> str:
    """Of a page that was refused: with '…' where an id stands, which was never noted."""
    return _HOLE.sub("…", event.interaction) if event.interaction.startswith("/") else ""


def because(event: Event, known: Known) -> str:
    """Without parameters: the trail keeps none."""
    if not event.reason or own_words(event):
        return event.reason
    return known[reason_key(event.reason, known) or _alike(event, known)]


def own_words(event: Event) -> bool:
    return event.outcome == "0" and (event.kind, event.interaction) in _OWN_WORDS


def reason_key(reason: str, known: Known) -> str:
    """'' where there are no words for just this."""
    if f"because.{reason}" in known:
        return f"because.{reason}"
    return reason if "{" not in known.get(reason, "{") else ""


def _alike(event: Event, known: Known) -> str:
    """What all of its kind have in common: what exactly was wrong with a search is for who wrote it."""
    keys = (f"because.{event.reason.partition('.')[0]}", f"because.{event.interaction}")
    return next((key for key in keys if key in known), "because.other")
