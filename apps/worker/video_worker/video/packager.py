"""Reading media playlists, and writing the master playlist from what was really encoded."""

import re
from dataclasses import dataclass
from pathlib import Path

from .ladder import Rendition
from .planner import EncodePlan
from .transcoder import AUDIO_FOLDER, MEDIA_NAME, PLAYLIST_NAME

MASTER_NAME = "master.m3u8"
# AAC-LC, as our encoder writes it: RFC 6381 and ISO/IEC 14496-3.
AUDIO_CODEC = "mp4a.40.2"
INIT_SEARCH_BYTES = 65_536

_EXTINF = re.compile(r"#EXTINF:([0-9.]+)")
_BYTERANGE = re.compile(r"#EXT-X-BYTERANGE:(\d+)(?:@(\d+))?")
_MAP = re.compile(r'#EXT-X-MAP:URI="[^"]+",BYTERANGE="(\d+)@(\d+)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One segment: a byte range of the rendition's file."""

    duration_seconds: float
    offset: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaPlaylist:
    """A rendition's playlist. `init_bytes` is the length of the initialisation section at the file's start."""

    init_bytes: int
    segments: tuple[Segment, ...]
    is_complete: bool

    @property
    def duration_seconds(self) -> float:
        return sum(segment.duration_seconds for segment in self.segments)

    @property
    def peak_bits_per_second(self) -> int:
        """Largest segment bit rate. RFC 8216, section 4.3.4.2, BANDWIDTH."""
        rates = [segment.size_bytes * 8 / max(0.5, segment.duration_seconds) for segment in self.segments]
        return round(max(rates, default=0.0))

    @property
    def average_bits_per_second(self) -> int:
        """Average over all segments. RFC 8216, section 4.3.4.2, AVERAGE-BANDWIDTH."""
        size_bytes = sum(segment.size_bytes for segment in self.segments)
        return round(size_bytes * 8 / self.duration_seconds) if self.duration_seconds else 0


def read_playlist(folder: Path) -> MediaPlaylist:
    """Read the playlist of a rendition's folder."""
    text = (folder / PLAYLIST_NAME).read_text(encoding="utf-8")
    segments: list[Segment] = []
    duration, position = 0.0, 0
    init = _MAP.search(text)
    for line in text.splitlines():
        if match := _EXTINF.match(line):
            duration = float(match[1])
        elif match := _BYTERANGE.match(line):
            size_bytes = int(match[1])
            # Without an offset the range follows the one before it: RFC 8216, section 4.3.2.2.
            offset = int(match[2]) if match[2] is not None else position
            position = offset + size_bytes
            segments.append(Segment(duration_seconds=duration, offset=offset, size_bytes=size_bytes))
    return MediaPlaylist(
        init_bytes=int(init[1]) if init else 0, segments=tuple(segments), is_complete="#EXT-X-ENDLIST" in text
    )


def write_master(folder: Path, plan: EncodePlan) -> Path:
    """Write `master.m3u8`, the largest rendition first, with measured bit rates and exact codecs."""
    audio = read_playlist(folder / AUDIO_FOLDER) if plan.has_audio else None
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    if audio is not None:
        lines.append(
            f'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="main",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",'
            f'URI="{AUDIO_FOLDER}/{PLAYLIST_NAME}"'
        )
    for rendition in plan.renditions:
        lines += [_stream_inf(folder, rendition, audio), f"{rendition.name}/{PLAYLIST_NAME}"]
    master = folder / MASTER_NAME
    master.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return master


def _stream_inf(folder: Path, rendition: Rendition, audio: MediaPlaylist | None) -> str:
    playlist = read_playlist(folder / rendition.name)
    codecs = [avc_codec(folder / rendition.name / MEDIA_NAME)] + ([AUDIO_CODEC] if audio else [])
    peak = playlist.peak_bits_per_second + (audio.peak_bits_per_second if audio else 0)
    average = playlist.average_bits_per_second + (audio.average_bits_per_second if audio else 0)
    attributes = [
        f"BANDWIDTH={peak}",
        f"AVERAGE-BANDWIDTH={average}",
        f"RESOLUTION={rendition.width}x{rendition.height}",
        f"FRAME-RATE={rendition.frames_per_second:.3f}",
        f'CODECS="{",".join(codecs)}"',
        *(['AUDIO="audio"'] if audio else []),
    ]
    return "#EXT-X-STREAM-INF:" + ",".join(attributes)


def avc_codec(media: Path) -> str:
    """
    Return the RFC 6381 name of the file's H.264, read from its avcC box.

    Raises:
        ValueError: There is no avcC box at the file's start.

    Source:
        ISO/IEC 14496-15, section 5.3.3.1: version, then profile, compatibility and level.
    """
    with media.open("rb") as file:
        head = file.read(INIT_SEARCH_BYTES)
    at = head.find(b"avcC")
    if at < 0:
        raise ValueError(f"{media.name} has no avcC box")
    profile, compatibility, level = head[at + 5 : at + 8]
    return f"avc1.{profile:02x}{compatibility:02x}{level:02x}"
