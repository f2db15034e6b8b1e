"""To whoever asks why while workers try: each cause of an attempt, by one with real tools and real storage."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from apps.support.video import wiring
from apps.support.video.domain.causes import Cause, Verdict
from apps.support.video.models import Video
from apps.worker.video_worker.handle import Outcome, Processor
from apps.worker.video_worker.video.processor import JobProcessor
from libs.clock import SystemClock
from libs.media.binaries import find_binary
from libs.media.ffprobe import FfprobeProber, MediaLimits
from libs.s3_client.client import S3Storage
from tests.support.api import Api
from tests.support.attempts import LIMITS, processor_of
from tests.support.causes import assert_told, makes
from tests.support.clip_store import encoded
from tests.support.media import moving_picture
from tests.support.video_files import clip
from tests.support.videos import Pipeline
from tests.support.workers import attempt, upload_body

# The work's threads see only what is committed.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("s3_engine", "sqs_engine")]

GOES_ON, ENDED = ["cancel", "download"], ["retry", "download"]


@dataclass(frozen=True)
class Scene:
    """An accepted upload, and the tools of the worker that gets it."""

    pipeline: Pipeline
    video: Video
    folder: Path
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def tools(self) -> JobProcessor:
        return processor_of(wiring.storage())

    def program(self, script: str) -> str:
        """Return the path of a program that does this instead of what it is called for."""
        path = self.folder / "program"
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)
        return str(path)

    def store(self, body: bytes) -> None:
        """Write over the source."""
        key = self.pipeline.upload_of(self.video).file_key
        wiring.storage().write_bytes(key, body, content_type="video/mp4")

    def attempt(self, processor: Processor) -> Outcome:
        work = self.folder / "work"
        work.mkdir()
        return attempt(self.pipeline, self.video, processor=processor, folder=work, stopping=self.stopping)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    pipeline = Pipeline(clock=SystemClock())
    yield Scene(pipeline, upload_body(pipeline, footage()), tmp_path)
    wiring.storage().delete_prefix(f"tenants/{pipeline.tenant.pk}/")


class NoRoom:
    """The host as it answers when it has no more of something: that can be had at will only from a kernel."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def run(self, *_args: Any, **_options: Any) -> Any:
        raise self._error


class Elsewhere:
    """Real storage, but for one thing."""

    def __init__(self, **changes: Callable[..., Any]) -> None:
        self._changes = changes

    def __getattr__(self, name: str) -> Any:
        return self._changes.get(name) or getattr(wiring.storage(), name)


def storage_at(endpoint_url: str) -> S3Storage:
    return S3Storage(
        bucket=settings.S3_BUCKET,
        region=settings.S3_REGION,
        access_key_id=settings.S3_ACCESS_KEY_ID,
        secret_access_key=settings.S3_SECRET_ACCESS_KEY,
        endpoint_url=endpoint_url,
        attempts=1,
    )


@cache
def footage() -> bytes:
    """Return a film that must be encoded, which takes long enough to be looked at."""
    picture = moving_picture(seconds=4, size="640x360", rate=25)
    return encoded("footage.mp4", *picture, "-c:v", "mpeg4", "-q:v", "9").read_bytes()


def encoder(scene: Scene, **changes: Any) -> JobProcessor:
    return replace(scene.tools, ffmpeg=replace(scene.tools.ffmpeg, **changes))


def limited(scene: Scene, **changes: float) -> JobProcessor:
    return replace(scene.tools, limits=replace(LIMITS, **changes))


REAL = f'"{find_binary("ffmpeg", configured=None)}"'
CUTS_ITS_OUTPUT = f'{REAL} "$@" || exit $?\nfor file in *.mp4; do truncate -s 2000 "$file"; done'
ASKS_FOR_AN_ENCODER_THAT_IS_MISSING = f'exec {REAL} $(printf "%s " "$@" | sed "s/libx264/libx266/g")'


def stalling_source(scene: Scene) -> Outcome:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        storage = Elsewhere(presign_get=storage_at(f"http://127.0.0.1:{silent.getsockname()[1]}").presign_get)
        return scene.attempt(replace(limited(scene, probe_seconds=0.5), storage=storage))


def stopping_worker(scene: Scene) -> Outcome:
    @dataclass(frozen=True)
    class Told:
        processor: Processor

        def run(self, *args: Any, **options: Any) -> Any:
            scene.stopping.set()
            return self.processor.run(*args, **options)

    return scene.attempt(Told(scene.tools))


def slow_probe(scene: Scene) -> Outcome:
    prober = FfprobeProber(ffprobe_path=scene.program("exec sleep 60"), limits=MediaLimits())
    return scene.attempt(replace(limited(scene, probe_seconds=1.0), prober=prober))


OURS: dict[Cause, Callable[[Scene], Outcome]] = {
    Cause.SOURCE_STALLED: stalling_source,
    Cause.PROBE_TIMEOUT: slow_probe,
    Cause.ENCODER_OOM: lambda scene: scene.attempt(encoder(scene, memory_bytes=1024**2)),
    Cause.ENCODER_CRASH: lambda scene: scene.attempt(encoder(scene, ffmpeg_path=scene.program("kill -SEGV $$"))),
    Cause.ENCODER_STALLED: lambda scene: scene.attempt(limited(scene, stall_seconds=0.001)),
    Cause.ENCODE_DEADLINE: lambda scene: scene.attempt(limited(scene, stage_deadline_seconds=0.001)),
    Cause.ENCODER_ERROR: lambda scene: scene.attempt(
        encoder(scene, ffmpeg_path=scene.program(ASKS_FOR_AN_ENCODER_THAT_IS_MISSING))
    ),
    Cause.OUTPUT_VERIFY_FAILED: lambda scene: scene.attempt(encoder(scene, ffmpeg_path=scene.program(CUTS_ITS_OUTPUT))),
    Cause.OUTPUT_UPLOAD_FAILED: lambda scene: scene.attempt(
        replace(scene.tools, storage=Elsewhere(upload_file=storage_at("http://127.0.0.1:1").upload_file))
    ),
    Cause.WORKER_FAULTY: lambda scene: scene.attempt(encoder(scene, ffmpeg_path=str(scene.folder / "missing"))),
    Cause.WORKER_DISK_FULL: lambda scene: scene.attempt(NoRoom(OSError(28, "No space left on device"))),
    Cause.WORKER_OVERLOADED: lambda scene: scene.attempt(NoRoom(OSError(11, "Resource temporarily unavailable"))),
    Cause.WORKER_SHUTDOWN: stopping_worker,
}


OUTCOMES = {
    Cause.WORKER_SHUTDOWN: Outcome.HANDED_BACK,
    Cause.WORKER_FAULTY: Outcome.HOST_UNFIT,
    Cause.WORKER_DISK_FULL: Outcome.HOST_UNFIT,
    Cause.WORKER_OVERLOADED: Outcome.HOST_UNFIT,
}


@makes(*OURS)
def test_what_is_ours_is_told_and_tried_again(scene: Scene, cause: Cause) -> None:
    assert OURS[cause](scene) is OUTCOMES.get(cause, Outcome.RETRY)
    told = assert_told(scene.video, cause, by=Api(scene.pipeline.tenant), actions=GOES_ON)
    assert (told["fault"], told["next_step_code"]) == ("ours", "retry_starts")


@makes(Cause.INTERNAL_BUG)
def test_what_nobody_foresaw(scene: Scene, cause: Cause) -> None:
    with pytest.raises(ZeroDivisionError):
        scene.attempt(NoRoom(ZeroDivisionError()))
    assert_told(scene.video, cause, by=Api(scene.pipeline.tenant), actions=GOES_ON)


@makes(Cause.SOURCE_GONE, Cause.UPLOAD_OVERWRITTEN)
def test_a_source_that_is_not_what_was_accepted(scene: Scene, cause: Cause) -> None:
    if cause is Cause.UPLOAD_OVERWRITTEN:
        scene.store(clip())
    else:
        wiring.storage().delete_prefix(f"tenants/{scene.pipeline.tenant.pk}/")
    assert scene.attempt(scene.tools) is Outcome.FAILED
    told = assert_told(scene.video, cause, by=Api(scene.pipeline.tenant), actions=ENDED, severity=Verdict.FAILED)
    assert told["next_step_code"] == "new_upload"
