"""Promises to the uploader: every answer of init and complete, over the real API, storage, prober and queue."""

import itertools
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import httpx
import pytest
from django.db import connections
from pytest_django import Settings

from apps.core.models import Tenant
from apps.support.outbox.relay import drain_once
from apps.support.video import wiring
from apps.support.video.domain.contracts import TranscodeMessage
from apps.support.video.domain.errors import PresignedGetFailed
from apps.support.video.models import Video, VideoEvent, VideoTranscodeJob, VideoUpload
from apps.support.video.services.ingest import expire_upload
from libs.clock import FixedClock, SystemClock
from libs.media.ffprobe import ProbeCrashed, ProbeTimeout, SourceUnreadable
from libs.s3_client.client import StorageDenied
from tests.support.api import Api, nothing_changes, put, stored_keys, upload_fields
from tests.support.queue import purge_queue, waiting_bodies
from tests.support.video_files import clip, subtitles_only, truncated_clip
from tests.support.videos import MemoryStorage, Pipeline, all_rows, messages_of

pytestmark = pytest.mark.django_db

CLOSED_PORT = "http://127.0.0.1:1"


@pytest.fixture
def tenant() -> Tenant:
    return Tenant.objects.create(code="demo", name="데모 학원")


@pytest.fixture
def api(tenant: Tenant, s3_engine: None, sqs_engine: None) -> Iterator[Api]:
    purge_queue()
    yield Api(tenant)
    wiring.storage().delete_prefix(f"tenants/{tenant.pk}/")


class Reach:
    """Whether the application reaches a server: it does, until `cut`."""

    def __init__(self, settings: Settings, names: Sequence[str], *, rewire: Callable[[], None]) -> None:
        self._settings = settings
        self._was = {name: getattr(settings, name) for name in names}
        self._rewire = rewire

    def cut(self) -> None:
        self._set(dict.fromkeys(self._was, CLOSED_PORT))

    def restore(self) -> None:
        self._set(self._was)

    def _set(self, values: Mapping[str, object]) -> None:
        for name, value in values.items():
            setattr(self._settings, name, value)
        self._rewire()


@pytest.fixture
def queue_reach(settings: Settings, rewire: Callable[[], None]) -> Reach:
    return Reach(settings, ["SQS_ENDPOINT_URL"], rewire=rewire)


@pytest.fixture
def storage_reach(settings: Settings, rewire: Callable[[], None]) -> Reach:
    return Reach(settings, ["S3_ENDPOINT_URL", "S3_PUBLIC_ENDPOINT_URL"], rewire=rewire)


def upload_of(video_id: int) -> VideoUpload:
    return VideoUpload.objects.across_tenants().get(video_id=video_id)


def job_of(video_id: int) -> VideoTranscodeJob:
    return VideoTranscodeJob.objects.across_tenants().get(video_id=video_id)


def event_names(video_id: int) -> list[str]:
    events = VideoEvent.objects.across_tenants().filter(video_id=video_id).order_by("id")
    return list(events.values_list("name", flat=True))


def expire(video_id: int) -> None:
    expire_upload(upload=upload_of(video_id), actor="reconciler", now=SystemClock().now())


def refused(answer: Any, status: int, code: str) -> dict[str, Any]:
    """Assert that the answer is this refusal in our form, and return its JSON."""
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["code"]) == (status, code), body
    assert body["detail"]
    assert body["hint"]
    assert body["request_id"] == answer.headers["X-Request-ID"]
    return body


POLICY = {"allow_skip": False, "max_speed": 1.25, "watermark": True}


class TestInit:
    def test_an_announced_upload_is_a_pending_video_and_a_url_for_its_bytes(self, api: Api, tenant: Tenant) -> None:
        answer = api.post("upload/init/", upload_fields(session="3월", size_bytes=1234, policy=POLICY))
        body = answer.json()
        video, upload = body["video"], body["upload"]

        assert answer.status_code == 201
        assert (video["title"], video["session"], video["position"]) == ("1강 오리엔테이션", "3월", 1)
        assert (video["status"], video["filename"], video["size_bytes"]) == ("PENDING", "lecture.mp4", 1234)
        assert video["policy"] == POLICY
        assert (video["job_id"], video["failure"], video["progress"], video["thumbnail_url"]) == (None,) * 4
        assert video["allowed_actions"] == ["complete", "refresh_url", "update", "delete"]
        assert body["file_key"].startswith(f"tenants/{tenant.pk}/video/raw/{video['id']}/")
        assert body["content_type"] == "video/mp4"
        assert (upload["strategy"], upload["method"], upload["part_count"]) == ("single", "PUT", None)
        assert upload["headers"] == {"Content-Type": "video/mp4", "If-None-Match": "*"}
        assert event_names(video["id"]) == ["upload_started"]

    def test_its_url_takes_exactly_the_announced_bytes(self, api: Api) -> None:
        ticket = api.init(b"x" * 100)
        assert put(ticket, b"x" * 99) >= 400
        assert put(ticket, b"x" * 101) >= 400
        assert put(ticket, b"x" * 100) == 200
        assert put(ticket, b"y" * 100) == 412

    def test_positions_count_up_within_a_session(self, api: Api) -> None:
        positions = [
            api.init(b"x", session=session)["video"]["position"] for session in ("3월", "3월", "4월", "", "3월")
        ]
        assert positions == [1, 2, 1, 1, 3]

    @pytest.mark.parametrize(
        ("filename", "shown"),
        [
            ("강의 1강 (최종).mp4", "강의 1강 (최종).mp4"),
            ('it\'s "quoted" & <b>bold</b>.mp4', 'it\'s "quoted" & <b>bold</b>.mp4'),
            ("../../../etc/passwd.mp4", "../../../etc/passwd.mp4"),
            ("..\\..\\windows.mp4", "..\\..\\windows.mp4"),
            ("/absolute/path.mp4", "/absolute/path.mp4"),
            ("가" * 296 + ".mp4", "가" * 296 + ".mp4"),
            ("x" * 496 + ".mp4", "x" * 496 + ".mp4"),
            ("percent%2e%2e%2f.mp4", "percent%2e%2e%2f.mp4"),
            ("line\nbreak.mp4", "line\nbreak.mp4"),
            ("emoji🎬.MP4", "emoji🎬.MP4"),
            ("\u202emp4.exe.mp4", "\u202emp4.exe.mp4"),
        ],
    )
    def test_a_hostile_file_name_is_shown_as_it_is_and_never_reaches_storage(
        self, api: Api, tenant: Tenant, filename: str, shown: str
    ) -> None:
        ticket = api.init(b"x" * 10, filename=filename)
        assert ticket["video"]["filename"] == shown
        key = ticket["file_key"]
        assert key.startswith(f"tenants/{tenant.pk}/video/raw/{ticket['video']['id']}/")
        assert key.isascii()
        assert ".." not in key
        assert key.count("/") == 5
        assert put(ticket, b"x" * 10) == 200
        assert stored_keys(tenant) == [key]

    @pytest.mark.parametrize(
        ("changes", "fields"),
        [
            ({"title": None}, ["title"]),
            ({"title": ""}, ["title"]),
            ({"title": "   "}, ["title"]),
            ({"title": 5}, ["title"]),
            ({"title": ["a"]}, ["title"]),
            ({"title": {"a": 1}}, ["title"]),
            ({"title": "x" * 201}, ["title"]),
            ({"title": "nul\x00"}, ["title"]),
            ({"title": "half a pair \ud800"}, ["title"]),
            ({"filename": None}, ["filename"]),
            ({"filename": ""}, ["filename"]),
            ({"filename": 7}, ["filename"]),
            ({"filename": "nul\x00.mp4"}, ["filename"]),
            ({"filename": "x" * 497 + ".mp4"}, ["filename"]),
            ({"size_bytes": None}, ["size_bytes"]),
            ({"size_bytes": "1000"}, ["size_bytes"]),
            ({"size_bytes": 1000.0}, ["size_bytes"]),
            ({"size_bytes": 1.5}, ["size_bytes"]),
            ({"size_bytes": True}, ["size_bytes"]),
            ({"size_bytes": [1]}, ["size_bytes"]),
            ({"content_type": 5}, ["content_type"]),
            ({"content_type": None}, ["content_type"]),
            ({"content_type": "video/" + "x" * 100}, ["content_type"]),
            ({"session": 3}, ["session"]),
            ({"policy": {"watermark": True}}, ["policy.allow_skip", "policy.max_speed"]),
            ({"session": "x" * 101}, ["session"]),
            ({"title": None, "filename": 1, "size_bytes": "a"}, ["filename", "size_bytes", "title"]),
        ],
    )
    def test_a_wrong_field_is_named_and_nothing_is_made(
        self, api: Api, changes: dict[str, Any], fields: list[str]
    ) -> None:
        with nothing_changes():
            body = refused(api.post("upload/init/", upload_fields(**changes)), 400, "invalid_request")
        assert sorted(body["fields"]) == fields
        assert all(messages for messages in body["fields"].values())

    def test_every_missing_field_is_named_at_once(self, api: Api) -> None:
        with nothing_changes():
            body = refused(api.post("upload/init/", {}), 400, "invalid_request")
        assert sorted(body["fields"]) == ["filename", "size_bytes", "title"]

    @pytest.mark.parametrize("body", [b"", b"not json", b"{", b"\xff\xfe", b"[" * 100_000, b'{"title": "a",}'])
    def test_what_is_not_json_is_refused(self, api: Api, body: bytes) -> None:
        with nothing_changes():
            answer = api.post("upload/init/", body)
        assert answer.status_code == 400
        assert answer.json()["code"] in {"invalid_json", "invalid_request"}

    @pytest.mark.parametrize("body", [[], [1], "text", 5, True, None])
    def test_json_that_is_no_object_is_refused(self, api: Api, body: Any) -> None:
        with nothing_changes():
            refused(api.post("upload/init/", json.dumps(body).encode()), 400, "invalid_request")

    @pytest.mark.parametrize("size_bytes", [0, -1, -(2**70), 5 * 1024**5, 2**63, 2**70])
    def test_a_size_that_is_not_allowed_is_413_with_the_limit(self, api: Api, size_bytes: int) -> None:
        with nothing_changes():
            body = refused(api.post("upload/init/", upload_fields(size_bytes=size_bytes)), 413, "size_not_allowed")
        assert body["limit_bytes"] > 0

    def test_the_limit_itself_is_allowed_and_one_more_is_not(self, api: Api, settings: Settings) -> None:
        settings.VIDEO_MAX_UPLOAD_BYTES = 5000
        assert api.post("upload/init/", upload_fields(size_bytes=5000)).status_code == 201
        with nothing_changes():
            refused(api.post("upload/init/", upload_fields(size_bytes=5001)), 413, "size_not_allowed")

    @pytest.mark.parametrize(
        "changes",
        [
            {"filename": "notes.txt"},
            {"filename": "malware.exe", "content_type": "video/mp4"},
            {"filename": "playlist.m3u8", "content_type": "application/vnd.apple.mpegurl"},
            {"filename": "noextension"},
            {"content_type": "text/plain"},
            {"content_type": "image/svg+xml"},
            {"content_type": "video/mp4\r\nx-amz-acl: public-read"},
        ],
    )
    def test_what_is_no_video_by_name_or_type_is_415(self, api: Api, changes: dict[str, Any]) -> None:
        with nothing_changes():
            refused(api.post("upload/init/", upload_fields(**changes)), 415, "file_type_not_allowed")

    def test_a_repeat_with_the_same_key_is_the_same_upload(self, api: Api) -> None:
        """To the uploader: a lost answer costs no second video."""
        fields = upload_fields()
        first = api.post("upload/init/", fields, Idempotency_Key="once").json()
        with nothing_changes():
            again = api.post("upload/init/", fields, Idempotency_Key="once")
        assert (again.status_code, again.json()) == (201, first)


class TestRefreshUrl:
    def test_a_fresh_url_is_for_the_same_object(self, api: Api) -> None:
        body = b"x" * 10
        first = api.init(body)
        answer = api.post(f"{first['video']['id']}/upload/refresh-url/")
        fresh = answer.json()
        assert answer.status_code == 200
        assert (fresh["file_key"], fresh["upload"]["headers"]) == (first["file_key"], first["upload"]["headers"])
        assert put(fresh, body) == 200
        assert put(first, body) == 412

    def test_an_upload_past_its_deadline_gets_none(self, api: Api) -> None:
        video_id = api.init(b"x")["video"]["id"]
        VideoUpload.objects.across_tenants().filter(video_id=video_id).update(
            deadline_at=SystemClock().now() - timedelta(seconds=1)
        )
        with nothing_changes():
            refused(api.post(f"{video_id}/upload/refresh-url/"), 410, "upload_expired")
        assert "refresh_url" not in api.video(video_id)["allowed_actions"]

    def test_an_upload_that_is_over_gets_none(self, api: Api) -> None:
        video_id = api.upload(clip())
        assert api.complete(video_id).status_code == 200
        with nothing_changes():
            body = refused(api.post(f"{video_id}/upload/refresh-url/"), 409, "invalid_status")
        assert body["status"] == "UPLOADED"


class TestCompleted:
    def test_a_finished_upload_becomes_a_job_whose_message_is_in_the_queue(self, api: Api, tenant: Tenant) -> None:
        video_id = api.upload(clip())
        answer = api.complete(video_id)
        body = answer.json()
        job, upload = job_of(video_id), upload_of(video_id)

        assert answer.status_code == 200
        assert (body["job_id"], body["enqueue"], body["verification"]) == (str(job.pk), "sent", "verified")
        assert (body["video"]["status"], body["video"]["job_id"]) == ("UPLOADED", str(job.pk))
        assert body["video"]["allowed_actions"] == ["cancel", "download", "update", "delete"]
        assert body["video"]["duration_seconds"] == pytest.approx(1.0, abs=0.2)
        assert (upload.state, upload.verified) == ("ACCEPTED", True)
        assert upload.etag == wiring.storage().head(upload.file_key).etag
        assert (job.state, job.attempt_count) == ("QUEUED", 0)
        (message,) = messages_of(job)
        assert message.sent_at is not None
        (sent,) = waiting_bodies()
        assert TranscodeMessage.parse(sent) == TranscodeMessage(
            job_id=job.pk, video_id=video_id, tenant_id=tenant.pk, file_key=upload.file_key
        )
        assert event_names(video_id) == ["upload_started", "upload_completed", "job_created"]

    def test_the_success_is_logged_in_the_words_that_alarms_know(
        self, api: Api, settings: Settings, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        video_id = api.upload(clip())
        api.complete(video_id)
        assert f"Video {video_id} enqueue to SQS {settings.VIDEO_SQS_QUEUE_NAME}" in logged(caplog)

    def test_a_repeat_with_the_same_idempotency_key_gets_the_same_answer(self, api: Api) -> None:
        video_id = api.upload(clip())
        first = api.complete(video_id, Idempotency_Key="once")
        with nothing_changes():
            again = api.complete(video_id, Idempotency_Key="once")
        assert (again.status_code, again.json()) == (200, first.json())
        assert len(waiting_bodies()) == 1

    def test_a_repeat_without_one_is_told_that_it_is_done(self, api: Api) -> None:
        video_id = api.upload(clip())
        first = api.complete(video_id).json()
        with nothing_changes():
            body = refused(api.complete(video_id), 409, "invalid_status")
        assert (body["status"], body["job_id"], body["video_id"]) == ("UPLOADED", first["job_id"], video_id)
        assert (body["video"]["id"], body["video"]["status"]) == (video_id, "UPLOADED")
        assert len(waiting_bodies()) == 1

    def test_an_upload_that_has_expired_is_still_completed(self, api: Api) -> None:
        """To the uploader: bytes that reached storage are never thrown away for being late."""
        video_id = api.upload(clip())
        expire(video_id)
        assert api.video(video_id)["status"] == "EXPIRED"
        assert "complete" in api.video(video_id)["allowed_actions"]

        answer = api.complete(video_id)
        assert (answer.status_code, answer.json()["video"]["status"]) == (200, "UPLOADED")
        assert len(waiting_bodies()) == 1

    @pytest.mark.parametrize(
        "script",
        ["exec sleep 60", "kill -SEGV $$", "echo no json", "exec /not/there"],
        ids=["hangs", "crashes", "says nonsense", "cannot start"],
    )
    def test_a_prober_without_an_answer_leaves_the_verdict_to_the_worker(
        self, api: Api, settings: Settings, rewire: Callable[[], None], tmp_path: Path, script: str
    ) -> None:
        ffprobe = tmp_path / "ffprobe"
        ffprobe.write_text(f"#!/bin/sh\n{script}\n")
        ffprobe.chmod(0o755)
        settings.FFPROBE_BIN, settings.VIDEO_PROBE_TIMEOUT_SECONDS = str(ffprobe), 0.5
        rewire()
        video_id = api.upload(clip())
        answer = api.complete(video_id)
        assert (answer.status_code, answer.json()["verification"]) == (200, "deferred")
        assert (upload_of(video_id).state, upload_of(video_id).verified) == ("ACCEPTED", False)
        assert job_of(video_id).state == "QUEUED"

    def test_a_prober_that_is_not_installed_costs_no_upload(
        self, api: Api, settings: Settings, rewire: Callable[[], None]
    ) -> None:
        settings.FFPROBE_BIN = "/nowhere/ffprobe"
        rewire()
        answer = api.complete(api.upload(clip()))
        assert (answer.status_code, answer.json()["verification"]) == (200, "deferred")

    def test_more_probes_than_the_process_may_run_are_left_to_the_worker(
        self, api: Api, settings: Settings, rewire: Callable[[], None]
    ) -> None:
        """To everybody else who uses the api: a rush of uploads does not starve it."""
        settings.VIDEO_PROBE_CONCURRENCY = 0
        rewire()
        answer = api.complete(api.upload(clip()))
        assert (answer.status_code, answer.json()["verification"]) == (200, "deferred")

    @pytest.mark.parametrize(
        "doubt",
        [ProbeTimeout("8 s"), ProbeCrashed("signal 11"), SourceUnreadable("503")],
        ids=lambda e: type(e).__name__,
    )
    def test_a_doubt_never_costs_the_upload(self, doubt: Exception) -> None:
        pipeline = Pipeline()
        pipeline.prober.answer = doubt
        video = pipeline.uploaded()
        assert (video.status, pipeline.upload_of(video).verified) == ("UPLOADED", False)
        assert pipeline.claim(video).verified is False
        event = VideoEvent.objects.for_tenant(pipeline.tenant).get(video=video, name="upload_completed")
        assert event.data == {"verification": "deferred"}


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.msg.get("message", "") for record in caplog.records if isinstance(record.msg, dict)]


class TestNotAllThere:
    """409, and the video stays as it was: the same call works once the bytes are there."""

    def test_no_object(self, api: Api) -> None:
        video_id = api.init(clip())["video"]["id"]
        with nothing_changes():
            refused(api.complete(video_id), 409, "source_not_found_or_empty")
        assert api.video(video_id)["status"] == "PENDING"
        assert waiting_bodies() == []

    def test_an_empty_object(self, api: Api) -> None:
        ticket = api.init(clip())
        wiring.storage().write_bytes(ticket["file_key"], b"", content_type="video/mp4")
        with nothing_changes():
            refused(api.complete(ticket["video"]["id"]), 409, "source_not_found_or_empty")
        assert waiting_bodies() == []

    @pytest.mark.parametrize("difference", [-1, 1])
    def test_an_object_of_another_size(self, api: Api, difference: int) -> None:
        body = clip()
        ticket = api.init(body)
        stored = body[:-1] if difference < 0 else body + b"x"
        wiring.storage().write_bytes(ticket["file_key"], stored, content_type="video/mp4")
        with nothing_changes():
            answer = refused(api.complete(ticket["video"]["id"]), 409, "upload_incomplete")
        assert (answer["stored_bytes"], answer["declared_bytes"]) == (len(stored), len(body))
        assert api.video(ticket["video"]["id"])["status"] == "PENDING"

    def test_the_same_call_works_once_the_bytes_are_there(self, api: Api) -> None:
        body = clip()
        ticket = api.init(body)
        video_id = ticket["video"]["id"]
        refused(api.complete(video_id, Idempotency_Key="same"), 409, "source_not_found_or_empty")
        assert put(ticket, body) == 200
        assert api.complete(video_id, Idempotency_Key="same").status_code == 200

    def test_a_url_that_cannot_be_signed(self) -> None:
        class Unsigned(MemoryStorage):
            def presign_get(self, key: str, *, expires_seconds: float) -> str:
                raise StorageDenied("no credentials")

        pipeline = Pipeline()
        video = pipeline.pending()
        pipeline.put(video)
        signless = Unsigned()
        signless.objects = pipeline.storage.objects
        pipeline.storage = signless
        with nothing_changes(), pytest.raises(PresignedGetFailed):
            pipeline.complete(video)
        assert pipeline.prober.calls == 0


class TestStorageDown:
    def test_complete_is_503_and_may_be_repeated(self, api: Api, storage_reach: Reach) -> None:
        video_id = api.upload(clip())
        storage_reach.cut()
        with nothing_changes():
            answer = api.complete(video_id)
        refused(answer, 503, "storage_unavailable")
        assert int(answer.headers["Retry-After"]) > 0
        assert waiting_bodies() == []

        storage_reach.restore()
        assert api.video(video_id)["status"] == "PENDING"
        assert api.complete(video_id).status_code == 200


class TestRefusedFile:
    @pytest.mark.parametrize(
        ("body", "cause"),
        [
            (b"This is a plain text, and not a video at all.\n" * 20, "INPUT_NOT_VIDEO"),
            (b"#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:4,\nhttp://127.0.0.1:1/internal\n", "INPUT_SUSPICIOUS"),
            (bytes(1000), "INPUT_NOT_VIDEO"),
            (b"\x00\x00\x00\x18ftypmp42" + bytes(500), None),
            ("subtitles only", "INPUT_NO_VIDEO_STREAM"),
            ("truncated", "INPUT_TRUNCATED"),
            ("too short", "INPUT_TOO_SHORT"),
        ],
        ids=["text", "playlist", "zeros", "header only", "subtitles only", "truncated", "too short"],
    )
    def test_a_file_that_can_never_be_played_is_422_with_the_reason_and_failed(
        self, api: Api, settings: Settings, rewire: Callable[[], None], body: bytes | str, cause: str | None
    ) -> None:
        if body == "too short":
            settings.VIDEO_MIN_DURATION_SECONDS = 60.0
            rewire()
        made = {"subtitles only": subtitles_only(), "truncated": truncated_clip(), "too short": clip()}
        content = body if isinstance(body, bytes) else made[body]
        video_id = api.upload(content, filename="notes.mp4")
        answer = refused(api.complete(video_id, Accept_Language="en"), 422, "unsupported_media")

        assert cause is None or answer["cause_code"] == cause
        assert answer["cause_code"].startswith("INPUT_")
        assert answer["detail"].startswith("This file cannot be played: ")
        video = api.get(f"{video_id}/").json()
        assert (video["status"], video["failure"]["code"]) == ("FAILED", answer["cause_code"])
        assert video["failure"]["detail"]
        assert video["failure"]["hint"]
        assert video["allowed_actions"] == ["update", "delete"]
        assert answer["video"]["status"] == "FAILED"
        assert event_names(video_id) == ["upload_started", "upload_refused"]
        assert not VideoTranscodeJob.objects.across_tenants().filter(video_id=video_id).exists()
        assert all_rows()["OutboxMessage"] == []
        assert waiting_bodies() == []

    def test_a_refused_file_stays_refused(self, api: Api) -> None:
        video_id = api.upload(b"text" * 100)
        assert api.complete(video_id).status_code == 422
        with nothing_changes():
            body = refused(api.complete(video_id), 409, "invalid_status")
        assert (body["status"], body["job_id"]) == ("FAILED", None)

    def test_the_reason_is_said_in_the_readers_language(self, api: Api) -> None:
        video_id = api.upload(b"text" * 100)
        assert api.complete(video_id).json()["detail"] == "재생할 수 없는 파일입니다: 영상 파일이 아닙니다."
        assert api.video(video_id)["failure"]["detail"] == "영상 파일이 아닙니다."


class TestQueueDown:
    @pytest.fixture(autouse=True)
    def _cut(self, api: Api, queue_reach: Reach) -> None:
        queue_reach.cut()

    def test_complete_is_503_the_upload_is_safe_and_the_relay_goes_on(
        self, api: Api, queue_reach: Reach, caplog: pytest.LogCaptureFixture
    ) -> None:
        video_id = api.upload(clip())
        answer = api.complete(video_id, Accept_Language="en")
        body = refused(answer, 503, "VIDEO_UPLOAD_ENQUEUE_FAILED")
        job = job_of(video_id)

        assert int(answer.headers["Retry-After"]) > 0
        assert "safe" in body["detail"]
        assert (body["video_id"], body["job_id"]) == (video_id, str(job.pk))
        assert body["video"]["status"] == "UPLOADED"
        assert (upload_of(video_id).state, job.state) == ("ACCEPTED", "QUEUED")
        (message,) = messages_of(job)
        assert message.sent_at is None
        assert message.last_error
        words = logged(caplog)
        for line in ("VIDEO_UPLOAD_ENQUEUE_FAILED", "enqueue_by_job exception", "Failed to enqueue video job"):
            assert line in words

        queue_reach.restore()
        self.run_relay()
        assert [TranscodeMessage.parse(sent).job_id for sent in waiting_bodies()] == [job.pk]
        assert messages_of(job)[0].sent_at is not None

    def test_a_repeat_while_it_is_down_says_the_same_and_adds_nothing(self, api: Api, queue_reach: Reach) -> None:
        video_id = api.upload(clip())
        first = refused(api.complete(video_id, Idempotency_Key="k"), 503, "VIDEO_UPLOAD_ENQUEUE_FAILED")
        again = refused(api.complete(video_id, Idempotency_Key="k"), 503, "VIDEO_UPLOAD_ENQUEUE_FAILED")
        assert again["job_id"] == first["job_id"]
        assert len(messages_of(job_of(video_id))) == 1
        assert event_names(video_id) == ["upload_started", "upload_completed", "job_created"]

    def test_a_repeat_after_it_is_back_sends_and_is_200(self, api: Api, queue_reach: Reach) -> None:
        """To the uploader: the answer is never a 409 while the job's message is unsent."""
        video_id = api.upload(clip())
        first = refused(api.complete(video_id, Idempotency_Key="k"), 503, "VIDEO_UPLOAD_ENQUEUE_FAILED")
        queue_reach.restore()
        answer = api.complete(video_id, Idempotency_Key="k")
        assert (answer.status_code, answer.json()["job_id"]) == (200, first["job_id"])
        assert len(waiting_bodies()) == 1
        assert len(messages_of(job_of(video_id))) == 1

    def test_a_repeat_after_the_relay_has_sent_is_409_with_the_job(self, api: Api, queue_reach: Reach) -> None:
        video_id = api.upload(clip())
        first = refused(api.complete(video_id), 503, "VIDEO_UPLOAD_ENQUEUE_FAILED")
        queue_reach.restore()
        self.run_relay()
        with nothing_changes():
            body = refused(api.complete(video_id), 409, "invalid_status")
        assert (body["job_id"], body["video"]["status"]) == (first["job_id"], "UPLOADED")
        assert len(waiting_bodies()) == 1

    def run_relay(self) -> None:
        # A minute later: past the backoff after the failed send.
        clock = FixedClock(SystemClock().now() + timedelta(minutes=1))
        assert drain_once(queue=wiring.job_queue(), clock=clock).sent == 1


@pytest.mark.django_db(transaction=True)
class TestAtTheSameMoment:
    CALLS = 4

    def together(self, call: Callable[[], Any]) -> list[Any]:
        barrier = Barrier(self.CALLS)

        def run(_: int) -> Any:
            barrier.wait(timeout=20)
            try:
                return call()
            finally:
                connections.close_all()

        with ThreadPoolExecutor(self.CALLS) as pool:
            return list(pool.map(run, range(self.CALLS)))

    def test_completes_make_one_job_and_send_one_message(self, api: Api) -> None:
        video_id = api.upload(clip())
        answers = self.together(lambda: api.complete(video_id))

        assert {answer.status_code for answer in answers} <= {200, 409}
        assert any(answer.status_code == 200 for answer in answers)
        job = job_of(video_id)
        assert {answer.json()["job_id"] for answer in answers} == {str(job.pk)}
        assert len(messages_of(job)) == 1
        assert len(waiting_bodies()) == 1
        assert event_names(video_id) == ["upload_started", "upload_completed", "job_created"]

    def test_completes_with_one_idempotency_key_get_one_answer(self, api: Api) -> None:
        video_id = api.upload(clip())
        answers = self.together(lambda: api.complete(video_id, Idempotency_Key="once"))
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.content for answer in answers}) == 1
        assert len(waiting_bodies()) == 1

    def test_completes_of_a_bad_file_refuse_it_once(
        self, api: Api, settings: Settings, rewire: Callable[[], None]
    ) -> None:
        settings.VIDEO_PROBE_CONCURRENCY = self.CALLS
        rewire()
        video_id = api.upload(b"text" * 100)
        answers = self.together(lambda: api.complete(video_id))
        assert {answer.status_code for answer in answers} <= {422, 409}
        assert event_names(video_id) == ["upload_started", "upload_refused"]

    def test_inits_to_one_session_get_positions_of_their_own(self, api: Api) -> None:
        answers = self.together(lambda: api.post("upload/init/", upload_fields(session="3월")))
        assert {answer.status_code for answer in answers} == {201}
        assert sorted(answer.json()["video"]["position"] for answer in answers) == [1, 2, 3, 4]

    def test_a_delete_during_the_probe_wins(self, api: Api, tenant: Tenant) -> None:
        video_id = api.upload(clip())
        turns = itertools.cycle([api.complete, lambda video_id: api.delete(f"{video_id}/")])
        answers = self.together(lambda: next(turns)(video_id))
        assert {answer.status_code for answer in answers} <= {200, 204, 404, 409}
        assert Video.objects.for_tenant(tenant).get(pk=video_id).deleted_at is not None
        active = VideoTranscodeJob.objects.for_tenant(tenant).filter(state__in=["QUEUED", "RUNNING", "RETRY_WAIT"])
        assert not active.exists()


def test_no_presigned_url_says_more_than_its_own_object(api: Api) -> None:
    ticket = api.init(b"x")
    other = ticket["upload_url"].replace(ticket["file_key"], ticket["file_key"] + ".other")
    answer = httpx.put(other, content=b"x", headers=ticket["upload"]["headers"], trust_env=False)
    assert answer.status_code == 403
