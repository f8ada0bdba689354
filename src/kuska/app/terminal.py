"""Who sits at the terminal: in which language, and how a message gets there."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from kuska.kit.messages import Tell, text


def language(environment: Mapping[str, str] = os.environ) -> str:
    """Spanish where the locale says so, English otherwise (as for any tool without a locale)."""
    locale = environment.get("LC_ALL") or environment.get("LC_MESSAGES") or environment.get("LANG") or ""
    return "es" if locale.startswith("es") else "en"


def teller(say: Callable[[str], None], lang: str) -> Tell:
    def tell(key: str, /, **params: object) -> None:
        say(text(key, params, lang))

    return tell
