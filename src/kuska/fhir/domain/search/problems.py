"""What can be wrong with a search, said so that the asker knows what to change."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from kuska.kit.errors import Issue


class Refused(Exception):  # noqa: N818 - not an error of ours: one parameter that cannot be used
    """One parameter cannot be used. `ignorable`: a lenient search may go on without it."""

    def __init__(self, issue: Issue, *, ignorable: bool = False) -> None:
        super().__init__(issue.message)
        self.issue = issue
        self.ignorable = ignorable


def unknown(name: str, type_: str | None, known: Iterable[str]) -> Refused:
    """A parameter that this type does not have."""
    close = get_close_matches(name, list(known), 1, 0.6)
    params: dict[str, object] = {"name": name[:100], "type": type_ or "*"}
    if close:
        issue = Issue(
            code="not-supported", message="search.unknown-parameter-closest", params={**params, "closest": close[0]}
        )
    else:
        issue = Issue(code="not-supported", message="search.unknown-parameter", params=params)
    return Refused(issue, ignorable=True)


def unsupported(name: str) -> Refused:
    """A parameter of R4 that this server does not answer."""
    return Refused(
        Issue(code="not-supported", message="search.unsupported-parameter", params={"name": name[:100]}), ignorable=True
    )


def bad_modifier(name: str, modifier: str, kind: str) -> Refused:
    return Refused(
        Issue(
            code="not-supported",
            message="search.bad-modifier",
            params={"name": name[:100], "modifier": modifier[:40], "kind": kind},
        ),
        ignorable=True,
    )


def idle_modifier(name: str, modifier: str, needs: str) -> Refused:
    """A modifier that this kind of parameter may have, and that can find nothing with this one."""
    params: dict[str, object] = {"name": name[:100], "modifier": modifier, "needs": needs}
    return Refused(Issue(code="not-supported", message="search.idle-modifier", params=params), ignorable=True)


def ignored(issue: Issue) -> Issue:
    """What a lenient search tells of a parameter that a strict one would refuse."""
    name = str(issue.params["name"])
    if "modifier" in issue.params:
        name = f"{name}:{issue.params['modifier']}"
    return Issue(severity="warning", code=issue.code, message="search.parameter-ignored", params={"name": name})


def bad_value(name: str, value: str, message: str, **params: object) -> Refused:
    """`message`: the catalogue key that says which form is expected."""
    return Refused(Issue(code="value", message=message, params={"name": name[:100], "value": value[:100], **params}))
