"""What a search is asked with and what it gives back: the contract between the interactions and the search.

`SearchService.search(SearchRequest)` answers a `SearchPage`; `SearchService.everything(EverythingRequest)` too. The
parameters are those of the request in their order, already percent-decoded, `_format` and `_pretty` included or not
(both are passed over here). Errors are `IncorrectError`/`UnsupportedError` with one issue per bad parameter.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from kuska.kit.errors import Issue

# The parameter that carries a cursor; `SearchPage.next` is its value on the link to the next page.
CURSOR = "_cursor"

Parameter = tuple[str, str]
Handling = Literal["strict", "lenient"]


@dataclass(frozen=True, slots=True)
class Compartment:
    """`Patient/123/Observation?...`: only what belongs to that patient (encounter, device, ...)."""

    type: str
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    type: str | None  # None at system level, and for `Patient/123/*`
    parameters: tuple[Parameter, ...]
    compartment: Compartment | None = None
    handling: Handling = "strict"  # of unknown parameters: an error, or ignored with a warning


@dataclass(frozen=True, slots=True, kw_only=True)
class EverythingRequest:
    type: Literal["Patient", "Encounter"]
    id: str
    parameters: tuple[Parameter, ...] = ()  # _since, _type, start, end, _count, _cursor
    handling: Handling = "strict"


@dataclass(frozen=True, slots=True)
class Found:
    """One stored resource. `body` is its JSON as kept (id and meta included)."""

    type: str
    id: str
    version: int
    updated: datetime
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPage:
    matches: tuple[Found, ...] = ()
    includes: tuple[Found, ...] = ()  # never one that is a match of this page, never one twice
    total: int | None = None  # None = not asked for
    next: str | None = None  # value of `_cursor` on the next link; None on the last page
    warnings: tuple[Issue, ...] = ()  # to show as one outcome entry when there are any
    # Parameters as understood (ignored ones left out, no cursor): what `self` and `next` links carry. On the self link
    # of a later page add (CURSOR, the cursor that was sent). `_elements` and `_summary` are among them; applying them
    # to the bodies is the caller's (kuska.fhir.domain.subsetting). With _summary=count there are no matches.
    understood: tuple[Parameter, ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """What a conditional interaction needs to know of a match."""

    rid: int
    bucket: int
    id: str
    version: int
