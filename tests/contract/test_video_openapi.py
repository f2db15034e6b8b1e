"""Promises to client authors: the published document is valid, complete, and the one that the server lives by."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer
from drf_spectacular.validation import validate_schema

from apps.support.video.domain.actions import VideoAction
from apps.support.video.domain.lifecycle import VideoStatus
from tests.support import contract
from tests.support.contract import operations, validator_of

PUBLISHED = Path(__file__).resolve().parents[2] / "docs" / "reference" / "openapi.yaml"
PREFIX = "/api/v1/media/videos/"


def generate() -> dict[str, Any]:
    document: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return document


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return generate()


def test_it_is_valid_and_was_made_without_a_guess(document: dict[str, Any]) -> None:
    validate_schema(document)  # type: ignore[no-untyped-call]
    assert not GENERATOR_STATS


def test_it_is_the_published_one(document: dict[str, Any]) -> None:
    """After a change: `manage.py spectacular --validate --file docs/reference/openapi.yaml`, and the types from it."""
    text = OpenApiYamlRenderer().render(document, renderer_context={})  # type: ignore[no-untyped-call]
    assert yaml.safe_load(text) == yaml.safe_load(PUBLISHED.read_text("utf-8"))


def test_two_runs_give_the_same_document(document: dict[str, Any]) -> None:
    assert generate() == document


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("", {"get"}),
        ("{id}/", {"get", "patch", "delete"}),
        ("upload/init/", {"post"}),
        ("{id}/upload/refresh-url/", {"post"}),
        ("{id}/upload/complete/", {"post"}),
        ("{id}/retry/", {"post"}),
        ("{id}/cancel/", {"post"}),
        ("{id}/progress/", {"get"}),
        ("{id}/timeline/", {"get"}),
        ("{id}/why/", {"get"}),
        ("{id}/playback/", {"post"}),
        ("{id}/download/", {"post"}),
        ("{id}/move/", {"post"}),
        ("bulk/", {"post"}),
        ("sessions/", {"get"}),
        ("events/", {"get"}),
        ("events/stream/", {"get"}),
    ],
)
def test_every_call_that_clients_rely_on_is_in_it(document: dict[str, Any], path: str, methods: set[str]) -> None:
    operations = document["paths"][PREFIX + path]
    assert methods <= set(operations)
    for method in methods:
        assert any(code.startswith("2") for code in operations[method]["responses"])


def test_every_call_says_who_may_make_it_and_how_it_ends() -> None:
    for operation in operations():
        codes = {code for status in operation.facts["responses"] for code in operation.error_codes(status)}
        assert {"throttled", "internal_error", "service_unavailable"} <= codes, operation
        assert operation.is_open or {"not_authenticated", "invalid_api_key", "permission_denied"} <= codes, operation
        assert operation.is_open or operation.rights("session"), operation
        assert any(status.startswith("2") for status in operation.facts["responses"]), operation


def test_every_example_is_of_its_schema() -> None:
    components = contract.document()["components"]
    shown = [(name, schema["examples"][0]) for name, schema in components["schemas"].items() if "examples" in schema]
    shown += [("Error", example["value"]) for example in components["examples"].values()]
    for name, example in shown:
        validator_of({"$ref": f"#/components/schemas/{name}"}).validate(example)
    assert {operation.body() is None for operation in operations() if operation.body_schema()} == {False}


def test_words_that_clients_switch_on_are_listed(document: dict[str, Any]) -> None:
    words = {word for enum in enums(document["components"]["schemas"]) for word in enum}
    assert {status.value for status in VideoStatus} <= words
    assert {action.value for action in VideoAction} <= words


def enums(node: Any) -> list[list[Any]]:
    if isinstance(node, dict):
        own = [node["enum"]] if isinstance(node.get("enum"), list) else []
        return own + [enum for child in node.values() for enum in enums(child)]
    if isinstance(node, list):
        return [enum for child in node for enum in enums(child)]
    return []
