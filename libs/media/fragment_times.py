"""
Giving a fragment's samples other times, without touching the samples.

An encoder that reorders frames needs a few of them in advance, so it counts decoding from earlier than showing. Where
frames are seconds apart that is many seconds, and a stretch would seem to end long after the next has begun. Here both
are counted alike: the first frame to decode takes the time of the first to be shown, the second that of the second.

Source:
    ISO/IEC 14496-12, sections 8.8.8 (trun) and 8.8.12 (tfdt).
"""

import struct
from dataclasses import replace
from itertools import pairwise

from .fmp4 import Fragment, MalformedFragments, box, box_of, box_size, child_boxes, default_duration_of

_DURATION, _SIZE, _FLAGS, _OFFSET = 0x100, 0x200, 0x400, 0x800
_COLUMNS = (_DURATION, _SIZE, _FLAGS, _OFFSET)
_LONGEST_TICKS = 2**32 - 1


def shown_times(fragment: Fragment) -> list[int]:
    """
    Return when a fragment's samples are shown, in ticks, in the order in which they are decoded.

    Raises:
        MalformedFragments: Not one run of samples.
    """
    decoded, columns = _samples(fragment)
    times = []
    for duration, offset in zip(columns[_DURATION], columns[_OFFSET], strict=True):
        times.append(decoded + offset)
        decoded += duration
    return times


def decoded_as_shown(fragment: Fragment, *, end_seconds: float | None) -> Fragment:
    """
    Return a fragment that depends on no other with its samples decoded at the times at which some are shown.

    Args:
        end_seconds: Until when the last is shown; None keeps how long the encoder thinks.

    Raises:
        MalformedFragments: Not one run of samples.
    """
    times = shown_times(fragment)
    ordered = sorted(times)
    _, columns = _samples(fragment)
    last = columns[_DURATION][-1] if end_seconds is None else round(end_seconds * fragment.timescale) - ordered[-1]
    durations = [*(later - earlier for earlier, later in pairwise(ordered)), min(max(1, last), _LONGEST_TICKS)]
    columns[_DURATION] = durations
    columns[_OFFSET] = [shown - decoded for shown, decoded in zip(times, ordered, strict=True)]
    return replace(
        fragment,
        content=_rewritten(fragment.content, columns, decode_time=ordered[0]),
        start_seconds=ordered[0] / fragment.timescale,
        duration_seconds=sum(durations) / fragment.timescale,
    )


def _samples(fragment: Fragment) -> tuple[int, dict[int, list[int]]]:
    """Return a fragment's decode time, and of its samples what is written of each, and duration and offset anyway."""
    traf = box_of(fragment.content[8 : box_size(fragment.content, 0)], b"traf")
    runs = [body for kind, body in child_boxes(traf) if kind == b"trun"]
    if len(runs) != 1:
        raise MalformedFragments(f"{len(runs)} runs of samples in a fragment")
    tfdt = box_of(traf, b"tfdt")
    decode_time: int = struct.unpack_from(">Q" if tfdt[0] == 1 else ">I", tfdt, 4)[0]
    columns = _columns(runs[0])
    count: int = struct.unpack_from(">I", runs[0], 4)[0]
    duration = default_duration_of(box_of(traf, b"tfhd"), fallback=fragment.default_duration)
    columns.setdefault(_DURATION, [duration] * count)
    columns.setdefault(_OFFSET, [0] * count)
    return decode_time, columns


def _columns(run: bytes) -> dict[int, list[int]]:
    flags = _flags_of(run)
    written = [column for column in _COLUMNS if flags & column]
    if not written:
        return {}
    rows = struct.iter_unpack(_row_format(written, is_signed=run[0] > 0), run[_head_bytes(flags) :])
    return dict(zip(written, map(list, zip(*rows, strict=True)), strict=True))


def _row_format(columns: list[int], *, is_signed: bool) -> str:
    return ">" + "".join("i" if column == _OFFSET and is_signed else "I" for column in columns)


def _flags_of(run: bytes) -> int:
    return int.from_bytes(run[1:4], "big")


def _head_bytes(flags: int) -> int:
    """Return how much stands before the samples: version, flags, their number, and two optional fields."""
    return 8 + (4 if flags & 0x01 else 0) + (4 if flags & 0x04 else 0)


def _rewritten(content: bytes, columns: dict[int, list[int]], *, decode_time: int) -> bytes:
    """Write the moof box anew."""
    moof_bytes = box_size(content, 0)
    moof, media = content[8:moof_bytes], content[moof_bytes:]
    grown = 0
    boxes = []
    for kind, body in child_boxes(box_of(moof, b"traf")):
        if kind == b"trun":
            fresh = _run(body, columns)
        elif kind == b"tfdt":
            fresh = b"\x01" + body[1:4] + struct.pack(">Q", decode_time)
        else:
            fresh = body
        grown += len(fresh) - len(body)
        boxes.append((kind, fresh))
    moved = b"".join(box(kind, _moved(body, grown) if kind == b"trun" else body) for kind, body in boxes)
    return box(b"moof", b"".join(box(k, moved if k == b"traf" else body) for k, body in child_boxes(moof))) + media


def _run(run: bytes, columns: dict[int, list[int]]) -> bytes:
    written = [column for column in _COLUMNS if column in columns]
    flags = _flags_of(run) | sum(written)
    row = struct.Struct(_row_format(written, is_signed=True))
    samples = b"".join(row.pack(*values) for values in zip(*(columns[column] for column in written), strict=True))
    return b"\x01" + flags.to_bytes(3, "big") + run[4 : _head_bytes(flags)] + samples


def _moved(run: bytes, grown: int) -> bytes:
    """Correct where the media starts: it is counted from the moof box, which has grown."""
    if not _flags_of(run) & 0x01:
        return run
    offset = struct.unpack_from(">i", run, 8)[0] + grown
    return run[:8] + struct.pack(">i", offset) + run[12:]
