"""The CapabilityStatement, made from what is there: definitions, parameters the search answers, operations. Pure.

https://hl7.org/fhir/R4/capabilitystatement.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from kuska.fhir.domain.definitions.model import Definitions, SearchParameter
from kuska.fhir.domain.search.canonicals import holds_canonicals, nameable
from kuska.fhir.domain.search.naming import SPECIAL, Names
from kuska.fhir.domain.search.problems import Refused
from kuska.kit.json import Node

_TYPE_INTERACTIONS = (
    "read", "vread", "update", "patch", "delete", "history-instance", "history-type", "create", "search-type",
)  # fmt: skip
_SYSTEM_INTERACTIONS = ("transaction", "batch", "search-system", "history-system")
# Has no SearchParameter of its own in R4: https://hl7.org/fhir/R4/search.html#list
_LIST: Node = {"name": "_list", "type": "string", "documentation": "Members of a List, by its id or List/id."}
_VALIDATE = "http://hl7.org/fhir/OperationDefinition/Resource-validate"
_EVERYTHING = "http://hl7.org/fhir/OperationDefinition/{}-everything"


@dataclass(frozen=True, slots=True)
class Server:
    version: str
    date: str  # of what is declared here, ISO 8601
    base: str
    issuer: str = ""  # where tokens come from; '' = security is off


def statement(definitions: Definitions, server: Server) -> Node:
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": server.date,
        "kind": "instance",
        "software": {"name": "Kuska", "version": server.version},
        "implementation": {"description": "Kuska, a FHIR R4 record on PostgreSQL", "url": server.base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "patchFormat": ["application/json-patch+json", "application/fhir+json"],
        "rest": [
            {
                "mode": "server",
                "documentation": _DOCUMENTATION,
                "security": _security(server),
                "resource": [_resource(definitions, type_) for type_ in definitions.resource_types],
                "interaction": [{"code": code} for code in _SYSTEM_INTERACTIONS],
                "searchParam": _system_parameters(definitions),
                "compartment": [
                    f"http://hl7.org/fhir/CompartmentDefinition/{name.lower()}" for name in definitions.compartments
                ],
            }
        ],
    }


def _security(server: Server) -> Node:
    """https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html"""
    if not server.issuer:
        return {"cors": False, "description": "Security is off: synthetic data only."}
    places = {name: f"{server.issuer}/oauth/{name}" for name in ("authorize", "token", "introspect", "revoke")}
    return {
        "cors": True,
        "service": [
            {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/restful-security-service",
                        "code": "SMART-on-FHIR",
                    }
                ],
                "text": "OAuth2 with SMART scopes v2 (http://hl7.org/fhir/smart-app-launch)",
            }
        ],
        "description": _SECURITY,
        "extension": [
            {
                "url": "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris",
                "extension": [{"url": name, "valueUri": url} for name, url in places.items()],
            }
        ],
    }


_SECURITY = (
    "What a caller may not see is not there: it is answered like an unknown id (404), and it is in no search, include, "
    "count, chain or history. History of a type or of everything is for callers who may see all of it. Ids are chosen "
    "(PUT to an unknown id) by callers who may create everything of the type. A conditional create or update "
    "meets what the caller sees; what is hidden changes no answer. AuditEvents are written by the server alone. The purpose "
    "of use is taken from the header X-Purpose-Of-Use, from the token, or from the caller's role."
)
_DOCUMENTATION = (
    "JSON only. Unknown search parameters are errors, or ignored with `Prefer: handling=lenient`. References are not "
    "checked for existence on write; a resource that others refer to can be deleted. Conditional references are resolved "
    "in transactions and refused elsewhere. Conditional interactions that match several resources change nothing and "
    "answer 412; conditional creates that share an identifier come one behind the other, those with entirely different "
    "conditions do not. Invalid resources are answered 422, malformed JSON 400."
)


def offered(definitions: Definitions, type_: str) -> list[SearchParameter]:
    """The parameters of a type that the search answers, as the search itself sees it."""
    names = Names(definitions)
    found: list[SearchParameter] = []
    for code, parameter in definitions.search[type_].items():
        if code in SPECIAL or _answered(names, type_, code):
            found.append(parameter)
    return sorted(found, key=lambda parameter: parameter.code)


def _answered(names: Names, type_: str, code: str) -> bool:
    try:
        names.parameter(type_, code)
    except Refused:
        return False
    return True


def _resource(definitions: Definitions, type_: str) -> Node:
    parameters = offered(definitions, type_)
    found: Node = {
        "type": type_,
        "profile": definitions.structures[type_].url,
        "interaction": [{"code": code} for code in _TYPE_INTERACTIONS],
        "versioning": "versioned",
        "readHistory": True,
        "updateCreate": True,
        "conditionalCreate": True,
        "conditionalRead": "full-support",
        "conditionalUpdate": True,
        "conditionalDelete": "single",
        "referencePolicy": ["literal", "logical"],
        "searchInclude": ["*", *_includes(definitions, type_)],
    }
    if reverse := _reverse_includes(definitions, type_):
        found["searchRevInclude"] = reverse
    found["searchParam"] = [*(_parameter(parameter) for parameter in parameters), _LIST]
    found["operation"] = [{"name": "validate", "definition": _VALIDATE}]
    if type_ in ("Patient", "Encounter"):
        found["operation"].append({"name": "everything", "definition": _EVERYTHING.format(type_)})
    return found


def _includes(definitions: Definitions, type_: str) -> list[str]:
    return [f"{type_}:{parameter.code}" for parameter in followed(definitions, type_)]


def _reverse_includes(definitions: Definitions, type_: str) -> list[str]:
    """Parameters of other types that are about this one; those that may point anywhere are left to `*`."""
    return [
        f"{source}:{parameter.code}"
        for source in definitions.resource_types
        for parameter in followed(definitions, source)
        if type_ in parameter.targets and (nameable(definitions, type_) or not holds_canonicals(definitions, parameter))
    ]


def followed(definitions: Definitions, type_: str) -> Sequence[SearchParameter]:
    """The parameters that lead from one resource to another: what `_include` and `_revinclude` follow."""
    known = _references.get((id(definitions), type_))
    if known is None:
        known = [parameter for parameter in offered(definitions, type_) if _leads(definitions, parameter)]
        _references[(id(definitions), type_)] = known
    return known


def _leads(definitions: Definitions, parameter: SearchParameter) -> bool:
    """A parameter for resources inside others is a reference to R4, too; nothing is found by following it."""
    if parameter.type != "reference":
        return False
    if holds_canonicals(definitions, parameter):
        return any(nameable(definitions, type_) for type_ in parameter.targets or definitions.resource_types)
    kinds = {_kind(definitions, parameter.base, branch) for branch in parameter.expression.split(" | ")}
    return kinds != {"Resource"}


_OF_TYPE = re.compile(r"\.ofType\((\w+)\)")
_FILTER = re.compile(r"\.where\(.*\)|\[\d+\]")


def _kind(definitions: Definitions, type_: str, expression: str) -> str:
    """The type at the end of a plain path; 'Reference' for one that is not plain."""
    if named := _OF_TYPE.search(expression):
        return named[1]
    found = type_
    for name in _FILTER.sub("", expression.strip(" ()")).split(".")[1:]:
        structure = definitions.structures.get(found)
        element = structure.elements.get(name) if structure is not None else None
        if element is None:
            return "Reference"
        found = element.type
    return found


# Asked for every pair of types: 146 × 146.
_references: dict[tuple[int, str], list[SearchParameter]] = {}


def _parameter(parameter: SearchParameter) -> Node:
    found: Node = {"name": parameter.code, "type": parameter.type}
    if parameter.url:
        found["definition"] = parameter.url
    return found


def _system_parameters(definitions: Definitions) -> list[Node]:
    """What every type can be asked for can be asked of all."""
    common = [parameter for parameter in offered(definitions, "Basic") if parameter.code.startswith("_")]
    return [*(_parameter(parameter) for parameter in common), _LIST]
