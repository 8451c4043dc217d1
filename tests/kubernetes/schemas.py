"""JSON schemas of a cluster's kinds, in files as kubeconform looks for them, made from its own OpenAPI document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Schema = dict[str, Any]
INT_OR_STRING = {"oneOf": [{"type": "string"}, {"type": "integer"}]}


def write_schemas(document: Schema, folder: Path) -> None:
    """Write a schema for each kind of an OpenAPI 2 document, as `kind-group-version.json`; a group's first word counts.

    Each is strict: a field that the cluster does not know is refused.
    """
    definitions = {name: _strict(schema) for name, schema in document["definitions"].items()}
    for name, schema in definitions.items():
        for kind in document["definitions"][name].get("x-kubernetes-group-version-kind", []):
            group = [kind["group"].split(".")[0]] if kind["group"] else []
            file = folder / ("-".join([kind["kind"], *group, kind["version"]]).lower() + ".json")
            file.write_text(json.dumps({**schema, "definitions": _needed(schema, definitions)}))


def _strict(schema: Any) -> Any:
    """A schema without any field that it does not name, and with Kubernetes' own types in words of JSON Schema."""
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("format") == "int-or-string" or schema.get("x-kubernetes-int-or-string"):
        return INT_OR_STRING
    found = {name: _strict(value) for name, value in schema.items() if not name.startswith("x-kubernetes-")}
    open_ended = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
    if isinstance(schema.get("properties"), dict) and not open_ended:
        found["additionalProperties"] = False
    return found


def _needed(schema: Schema, definitions: dict[str, Schema]) -> dict[str, Schema]:
    """The definitions that a schema refers to, and those that they refer to."""
    found: dict[str, Schema] = {}
    left = _references(schema)
    while left:
        name = left.pop()
        if name not in found:
            found[name] = definitions[name]
            left |= _references(definitions[name])
    return found


def _references(schema: Any) -> set[str]:
    if isinstance(schema, list):
        return set().union(*map(_references, schema))
    if not isinstance(schema, dict):
        return set()
    own = {str(schema["$ref"]).rpartition("/")[2]} if isinstance(schema.get("$ref"), str) else set()
    return own.union(*map(_references, schema.values()))
