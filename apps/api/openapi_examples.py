"""Examples for the OpenAPI document, made from its schemas: none can be missing or say what a schema does not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.api.exception_handler import STATUS_OF
from apps.core import messages as core_messages
from apps.support.video.domain import messages as video_messages
from apps.support.video.domain.errors import VideoError

_REFERENCE = "#/components/schemas/"
_MOMENT = "2026-03-02T12:00:00Z"
_UUID = "6f1c3f0e-8f0b-4b53-9c0a-2f6f4d0c7a11"

_BY_NAME: Mapping[str, Any] = {
    "id": 12,
    "video": 12,
    "video_id": 12,
    "video_ids": [12, 13],
    "title": "1강 오리엔테이션",
    "session": "1주차",
    "filename": "lecture.mp4",
    "content_type": "video/mp4",
    "extension": "exe",
    "size_bytes": 104_857_600,
    "limit_bytes": 274_877_906_944,
    "stored_bytes": 104_000_000,
    "declared_bytes": 104_857_600,
    "missing_parts": [7],
    "missing_part_count": 1,
    "part_count": 13,
    "part_number": 7,
    "part_numbers": [7, 8],
    "checksums": ["rosUhgp5mIg=", "AAAAAAAAAAA="],
    "checksum_crc64nvme": "rosUhgp5mIg=",
    "checksum_crc32": "",
    "duration_seconds": 2710.4,
    "username": "minji",
    "display_name": "김민지",
    "password": "correct horse battery staple",
    "code": "demo",
    "detail": "queued",
    "actor": "user:3",
    "prefix": "3f9a2b1c",
    "name": "데모 학원",
    "key": "avk_3f9a2b1c_<43 characters>",
    "scopes": ["videos:read", "videos:write"],
    "status": "PENDING",
    "action": "move",
    "limit": "stored_bytes",
    "used": 1_000_000_000,
    "allowed": 1_073_741_824,
    "requested": 104_857_600,
    "cause_code": "INPUT_NOT_VIDEO",
    "checksum_algorithm": "CRC64NVME",
    "method": "PUT",
    "job_id": _UUID,
    "url": "https://lms.example.com/hooks/video",
    "event_types": ["job_succeeded", "job_failed"],
    "event_type": "job_succeeded",
    "message_id": "evt_1d2afb6a13c9e63f11d803f28a7fd14b",
    "secret": "whsec_<44 characters>",
    "fault": "scheme",
    "most": 10,
}
_OF_TEXTS = ("method", "extension", "size_bytes", "limit_bytes", "fault", "most")
"""What sentences name beside an error's public fields."""

_BY_FORMAT: Mapping[str, Any] = {
    "date-time": _MOMENT,
    "uuid": _UUID,
    "uri": "https://storage.example.com/object?signed",
}
_BY_TYPE: Mapping[str, Any] = {
    "string": "text",
    "integer": 1,
    "number": 1.5,
    "boolean": True,
    "null": None,
    "object": {},
}
_LEFT_OUT: Mapping[str, frozenset[str]] = {"BulkRequest": frozenset({"policy"})}
"""Fields that the others of the same example exclude."""


def add_examples(document: dict[str, Any]) -> None:
    """Give an example to every schema that is a whole request or answer."""
    schemas = document["components"]["schemas"]
    for name in sorted(_whole_bodies(document)):
        example = _example_of(schemas[name], schemas)
        for field in _LEFT_OUT.get(name, ()):
            del example[field]
        schemas[name]["examples"] = [example]


def error_example(code: str) -> dict[str, Any]:
    """Return what a refusal with this code looks like."""
    error = _video_errors().get(code)
    params = {name: _BY_NAME[name] for name in (*_OF_TEXTS, *(error.public_params if error else ()))}
    text: core_messages.Text | video_messages.Text
    if code in core_messages.TEXTS:
        text = core_messages.text(code, "ko", **params)
    else:
        text = video_messages.error_text(code, "ko", params)
    body = {"code": code, "detail": text.detail, "hint": text.hint, "request_id": "0c2f6a7d5f6e4b0f9d6b3d1a7e5c2b48"}
    if code == "invalid_request":
        return body | {"fields": {"title": ["이 필드는 blank일 수 없습니다."]}}
    return body | ({name: params[name] for name in error.public_params} if error else {})


def sentence_of(code: str) -> str:
    """Return what a code means, in English."""
    texts = core_messages.TEXTS if code in core_messages.TEXTS else video_messages.TEXTS
    return str(texts[code]["en"].detail)


def _whole_bodies(document: dict[str, Any]) -> set[str]:
    found: set[str] = set()
    for operations in document["paths"].values():
        for operation in operations.values():
            for part in (operation.get("requestBody", {}), *operation["responses"].values()):
                for media in part.get("content", {}).values():
                    schema = media["schema"]
                    reference = schema.get("$ref") or schema.get("items", {}).get("$ref", "")
                    found |= {reference.removeprefix(_REFERENCE)} if reference else set()
    return found


def _example_of(schema: Mapping[str, Any], schemas: Mapping[str, Any], name: str = "") -> Any:
    schema = _resolved(schema, schemas)
    if "enum" in schema:
        return _BY_NAME[name] if _BY_NAME.get(name) in schema["enum"] else schema["enum"][0]
    kinds = schema.get("type", "object")
    kind = kinds if isinstance(kinds, str) else kinds[0]
    if kind == "object":
        return {inner: _example_of(part, schemas, inner) for inner, part in schema.get("properties", {}).items()}
    sample = _BY_NAME.get(name)
    if sample is not None and isinstance(sample, _PYTHON_TYPES[kind]) and "format" not in schema:
        return sample
    if "default" in schema:
        return schema["default"]
    if kind == "array":
        return [_example_of(schema["items"], schemas, name)]
    return _BY_FORMAT.get(schema.get("format", ""), _BY_TYPE[kind])


_PYTHON_TYPES: Mapping[str, Any] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "null": type(None),
}


def _resolved(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow references; of alternatives take the first."""
    while True:
        if "$ref" in schema:
            schema = schemas[schema["$ref"].removeprefix(_REFERENCE)]
        elif choices := schema.get("oneOf") or schema.get("allOf") or schema.get("anyOf"):
            schema = choices[0]
        else:
            return schema


def _video_errors() -> dict[str, type[VideoError]]:
    return {error.code: error for error in VideoError.__subclasses__() if error.code in STATUS_OF}
