"""
When the key frames of an MP4 or MOV file are shown, read from its index without reading its media.

Source:
    ISO/IEC 14496-12, sections 8.6.1.2 (stts), 8.6.1.3 (ctts), 8.6.2 (stss), 8.6.6 (elst).
"""

import struct
from array import array
from collections.abc import Iterator, Sequence

from .fmp4 import MalformedFragments, box_of, child_boxes, media_timescale
from .key_frames import KeyFrameIndex
from .sniff import ReadRange

# The index of an hour at 30 frames a second measures 4.3 MB.
LARGEST_INDEX_BYTES = 128 * 1024**2
# Twelve hours of 60 frames a second. An index that claims more is not worth the memory.
_MOST_FRAMES = 2_600_000
_LONGEST_WALK = 64


def read_key_frames(read: ReadRange, *, size_bytes: int) -> KeyFrameIndex | None:
    """Return the index of the first video track, or None when the file has none that we can read."""
    try:
        moov = _find_moov(read, size_bytes=size_bytes)
        return _index_of(moov) if moov is not None else None
    except (MalformedFragments, struct.error, IndexError):
        return None


def _find_moov(read: ReadRange, *, size_bytes: int) -> bytes | None:
    offset = 0
    for _ in range(_LONGEST_WALK):
        header = read(offset, 16)
        size, kind = struct.unpack_from(">I4s", header)
        header_bytes = 8
        if size == 1:
            size, header_bytes = struct.unpack_from(">Q", header, 8)[0], 16
        if kind == b"moov":
            wanted = size - header_bytes
            return read(offset + header_bytes, wanted) if 0 < wanted <= LARGEST_INDEX_BYTES else None
        if size < 8 or offset + size >= size_bytes:
            return None
        offset += size
    return None


def _index_of(moov: bytes) -> KeyFrameIndex | None:
    movie_timescale = media_timescale(box_of(moov, b"mvhd"))
    for kind, trak in child_boxes(moov):
        if kind == b"trak" and box_of(trak, b"mdia", b"hdlr")[8:12] == b"vide":
            return _index_of_track(trak, movie_timescale=movie_timescale)
    return None


def _index_of_track(trak: bytes, *, movie_timescale: int) -> KeyFrameIndex | None:
    timescale = media_timescale(box_of(trak, b"mdia", b"mdhd"))
    tables = dict(child_boxes(box_of(trak, b"mdia", b"minf", b"stbl")))
    steps = _runs(tables[b"stts"]) if b"stts" in tables else []
    frame_count = sum(count for count, _ in steps)
    if not 0 < frame_count <= _MOST_FRAMES:
        return None
    offsets = _runs(tables[b"ctts"], signed=True) if b"ctts" in tables else [(frame_count, 0)]
    shift, is_plain = _edit_shift(trak, timescale=timescale, movie_timescale=movie_timescale)

    def shown(samples: Sequence[int]) -> Iterator[float]:
        times = zip(_decode_times(samples, steps), _values_at(samples, offsets), strict=False)
        return ((decoded + offset) / timescale + shift for decoded, offset in times)

    everything = range(1, frame_count + 1)
    keys = _numbers(tables[b"stss"]) if b"stss" in tables else everything
    return KeyFrameIndex(
        key_frames=tuple(sorted(shown(keys))), frames=array("d", sorted(shown(everything))), is_plain=is_plain
    )


def _edit_shift(trak: bytes, *, timescale: int, movie_timescale: int) -> tuple[float, bool]:
    """Return what the edit list adds to every sample's time, and whether it does no more than that."""
    try:
        elst = box_of(trak, b"edts", b"elst")
    except MalformedFragments:
        return 0.0, True
    entry, head = (">QqI", 20) if elst[0] == 1 else (">IiI", 12)
    count = struct.unpack_from(">I", elst, 4)[0]
    edits = [struct.unpack_from(entry, elst, 8 + index * head) for index in range(min(count, 16))]
    shift = 0.0
    if edits and edits[0][1] == -1:
        shift += edits.pop(0)[0] / movie_timescale
    if len(edits) != 1:
        return shift, not edits
    _, media_time, rate = edits[0]
    return shift - media_time / timescale, rate == 0x10000


def _runs(table: bytes, *, signed: bool = False) -> list[tuple[int, int]]:
    count = min(struct.unpack_from(">I", table, 4)[0], (len(table) - 8) // 8)
    return list(struct.iter_unpack(">Ii" if signed else ">II", table[8 : 8 + 8 * count]))


def _numbers(table: bytes) -> list[int]:
    count = min(struct.unpack_from(">I", table, 4)[0], (len(table) - 8) // 4)
    return [number for (number,) in struct.iter_unpack(">I", table[8 : 8 + 4 * count])]


def _decode_times(samples: Sequence[int], steps: list[tuple[int, int]]) -> Iterator[int]:
    """Yield the decode time of each sample, numbered from 1 and in order."""
    first, time, position = 1, 0, 0
    for sample in samples:
        while position < len(steps) and sample >= first + steps[position][0]:
            time += steps[position][0] * steps[position][1]
            first += steps[position][0]
            position += 1
        if position == len(steps):
            return
        yield time + (sample - first) * steps[position][1]


def _values_at(samples: Sequence[int], runs: list[tuple[int, int]]) -> Iterator[int]:
    """Yield the value of the run that each sample lies in."""
    first, position = 1, 0
    for sample in samples:
        while position < len(runs) and sample >= first + runs[position][0]:
            first += runs[position][0]
            position += 1
        if position == len(runs):
            return
        yield runs[position][1]
