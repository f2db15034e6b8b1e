"""
When the key frames of a Matroska or WebM file are shown, read from its cues without reading its media.

Source:
    RFC 8794 (EBML: element ids and sizes), RFC 9559, sections 5.1.1 (SeekHead), 5.1.4 (Tracks), 5.1.5 (Cues).
"""

from collections.abc import Iterator

from .key_frames import KeyFrameIndex
from .sniff import ReadRange

_SEGMENT, _SEEK_HEAD, _INFO, _TRACKS, _CUES = 0x18538067, 0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1C53BB6B
_SEEK, _SEEK_ID, _SEEK_POSITION = 0x4DBB, 0x53AB, 0x53AC
_TIMESTAMP_SCALE, _TRACK_ENTRY, _TRACK_NUMBER, _TRACK_TYPE = 0x2AD7B1, 0xAE, 0xD7, 0x83
_CUE_POINT, _CUE_TIME, _CUE_TRACK_POSITIONS, _CUE_TRACK = 0xBB, 0xB3, 0xB7, 0xF7
_CLUSTER = 0x1F43B675
_VIDEO = 1
_USUAL_TIMESTAMP_SCALE = 1_000_000

# The cues of twelve hours with a key frame a second measure 1 MB.
_LARGEST_ELEMENT_BYTES = 16 * 1024**2
_LONGEST_WALK = 64


class _NotIndexed(Exception):
    """The file says nothing of its key frames, or not in a way that we can read."""


def read_cues(read: ReadRange, *, size_bytes: int) -> KeyFrameIndex | None:
    """Return the index of the first video track, or None when the file has none that we can read."""
    try:
        elements = _top_elements(read, size_bytes=size_bytes)
        track = _video_track(elements[_TRACKS])
        times = sorted(set(_cue_times(elements[_CUES], track=track)))
        scale = _unsigned_of(elements[_INFO], _TIMESTAMP_SCALE, default=_USUAL_TIMESTAMP_SCALE)
    except (_NotIndexed, KeyError, IndexError):
        return None
    return KeyFrameIndex(key_frames=tuple(time * scale / 1e9 for time in times), is_plain=True) if times else None


def _top_elements(read: ReadRange, *, size_bytes: int) -> dict[int, bytes]:
    """Return the bodies of the segment's descriptive elements, wherever in the file they lie."""
    start = _segment_start(read)
    elements: dict[int, bytes] = {}
    wanted = {_INFO, _TRACKS, _CUES}
    offset = start
    for _ in range(_LONGEST_WALK):
        if offset >= size_bytes or wanted <= elements.keys():
            break
        kind, size, head = _header(read(offset, 12))
        if kind == _CLUSTER:
            break
        if kind in {_SEEK_HEAD, *wanted}:
            elements[kind] = _body(read, offset + head, size)
        offset += head + size
    for kind, position in _sought(elements.get(_SEEK_HEAD, b"")):
        if kind in wanted and kind not in elements and start + position < size_bytes:
            found, size, head = _header(read(start + position, 12))
            if found == kind:
                elements[kind] = _body(read, start + position + head, size)
    return elements


def _segment_start(read: ReadRange) -> int:
    _, size, head = _header(read(0, 12))
    kind, _, segment_head = _header(read(head + size, 12))
    if kind != _SEGMENT:
        raise _NotIndexed
    return head + size + segment_head


def _body(read: ReadRange, offset: int, size: int) -> bytes:
    if size > _LARGEST_ELEMENT_BYTES:
        raise _NotIndexed
    return read(offset, size)


def _sought(seek_head: bytes) -> Iterator[tuple[int, int]]:
    for kind, body in _children(seek_head):
        if kind == _SEEK:
            yield _unsigned_of(body, _SEEK_ID), _unsigned_of(body, _SEEK_POSITION)


def _video_track(tracks: bytes) -> int:
    for kind, body in _children(tracks):
        if kind == _TRACK_ENTRY and _unsigned_of(body, _TRACK_TYPE) == _VIDEO:
            return _unsigned_of(body, _TRACK_NUMBER)
    raise _NotIndexed


def _cue_times(cues: bytes, *, track: int) -> Iterator[int]:
    for kind, point in _children(cues):
        if kind == _CUE_POINT:
            places = [body for found, body in _children(point) if found == _CUE_TRACK_POSITIONS]
            if any(_unsigned_of(place, _CUE_TRACK) == track for place in places):
                yield _unsigned_of(point, _CUE_TIME)


def _unsigned_of(content: bytes, wanted: int, *, default: int | None = None) -> int:
    for kind, body in _children(content):
        if kind == wanted:
            return int.from_bytes(body, "big")
    if default is None:
        raise _NotIndexed
    return default


def _children(content: bytes) -> Iterator[tuple[int, bytes]]:
    offset = 0
    while offset < len(content):
        kind, size, head = _header(content[offset : offset + 12])
        yield kind, content[offset + head : offset + head + size]
        offset += head + size


def _header(content: bytes) -> tuple[int, int, int]:
    """Return an element's id, the size of its body, and the size of this header."""
    id_bytes = _length(content[0])
    size_bytes = _length(content[id_bytes])
    kind = int.from_bytes(content[:id_bytes], "big")
    marked = int.from_bytes(content[id_bytes : id_bytes + size_bytes], "big")
    return kind, marked & ((1 << 7 * size_bytes) - 1), id_bytes + size_bytes


def _length(first: int) -> int:
    """Return how many bytes a number of variable size has, as its first byte says."""
    if first == 0:
        raise _NotIndexed
    return 9 - first.bit_length()
