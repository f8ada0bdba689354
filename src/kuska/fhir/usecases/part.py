"""`_summary` and `_elements` of a single resource. https://hl7.org/fhir/R4/search.html#elements"""

from __future__ import annotations

from kuska.fhir.domain.call import Call
from kuska.fhir.domain.query import pairs
from kuska.fhir.domain.subsetting import shown, subset_of
from kuska.fhir.usecases.record import Answer, Record
from kuska.kit.errors import IncorrectError, Issue
from kuska.kit.json import decode, encode

_KNOWN = ("_elements", "_summary", "_format", "_pretty")


def cut(record: Record, call: Call, answer: Answer) -> Answer:
    """The part of the answer's resource that the query asks for; anything else in the query is an error."""
    params = pairs(call.query)
    refuse_unknown(call, params, _KNOWN)
    wanted = subset_of(params)
    if answer.body and not wanted.whole:
        answer.body = encode(shown(decode(answer.body), record.definitions, wanted))
    return answer


def refuse_unknown(call: Call, params: list[tuple[str, str]], known: tuple[str, ...]) -> None:
    """A misspelt parameter must not silently answer another question. `Prefer: handling=lenient` passes it over."""
    unknown = [name for name, _ in params if name not in known]
    if unknown and not call.prefer.lenient:
        allowed = ", ".join(known)
        raise IncorrectError(
            *(
                Issue(
                    code="not-supported",
                    message="interaction.unknown-parameter",
                    params={"name": name[:64], "allowed": allowed},
                )
                for name in unknown
            )
        )
