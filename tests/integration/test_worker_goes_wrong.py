"""Promises about attempts that go wrong on their way: what was not read is never shown, what is wrong is made anew."""

import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from apps.support.video import wiring
from apps.support.video.domain.chunks import Chunk, ChunkKind, InitSpan, JobPlan, Segment, TrackPart
from apps.support.video.domain.contracts import ClaimedJob
from apps.worker.video_worker.video.encoder import ChunkEncoder, Desk, Source
from apps.worker.video_worker.video.publisher import gather_parts
from apps.worker.video_worker.video.storyboard import make_storyboard, source_footage
from libs.media.ffmpeg import EncodeFailed, Ffmpeg
from libs.media.process import ProcessAborted, Watch
from libs.s3_client.client import S3Storage
from tests.support.attempts import RecordingProgress, opened, processor_of, put_source
from tests.support.ledgers import MemoryLedger
from tests.support.media import SOUND, clip, moving_picture, run_ffmpeg
from tests.support.media_server import ETAG, serving

SECONDS = 80
NOISE = "noise=alls=60:allf=t"


@pytest.fixture(scope="module")
def storage(s3_engine: None) -> S3Storage:
    return wiring.storage()


@pytest.fixture(scope="module")
def lecture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lecture") / "source.mp4"
    picture = moving_picture(seconds=SECONDS, size="128x72", rate=5)
    # Key frames of its own and noise: chunks can be cut, and are larger than what ffmpeg reads at once.
    h264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "20", "-b:v", "800k", "-vf", NOISE)
    run_ffmpeg(*picture, *SOUND, "-t", str(SECONDS), *h264, "-movflags", "+faststart", str(path))
    return path


def run(chunk: Chunk, source: Source, *, storage: S3Storage, folder: Path) -> None:
    desk = Desk(
        stem="tenants/1/video/hls/1/broken/chunk",
        folder=folder,
        watch=Watch(deadline_seconds=60, stall_seconds=30),
        on_seconds=lambda _: None,
        on_bytes=lambda _: None,
        on_part=lambda _: None,
    )
    ChunkEncoder(storage=storage, ffmpeg=Ffmpeg()).run(chunk, source=source, desk=desk)


def last_of(source: Source, kind: ChunkKind) -> Chunk:
    """Return a chunk of a kind; of pictures one whose last frame is shown until another chunk begins."""
    chunks = [chunk for chunk in source.plan.chunks if chunk.kind is kind]
    return next((chunk for chunk in reversed(chunks) if chunk.end_seconds is not None), chunks[-1])


@pytest.mark.parametrize(
    ("kind", "is_copied"), [(ChunkKind.VIDEO, False), (ChunkKind.AUDIO, False), (ChunkKind.COPY, True)]
)
def test_what_was_read_until_then_is_not_all_of_it(
    storage: S3Storage,
    lecture: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    kind: ChunkKind,
    is_copied: bool,
) -> None:
    """To ffmpeg a cut line is an end like any other, and the last picture would stand where the rest is missing."""
    monkeypatch.setattr("libs.media.ffprobe.READ_TIMEOUT_SECONDS", 1)
    copied, encoded = opened(put_source(storage, lecture), storage)
    source = copied if is_copied else encoded
    chunk = last_of(source, kind)
    body = lecture.read_bytes()
    with serving(body) as media:
        run(chunk, replace(source, url=media.url, etag=ETAG), storage=storage, folder=tmp_path)
        largest = max(media.bytes_sent_of_answers)
    with serving(body, hangs_at=largest // 2) as media, pytest.raises(EncodeFailed) as failure:
        run(chunk, replace(source, url=media.url, etag=ETAG), storage=storage, folder=tmp_path)
    assert (failure.value.cause_code, failure.value.is_files_fault) == ("SOURCE_STALLED", False)


def test_a_storyboard_of_what_was_read_until_then_is_none(
    storage: S3Storage, lecture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its last picture would stand for all that is missing."""
    monkeypatch.setattr("libs.media.ffprobe.READ_TIMEOUT_SECONDS", 1)
    source, _ = opened(put_source(storage, lecture), storage)
    body = lecture.read_bytes()
    with serving(body, hangs_at=len(body) // 2) as media, pytest.raises(EncodeFailed) as failure:
        make_storyboard(
            source_footage(replace(source, url=media.url, etag=ETAG), duration_seconds=SECONDS),
            duration_seconds=SECONDS,
            folder=tmp_path,
            ffmpeg=Ffmpeg(),
            watch=Watch(deadline_seconds=60, stall_seconds=30),
            on_seconds=lambda _: None,
        )
    assert failure.value.cause_code == "SOURCE_STALLED"


class OnceWrong(MemoryLedger):
    """A ledger that keeps what is finished, and whose last part of a picture starts late until it is discarded."""

    def __init__(self, job: ClaimedJob) -> None:
        super().__init__(job)
        self.was_discarded = False

    def open(self, plan: JobPlan) -> None:
        if self.plan != plan:
            super().open(plan)

    def discard(self) -> None:
        super().discard()
        self.was_discarded = True

    def parts(self) -> tuple[TrackPart, ...]:
        *others, last = sorted(super().parts(), key=lambda part: part.start_seconds)
        late = last if self.was_discarded else replace(last, start_seconds=last.start_seconds + 5)
        return (*others, late)


def test_what_fails_its_last_look_is_not_finished_for_the_next_attempt(storage: S3Storage, tmp_path: Path) -> None:
    """To whoever uploads: one bad chunk must not fail all five attempts, because each finds it finished."""
    claim = put_source(storage, clip("phone"))
    ledger = OnceWrong(claim)
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    with pytest.raises(EncodeFailed) as failure:
        processor_of(storage).run(claim, folder=first, progress=RecordingProgress(), ledger=ledger)
    assert failure.value.cause_code == "OUTPUT_VERIFY_FAILED"
    output = processor_of(storage).run(claim, folder=second, progress=RecordingProgress(), ledger=ledger)
    assert output.duration_seconds == pytest.approx(20, abs=0.5)


def test_an_attempt_goes_on_with_the_plan_that_the_one_before_it_came_to(storage: S3Storage, tmp_path: Path) -> None:
    """What an attempt has encoded because the copy was no good must not be thrown away for another copy."""
    claim = put_source(storage, clip("phone"))
    copied, encoded = opened(claim, storage)
    assert copied.digest != encoded.digest
    for digest, planned in (("", copied), (encoded.digest, encoded)):
        ledger, folder = MemoryLedger(claim), tmp_path / f"with {digest}"
        folder.mkdir()
        progress = RecordingProgress(stop_when=lambda stage, _percent: stage == "encoding")
        with pytest.raises(ProcessAborted):
            processor_of(storage).run(
                replace(claim, plan_digest=digest), folder=folder, progress=progress, ledger=ledger
            )
        assert ledger.plan == planned.job_plan


def test_gathering_shows_that_it_moves_and_can_be_left(storage: S3Storage) -> None:
    """A hundred objects of an earlier attempt take minutes to copy: longer than a lease, and than SIGTERM leaves."""
    old, new = (f"tenants/1/video/hls/1/{uuid.uuid4()}-{attempt}/" for attempt in (1, 2))
    parts = [
        TrackPart(
            rendition="240p",
            key=f"{old}video-{number}.mp4",
            codec="avc1.64001f",
            start_seconds=number,
            frame_count=25,
            init=InitSpan(key=f"{old}video-0.mp4", offset=0, size_bytes=4, digest="240p"),
            segments=(Segment(duration_seconds=1.0, offset=4, size_bytes=8),),
        )
        for number in range(3)
    ]
    for part in parts:
        storage.write_bytes(part.key, b"media", content_type="video/mp4")
    told: list[int] = []
    gather_parts(parts, prefix=new, storage=storage, on_copied=told.append)
    assert told == [0, 1, 2, 3]
    assert len(list(storage.list_objects(new))) == 3

    def leave(count: int) -> None:
        if count == 1:
            raise ProcessAborted("told to stop")

    third = f"tenants/1/video/hls/1/{uuid.uuid4()}-3/"
    with pytest.raises(ProcessAborted):
        gather_parts(parts, prefix=third, storage=storage, on_copied=leave)
    assert len(list(storage.list_objects(third))) == 1
