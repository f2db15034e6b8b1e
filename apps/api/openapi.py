"""What the generated OpenAPI document cannot know by itself: who may call, and what each call may refuse."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from threading import Lock
from typing import Any, ClassVar

from django.utils.translation import get_language
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema

from apps.api.exception_handler import STATUS_OF
from apps.api.openapi_examples import add_examples, error_example, sentence_of
from apps.core.idempotency import HEADER as IDEMPOTENCY_KEY
from apps.core.permissions import Rights
from apps.core.refusals import ERROR_CODES

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
_RETRY_AFTER = {"description": "Seconds to wait before the call is repeated.", "schema": {"type": "integer"}}
_HEADERS_OF: dict[int, dict[str, Any]] = {
    429: {"Retry-After": _RETRY_AFTER},
    503: {"Retry-After": _RETRY_AFTER},
}

_METHODS = frozenset({"get", "put", "post", "patch", "delete"})
_OF_EVERY_CALL = ("bad_request", "throttled", "internal_error", "service_unavailable")
_OF_A_KEY = ("invalid_idempotency_key", "idempotency_in_progress", "idempotency_key_reused")
_OF_A_BODY = ("invalid_json", "invalid_request", "payload_too_large", "unsupported_media_type")


def register() -> None:
    """Importing this module registers the extensions; the call says so where it happens."""


class OnceGenerator(SchemaGenerator):
    """Makes the document once for each language: making it costs ten times what handing it out does."""

    _made: ClassVar[dict[str, dict[str, Any]]] = {}
    # It reads views through state that threads share.
    _one_at_a_time: ClassVar[Lock] = Lock()

    def get_schema(self, request: Any = None, public: bool = False) -> dict[str, Any]:
        language = get_language() or ""
        with self._one_at_a_time:
            if language not in self._made:
                self._made[language] = super().get_schema(request, public)  # type: ignore[no-untyped-call]
            return self._made[language]


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "apps.core.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, _auto_schema: Any) -> dict[str, Any]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "avk_<prefix>_<secret>",
            "description": "A key acts for one tenant; each call lists the scopes that the key must have.",
        }


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "apps.core.authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, _auto_schema: Any) -> dict[str, Any]:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": "academy_session",
            "description": (
                "Writes also need the csrftoken cookie's value in the header X-CSRFToken. Each call lists the least "
                "role that it takes: viewer, staff, owner; operators run the installation."
            ),
        }


class ContractSchema(AutoSchema):
    """Says of every operation which scopes a key needs and which role a person."""

    def get_auth(self) -> list[dict[str, list[str]]]:
        """Return who may call: for each way of signing in, the rights that it must bring."""
        asked: list[Rights] = [
            permission.rights(self.method)
            for permission in self.view.get_permissions()
            if hasattr(permission, "rights")
        ]
        schemes: list[dict[str, list[str]]] = super().get_auth()
        if not asked:
            return schemes
        rights = {"session": [asked[-1].role]}
        scopes = {right.scope for right in asked}
        if None not in scopes:
            rights["apiKey"] = sorted(scope for scope in scopes if scope is not None)
        return [{name: rights[name]} for scheme in schemes for name in scheme if name in rights]


def complete_document(result: dict[str, Any], **_context: Any) -> dict[str, Any]:
    """List each operation's refusals by status and code, and give examples (drf-spectacular hook)."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {})["Error"] = _ERROR_SCHEMA
    components["responses"], used = {}, set()
    for operations in result.get("paths", {}).values():
        for method, operation in operations.items():
            if method in _METHODS:
                codes = _codes_of(method, operation)
                used |= codes
                operation["responses"] |= _refusals(codes, components["responses"])
    components["examples"] = {code: {"value": error_example(code)} for code in sorted(used)}
    add_examples(result)
    return result


def _codes_of(method: str, operation: dict[str, Any]) -> set[str]:
    codes = {*_OF_EVERY_CALL, *operation.pop(ERROR_CODES, ())}
    places = {parameter["in"] for parameter in operation.get("parameters", ())}
    codes |= {"not_found"} if "path" in places else set()
    codes |= {"invalid_request"} if "query" in places else set()
    codes |= {"payload_too_large"} if method != "get" else set()
    codes |= set(_OF_A_BODY) if "requestBody" in operation else set()
    if any(parameter["name"] == IDEMPOTENCY_KEY for parameter in operation.get("parameters", ())):
        codes |= {*_OF_A_KEY, "unsupported_media_type", "invalid_json"}
    if {} not in operation.get("security", [{}]):
        codes |= {"not_authenticated", "invalid_api_key", "permission_denied"}
        codes |= {"csrf_failed"} if method != "get" else set()
    return codes


def _refusals(codes: Iterable[str], shared: dict[str, Any]) -> dict[str, Any]:
    """Return the answers that carry these codes; equal ones are kept once, in `shared`."""
    by_status: dict[int, list[str]] = defaultdict(list)
    for code in sorted(codes):
        by_status[STATUS_OF[code]].append(code)
    answers = {}
    for status, same in sorted(by_status.items()):
        name = ".".join((str(status), *same))
        shared.setdefault(name, _refusal(status, same))
        answers[str(status)] = {"$ref": f"#/components/responses/{name}"}
    return answers


def _refusal(status: int, codes: list[str]) -> dict[str, Any]:
    schema = {"allOf": [{"$ref": "#/components/schemas/Error"}, {"properties": {"code": {"enum": codes}}}]}
    examples = {code: {"$ref": f"#/components/examples/{code}"} for code in codes}
    return {
        "description": "\n".join(f"- `{code}`: {sentence_of(code)}" for code in codes),
        **({"headers": _HEADERS_OF[status]} if status in _HEADERS_OF else {}),
        "content": {"application/json": {"schema": schema, "examples": examples}},
    }
