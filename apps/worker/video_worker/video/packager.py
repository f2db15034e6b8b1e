"""Laying out what has been encoded: fragments become segments, and segments of a stretch share one object."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from apps.support.video.domain.chunks import AUDIO_RENDITION, InitSpan, Segment, TrackPart
from libs.media.ffmpeg import EncodeFailed
from libs.media.fmp4 import Fragment, FragmentReader, InitSection, MalformedFragments, avc_codec_of
from libs.media.fragment_times import decoded_as_shown, shown_times

from .planner import SEGMENT_SECONDS

# AAC-LC, which we encode and the only one that we copy: RFC 6381 and ISO/IEC 14496-3.
AUDIO_CODEC = "mp4a.40.2"
# Key frames that stand a frame early still start a segment.
SEGMENT_SLACK_SECONDS = 0.05
READ_BYTES = 1024 * 1024

# Nothing that may be copied has a tenth of these frames a second.
CROWDED_FRAMES_PER_SECOND = 1000

# Where nobody says how long a last frame is shown.
LONGEST_GUESS_SECONDS = 0.5

# A pass is cut into objects at these times, the first ones short so that there is something to watch soon.
FIRST_PARTS_SECONDS = (8.0, 24.0, 60.0)
PICTURE_PART_SECONDS = 240.0
SOUND_PART_SECONDS = 600.0
# Of all renditions at once an hour must stay below a hundred objects.
STREAM_PART_SECONDS = 360.0
LARGEST_PART_BYTES = 192 * 1024**2


@dataclass(frozen=True, slots=True, kw_only=True)
class StretchEnd:
    """
    Until when a stretch's last frame is shown.

    Args:
        seconds: Where the next stretch or nothing starts, if that is known.
        last_frame_seconds: When its last frame starts to be shown, if that is known. A source that breaks off before
            must not look complete because its last frame stands still.
    """

    seconds: float | None
    last_frame_seconds: float | None

    def of(self, fragment: Fragment) -> float | None:
        """Return until when the last frame of the stretch's last fragment is shown; None: as its encoder thinks."""
        if self.seconds is None:
            return None
        last_shown = max(shown_times(fragment)) / fragment.timescale
        if self.last_frame_seconds is not None and last_shown >= self.last_frame_seconds - LONGEST_GUESS_SECONDS:
            return self.seconds
        usual = fragment.start_seconds + fragment.duration_seconds - last_shown
        return min(self.seconds, last_shown + max(LONGEST_GUESS_SECONDS, usual))


class PartWriter:
    """Collects fragments of one rendition, in an object's file, into a part of segments."""

    def __init__(self, *, rendition: str, key: str, init: InitSpan, codec: str, file: BinaryIO) -> None:
        self._rendition = rendition
        self._key = key
        self._init = init
        self._codec = codec
        self._file = file
        self._segments: list[Segment] = []
        self._frame_count = 0
        self._start_seconds: float | None = None
        self._segment_start = 0.0
        self._segment_offset = 0
        self._end_seconds = 0.0

    @property
    def duration_seconds(self) -> float:
        return 0.0 if self._start_seconds is None else self._end_seconds - self._start_seconds

    def add(self, fragment: Fragment) -> None:
        """Write a fragment. It starts a segment when the one before has lasted long enough."""
        if self._start_seconds is None:
            self._start_seconds = self._segment_start = fragment.start_seconds
            self._segment_offset = self._file.tell()
        elif fragment.start_seconds - self._segment_start >= SEGMENT_SECONDS - SEGMENT_SLACK_SECONDS:
            self._close_segment(fragment.start_seconds)
        self._file.write(fragment.content)
        self._frame_count += fragment.sample_count
        self._end_seconds = fragment.start_seconds + fragment.duration_seconds

    def finish(self) -> TrackPart | None:
        """Return the part, or None when nothing was added."""
        if self._start_seconds is None:
            return None
        self._close_segment(self._end_seconds)
        return TrackPart(
            rendition=self._rendition,
            key=self._key,
            codec=self._codec,
            start_seconds=round(self._start_seconds, 6),
            frame_count=self._frame_count,
            init=self._init,
            segments=tuple(self._segments),
        )

    def _close_segment(self, end_seconds: float) -> None:
        position = self._file.tell()
        self._segments.append(
            Segment(
                duration_seconds=round(end_seconds - self._segment_start, 6),
                offset=self._segment_offset,
                size_bytes=position - self._segment_offset,
            )
        )
        self._segment_start, self._segment_offset = end_seconds, position


def pack_chunk(files: list[tuple[str, Path]], *, target: Path, key: str, end: StretchEnd) -> tuple[TrackPart, ...]:
    """
    Write the renditions of a chunk one after the other into one object's file, and remove what they came in.

    Raises:
        EncodeFailed: OUTPUT_VERIFY_FAILED, what was encoded is not what was asked for.
    """
    parts: list[TrackPart] = []
    with target.open("wb") as file:
        for rendition, path in files:
            part = _packed(rendition, path, key=key, file=file, end=end)
            path.unlink()
            if part is not None:
                parts.append(part)
    return tuple(parts)


class PassPacker:
    """
    Cuts one stream, as it comes out of an encoder, into objects.

    Args:
        part_seconds: The length of all parts but the first ones.
        name_part: Returns the key of the part of this number.
        store: Takes a finished file and its part; the file is the taker's to remove.
        end: Until when the last of encoded pictures is shown. Sound and copies come as they are shown.

    `is_crowded` tells that somewhere frames follow each other faster than any camera's: the source's clock went back,
    and ffmpeg, which lets no time go back, put one frame after the other as closely as it could.
    """

    def __init__(
        self,
        *,
        rendition: str,
        folder: Path,
        part_seconds: float,
        name_part: Callable[[int], str],
        store: Callable[[Path, TrackPart], None],
        end: StretchEnd | None = None,
    ) -> None:
        self._rendition = rendition
        self._folder = folder
        self._part_seconds = part_seconds
        self._name_part = name_part
        self._store = store
        self._end = end
        self._held: Fragment | None = None
        self._reader = FragmentReader()
        self._init: InitSpan | None = None
        self._codec = ""
        self._number = 0
        self._file: BinaryIO | None = None
        self._writer: PartWriter | None = None
        self.is_crowded = False

    def feed(self, content: bytes) -> None:
        """
        Take the next bytes of the stream.

        Raises:
            EncodeFailed: OUTPUT_VERIFY_FAILED.
        """
        try:
            for fragment in self._reader.feed(content):
                self._take(fragment)
        except MalformedFragments as error:
            raise _output_failure(f"{self._rendition}: {error}") from error

    def finish(self) -> None:
        """
        Store what is left, when the stream has ended as it should.

        Raises:
            EncodeFailed: OUTPUT_VERIFY_FAILED, it ended in the middle of a fragment.
        """
        if not self._reader.is_between_boxes:
            raise _output_failure(f"{self._rendition}: the stream ends within a fragment")
        if self._held is not None and self._end is not None:
            self._add(_settled(self._held, None, end=self._end))
        self._close()

    def _take(self, fragment: Fragment) -> None:
        if self._end is None:
            self._add(fragment)
            return
        if self._held is not None:
            self._add(_settled(self._held, fragment, end=self._end))
        self._held = fragment

    def _add(self, fragment: Fragment) -> None:
        self.is_crowded = self.is_crowded or _is_crowded(fragment)
        if self._writer is not None and self._is_full():
            self._close()
        if self._writer is None:
            self._writer = self._open()
        self._writer.add(fragment)

    def _is_full(self) -> bool:
        is_early = self._number < len(FIRST_PARTS_SECONDS)
        limit = FIRST_PARTS_SECONDS[self._number] if is_early else self._part_seconds
        assert self._writer is not None  # noqa: S101
        assert self._file is not None  # noqa: S101
        return self._writer.duration_seconds >= limit or self._file.tell() >= LARGEST_PART_BYTES

    def _open(self) -> PartWriter:
        key = self._name_part(self._number)
        self._file = self._path.open("wb")
        if self._init is None:
            init = self._reader.init
            assert init is not None  # noqa: S101
            self._codec = codec_of(self._rendition, init)
            self._init = write_init(init, key=key, file=self._file)
        return PartWriter(rendition=self._rendition, key=key, init=self._init, codec=self._codec, file=self._file)

    def _close(self) -> None:
        if self._writer is None or self._file is None:
            return
        part = self._writer.finish()
        path = self._path
        self._file.close()
        self._file, self._writer = None, None
        self._number += 1
        if part is not None:
            self._store(path, part)

    @property
    def _path(self) -> Path:
        return self._folder / f"{self._rendition}-part-{self._number}.mp4"


def write_init(init: InitSection, *, key: str, file: BinaryIO) -> InitSpan:
    """Write an initialisation section and return where it lies."""
    offset = file.tell()
    file.write(init.content)
    digest = hashlib.sha256(init.content).hexdigest()[:16]
    return InitSpan(key=key, offset=offset, size_bytes=len(init.content), digest=digest)


def codec_of(rendition: str, init: InitSection) -> str:
    """Return the RFC 6381 name of what an initialisation section announces."""
    return AUDIO_CODEC if rendition == AUDIO_RENDITION else avc_codec_of(init.content)


def _packed(rendition: str, path: Path, *, key: str, file: BinaryIO, end: StretchEnd) -> TrackPart | None:
    reader = FragmentReader()
    writer: PartWriter | None = None
    for fragment, later in _with_next(_fragments(path, reader)):
        if writer is None:
            writer = _writer(rendition, reader, key=key, file=file)
        if rendition == AUDIO_RENDITION:
            writer.add(fragment)
        else:
            writer.add(_settled(fragment, later, end=end))
    return writer.finish() if writer is not None else None


def _settled(fragment: Fragment, later: Fragment | None, *, end: StretchEnd) -> Fragment:
    """Return a fragment whose last picture is shown until the next one's first."""
    until = end.of(fragment) if later is None else min(shown_times(later)) / later.timescale
    return decoded_as_shown(fragment, end_seconds=until)


def _with_next(fragments: Iterator[Fragment]) -> Iterator[tuple[Fragment, Fragment | None]]:
    earlier = next(fragments, None)
    for later in fragments:
        if earlier is not None:
            yield earlier, later
        earlier = later
    if earlier is not None:
        yield earlier, None


def _fragments(path: Path, reader: FragmentReader) -> Iterator[Fragment]:
    try:
        with path.open("rb") as encoded:
            while content := encoded.read(READ_BYTES):
                yield from reader.feed(content)
    except MalformedFragments as error:
        raise _output_failure(f"{path.name}: {error}") from error
    if not reader.is_between_boxes:
        raise _output_failure(f"{path.name}: the file ends within a fragment")


def _writer(rendition: str, reader: FragmentReader, *, key: str, file: BinaryIO) -> PartWriter:
    init = reader.init
    assert init is not None  # noqa: S101
    span = write_init(init, key=key, file=file)
    return PartWriter(rendition=rendition, key=key, init=span, codec=codec_of(rendition, init), file=file)


def _is_crowded(fragment: Fragment) -> bool:
    return fragment.sample_count - 1 > fragment.duration_seconds * CROWDED_FRAMES_PER_SECOND


def _output_failure(detail: str) -> EncodeFailed:
    return EncodeFailed(cause_code="OUTPUT_VERIFY_FAILED", detail=detail, is_files_fault=False)
