"""Files that somebody made to harm, small ones that claim to be large above all."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable
from functools import cache
from io import BytesIO

from tests.support.clip_store import encoded
from tests.support.media import SOUND, clip, moving_picture

NESTED = frozenset({b"moov", b"trak", b"mdia", b"minf", b"dinf", b"stbl"})
SECONDS = 10**9


def mp4_boxes(content: bytes) -> list[tuple[bytes, bytes]]:
    """Return type and body of the boxes that follow each other in an MP4 file or box."""
    boxes = []
    offset = 0
    while offset < len(content):
        size, kind = struct.unpack_from(">I4s", content, offset)
        boxes.append((kind, content[offset + 8 : offset + size]))
        offset += size
    return boxes


def rewritten(content: bytes, change: Callable[[bytes, bytes], list[tuple[bytes, bytes]]]) -> bytes:
    """Return an MP4 file, whose index comes last, with each box replaced by those that `change` returns."""
    written = []
    for kind, body in mp4_boxes(content):
        inner = rewritten(body, change) if kind in NESTED else body
        written += [struct.pack(">I4s", len(new) + 8, name) + new for name, new in change(kind, inner)]
    return b"".join(written)


def ten_thousand_streams() -> bytes:
    """Return an MP4 whose index lists its picture again and again."""

    def repeat(kind: bytes, body: bytes) -> list[tuple[bytes, bytes]]:
        return [(kind, body)] * (5000 if kind == b"trak" else 1)

    return rewritten(clip("tiny").read_bytes(), repeat)


def endless_index() -> bytes:
    """Return an MP4 whose every frame claims to be shown for two years."""

    def stretch(kind: bytes, body: bytes) -> list[tuple[bytes, bytes]]:
        if kind == b"edts":
            return []
        if kind in {b"mdhd", b"mvhd"}:
            body = body[:12] + struct.pack(">II", 1, SECONDS) + body[20:]
        if kind == b"stts":
            body = body[:4] + struct.pack(">III", 1, 20, SECONDS // 20)
        return [(kind, body)]

    return rewritten(clip("tiny").read_bytes(), stretch)


def lying_index() -> bytes:
    """Return an MP4 whose index says that there are four billion frames."""

    def lie(kind: bytes, body: bytes) -> list[tuple[bytes, bytes]]:
        if kind == b"stss":
            return []
        return [(kind, body[:4] + struct.pack(">III", 1, 2**32 - 1, 1) if kind == b"stts" else body)]

    return rewritten(clip("tiny").read_bytes(), lie)


def pointing_elsewhere(target: str) -> bytes:
    """Return an MP4 whose samples are to be read from another place."""

    def point(kind: bytes, body: bytes) -> list[tuple[bytes, bytes]]:
        if kind == b"dref":
            entry = struct.pack(">I4sI", 12 + len(target) + 1, b"url ", 0) + target.encode() + b"\0"
            body = body[:8] + entry
        return [(kind, body)]

    return rewritten(clip("tiny").read_bytes(), point)


@cache
def huge_picture() -> bytes:
    """Return a film of one small photograph that claims to be 30,000 pixels wide and high."""
    picture = moving_picture(seconds=1, size="64x48", rate=1)
    one_jpeg = ("-frames:v", "1", "-c:v", "mjpeg", "-pix_fmt", "yuvj420p")
    content = bytearray(encoded("photograph.mov", *picture, *one_jpeg).read_bytes())
    frame = content.index(bytes.fromhex("ffc00011"))
    struct.pack_into(">HH", content, frame + 5, 30_000, 30_000)
    return bytes(content)


@cache
def leaping_clock() -> bytes:
    """Return a Matroska file of nine seconds whose last cluster claims to be from thirty years later."""
    picture = moving_picture(seconds=9, size="64x48", rate=10)
    # A cluster a second, each with a time in as many bytes as the leap needs.
    late = ("-output_ts_offset", "80000", "-cluster_time_limit", "1000")
    codecs = ("-c:v", "libx264", "-g", "10", "-c:a", "aac")
    content = bytearray(encoded("leaping.mkv", *picture, *SOUND, "-t", "9", *codecs, *late).read_bytes())
    field = content.index(b"\xe7", content.rindex(bytes.fromhex("1f43b675"))) + 1
    assert content[field] == 0x84, "a time of four bytes"
    content[field + 1 : field + 5] = struct.pack(">I", 2**32 - 1)
    return bytes(content)


def archive() -> bytes:
    """Return a zip that holds a video."""
    target = BytesIO()
    with zipfile.ZipFile(target, "w") as files:
        files.write(clip("tiny"), "lecture.mp4")
    return target.getvalue()


def hls_of(target: str) -> bytes:
    """Return a playlist of one segment."""
    return f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n".encode()


def concatenation_of(target: str) -> bytes:
    """Return a list of files as ffmpeg's concat demuxer reads it."""
    return f"ffconcat version 1.0\nfile '{target}'\n".encode()
