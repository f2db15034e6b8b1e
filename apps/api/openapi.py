"""What the generated OpenAPI document cannot know by itself: how to sign in, and what an error looks like."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension

_ERROR_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["code", "detail", "hint", "request_id"],
    "properties": {
        "code": {"type": "string", "description": "Stable; decide by this one."},
        "detail": {"type": "string", "description": "What happened, in the language of Accept-Language (ko, en)."},
        "hint": {"type": "string", "description": "What to do next."},
        "request_id": {"type": "string", "description": "Also in the X-Request-ID header."},
        "fields": {
            "type": "object",
            "description": "Only with `invalid_request`: messages by field.",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
        },
    },
    # Some codes carry more, such as the video whose status refused the call.
    "additionalProperties": True,
}

_METHODS = frozenset({"get", "put", "post", "patch", "delete"})


def register() -> None:
    """Importing this module registers the extensions; the call says so where it happens."""


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "apps.core.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, _auto_schema: Any) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "avk_<prefix>_<secret>"}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "apps.core.authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, _auto_schema: Any) -> dict[str, Any]:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": "academy_session",
            "description": "Writes also need the csrftoken cookie's value in the header X-CSRFToken.",
        }


def add_error_answers(result: dict[str, Any], **_context: Any) -> dict[str, Any]:
    """Let every operation answer an error, unless it says itself what its default is (drf-spectacular hook)."""
    result.setdefault("components", {}).setdefault("schemas", {})["Error"] = _ERROR_SCHEMA
    answer = {
        "description": "Refused or failed",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }
    for operations in result.get("paths", {}).values():
        for method, operation in operations.items():
            if method in _METHODS:
                operation["responses"].setdefault("default", answer)
    return result
