"""What a route asks of who comes: said at the route, checked by whoever serves it (app/guarding.py).

A route that says nothing is not served: the site refuses to start.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, TypeVar

from kuska.security.contracts import Access
from kuska.security.domain.features import FEATURES, STEP_UP
from kuska.security.errors import RefusedByPolicyError, StepUpError

T = TypeVar("T")
# What has to be shown: the session's cookie, a Bearer token, or a token if there is one and else the cookie.
By = Literal["page", "token", "either"]
_MARK = "__kuska_needs__"


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    why_open: str = ""  # not empty: everybody may come, for this reason
    features: tuple[str, ...] = ()  # any of them
    areas: tuple[str, ...] = ()  # any of them
    step_up: bool = False  # a second factor was shown a short while ago
    by: By = "page"

    def check(self, access: Access, now: datetime, fresh: timedelta) -> None:
        """Raises RefusedByPolicyError or StepUpError."""
        if self.features and not any(access.may(feature) for feature in self.features):
            raise RefusedByPolicyError("security.feature")
        if self.areas and access.areas.isdisjoint(self.areas):
            raise RefusedByPolicyError("security.area")
        if self.step_up:
            require_step_up(access, now, fresh)


def open_to_all(why: str) -> Callable[[T], T]:
    """For a route that everybody may call; the reason is for whoever reviews it."""
    if not why.strip():
        raise ValueError("say why everybody may call this route")
    return _marked(Needs(why_open=why))


def guarded(
    *,
    feature: str | tuple[str, ...] = (),
    area: str | tuple[str, ...] = (),
    signed_in: bool = False,
    step_up: bool = False,
    by: By = "page",
) -> Callable[[T], T]:
    """For a route that asks for one of these features and one of these areas, or just for somebody who is signed in.

    The route finds its visit in `request.state.visit`.
    """
    features = (feature,) if isinstance(feature, str) else feature
    areas = (area,) if isinstance(area, str) else area
    if unknown := set(features) - FEATURES:
        raise ValueError(f"no such feature: {sorted(unknown)}")
    if not (features or areas or signed_in):
        raise ValueError("say what the route needs: a feature, an area, or signed_in=True")
    return _marked(Needs(features=features, areas=areas, step_up=step_up, by=by))


def needs_of(endpoint: object) -> Needs | None:
    """None: it has not said."""
    return getattr(endpoint, _MARK, None)


def require(access: Access, feature: str, now: datetime, fresh: timedelta) -> None:
    """For a use case: the policy gives the feature, and where it is a delicate one, a second factor was just shown.

    Raises RefusedByPolicyError or StepUpError.
    """
    if not access.may(feature):
        raise RefusedByPolicyError("security.feature")
    if feature in STEP_UP:
        require_step_up(access, now, fresh)


def why(error: RefusedByPolicyError | StepUpError) -> str:
    """For the trail."""
    return error.reason if isinstance(error, RefusedByPolicyError) else "security.step-up"


def require_step_up(access: Access, now: datetime, fresh: timedelta) -> None:
    """Raises StepUpError unless the person has shown a second factor a short while ago. Machines have none to show."""
    caller = access.caller
    if caller.kind == "person" and (caller.confirmed is None or not now - fresh <= caller.confirmed <= now):
        raise StepUpError


def _marked(needs: Needs) -> Callable[[T], T]:
    def mark(endpoint: T) -> T:
        target: Any = endpoint
        if needs_of(endpoint) is not None:
            raise ValueError("a route says once what it needs")
        setattr(target, _MARK, needs)
        return endpoint

    return mark
