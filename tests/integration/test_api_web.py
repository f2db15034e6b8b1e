"""Promises about everything that is not the API's JSON: health, the web app, its headers, the OpenAPI document."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import override_settings
from django.utils.translation import get_language
from drf_spectacular.generators import SchemaGenerator

from apps.api.config.content_security import content_security_policy
from apps.api.openapi import OnceGenerator

pytestmark = pytest.mark.django_db


@pytest.fixture
def web_root(tmp_path: Path, settings: Any) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>Academy Video</title>")
    (tmp_path / "assets" / "index-Ab12Cd34.js").write_text("export {}")
    (tmp_path / "favicon.svg").write_text("<svg/>")
    settings.ACADEMY_WEB_ROOT = tmp_path
    settings.WHITENOISE_ROOT = str(tmp_path)
    return tmp_path


class TestHealth:
    def test_it_is_well_while_the_database_answers(self, client: Client) -> None:
        answer = client.get("/healthz")
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})

    def test_it_is_unavailable_when_the_database_does_not(self, client: Client) -> None:
        def refuse(*_args: Any) -> Any:
            from django.db import OperationalError

            raise OperationalError("gone")

        with connection.execute_wrapper(refuse):
            answer = client.get("/healthz")
        assert (answer.status_code, answer.json()) == (503, {"status": "unavailable", "dependency": "database"})


class TestWebApp:
    @pytest.mark.usefixtures("web_root")
    @pytest.mark.parametrize("path", ["/", "/videos/12", "/login?next=/", "/강의"])
    def test_every_page_is_the_app_and_is_never_cached(self, client: Client, path: str) -> None:
        answer = client.get(path)
        assert answer.status_code == 200
        assert b"Academy Video" in answer.content
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert answer.headers["Cache-Control"] == "no-cache"

    @pytest.mark.usefixtures("web_root")
    def test_a_hashed_asset_is_kept_for_ever(self, client: Client) -> None:
        answer = client.get("/assets/index-Ab12Cd34.js")
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("text/javascript")
        assert "immutable" in answer.headers["Cache-Control"]

    @pytest.mark.usefixtures("web_root")
    def test_an_asset_that_is_gone_is_404_and_no_page(self, client: Client) -> None:
        assert client.get("/assets/index-Zz99Zz99.js").status_code == 404

    @pytest.mark.usefixtures("web_root")
    def test_other_files_are_asked_for_again(self, client: Client) -> None:
        answer = client.get("/favicon.svg")
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "max-age=0, public")

    @pytest.mark.usefixtures("web_root")
    def test_nothing_outside_the_app_is_served(self, client: Client, tmp_path: Path) -> None:
        (tmp_path.parent / "outside.txt").write_text("secret")
        for path in ("/../outside.txt", "/assets/../../outside.txt", "/%2e%2e/outside.txt"):
            assert b"secret" not in b"".join(client.get(path))

    def test_an_app_that_is_not_built_says_what_to_do(self, client: Client, tmp_path: Path) -> None:
        with override_settings(ACADEMY_WEB_ROOT=tmp_path / "missing"):
            answer = client.get("/")
        assert answer.status_code == 503
        assert "npm run build" in answer.content.decode()

    def test_pages_are_not_for_posting(self, client: Client) -> None:
        assert client.post("/videos/12").status_code == 405


class TestHeaders:
    def test_every_answer_carries_the_security_headers(self, client: Client) -> None:
        for path in ("/", "/healthz", "/api/v1/nothing/"):
            headers = client.get(path).headers
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Referrer-Policy"] == "same-origin"
            assert "default-src 'self'" in headers["Content-Security-Policy"]

    def test_the_apis_answers_are_kept_out_of_caches(self, client: Client) -> None:
        assert client.get("/api/v1/auth/session/").headers["Cache-Control"] == "no-store"

    def test_the_policy_allows_what_playing_and_uploading_need(self) -> None:
        policy = dict(
            directive.split(" ", 1)
            for directive in content_security_policy(
                storage_endpoint_url="http://127.0.0.1:8333/", region="us-east-1", bucket="academy-video"
            ).split("; ")
        )
        # Of WebAssembly only: no inline script, no eval.
        assert policy["script-src"] == "'self' 'wasm-unsafe-eval'"
        assert policy["media-src"] == "'self' blob: http://127.0.0.1:8333"
        assert policy["worker-src"] == "'self' blob:"
        assert policy["connect-src"] == "'self' http://127.0.0.1:8333"
        assert policy["img-src"] == "'self' data: blob: http://127.0.0.1:8333"
        assert policy["frame-ancestors"] == "'none'"

    def test_without_an_endpoint_the_policy_names_the_buckets_own_host(self) -> None:
        policy = content_security_policy(storage_endpoint_url=None, region="ap-northeast-2", bucket="lectures")
        assert "https://lectures.s3.ap-northeast-2.amazonaws.com" in policy


class TestOpenApi:
    @pytest.fixture
    def document(self, client: Client) -> dict[str, Any]:
        answer = client.get("/api/v1/schema/")
        assert answer.status_code == 200
        document: dict[str, Any] = json.loads(answer.content)
        return document

    def test_it_is_made_once_for_each_language_whoever_asks(self, client: Client, monkeypatch: Any) -> None:
        made: list[str | None] = []
        make: Any = SchemaGenerator.get_schema

        def counted(*arguments: Any) -> Any:
            made.append(get_language())
            return make(*arguments)

        monkeypatch.setattr(SchemaGenerator, "get_schema", counted)
        monkeypatch.setattr(OnceGenerator, "_made", {})
        for language in ("ko", "en", "ko", "en"):
            answer = client.get("/api/v1/schema/", headers={"Accept-Language": language})
            assert answer.json()["openapi"] == "3.1.0"
        assert made == ["ko-kr", "en"]

    def test_every_operation_can_answer_our_error(self, document: dict[str, Any]) -> None:
        assert document["components"]["schemas"]["Error"]["required"] == ["code", "detail", "hint", "request_id"]
        for operations in document["paths"].values():
            for operation in operations.values():
                refusals = {code: answer for code, answer in operation["responses"].items() if code >= "400"}
                assert "500" in refusals
                for answer in refusals.values():
                    shared = document["components"]["responses"][answer["$ref"].rpartition("/")[2]]
                    error, codes = shared["content"]["application/json"]["schema"]["allOf"]
                    assert error == {"$ref": "#/components/schemas/Error"}
                    assert codes["properties"]["code"]["enum"]

    def test_both_ways_to_sign_in_are_described(self, document: dict[str, Any]) -> None:
        schemes = document["components"]["securitySchemes"]
        assert schemes["apiKey"]["scheme"] == "bearer"
        assert schemes["session"]["name"] == "academy_session"

    def test_the_session_is_typed(self, document: dict[str, Any]) -> None:
        answer = document["paths"]["/api/v1/auth/session/"]["get"]["responses"]["200"]
        assert answer["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Session"}
