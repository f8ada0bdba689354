"""Templates: Jinja2 with everything escaped, and an error for a name that is not there.

`<area>/templates/x.html` is the template `<area>/x.html`. A template gets one page (frozen dataclass) and the frame's
few names; texts come from the catalogues by `t("key", name=value)` and are escaped like everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, PrefixLoader, StrictUndefined
from markupsafe import Markup

from kuska.kit.messages import text
from kuska.portal.ui.assets import Assets

_DATE = len("2026-05-17")
_PORTAL = Path(__file__).resolve().parent.parent


def environment(assets: Assets, zone: ZoneInfo) -> Environment:
    areas = {folder.parent.name: FileSystemLoader(folder) for folder in sorted(_PORTAL.glob("*/templates"))}
    made = Environment(
        loader=PrefixLoader(areas),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals.update({"asset": assets.url})  # pyright: ignore[reportCallIssue, reportArgumentType]
    made.filters["when"] = partial(_when, zone)
    made.filters["day"] = partial(day, zone)
    return made


def translator(lang: str) -> Callable[..., str]:
    def t(key: str, **params: object) -> str:
        return text(key, params, lang)

    return t


def _when(zone: ZoneInfo, moment: datetime | None) -> Markup:
    """In the time of the place where the record lies; the exact moment for machines."""
    if moment is None:
        return Markup("—")
    local = moment.astimezone(zone)
    return Markup('<time datetime="{}">{}</time>').format(
        local.isoformat(timespec="seconds"), local.strftime("%d/%m/%Y %H:%M")
    )


def day(zone: ZoneInfo, text: str) -> str:
    """A date of the record, as precise as it was written: '2026', '2026-05', '2026-05-17' or a moment, which becomes the
    day that it was here.
    """
    if len(text) > _DATE:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return text
        text = (moment.astimezone(zone) if moment.tzinfo else moment).date().isoformat()
    return "/".join(reversed(text.split("-")))


def render(env: Environment, template: str, names: Mapping[str, Any]) -> str:
    return env.get_template(template).render(names)
