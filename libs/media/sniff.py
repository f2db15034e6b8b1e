"""What a file is by its first bytes, before any demuxer that could be fooled is let near it."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

SNIFF_BYTES = 4096

ReadRange = Callable[[int, int], bytes]


class Signature(StrEnum):
    """What the first bytes look like."""

    ISO_BMFF = "mov,mp4,m4a,3gp,3g2,mj2"
    MATROSKA = "matroska,webm"
    AVI = "avi"
    FLV = "flv"
    ASF = "asf"
    MPEG_TS = "mpegts"
    MPEG_PS = "mpeg"
    OTHER_MEDIA = "other media"
    PLAYLIST = "playlist"
    UNKNOWN = "unknown"


_PLAYLIST_STARTS = (b"#EXTM3U", b"<MPD", b"v=0", b"ffconcat", b"[playlist]", b"<smil", b"<SmoothStreaming")
_ISO_BMFF_BOXES = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp"}
_MAGIC = (
    (b"\x1a\x45\xdf\xa3", Signature.MATROSKA),
    (b"RIFF", Signature.AVI),
    (b"FLV\x01", Signature.FLV),
    (bytes.fromhex("3026b2758e66cf11"), Signature.ASF),
    (b"\x00\x00\x01\xba", Signature.MPEG_PS),
    # Ogg, RealMedia, MXF, IVF, NUT, raw YUV, a TV recording of Windows; and sound in a file of its own.
    (b"OggS", Signature.OTHER_MEDIA),
    (b".RMF", Signature.OTHER_MEDIA),
    (bytes.fromhex("060e2b34"), Signature.OTHER_MEDIA),
    (b"DKIF", Signature.OTHER_MEDIA),
    (b"nut/multimedia", Signature.OTHER_MEDIA),
    (b"YUV4MPEG2", Signature.OTHER_MEDIA),
    (bytes.fromhex("b7d80020"), Signature.OTHER_MEDIA),
    (b"fLaC", Signature.OTHER_MEDIA),
)
# Sample entries of Common Encryption and of FairPlay.
_ENCRYPTED_ENTRIES = {b"encv", b"enca", b"drmi", b"drms"}
# A track's sample entries come before the tables that grow with its length.
_TRACK_HEAD_BYTES = 2048


def signature_of(head: bytes) -> Signature:
    """Return what the first bytes look like."""
    if _is_playlist(head):
        return Signature.PLAYLIST
    if head[4:8] in _ISO_BMFF_BOXES:
        return Signature.ISO_BMFF
    if head.startswith(b"RIFF") and head[8:12] == b"WAVE":
        return Signature.OTHER_MEDIA
    for start, signature in _MAGIC:
        if head.startswith(start):
            return signature
    return _transport_stream(head)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSketch:
    """Where reading an ISO base media file will lead: through fragments, or through an index of so many bytes."""

    is_fragmented: bool = False
    is_encrypted: bool = False
    index_bytes: int = 0


def sketch_index(read: ReadRange, *, size_bytes: int, longest_walk: int = 64) -> IndexSketch:
    """
    Walk the top-level boxes of an ISO base media file. Only headers are read.

    ffprobe reads a fragmented file whole, and an index whole, so whoever probes one over HTTP must know first.

    Source:
        ISO/IEC 14496-12, section 4.2 (box header) and 8.8.1 (mvex).
    """
    offset = 0
    for _ in range(longest_walk):
        header = read(offset, 16)
        if len(header) < 8:
            break
        size, kind = struct.unpack(">I4s", header[:8])
        if size == 1 and len(header) == 16:
            size = struct.unpack(">Q", header[8:16])[0]
        if kind == b"moof":
            return IndexSketch(is_fragmented=True)
        if kind == b"moov" and offset + size <= size_bytes:
            return _sketch_movie(read, offset, size)
        if size < 8 or offset + size >= size_bytes:
            break
        offset += size
    return IndexSketch()


def _sketch_movie(read: ReadRange, offset: int, size: int) -> IndexSketch:
    is_fragmented = is_encrypted = False
    position = offset + 8
    for _ in range(64):
        if position + 8 > offset + size:
            break
        child_size, kind = struct.unpack(">I4s", read(position, 8).ljust(8, b"\0"))
        is_fragmented = is_fragmented or kind == b"mvex"
        if kind == b"trak":
            head_bytes = min(child_size, offset + size - position, _TRACK_HEAD_BYTES)
            is_encrypted = is_encrypted or _is_encrypted(read(position, head_bytes))
        if child_size < 8:
            break
        position += child_size
    return IndexSketch(is_fragmented=is_fragmented, is_encrypted=is_encrypted, index_bytes=size)


def _is_encrypted(track_head: bytes) -> bool:
    """
    Tell whether a track's first sample entry is one that hides what its samples are.

    Source:
        ISO/IEC 14496-12, section 8.5.2 (stsd) and 8.12 (encrypted and restricted media).
    """
    at = track_head.find(b"stsd")
    return at >= 0 and track_head[at + 16 : at + 20] in _ENCRYPTED_ENTRIES


def _is_playlist(head: bytes) -> bool:
    text = head.lstrip(b"\xef\xbb\xbf\r\n\t ")
    return text.startswith(_PLAYLIST_STARTS) or (text.startswith(b"<?xml") and b"<MPD" in text)


def _transport_stream(head: bytes) -> Signature:
    for packet_size, first in ((188, 0), (192, 4)):
        if len(head) > first + packet_size * 4 and all(head[first + packet_size * index] == 0x47 for index in range(4)):
            return Signature.MPEG_TS
    return Signature.UNKNOWN
