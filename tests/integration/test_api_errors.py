"""Promises about every refusal: one form, two languages, an id to ask by, and nothing of the inside."""

import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import include, path, re_path
from rest_framework import serializers
from rest_framework.exceptions import Throttled
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.api import error_views
from apps.api.exception_handler import STATUS_OF
from apps.core import errors as core_errors
from apps.core import messages as core_messages
from apps.support.video.domain import errors as video_errors
from apps.support.video.domain import messages as video_messages
from libs.observability.logging import configure_logging

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


class OpenView(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)


class Inner(serializers.Serializer[Any]):
    size_bytes = serializers.IntegerField(min_value=1)


class EchoForm(serializers.Serializer[Any]):
    title = serializers.CharField(max_length=5)
    parts = Inner(many=True, required=False)


class EchoView(OpenView):
    def post(self, request: Request) -> Response:
        form = EchoForm(data=request.data)
        form.is_valid(raise_exception=True)
        return Response(form.validated_data)


class BrokenView(OpenView):
    def get(self, request: Request) -> Response:
        raise RuntimeError("secret of the inside")


class NoDatabaseView(OpenView):
    def get(self, request: Request) -> Response:
        raise OperationalError("connection to 10.0.0.7 failed")


class ThrottledView(OpenView):
    def get(self, request: Request) -> Response:
        raise Throttled(wait=1.2)


class EnqueueFailedView(OpenView):
    def get(self, request: Request) -> Response:
        raise video_errors.EnqueueFailed(video_id=12)


def page(_request: HttpRequest) -> HttpResponse:
    return HttpResponse("page")


urlpatterns = [
    path("api/v1/echo/", EchoView.as_view()),
    path("api/v1/broken/", BrokenView.as_view()),
    path("api/v1/no-database/", NoDatabaseView.as_view()),
    path("api/v1/throttled/", ThrottledView.as_view()),
    path("api/v1/enqueue-failed/", EnqueueFailedView.as_view()),
    path("api/v1/auth/", include("apps.core.urls")),
    re_path(r"^page$", page),
]
handler400 = error_views.bad_request
handler403 = error_views.permission_denied
handler404 = error_views.not_found
handler500 = error_views.internal_error


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


@pytest.fixture
def log_lines() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level, configuration = list(root.handlers), root.level, structlog.get_config()
    stream = io.StringIO()
    configure_logging("INFO", "json", stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**configuration)


def post(client: Client, body: bytes | str, content_type: str = "application/json") -> Any:
    return client.generic("POST", "/api/v1/echo/", body, content_type)


def lines_of(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


class TestForm:
    def test_a_field_error_names_the_field_in_korean_by_default(self, client: Client) -> None:
        answer = post(client, "{}")

        assert answer.status_code == 400
        body = answer.json()
        assert body.pop("request_id") == answer.headers["X-Request-ID"]
        assert body == {
            "code": "invalid_request",
            "detail": "요청에 잘못된 값이 있습니다.",
            "hint": "fields에 적힌 항목을 고쳐 다시 보내 주세요.",
            "fields": {"title": ["이 필드는 필수 항목입니다."]},
        }
        assert "Accept-Language" in answer.headers["Vary"]

    @pytest.mark.parametrize(
        ("accept", "detail"),
        [
            ("en", "There is nothing here."),
            ("en-US,en;q=0.9,ko;q=0.8", "There is nothing here."),
            ("fr, en;q=0.5", "There is nothing here."),
            ("ko-KR,ko;q=0.9,en;q=0.8", "찾을 수 없습니다."),
            ("fr", "찾을 수 없습니다."),
            ("*", "찾을 수 없습니다."),
            (";;q=", "찾을 수 없습니다."),
            ("en;q=0.1,ko;q=0.9", "찾을 수 없습니다."),
        ],
    )
    def test_the_language_is_the_callers_first_that_we_speak(self, client: Client, accept: str, detail: str) -> None:
        answer = client.get("/api/v1/nothing/", headers={"Accept-Language": accept})
        assert (answer.status_code, answer.json()["detail"]) == (404, detail)

    def test_field_messages_follow_the_language_too(self, client: Client) -> None:
        answer = client.post("/api/v1/echo/", {}, "application/json", headers={"Accept-Language": "en"})
        assert answer.json()["fields"] == {"title": ["This field is required."]}

    def test_nested_fields_have_a_path(self, client: Client) -> None:
        answer = post(client, json.dumps({"title": "ok", "parts": [{"size_bytes": 1}, {"size_bytes": 0}]}))
        assert set(answer.json()["fields"]) == {"parts.1.size_bytes"}

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{",
            b"title=x",
            b'{"title": NaN}',
            b"\xff\xfe",
            b'"\xed\xa0\x80"',
            b"[" * 100_000,
            b'{"title": ' + b"9" * 5000 + b"}",
        ],
        ids=["empty", "cut", "form", "nan", "utf16", "surrogate", "deep", "huge-number"],
    )
    def test_what_is_not_json_is_said_to_be(self, client: Client, body: bytes) -> None:
        answer = post(client, body)
        expected = "invalid_request" if body == b"" else "invalid_json"
        assert (answer.status_code, answer.json()["code"]) == (400, expected)

    @pytest.mark.parametrize("body", ["[]", '"x"', "1", "null", "true"])
    def test_json_that_is_no_object_is_an_invalid_request(self, client: Client, body: str) -> None:
        answer = post(client, body)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")

    def test_another_charset_does_not_break_it(self, client: Client) -> None:
        answer = post(client, '{"title": "강의"}'.encode(), "application/json; charset=klingon")
        assert (answer.status_code, answer.json()) == (200, {"title": "강의"})

    @pytest.mark.parametrize("content_type", ["text/plain", "multipart/form-data; boundary=x", "application/xml", "x"])
    def test_another_content_type_is_415(self, client: Client, content_type: str) -> None:
        answer = post(client, b"{}", content_type)
        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")

    def test_a_large_body_is_refused_unread(self, client: Client) -> None:
        answer = post(client, b'{"title": "' + b"x" * 1024 * 1024 + b'"}')
        assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")
        assert "1048576" in answer.json()["hint"]

    def test_another_method_is_405_and_names_the_right_ones(self, client: Client) -> None:
        answer = client.put("/api/v1/echo/", {}, "application/json")
        assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
        assert "PUT" in answer.json()["detail"]
        assert answer.headers["Allow"] == "POST, OPTIONS"

    def test_json_comes_back_whatever_was_asked_for(self, client: Client) -> None:
        answer = client.get("/api/v1/throttled/", headers={"Accept": "text/html"})
        assert answer.headers["Content-Type"] == "application/json"

    def test_too_many_requests_say_when_to_come_back(self, client: Client) -> None:
        answer = client.get("/api/v1/throttled/")
        assert (answer.status_code, answer.json()["code"]) == (429, "throttled")
        assert answer.headers["Retry-After"] == "2"

    def test_a_failed_enqueue_is_503_and_says_when_to_come_back(self, client: Client) -> None:
        answer = client.get("/api/v1/enqueue-failed/")
        assert (answer.status_code, answer.json()["code"]) == (503, "VIDEO_UPLOAD_ENQUEUE_FAILED")
        assert answer.headers["Retry-After"] == "5"

    def test_a_missing_slash_is_a_404_whose_hint_names_it(self, client: Client) -> None:
        answer = client.post("/api/v1/echo", {}, "application/json")
        assert answer.status_code == 404
        assert "/" in answer.json()["hint"]

    def test_a_wrong_host_is_400(self, client: Client) -> None:
        answer = client.get("/api/v1/throttled/", headers={"Host": "evil.example"})
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


class TestFailures:
    def test_a_bug_is_500_and_says_nothing_of_the_inside(self, client: Client, log_lines: io.StringIO) -> None:
        answer = client.get("/api/v1/broken/")

        assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
        assert "secret of the inside" not in answer.content.decode()
        request_id = answer.json()["request_id"]
        assert request_id == answer.headers["X-Request-ID"]
        (traceback,) = [line for line in lines_of(log_lines) if "exception" in line]
        assert "secret of the inside" in traceback["exception"]
        assert traceback["request_id"] == request_id

    def test_a_database_that_is_down_is_503_and_may_be_tried_again(self, client: Client) -> None:
        answer = client.get("/api/v1/no-database/")
        assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
        assert answer.headers["Retry-After"] == "2"
        assert "10.0.0.7" not in answer.content.decode()

    def test_outside_the_api_an_error_is_a_sentence(self, client: Client) -> None:
        answer = client.get("/nowhere", headers={"Accept-Language": "en"})
        assert (answer.status_code, answer.headers["Content-Type"]) == (404, "text/plain; charset=utf-8")
        assert answer.content.decode().startswith("There is nothing here.")


class TestRequestId:
    def test_a_sane_id_is_taken_over(self, client: Client) -> None:
        answer = client.get("/page", headers={"X-Request-ID": "lb-01.abc_DEF-42"})
        assert answer.headers["X-Request-ID"] == "lb-01.abc_DEF-42"

    @pytest.mark.parametrize(
        "given", ["short", "x" * 129, "with space1", "<script>alert", "a" * 8 + "\n", "아이디아이디아이디"]
    )
    def test_any_other_is_replaced(self, client: Client, given: str) -> None:
        answer = client.get("/page", headers={"X-Request-ID": given})
        assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["X-Request-ID"])

    def test_one_line_says_what_the_request_was(self, client: Client, log_lines: io.StringIO) -> None:
        client.get("/api/v1/throttled/?X-Amz-Signature=abc", headers={"X-Request-ID": "request-1234"})

        (line,) = [line for line in lines_of(log_lines) if line["event"] == "request_finished"]
        assert isinstance(line.pop("duration_ms"), float)
        assert line.pop("timestamp")
        assert line.pop("size_bytes") > 0
        assert line == {
            "level": "info",
            "event": "request_finished",
            "message": "GET /api/v1/throttled/ 429",
            "request_id": "request-1234",
            "method": "GET",
            "path": "/api/v1/throttled/",
            "route": "api/v1/throttled/",
            "status": 429,
            "code": "throttled",
        }

    def test_a_playback_token_is_not_logged(self, client: Client, log_lines: io.StringIO) -> None:
        client.get("/playback/secret-token/master.m3u8")
        assert "secret-token" not in log_lines.getvalue()
        assert "/playback/[redacted]/master.m3u8" in log_lines.getvalue()


def subclasses(base: type[Any]) -> set[type[Any]]:
    return {kind for child in base.__subclasses__() for kind in {child, *subclasses(child)}}


class TestCatalogues:
    def test_every_error_has_a_status_and_a_text_in_both_languages(self) -> None:
        for kind in subclasses(core_errors.CoreError):
            assert kind.code in STATUS_OF
            assert set(core_messages.TEXTS[kind.code]) == {"ko", "en"}
        for kind in subclasses(video_errors.VideoError):
            assert kind.code in STATUS_OF
            assert set(video_messages.TEXTS[kind.code]) == {"ko", "en"}

    def test_every_status_belongs_to_a_text(self) -> None:
        for code in STATUS_OF:
            assert code in core_messages.TEXTS or code in video_messages.TEXTS

    def test_no_text_is_empty_and_the_languages_differ(self) -> None:
        for texts in core_messages.TEXTS.values():
            assert all(part.strip() for text in texts.values() for part in text)
            assert texts["ko"] != texts["en"]
