"""The OpenAPI document: what there is to call, and whether an answer is one that it promises."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from apps.api.openapi import OnceGenerator

METHODS = ("get", "post", "put", "patch", "delete")
_PARAMETER = re.compile(r"\{\w+\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One call of the document."""

    name: str
    method: str
    path: str
    """As the document writes it: `/api/v1/media/videos/{id}/why/`."""
    facts: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def is_open(self) -> bool:
        """Whether nobody needs to be signed in."""
        return {} in self.facts.get("security", [{}])

    @property
    def parameter_path(self) -> str | None:
        """The path up to its parameter, which says whose id that is; None if it has none."""
        match = _PARAMETER.search(self.path)
        return self.path[: match.end()] if match else None

    def rights(self, scheme: str) -> list[str] | None:
        """Return what a caller needs who signs in like this; None: that does not do."""
        for requirement in self.facts.get("security", ()):
            if scheme in requirement:
                return list(requirement[scheme])
        return None

    def address(self, value: object = "") -> str:
        return _PARAMETER.sub(str(value), self.path)

    def query_names(self) -> list[str]:
        return [parameter["name"] for parameter in self.facts.get("parameters", ()) if parameter["in"] == "query"]

    def error_codes(self, status: str) -> list[str]:
        """Return the codes with which an answer of this status may come; none for a success."""
        schema = _resolved(self.facts["responses"][status]).get("content", {}).get("application/json", {})
        parts = schema.get("schema", {}).get("allOf", [])
        return [code for part in parts for code in part.get("properties", {}).get("code", {}).get("enum", [])]

    def body_schema(self) -> Mapping[str, Any] | None:
        content = self.facts.get("requestBody", {}).get("content", {})
        return _resolved(content["application/json"]["schema"]) if content else None

    def body(self) -> Any:
        """Return the document's example of a request body; None where there is none."""
        schema = self.body_schema()
        return schema["examples"][0] if schema else None


@cache
def document() -> dict[str, Any]:
    """Return the document as the server publishes it."""
    made = OnceGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]
    # As its readers get it: with texts instead of Django's lazy ones.
    plain: dict[str, Any] = json.loads(json.dumps(made, default=str))
    return plain


@cache
def operations() -> tuple[Operation, ...]:
    """Return every call, in the document's order."""
    return tuple(_operations())


def check_answer(method: str, path: str, answer: Any) -> None:
    """Assert that an answer is one that the document promises for this call; what is no call of it may be anything."""
    operation = _operation_at(method.upper(), path.partition("?")[0])
    if operation is None:
        return
    promised = operation.facts["responses"].get(str(answer.status_code))
    assert promised is not None, f"{operation} answered {answer.status_code}, undocumented: {answer.content[:500]!r}"
    content = _resolved(promised).get("content", {})
    if not content:
        assert answer.content == b"", f"{operation} answered a body: {answer.content[:500]!r}"
        return
    media_type = answer.headers["Content-Type"].partition(";")[0]
    assert media_type in content, f"{operation} answered {media_type}"
    if media_type == "application/json":
        schema = content[media_type]["schema"]
        errors = [error.message for error in validator_of(schema).iter_errors(answer.json())]
        assert not errors, f"{operation} answered {answer.status_code} in another shape: {errors}"


def validator_of(schema: Mapping[str, Any]) -> Draft202012Validator:
    """Return what holds a value against one of the document's schemas."""
    return _validator_of(json.dumps(schema))


@cache
def _validator_of(schema: str) -> Draft202012Validator:
    rooted = {"components": document()["components"], **json.loads(schema)}
    return Draft202012Validator(rooted, format_checker=Draft202012Validator.FORMAT_CHECKER)


def _operations() -> Iterator[Operation]:
    for path, methods in document()["paths"].items():
        for method in METHODS:
            if method in methods:
                facts = methods[method]
                yield Operation(name=facts["operationId"], method=method.upper(), path=path, facts=facts)


@cache
def _routes() -> tuple[tuple[re.Pattern[str], Operation], ...]:
    # Addresses without a parameter first: `events/` is no video's id.
    ordered = sorted(operations(), key=lambda operation: operation.parameter_path is not None)
    return tuple((re.compile(_PARAMETER.sub("[^/]+", operation.path)), operation) for operation in ordered)


def _operation_at(method: str, path: str) -> Operation | None:
    at = (operation for pattern, operation in _routes() if operation.method == method and pattern.fullmatch(path))
    return next(at, None)


def _resolved(part: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in part:
        return part
    found: Any = document()
    for name in part["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return _resolved(found)
