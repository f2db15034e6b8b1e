"""
Makes the types of the API's answers, for the calls that the client makes:
`python clients/python/answers.py > clients/python/src/academy_video/answers.py`.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/reference/openapi.yaml"
VIDEOS = "/api/v1/media/videos/"
CALLS = {
    "init": ("post", "upload/init/"),
    "describe": ("get", "{id}/upload/"),
    "refresh": ("post", "{id}/upload/refresh-url/"),
    "stored_parts": ("get", "{id}/upload/multipart/parts/"),
    "sign_parts": ("post", "{id}/upload/multipart/presign/"),
    "complete": ("post", "{id}/upload/complete/"),
    "video": ("get", "{id}/"),
    "quota": ("get", "quota/"),
}
"""By the method of `Api` whose answer it is."""

HEADER = '''"""
What the API answers, as its document says.

Made by `python clients/python/answers.py` from docs/reference/openapi.yaml; a test holds that it is up to date. A
server that is newer than this client may send fields beside these.
"""

from typing import Literal, NotRequired, TypedDict
'''
_TYPES = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
_WIDTH = 112


def module() -> str:
    """Return the module's text."""
    document = yaml.safe_load(DOCUMENT.read_text(encoding="utf-8"))
    schemas = document["components"]["schemas"]
    order: dict[str, None] = {}
    for name in answers(document).values():
        _visit(name, schemas, order)
    enums = [name for name in order if "enum" in schemas[name]]
    objects = [name for name in order if "properties" in schemas[name]]
    text = HEADER + "\n" + "\n".join(f"{_python_name(name)} = {_type_of(schemas[name])}" for name in enums) + "\n"
    text += "".join(f"\n\n{_class_of(name, schemas[name])}" for name in objects)
    return text if "NotRequired[" in text else text.replace("NotRequired, ", "")


def answers(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the schema of each call's answer, by the method of `Api`."""
    return {
        name: _reference(_answer_of(document["paths"][VIDEOS + path][method])) for name, (method, path) in CALLS.items()
    }


def _answer_of(operation: Mapping[str, Any]) -> Mapping[str, Any]:
    (answer,) = (answer for status, answer in operation["responses"].items() if status.startswith("2"))
    schema: Mapping[str, Any] = answer["content"]["application/json"]["schema"]
    return schema


def _visit(name: str, schemas: Mapping[str, Any], order: dict[str, None]) -> None:
    """Put a schema behind those that it stands on."""
    if name in order:
        return
    for found in _references(schemas[name]):
        _visit(found, schemas, order)
    order[name] = None


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield _reference(schema)
        for key, value in schema.items():
            if key != "examples":
                yield from _references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _references(value)


def _reference(schema: Mapping[str, Any]) -> str:
    return str(schema["$ref"]).rsplit("/", 1)[1]


def _python_name(name: str) -> str:
    return "None" if name == "NullEnum" else name.removesuffix("Enum")


def _type_of(schema: Mapping[str, Any]) -> str:
    match schema:
        case {"$ref": _}:
            text = _python_name(_reference(schema))
        case {"enum": values}:
            text = f"Literal[{', '.join(map(_quoted, values))}]"
        case {"oneOf": choices}:
            text = " | ".join(map(_type_of, choices))
        case {"type": [*kinds]}:
            text = " | ".join(_type_of({**schema, "type": kind}) for kind in kinds)
        case {"type": "array", "items": items}:
            text = f"list[{_type_of(items)}]"
        case {"type": "object", "additionalProperties": values}:
            text = f"dict[str, {_type_of(values)}]"
        case _:
            text = _TYPES[schema["type"]]
    return text


def _quoted(value: str) -> str:
    return f'"{value}"'


def _class_of(name: str, schema: Mapping[str, Any]) -> str:
    lines = [f"class {_python_name(name)}(TypedDict):", *_documented(schema), ""]
    for field, described in schema["properties"].items():
        kind = _type_of(described)
        lines.append(f"    {field}: {kind if field in schema['required'] else f'NotRequired[{kind}]'}")
        lines += _documented(described)
    return "\n".join(lines) + "\n"


def _documented(schema: Mapping[str, Any]) -> list[str]:
    # The values of an enumeration stand below, and in the type.
    text = schema.get("description", "").partition("\n\n")[0]
    if not text:
        return []
    lines = textwrap.wrap(text, _WIDTH)
    if len(lines) == 1:
        return [f'    """{lines[0]}"""']
    return ['    """', *(f"    {line}" for line in lines), '    """']


if __name__ == "__main__":
    sys.stdout.write(module())
