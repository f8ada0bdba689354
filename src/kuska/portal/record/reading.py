"""What the summary asks the record, in one or two questions, and how a document number finds its patient."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass

from kuska.countries.registry import documents_meant
from kuska.fhir import api
from kuska.fhir.api import Parameter, Record
from kuska.kit.errors import ConflictError, IncorrectError, Issue, NotFoundError
from kuska.kit.json import Node

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_PAGE = 1000
# Three pages are a very long life. More would make one request slow for everybody; the summary then says so.
_PAGES = 3


@dataclass(frozen=True, slots=True)
class Chart:
    """A patient and what the record holds about them, by type."""

    patient: Node
    by_type: dict[str, list[Node]]
    complete: bool


async def locate(record: Record, text: str) -> str:
    """The id of the patient that `text` names: an identity document whose check digit is right or
    whose kind is said (`documents_meant`), or a FHIR id.

    A text that can be both is looked for as a document first; the ids that the record mints never look like one.
    """
    documents = documents_meant(text)
    if documents:
        wanted = ",".join(f"{system}|{match.value}" for match in documents for system in match.scheme.systems)
        page = await api.search(record, "Patient", [("identifier", wanted), ("_count", "2")])
        if len(page.matches) > 1:
            raise ConflictError(Issue(code="multiple-matches", message="portal.several-patients"))
        if page.matches:
            return str(page.matches[0]["id"])
    if _ID.fullmatch(text) is None:
        raise IncorrectError(Issue(code="value", message="portal.bad-patient-id"))
    return text


def named(text: str) -> tuple[str, ...]:
    """The patient's id that `text` is, for the trail of a page that was not given. A document's number stays out of it:
    whose it is would have to be looked up, and the answer must not take longer for those who exist.
    """
    if documents_meant(text) or _ID.fullmatch(text) is None:
        return ()
    return (text,)


async def chart(record: Record, patient: str) -> Chart:
    by_type: defaultdict[str, list[Node]] = defaultdict(list)
    first: list[Parameter] = [("_count", str(_PAGE))]
    page = await api.everything(record, "Patient", patient, first)
    _sort(page, by_type)
    for _ in range(_PAGES - 1):
        if page.next is None:
            break
        page = await api.everything(record, "Patient", patient, [*first, page.next])
        _sort(page, by_type)
    mine = next((node for node in by_type["Patient"] if node["id"] == patient), None)
    if mine is None:
        raise NotFoundError(Issue(code="not-found", message="portal.no-such-patient"))
    return Chart(mine, dict(by_type), page.next is None)


def _sort(page: api.Page, by_type: defaultdict[str, list[Node]]) -> None:
    for node in (*page.matches, *page.includes):
        by_type[node["resourceType"]].append(node)
