"""What we know of a source, and whether it may be encoded."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

HDR_TRANSFERS = frozenset({"smpte2084", "arib-std-b67"})
# As ffprobe names them: top or bottom field first, coded and shown.
INTERLACED_ORDERS = frozenset({"tt", "bb", "tb", "bt"})
# A browser's recording has no frame rate, and ffprobe says 1,000: its unit of time.
TIME_BASE_RATE = 1000.0


class MediaRejected(Exception):
    """The source can never be played here. `cause_code` is one of the INPUT_* causes."""

    def __init__(self, *, cause_code: str, detail: str) -> None:
        self.cause_code = cause_code
        self.detail = detail
        super().__init__(f"{cause_code}: {detail}")


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaLimits:
    """What a source may be."""

    min_duration_seconds: float = 0.1
    max_duration_seconds: float = 43_200.0
    max_pixels: int = 8192 * 4320
    max_streams: int = 32
    max_frames_per_second: float = 240.0


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoStreamFacts:
    """The picture. `width` and `height` are as displayed: after rotation, with square pixels."""

    index: int
    codec: str
    profile: str
    level: int
    pixel_format: str
    bit_depth: int
    coded_width: int
    coded_height: int
    width: int
    height: int
    rotation_degrees: int
    frames_per_second: float
    color_transfer: str
    start_seconds: float = 0.0
    duration_seconds: float | None = None
    bit_rate: int = 0
    is_interlaced: bool = False
    has_square_pixels: bool = True

    @property
    def is_hdr(self) -> bool:
        """Tell whether the picture needs tone-mapping for an ordinary screen."""
        return self.color_transfer in HDR_TRANSFERS


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioStreamFacts:
    """The sound."""

    index: int
    codec: str
    channels: int
    sample_rate: int
    profile: str = ""
    start_seconds: float = 0.0
    duration_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFacts:
    """A container's facts. `duration_seconds` is None when the container does not say (a browser's WebM)."""

    container: str
    duration_seconds: float | None
    start_seconds: float
    bit_rate: int
    stream_count: int
    fragmented: bool
    video: VideoStreamFacts | None
    audio: AudioStreamFacts | None


def facts_from(report: Mapping[str, Any], *, fragmented: bool) -> MediaFacts:
    """Read `ffprobe -show_format -show_streams -of json`."""
    container = report.get("format", {})
    streams = report.get("streams", [])
    picture = next((stream for stream in streams if _is_picture(stream)), None)
    sound = next((stream for stream in streams if stream.get("codec_type") == "audio"), None)
    duration = _number(container.get("duration")) or _number((picture or {}).get("duration"))
    start = _number(container.get("start_time")) or 0.0
    if duration is not None and container.get("format_name", "").startswith("matroska"):
        # It says when the last frame ends, not how long it is from the first.
        duration -= max(0.0, start)
    return MediaFacts(
        container=container.get("format_name", ""),
        # A fragmented file is read from its start only, and would report its first fragment.
        duration_seconds=None if fragmented else duration,
        start_seconds=start,
        bit_rate=int(_number(container.get("bit_rate")) or 0),
        stream_count=len(streams),
        fragmented=fragmented,
        video=_picture_facts(picture, fragmented=fragmented) if picture else None,
        audio=_sound_facts(sound, fragmented=fragmented) if sound else None,
    )


def judge(facts: MediaFacts, *, limits: MediaLimits) -> MediaFacts:
    """
    Return the facts of a source that may be encoded.

    Raises:
        MediaRejected: It may not.
    """
    cause = _cause_against(facts, limits)
    if cause is not None:
        raise MediaRejected(cause_code=cause, detail=repr(facts)[:500])
    return facts


def require_length(duration_seconds: float | None, *, longest_seconds: float) -> None:
    """
    Let a source pass that is no longer than somebody may have it, or whose length is not known yet.

    Raises:
        MediaRejected: It is longer.
    """
    if duration_seconds is not None and duration_seconds > longest_seconds:
        raise MediaRejected(
            cause_code="INPUT_TOO_LONG", detail=f"{duration_seconds:.0f} s, {longest_seconds:.0f} allowed"
        )


def _cause_against(facts: MediaFacts, limits: MediaLimits) -> str | None:
    picture = facts.video
    if facts.stream_count > limits.max_streams:
        return "INPUT_TOO_MANY_STREAMS"
    if picture is None:
        return _sound_cause(facts.audio) or _duration_cause(facts.duration_seconds, limits)
    if not picture.codec:
        return "INPUT_UNSUPPORTED_CODEC"
    if picture.coded_width <= 0 or picture.coded_height <= 0:
        return "INPUT_MALFORMED"
    return _picture_cause(picture, limits) or _duration_cause(facts.duration_seconds, limits)


def _sound_cause(sound: AudioStreamFacts | None) -> str | None:
    if sound is None:
        return "INPUT_NO_VIDEO_STREAM"
    return None if sound.codec else "INPUT_UNSUPPORTED_CODEC"


def _picture_cause(picture: VideoStreamFacts, limits: MediaLimits) -> str | None:
    if picture.coded_width * picture.coded_height > limits.max_pixels:
        return "INPUT_TOO_MANY_PIXELS"
    if limits.max_frames_per_second < picture.frames_per_second < TIME_BASE_RATE:
        return "INPUT_TOO_MANY_FRAMES"
    return None


def _duration_cause(duration_seconds: float | None, limits: MediaLimits) -> str | None:
    if duration_seconds is None:
        return None
    if duration_seconds > limits.max_duration_seconds:
        return "INPUT_TOO_LONG"
    return "INPUT_TOO_SHORT" if duration_seconds < limits.min_duration_seconds else None


def _is_picture(stream: Mapping[str, Any]) -> bool:
    return stream.get("codec_type") == "video" and not stream.get("disposition", {}).get("attached_pic")


def _picture_facts(stream: Mapping[str, Any], *, fragmented: bool) -> VideoStreamFacts:
    coded_width, coded_height = int(stream.get("width", 0)), int(stream.get("height", 0))
    rotation = _rotation(stream)
    width, height = max(1, round(coded_width * _pixel_aspect(stream))), coded_height
    if rotation % 180:
        width, height = height, width
    return VideoStreamFacts(
        index=int(stream["index"]),
        codec=stream.get("codec_name", ""),
        profile=str(stream.get("profile", "")),
        level=int(stream.get("level", 0)),
        pixel_format=stream.get("pix_fmt", ""),
        bit_depth=int(stream.get("bits_per_raw_sample") or 8),
        coded_width=coded_width,
        coded_height=coded_height,
        width=width,
        height=height,
        rotation_degrees=rotation,
        frames_per_second=_ratio(stream.get("avg_frame_rate")) or _ratio(stream.get("r_frame_rate")) or 30.0,
        color_transfer=stream.get("color_transfer", ""),
        start_seconds=_number(stream.get("start_time")) or 0.0,
        duration_seconds=None if fragmented else _number(stream.get("duration")),
        bit_rate=int(_number(stream.get("bit_rate")) or 0),
        is_interlaced=stream.get("field_order", "progressive") in INTERLACED_ORDERS,
        has_square_pixels=_pixel_aspect(stream) == 1.0,
    )


def _sound_facts(stream: Mapping[str, Any], *, fragmented: bool) -> AudioStreamFacts:
    return AudioStreamFacts(
        index=int(stream["index"]),
        codec=stream.get("codec_name", ""),
        channels=int(stream.get("channels", 0)),
        sample_rate=int(stream.get("sample_rate", 0)),
        profile=str(stream.get("profile", "")),
        start_seconds=_number(stream.get("start_time")) or 0.0,
        duration_seconds=None if fragmented else _number(stream.get("duration")),
    )


def _rotation(stream: Mapping[str, Any]) -> int:
    for side in stream.get("side_data_list", []):
        if "rotation" in side:
            return round(float(side["rotation"])) % 360
    return 0


def _pixel_aspect(stream: Mapping[str, Any]) -> float:
    return _ratio(str(stream.get("sample_aspect_ratio", "1:1")).replace(":", "/")) or 1.0


def _ratio(text: str | None) -> float | None:
    top, _, bottom = (text or "").partition("/")
    numerator, denominator = _number(top), _number(bottom or "1")
    if not numerator or not denominator:
        return None
    return numerator / denominator


def _number(text: object) -> float | None:
    try:
        number = float(str(text))
    except ValueError:
        return None
    return number if math.isfinite(number) else None
