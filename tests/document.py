"""The OpenAPI document, as those read it who call the service."""

import json
from collections.abc import Iterator
from typing import Any

from flask import Flask

_METHOD_NAMES = {"get", "post", "put", "patch", "delete"}


def served(app: Flask) -> Any:
    """The document as a client gets it, without a token."""
    answer = app.test_client().get("/openapi.json")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    return json.loads(answer.get_data())


def operations(document: Any) -> Iterator[tuple[str, str, Any]]:
    """Every operation: its path, method and description."""
    for path, members in document["paths"].items():
        for method in members.keys() & _METHOD_NAMES:
            yield path, method, members[method]


def resolved(document: Any, part: Any) -> Any:
    """What `part` says, or what it refers to."""
    while "$ref" in part:
        _, _, kind, name = part["$ref"].split("/")
        part = document["components"][kind][name]
    return part


def example_body(operation: Any) -> Any:
    """The body that the document shows for an operation; None where it takes none."""
    return operation["requestBody"]["content"]["application/json"]["example"] if "requestBody" in operation else None


def address(document: Any, path: str, **known: str) -> str:
    """`path` with its parameters filled in: those that are not `known` get a value of their type."""
    for parameter in document["paths"][path].get("parameters", []):
        schema = parameter["schema"]
        plain = "1" if schema["type"] == "integer" else "x"
        value = "00000000-0000-4000-8000-000000000000" if schema.get("format") == "uuid" else plain
        path = path.replace(f"{{{parameter['name']}}}", known.get(parameter["name"], value))
    return path
