"""
Reading fragmented MP4 as an encoder writes it: an initialisation section, then fragments that can be cut apart.

Source:
    ISO/IEC 14496-12, sections 4.2 (boxes) and 8.8 (movie fragments).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_SKIPPED = frozenset({b"styp", b"sidx", b"free", b"mfra", b"prft", b"emsg"})
# A fragment of one group of pictures at the highest bit rate that we copy is far below this.
LARGEST_BOX_BYTES = 256 * 1024**2


class MalformedFragments(Exception):
    """The stream is not the fragmented MP4 that we asked our own encoder for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InitSection:
    """`ftyp` and `moov` of a file with one track."""

    content: bytes
    timescale: int
    default_duration: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """`moof` and `mdat`: some samples in a row. `start` and `duration` are in seconds of the track's own time."""

    content: bytes
    start_seconds: float
    duration_seconds: float
    sample_count: int
    timescale: int
    default_duration: int


class FragmentReader:
    """Cuts a stream into its initialisation section and fragments as the bytes come in, and holds no more than one."""

    def __init__(self) -> None:
        self.init: InitSection | None = None
        self._pending = bytearray()
        self._head = b""
        self._moof = b""

    def feed(self, content: bytes) -> Iterator[Fragment]:
        """
        Take the next bytes and yield the fragments that they complete.

        Raises:
            MalformedFragments: Not what was asked for.
        """
        self._pending += content
        while (size := self._next_box_size()) is not None and len(self._pending) >= size:
            box = bytes(self._pending[:size])
            del self._pending[:size]
            fragment = self._take(box[4:8], box)
            if fragment is not None:
                yield fragment

    @property
    def is_between_boxes(self) -> bool:
        """Tell whether nothing is left over: a stream that ends elsewhere was cut."""
        return not self._pending and not self._moof

    def _next_box_size(self) -> int | None:
        if len(self._pending) < 16:
            return None
        size = box_size(self._pending, 0)
        if not 8 <= size <= LARGEST_BOX_BYTES:
            raise MalformedFragments(f"a box of {size} bytes")
        return size

    def _take(self, kind: bytes, box: bytes) -> Fragment | None:
        if kind == b"ftyp":
            self._head = box
        elif kind == b"moov":
            self.init = _init_section(self._head + box, box)
        elif kind == b"moof":
            self._moof = box
        elif kind == b"mdat":
            return self._fragment(box)
        elif kind not in _SKIPPED:
            raise MalformedFragments(f"an unexpected box {kind!r}")
        return None

    def _fragment(self, mdat: bytes) -> Fragment:
        if self.init is None or not self._moof:
            raise MalformedFragments("media before its header")
        moof, self._moof = self._moof, b""
        decode_time, duration, sample_count = _timing(moof, default_duration=self.init.default_duration)
        return Fragment(
            content=moof + mdat,
            start_seconds=decode_time / self.init.timescale,
            duration_seconds=duration / self.init.timescale,
            sample_count=sample_count,
            timescale=self.init.timescale,
            default_duration=self.init.default_duration,
        )


def box_of(content: bytes, *path: bytes) -> bytes:
    """
    Return the body of the first box at a path of types, as (b"moov", b"trak", b"mdia", b"mdhd").

    Raises:
        MalformedFragments: There is none.
    """
    for kind in path:
        body = next((body for found, body in child_boxes(content) if found == kind), None)
        if body is None:
            raise MalformedFragments(f"no {kind.decode()} box")
        content = body
    return content


def child_boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield type and body of each box in a box's body."""
    offset = 0
    while offset + 8 <= len(content):
        size, header = box_size(content, offset), 8
        if struct.unpack_from(">I", content, offset)[0] == 1:
            header = 16
        if size == 0:
            size = len(content) - offset
        if size < header:
            return
        yield bytes(content[offset + 4 : offset + 8]), bytes(content[offset + header : offset + size])
        offset += size


def media_timescale(mdhd: bytes) -> int:
    """Return the ticks a second of an `mdhd` box's body."""
    timescale: int = struct.unpack_from(">I", mdhd, 20 if mdhd[0] == 1 else 12)[0]
    if timescale == 0:
        raise MalformedFragments("a timescale of 0")
    return timescale


def avc_codec_of(init: bytes) -> str:
    """
    Return the RFC 6381 name of the H.264 that an initialisation section announces, read from its avcC box.

    Raises:
        MalformedFragments: There is no avcC box.

    Source:
        ISO/IEC 14496-15, section 5.3.3.1: version, then profile, compatibility and level.
    """
    at = init.find(b"avcC")
    if at < 0:
        raise MalformedFragments("no avcC box")
    profile, compatibility, level = init[at + 5 : at + 8]
    return f"avc1.{profile:02x}{compatibility:02x}{level:02x}"


def box_size(content: bytes | bytearray, offset: int) -> int:
    size: int = struct.unpack_from(">I", content, offset)[0]
    if size == 1 and len(content) >= offset + 16:
        size = struct.unpack_from(">Q", content, offset + 8)[0]
    return size


def _init_section(content: bytes, moov: bytes) -> InitSection:
    body = moov[8:]
    trex = box_of(body, b"mvex", b"trex")
    return InitSection(
        content=content,
        timescale=media_timescale(box_of(body, b"trak", b"mdia", b"mdhd")),
        default_duration=struct.unpack_from(">I", trex, 12)[0],
    )


def _timing(moof: bytes, *, default_duration: int) -> tuple[int, int, int]:
    """Return decode time and duration in ticks, and the number of samples."""
    traf = box_of(moof[8:], b"traf")
    tfdt = box_of(traf, b"tfdt")
    decode_time: int = struct.unpack_from(">Q" if tfdt[0] == 1 else ">I", tfdt, 4)[0]
    default = default_duration_of(box_of(traf, b"tfhd"), fallback=default_duration)
    duration = sample_count = 0
    for kind, body in child_boxes(traf):
        if kind == b"trun":
            durations = _sample_durations(body, default=default)
            duration += sum(durations)
            sample_count += len(durations)
    return decode_time, duration, sample_count


def default_duration_of(tfhd: bytes, *, fallback: int) -> int:
    flags = int.from_bytes(tfhd[1:4], "big")
    if not flags & 0x08:
        return fallback
    offset = 8 + (8 if flags & 0x01 else 0) + (4 if flags & 0x02 else 0)
    duration: int = struct.unpack_from(">I", tfhd, offset)[0]
    return duration


def _sample_durations(trun: bytes, *, default: int) -> list[int]:
    flags = int.from_bytes(trun[1:4], "big")
    sample_count: int = struct.unpack_from(">I", trun, 4)[0]
    if not flags & 0x100:
        return [default] * sample_count
    offset = 8 + (4 if flags & 0x01 else 0) + (4 if flags & 0x04 else 0)
    step = 4 * bin(flags & 0xF00).count("1")
    return [struct.unpack_from(">I", trun, offset + index * step)[0] for index in range(sample_count)]


def box(kind: bytes, body: bytes) -> bytes:
    """Return a box of this type and body."""
    return struct.pack(">I4s", len(body) + 8, kind) + body
