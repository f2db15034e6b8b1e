"""
Packages as readers that are not ours see them: the parser `m3u8`, in its strict mode, and ffprobe.

Source:
    RFC 8216, sections 4.3 (tags) and 7 (what a protocol version allows).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import m3u8

from .attempts import Package
from .media import probe_report

# The letters that `avc1` names begin with, by ffprobe's name of the profile: ISO/IEC 14496-10, annex A.
H264_PROFILES = {"Constrained Baseline": "42", "Baseline": "42", "Main": "4d", "High": "64"}
# A segment's EXT-X-MAP outside of an I-frame playlist.
LOWEST_VERSION = 6


def assert_valid_package(package: Package) -> None:
    """Hold that players may rely on each tag of a package's playlists, and on every byte of its objects."""
    master = _load(package.folder / "master.m3u8")
    assert master.is_variant
    sound = _sound_of(master)
    names = [name_of(variant.uri) for variant in master.playlists]
    assert len(set(names)) == len(names)
    lists = {name: _load(package.folder / f"{name}.m3u8") for name in dict.fromkeys([*names, *sound])}
    for name, playlist in lists.items():
        _check_media_playlist(playlist)
        _check_independent_segments(package, name, playlist)
    for variant in master.playlists:
        _check_variant(variant, lists, package)
    _check_tiling(package.folder, lists.values())
    lengths = [sum(segment.duration for segment in lists[name].segments) for name in names]
    assert max(lengths) - min(lengths) < 1


def name_of(uri: str) -> str:
    """Return the rendition of a playlist that lies beside the master."""
    name, dot, extension = uri.partition(".")
    assert (dot, extension) == (".", "m3u8")
    return name


def _load(path: Path) -> Any:
    playlist = m3u8.M3U8(path.read_text(encoding="utf-8"), strict=True)
    assert playlist.version >= LOWEST_VERSION
    assert playlist.is_independent_segments
    return playlist


def _sound_of(master: Any) -> list[str]:
    """Return the renditions of the audio groups, each of which some variant uses and none lacks."""
    groups = defaultdict(list)
    for media in master.media:
        assert (media.type, media.autoselect, media.channels) == ("AUDIO", "YES", "2")
        groups[media.group_id].append(media)
    assert {variant.stream_info.audio for variant in master.playlists} == set(groups or [None])
    for group in groups.values():
        assert len({media.name for media in group}) == len(group)
        assert [media.default for media in group].count("YES") == 1
    return [name_of(media.uri) for media in master.media]


def _check_media_playlist(playlist: Any) -> None:
    assert not playlist.is_variant
    assert (playlist.playlist_type, playlist.is_endlist, playlist.media_sequence) == ("vod", True, 0)
    assert playlist.segments
    assert max(round(segment.duration) for segment in playlist.segments) <= playlist.target_duration
    assert all(segment.duration > 0 and segment.init_section.byterange for segment in playlist.segments)


def _check_variant(variant: Any, lists: dict[str, Any], package: Package) -> None:
    info, name = variant.stream_info, name_of(variant.uri)
    heard = "audio" if info.audio else None
    played = [lists[name], *([lists[heard]] if heard else [])]
    assert info.bandwidth == sum(max(_bit_rates(playlist)) for playlist in played)
    assert 0 < info.average_bandwidth <= info.bandwidth
    streams = [_stream(package, part) for part in (name, heard) if part]
    codecs = info.codecs.split(",")
    assert len(codecs) == len(streams)
    for codec, stream in zip(codecs, streams, strict=True):
        assert re.fullmatch(_codec_of(stream), codec)
    if streams[0]["codec_type"] == "video":
        assert info.resolution == (streams[0]["width"], streams[0]["height"])
        frames, seconds = int(streams[0]["nb_read_packets"]), sum(segment.duration for segment in lists[name].segments)
        assert frames / seconds <= info.frame_rate * 1.05


def _bit_rates(playlist: Any) -> Iterator[int]:
    for segment in playlist.segments:
        size, _ = _range(segment.byterange)
        yield round(size * 8 / max(0.5, segment.duration))


def _stream(package: Package, rendition: str) -> dict[str, Any]:
    (stream,) = probe_report(package.media(rendition), "-count_packets", "-show_streams")["streams"]
    return dict(stream)


def _codec_of(stream: dict[str, Any]) -> str:
    """Return the pattern of a stream's RFC 6381 name. ffprobe does not tell the constraints in its middle."""
    if stream["codec_name"] == "h264":
        return rf"avc1\.{H264_PROFILES[stream['profile']]}[0-9a-f]{{2}}{stream['level']:02x}"
    assert (stream["codec_name"], stream["profile"]) == ("aac", "LC")
    return r"mp4a\.40\.2"


def _check_tiling(folder: Path, playlists: Iterable[Any]) -> None:
    """
    Hold that every object is read from its first byte to its last, and no byte of it as two segments.

    Chunks that are encoded apart each bring the initialisation section that they share; it is read once.
    """
    segments = [segment for playlist in playlists for segment in playlist.segments]
    inits = {(segment.init_section.uri, *_range(segment.init_section.byterange)) for segment in segments}
    shared = {(folder / uri).read_bytes()[offset : offset + size] for uri, size, offset in inits}
    ranges: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for uri, size, offset in [*inits, *((segment.uri, *_range(segment.byterange)) for segment in segments)]:
        ranges[uri].append((offset, size))
    for uri, found in ranges.items():
        content, end = (folder / uri).read_bytes(), 0
        for offset, size in sorted(found):
            assert offset == end or content[end:offset] in shared, f"{uri}: {end} is followed by {offset}"
            end = offset + size
        assert end == len(content), uri
    assert {path.name for path in folder.glob("*.mp4")} == set(ranges)


def _check_independent_segments(package: Package, name: str, playlist: Any) -> None:
    """EXT-X-INDEPENDENT-SEGMENTS: the first packet of each segment needs none before it."""
    report = probe_report(package.media(name), "-show_entries", "packet=pos,flags")
    starts = sorted((int(packet["pos"]), "K" in packet["flags"]) for packet in report["packets"])
    at = _range(playlist.segments[0].init_section.byterange)[0]
    for segment in playlist.segments:
        size, _ = _range(segment.byterange)
        first = next((is_key for position, is_key in starts if at <= position < at + size), None)
        assert first, f"{name}: a segment of {segment.uri} starts with no key frame"
        at += size


def _range(byterange: str) -> tuple[int, int]:
    size, offset = byterange.split("@")
    return int(size), int(offset)
