"""Promises about work in which no second of video is done: it shows that it moves, and it can be stopped."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event

import pytest

from apps.support.video import wiring
from apps.worker.video_worker.video.processor import JobProcessor
from apps.worker.video_worker.video.storyboard import Footage, make_storyboard
from libs.media.facts import MediaLimits
from libs.media.ffmpeg import Ffmpeg
from libs.media.ffprobe import FfprobeProber
from libs.media.process import ProcessAborted, Watch
from libs.s3_client.client import S3Storage, StorageUnavailable
from tests.support.attempts import LIMITS, RecordingProgress, processor_of, put_source
from tests.support.ledgers import MemoryLedger
from tests.support.media import FAST_H264, SOUND, clip, moving_picture, run_ffmpeg

PIECES = 50
STALL_SECONDS = 2.0


@pytest.fixture(scope="module")
def storage(s3_engine: None) -> S3Storage:
    return wiring.storage()


@dataclass
class SlowStorage:
    """Real storage whose uploads go in small pieces. `on_piece` runs before each is sent."""

    storage: S3Storage
    on_piece: Callable[[], None] = lambda: None
    pieces_sent: list[str] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)

    def presign_get(self, key: str, *, expires_seconds: float) -> str:
        return self.storage.presign_get(key, expires_seconds=expires_seconds)

    def write_bytes(self, key: str, body: bytes, *, content_type: str) -> None:
        self.storage.write_bytes(key, body, content_type=content_type)

    def copy(self, source_key: str, target_key: str) -> None:
        self.storage.copy(source_key, target_key)

    def upload_file(
        self, key: str, path: Path, *, content_type: str, on_bytes: Callable[[int], None] | None = None
    ) -> None:
        assert on_bytes is not None, "nobody is told that bytes move"
        self.keys.add(key)
        for _ in range(PIECES):
            self.on_piece()
            on_bytes(1000)
            self.pieces_sent.append(key)
        self.storage.upload_file(key, path, content_type=content_type)


@dataclass
class CountingProgress(RecordingProgress):
    """Counts what a lease counts as movement."""

    marks: list[tuple[str, float, float | None]] = field(default_factory=list)

    def report(
        self, *, stage: str, percent: float, remaining_seconds: float | None = None, moved_to: float | None = None
    ) -> None:
        if (stage, percent, moved_to) not in self.marks[-1:]:
            self.marks.append((stage, percent, moved_to))


def processor_over(storage: SlowStorage) -> JobProcessor:
    prober = FfprobeProber(ffprobe_path=None, limits=MediaLimits())
    return JobProcessor(storage=storage, prober=prober, ffmpeg=Ffmpeg(), limits=LIMITS)


def test_an_upload_that_takes_long_keeps_the_lease(storage: S3Storage, tmp_path: Path) -> None:
    """A chunk of all renditions may be a hundred megabytes: no second of video is done while they are on their way."""
    slow, progress = SlowStorage(storage), CountingProgress()
    claim = put_source(storage, clip("silent"))
    processor_over(slow).run(claim, folder=tmp_path, progress=progress, ledger=MemoryLedger(claim))
    assert len(slow.pieces_sent) >= PIECES
    assert len(progress.marks) > len(slow.pieces_sent)


def test_an_upload_is_left_at_once_when_the_worker_must_go(storage: S3Storage, tmp_path: Path) -> None:
    progress = RecordingProgress()
    slow = SlowStorage(storage, on_piece=progress.stopping.set)
    claim = put_source(storage, clip("silent"))
    with pytest.raises(ProcessAborted):
        processor_over(slow).run(claim, folder=tmp_path, progress=progress, ledger=MemoryLedger(claim))
    assert slow.pieces_sent == []
    assert list(storage.list_objects(claim.output_prefix)) == []


@pytest.fixture(scope="module")
def unindexed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording of a minute that does not say where its pictures are: it is encoded in one go."""
    path = tmp_path_factory.mktemp("unindexed") / "source.ts"
    picture = moving_picture(seconds=70, size="128x72", rate=5)
    run_ffmpeg(*picture, *SOUND, "-t", "70", *FAST_H264, "-g", "200", "-f", "mpegts", str(path))
    return path


def test_what_cannot_be_cut_leaves_while_it_is_made(storage: S3Storage, unindexed: Path, tmp_path: Path) -> None:
    """
    To the operator: disk is for two parts of each rendition, not for the file. To the viewer: its start plays soon.

    A line that is slow for longer than an encoder may hang holds the encoder up, and does not end it.
    """
    work, on_disk, recorded = tmp_path / "work", [], []
    work.mkdir()
    claim = put_source(storage, unindexed)
    ledger = MemoryLedger(claim)

    def look() -> None:
        # Not the pictures, which are taken beside the encode.
        on_disk.append({path.name for path in (work / "main").rglob("*") if path.is_file()})
        recorded.append(len(ledger.parts()))
        if len(on_disk) <= PIECES:
            Event().wait(2 * STALL_SECONDS / PIECES)

    slow = SlowStorage(storage, on_piece=look)
    processor = replace(processor_over(slow), limits=replace(LIMITS, stall_seconds=STALL_SECONDS))
    processor.run(claim, folder=work, progress=RecordingProgress(), ledger=ledger)
    keys = list(dict.fromkeys(slow.pieces_sent))
    assert sorted(key.removeprefix(claim.output_prefix) for key in keys) == [
        f"video-0000-1-{rendition}-{number:04d}.mp4" for rendition in ("72p", "audio") for number in range(3)
    ]
    assert all(re.fullmatch(r"(72p|audio)-part-\d\.mp4", name) for names in on_disk for name in names)
    assert max(len(names) for names in on_disk) <= 3
    assert recorded == sorted(recorded)
    assert set(recorded) >= {0, 1, 2}


def test_a_copy_is_watched_with_its_sound_before_all_of_it_is_there(storage: S3Storage, tmp_path: Path) -> None:
    """To the viewer of a long lecture: hours of one are not carried away before the first of the other."""
    claim, has_sound = put_source(storage, clip("phone")), Event()

    def look() -> None:
        keys = {key.removeprefix(claim.output_prefix).partition("-")[0] for key in slow.keys}
        if "audio" in keys:
            has_sound.set()
        if keys == {"copy"}:
            assert has_sound.wait(20), "the sound waits for the whole copy"

    slow = SlowStorage(storage, on_piece=look)
    processor_over(slow).run(claim, folder=tmp_path, progress=RecordingProgress(), ledger=MemoryLedger(claim))
    assert has_sound.is_set()


def test_an_encoder_ends_with_the_upload_that_fails(storage: S3Storage, unindexed: Path, tmp_path: Path) -> None:
    """The cause is what storage said, and not that the encoder's pipe was broken."""

    def fail() -> None:
        raise StorageUnavailable("the line is cut")

    claim = put_source(storage, unindexed)
    processor = processor_over(SlowStorage(storage, on_piece=fail))
    with pytest.raises(StorageUnavailable):
        processor.run(claim, folder=tmp_path, progress=RecordingProgress(), ledger=MemoryLedger(claim))


def test_real_storage_lets_an_upload_be_left(storage: S3Storage, tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(bytes(20_000_000))

    def stop(_count: int) -> None:
        raise ProcessAborted("enough")

    with pytest.raises(ProcessAborted):
        storage.upload_file("left/large", large, content_type="video/mp4", on_bytes=stop)
    assert list(storage.list_objects("left/")) == []


def test_a_storyboard_says_how_far_it_has_looked(tmp_path: Path) -> None:
    """A sheet comes after a hundred pictures, and those of a lecture over a slow line take minutes."""
    minute = tmp_path / "minute.mp4"
    picture = moving_picture(seconds=60, size="64x48", rate=2)
    run_ffmpeg(*picture, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", str(minute))
    reached: list[float] = []
    files = make_storyboard(
        Footage(input_arguments=("-i", str(minute)), stream="0:v:0", width=64, height=48),
        duration_seconds=60,
        folder=tmp_path,
        ffmpeg=Ffmpeg(),
        watch=Watch(deadline_seconds=60),
        on_seconds=reached.append,
    )
    assert sorted(files) == ["storyboard-1.jpg", "storyboard.vtt"]
    assert reached == [float(second) for second in range(1, 61)]


def test_the_storyboard_is_part_of_the_progress(storage: S3Storage, tmp_path: Path) -> None:
    progress = CountingProgress()
    claim = put_source(storage, clip("silent"))
    processor_of(storage).run(claim, folder=tmp_path, progress=progress, ledger=MemoryLedger(claim))
    packaging = [percent for stage, percent, _ in progress.marks if stage == "packaging"]
    assert len(packaging) >= 2
    assert packaging == sorted(packaging)
    assert packaging[-1] < 100
