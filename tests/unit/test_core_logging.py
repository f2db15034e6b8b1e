"""Promises to whoever reads the logs: one JSON line an event, and no credential in any of them."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from libs.observability.logging import LogFormat, configure_logging
from libs.observability.redaction import redact_text
from libs.observability.tracing import span

KEY = "avk_demo1234_" + "s" * 43


@pytest.fixture
def restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, configuration = list(root.handlers), root.level, structlog.get_config()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**configuration)


class Lines:
    def __init__(self, format: LogFormat = "json", level: str = "INFO") -> None:
        self._stream = io.StringIO()
        configure_logging(level, format, self._stream)

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    def only(self) -> dict[str, Any]:
        (line,) = self.text.splitlines()
        parsed: dict[str, Any] = json.loads(line)
        return parsed


@pytest.mark.usefixtures("restored_logging")
class TestLogLines:
    def test_our_event_is_one_json_line(self) -> None:
        lines = Lines()
        structlog.get_logger().info("job_succeeded", job_id="j1", title="강의 1")

        line = lines.only()
        assert line.pop("timestamp").endswith("Z")
        assert line == {
            "level": "info",
            "event": "job_succeeded",
            "message": "job_succeeded",
            "job_id": "j1",
            "title": "강의 1",
        }

    def test_a_line_within_a_trace_names_it_and_others_do_not(self) -> None:
        lines = Lines()
        with span("work", parent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"):
            structlog.get_logger().info("inside")
        assert lines.only()["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
        others = Lines()
        logging.getLogger("django").warning("outside")
        assert "trace_id" not in others.only()

    def test_an_alarms_wording_stays_word_for_word_in_message(self) -> None:
        lines = Lines()
        structlog.get_logger().info("job_sent", message="Video 12 enqueue to SQS academy-video-jobs", video_id=12)

        assert lines.only()["message"] == "Video 12 enqueue to SQS academy-video-jobs"

    def test_a_librarys_line_takes_the_same_form(self) -> None:
        lines = Lines()
        logging.getLogger("some.library").warning("took %d s", 3)

        line = lines.only()
        assert (line["level"], line["event"], line["message"]) == ("warning", "some.library", "took 3 s")

    def test_bound_context_is_on_every_line(self) -> None:
        lines = Lines()
        with structlog.contextvars.bound_contextvars(request_id="r-1"):
            logging.getLogger("some.library").error("down")

        assert lines.only()["request_id"] == "r-1"

    def test_levels_below_the_chosen_one_are_not_written(self) -> None:
        lines = Lines(level="WARNING")
        structlog.get_logger().info("noise")
        logging.getLogger("botocore").info("noise")

        assert lines.text == ""

    def test_a_traceback_is_inside_the_line_and_redacted(self) -> None:
        lines = Lines()
        try:
            raise RuntimeError(f"GET http://s3/x?X-Amz-Signature=abc123&a=1 with {KEY}")
        except RuntimeError:
            structlog.get_logger().exception("job_failed")

        line = lines.only()
        assert "RuntimeError" in line["exception"]
        assert "abc123" not in lines.text
        assert KEY not in lines.text

    def test_a_field_that_is_named_like_a_secret_is_blanked(self) -> None:
        lines = Lines()
        structlog.get_logger().info("login", password="hunter2", authorization="Basic eHg=", token="t0k")

        assert "hunter2" not in lines.text
        assert "eHg=" not in lines.text
        assert "t0k" not in lines.text

    def test_nested_values_are_redacted_too(self) -> None:
        lines = Lines()
        structlog.get_logger().info("sent", request={"headers": [{"Auth": f"Bearer {KEY}"}]})

        assert "s" * 43 not in lines.text
        assert lines.only()["request"] == {"headers": [{"Auth": "Bearer avk_demo1234_[redacted]"}]}

    def test_the_console_form_is_redacted_as_well(self) -> None:
        lines = Lines(format="console")
        structlog.get_logger().info("sent", key=KEY)

        assert "sent" in lines.text
        assert "s" * 43 not in lines.text


@pytest.mark.parametrize(
    ("secret", "text"),
    [
        ("abc", "https://s3/o?X-Amz-Credential=me&X-Amz-Signature=abc"),
        ("abc%2F", "https://s3/o?X-Amz-Credential=abc%2F20260101&X-Amz-Expires=60"),
        ("abcdef", "https://s3/o?x-amz-security-token=abcdef"),
        ("abcdef", "https://cdn/o?Expires=1&Signature=abcdef"),
        ("eyJhbGciOi", "authorization: bearer eyJhbGciOi.x.y"),
        ("tok-en", "GET /playback/tok-en/master.m3u8 200"),
        ("hunter2", "postgresql://academy:hunter2@db/academy"),
    ],
)
def test_credentials_in_text_are_redacted(secret: str, text: str) -> None:
    assert secret not in redact_text(text)
    assert "[redacted]" in redact_text(text)


def test_ordinary_text_is_left_alone() -> None:
    text = 'PUT http://127.0.0.1:8333/academy-video/tenants/1/video/raw/2/a.mp4?partNumber=1 "ok"'
    assert redact_text(text) == text
