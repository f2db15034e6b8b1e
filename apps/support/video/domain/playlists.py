"""
Writing HLS playlists from what has been encoded.

Source:
    RFC 8216, sections 4.3.2.2 (EXT-X-BYTERANGE), 4.3.2.5 (EXT-X-MAP), 4.3.3 (media playlists), 4.3.4 (master).
"""

from collections.abc import Callable, Mapping, Sequence

from .chunks import AUDIO_RENDITION, Segment, TrackPart, Variant

MASTER_NAME = "master.m3u8"
PLAYLIST_VERSION = 7
# Without a start players take a growing playlist for a broadcast, and start at its end.
WATCHED_FROM_START = "#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-START:TIME-OFFSET=0"
_SHORTEST_RATED_SECONDS = 0.5


def playlist_name(rendition: str) -> str:
    """Return the file name of a rendition's playlist. It lies beside the master."""
    return f"{rendition}.m3u8"


def media_playlist(
    parts: Sequence[TrackPart], *, name_object: Callable[[str], str], target_seconds: float, is_complete: bool
) -> str:
    """
    Return a rendition's playlist: VOD when it is complete, else EVENT, which only grows and is watched from its start.

    Args:
        parts: In the order in which they play, without a gap.
        name_object: Returns the URI of an object, of its key.
        target_seconds: The length that segments are cut to. Players learn the target duration once, so it is not
            measured from segments that a growing playlist has not got yet.
    """
    durations = [segment.duration_seconds for part in parts for segment in part.segments]
    target = max([round(target_seconds), *(_rounded_up(duration) for duration in durations)])
    lines = [
        "#EXTM3U",
        f"#EXT-X-VERSION:{PLAYLIST_VERSION}",
        f"#EXT-X-TARGETDURATION:{target}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        f"#EXT-X-PLAYLIST-TYPE:{'VOD' if is_complete else 'EVENT'}",
        "#EXT-X-INDEPENDENT-SEGMENTS" if is_complete else WATCHED_FROM_START,
    ]
    digest = ""
    for part in parts:
        if part.init.digest != digest:
            digest = part.init.digest
            lines.append(_map_line(part, uri=name_object(part.init.key)))
        for segment in part.segments:
            lines += _segment_lines(segment, uri=name_object(part.key))
    return "\n".join([*lines, *(["#EXT-X-ENDLIST"] if is_complete else [])]) + "\n"


def master_playlist(variants: Sequence[Variant], tracks: Mapping[str, Sequence[TrackPart]]) -> str:
    """
    Return the master playlist, with measured bit rates and exact codecs, in the order given.

    Args:
        variants: Renditions with a picture; those without parts yet are left out.
        tracks: Parts by rendition; sound is the one called "audio".
    """
    audio = tracks.get(AUDIO_RENDITION, ())
    lines = ["#EXTM3U", f"#EXT-X-VERSION:{PLAYLIST_VERSION}", "#EXT-X-INDEPENDENT-SEGMENTS"]
    shown = [variant for variant in variants if tracks.get(variant.name)]
    if audio and shown:
        lines.append(
            f'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="main",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",'
            f'URI="{playlist_name(AUDIO_RENDITION)}"'
        )
    for variant in shown:
        lines += [_stream_line(tracks[variant.name], audio, variant=variant), playlist_name(variant.name)]
    if audio and not shown:
        lines += [_stream_line(audio, (), variant=None), playlist_name(AUDIO_RENDITION)]
    return "\n".join(lines) + "\n"


def peak_bits_per_second(parts: Sequence[TrackPart]) -> int:
    """Return the largest segment bit rate: BANDWIDTH of RFC 8216, section 4.3.4.2."""
    rates = [
        segment.size_bytes * 8 / max(_SHORTEST_RATED_SECONDS, segment.duration_seconds)
        for part in parts
        for segment in part.segments
    ]
    return round(max(rates, default=0.0))


def average_bits_per_second(parts: Sequence[TrackPart]) -> int:
    """Return the average bit rate: AVERAGE-BANDWIDTH of RFC 8216, section 4.3.4.2."""
    duration = sum(part.duration_seconds for part in parts)
    return round(sum(part.size_bytes for part in parts) * 8 / duration) if duration else 0


def _stream_line(parts: Sequence[TrackPart], audio: Sequence[TrackPart], *, variant: Variant | None) -> str:
    codecs = list(dict.fromkeys(part.codec for part in [*parts[:1], *audio[:1]]))
    attributes = [
        f"BANDWIDTH={peak_bits_per_second(parts) + peak_bits_per_second(audio)}",
        f"AVERAGE-BANDWIDTH={average_bits_per_second(parts) + average_bits_per_second(audio)}",
    ]
    if variant is not None:
        attributes += [
            f"RESOLUTION={variant.width}x{variant.height}",
            f"FRAME-RATE={variant.frames_per_second:.3f}",
        ]
    attributes.append(f'CODECS="{",".join(codecs)}"')
    return "#EXT-X-STREAM-INF:" + ",".join([*attributes, *(['AUDIO="audio"'] if audio else [])])


def _map_line(part: TrackPart, *, uri: str) -> str:
    return f'#EXT-X-MAP:URI="{uri}",BYTERANGE="{part.init.size_bytes}@{part.init.offset}"'


def _segment_lines(segment: Segment, *, uri: str) -> list[str]:
    return [
        f"#EXTINF:{segment.duration_seconds:.6f},",
        f"#EXT-X-BYTERANGE:{segment.size_bytes}@{segment.offset}",
        uri,
    ]


def _rounded_up(seconds: float) -> int:
    # RFC 8216 compares the rounded duration with the target; one that is above even unrounded satisfies every reader.
    return -int(-seconds // 1)
