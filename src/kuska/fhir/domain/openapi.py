"""A compact OpenAPI document of the API, for tools that explore or test it. Pure.

A few types stand for all of them (they differ in names only); the CapabilityStatement is the complete description.
"""

from __future__ import annotations

from kuska.fhir.domain.capability import Server, offered
from kuska.fhir.domain.definitions.model import Definitions
from kuska.kit.json import Node

TYPES = ("Patient", "Observation", "Encounter", "Organization")
_JSON = "application/fhir+json"
_ID: Node = {
    "name": "id", "in": "path", "required": True,
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9-][A-Za-z0-9.-]{0,63}$"},
}  # fmt: skip
_VERSION: Node = {
    "name": "version", "in": "path", "required": True, "schema": {"type": "string", "pattern": "^[1-9][0-9]{0,5}$"},
}  # fmt: skip

# For every request that is about somebody; who gives none has the token's purpose or the role's first.
_PURPOSE: Node = {
    "name": "X-Purpose-Of-Use", "in": "header", "required": False,
    "description": "What the request is for: a code of http://terminology.hl7.org/CodeSystem/v3-ActReason. One that the "
    "caller's role does not have is refused (403).",
    "schema": {"type": "string", "pattern": "^[A-Z]{1,20}$"},
}  # fmt: skip


def document(definitions: Definitions, server: Server) -> Node:
    paths: Node = {
        "/metadata": {"get": _operation("capabilities", "metadata", [200])},
        "/": {"post": {**_operation("bundle", "bundle", [200]), "requestBody": _body("Bundle")}},
        "/_history": {"get": {**_operation("history-system", "history", [200]), "parameters": _paging()}},
    }
    for type_ in TYPES:
        paths.update(_paths(definitions, type_))
    if server.issuer:
        for path in paths.keys() - {"/metadata"}:
            paths[path]["parameters"] = [_PURPOSE]
    return {
        "openapi": "3.0.3",
        "info": {"title": "Kuska FHIR R4", "version": server.version},
        "servers": [{"url": server.base}],
        "paths": paths,
        "components": {"schemas": _schemas()},
    }


def _paths(definitions: Definitions, type_: str) -> Node:
    search = [_query(parameter.code) for parameter in offered(definitions, type_)]
    search += [_query(name) for name in ("_count", "_sort", "_total", "_summary", "_elements")]
    instance = [_ID]
    return {
        f"/{type_}": {
            "get": {**_operation(f"search-{type_}", "search", [200]), "parameters": search},
            "post": {**_operation(f"create-{type_}", "create", [201, 200]), "requestBody": _body(type_)},
        },
        f"/{type_}/_history": {"get": {**_operation(f"history-{type_}", "history", [200]), "parameters": _paging()}},
        f"/{type_}/{{id}}": {
            "get": {**_operation(f"read-{type_}", "read", [200, 304]), "parameters": instance},
            "put": {
                **_operation(f"update-{type_}", "update", [200, 201]),
                "parameters": instance,
                "requestBody": _body(type_),
            },
            "patch": {
                **_operation(f"patch-{type_}", "patch", [200]),
                "parameters": instance,
                "requestBody": {"required": True, "content": {"application/json-patch+json": {"schema": _PATCH}}},
            },
            "delete": {**_operation(f"delete-{type_}", "delete", [200, 204]), "parameters": instance},
        },
        f"/{type_}/{{id}}/_history": {
            "get": {**_operation(f"history-one-{type_}", "history", [200]), "parameters": [*instance, *_paging()]}
        },
        f"/{type_}/{{id}}/_history/{{version}}": {
            "get": {**_operation(f"vread-{type_}", "vread", [200, 304]), "parameters": [*instance, _VERSION]}
        },
    }


def _operation(id_: str, summary: str, good: list[int]) -> Node:
    responses: Node = {
        str(status): {"description": summary, "content": {_JSON: {"schema": {"$ref": "#/components/schemas/Resource"}}}}
        if status not in (204, 304)
        else {"description": summary}
        for status in good
    }
    responses["default"] = {
        "description": "What went wrong",
        "content": {_JSON: {"schema": {"$ref": "#/components/schemas/OperationOutcome"}}},
    }
    return {"operationId": id_, "responses": responses}


def _query(name: str) -> Node:
    return {"name": name, "in": "query", "required": False, "schema": {"type": "string"}}


def _paging() -> list[Node]:
    return [_query(name) for name in ("_since", "_count")]


def _body(type_: str) -> Node:
    schema: Node = {
        "type": "object",
        "required": ["resourceType"],
        "properties": {"resourceType": {"type": "string", "enum": [type_]}},
    }
    return {"required": True, "content": {_JSON: {"schema": schema}}}


_PATCH: Node = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["op", "path"],
        "properties": {
            "op": {"type": "string", "enum": ["add", "remove", "replace", "move", "copy", "test"]},
            "path": {"type": "string"},
            "from": {"type": "string"},
            "value": {},
        },
    },
}


def _schemas() -> Node:
    issue: Node = {
        "type": "object",
        "required": ["severity", "code"],
        "properties": {
            "severity": {"type": "string", "enum": ["fatal", "error", "warning", "information"]},
            "code": {"type": "string", "minLength": 1},
            "diagnostics": {"type": "string", "minLength": 1},
            "expression": {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}},
        },
    }
    return {
        "Resource": {
            "type": "object",
            "required": ["resourceType"],
            "properties": {"resourceType": {"type": "string", "minLength": 1}},
        },
        "OperationOutcome": {
            "type": "object",
            "required": ["resourceType", "issue"],
            "properties": {
                "resourceType": {"type": "string", "enum": ["OperationOutcome"]},
                "issue": {"type": "array", "minItems": 1, "items": issue},
            },
        },
    }
