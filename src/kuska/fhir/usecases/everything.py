"""$everything of a patient or an encounter. https://hl7.org/fhir/R4/operation-patient-everything.html"""

from __future__ import annotations

from typing import Any, Literal, cast

from kuska.fhir.domain.call import Call, Node
from kuska.fhir.domain.search.request import EverythingRequest, Parameter
from kuska.fhir.usecases.checking import wrong_type
from kuska.fhir.usecases.record import Answer, Record
from kuska.fhir.usecases.search import parameters, searchset
from kuska.kit.errors import IncorrectError, Issue


async def perform(record: Record, call: Call) -> Answer:
    params = _one_type_list([*parameters(call), *(_given(call.node) if call.node is not None else ())])
    type_ = cast('Literal["Patient", "Encounter"]', call.type)
    handling = "lenient" if call.prefer.lenient else "strict"
    request = EverythingRequest(type=type_, id=call.id, parameters=params, handling=handling)
    page = await record.search.everything(request)
    return Answer(200, searchset(record, call, page, f"{call.type}/{call.id}/$everything", params))


def _given(node: Node) -> list[Parameter]:
    """The body of a POST: a Parameters resource, each parameter one plain value. Which names there are is said later."""
    if node.get("resourceType") != "Parameters":
        raise wrong_type(node, "Parameters")
    given: Any = node.get("parameter", [])
    if not isinstance(given, list):
        raise _unreadable("Parameters.parameter")
    return [_parameter(item, f"Parameters.parameter[{index}]") for index, item in enumerate(cast("list[Any]", given))]


def _parameter(item: Any, place: str) -> Parameter:
    if not isinstance(item, dict):
        raise _unreadable(place)
    members = cast("Node", item)
    name = members.get("name")
    values = [value for key, value in members.items() if key.startswith("value")]
    if not isinstance(name, str) or len(members) != 2 or len(values) != 1:
        raise _unreadable(place)
    if isinstance(values[0], bool) or not isinstance(values[0], str | int):
        raise _unreadable(place)
    return name, str(values[0])


def _unreadable(place: str) -> IncorrectError:
    return IncorrectError(Issue(code="structure", message="interaction.parameter-shape", expression=place))


def _one_type_list(params: list[Parameter]) -> tuple[Parameter, ...]:
    """`_type` may repeat, as operation parameters do: all that are named, not what they have in common."""
    types = [value for name, value in params if name == "_type"]
    rest = [(name, value) for name, value in params if name != "_type"]
    return (*rest, ("_type", ",".join(types))) if types else tuple(rest)
