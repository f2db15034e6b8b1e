"""
The catalogue of causes: what "why is my video not ready?" may be answered with.

A code is stage + noun, stable, and never reused. `docs/reference/causes.md` is made from this table and `messages`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Fault(StrEnum):
    """Whose doing it is."""

    YOURS = "yours"
    OURS = "ours"
    NOBODYS = "nobodys"


class Verdict(StrEnum):
    """How bad it is."""

    OK = "ok"
    WAITING = "waiting"
    DEGRADED = "degraded"
    STUCK = "stuck"
    FAILED = "failed"


class Acts(StrEnum):
    """Who has to do something. NOBODY: it goes on by itself."""

    USER = "user"
    OPERATOR = "operator"
    VENDOR = "vendor"
    NOBODY = "nobody"


class Cause(StrEnum):
    """Every code."""

    # Nothing is wrong.
    READY = "READY"
    ENCODING = "ENCODING"
    DELETED = "DELETED"
    # Upload.
    UPLOAD_WAITING = "UPLOAD_WAITING"
    UPLOAD_PARTS_MISSING = "UPLOAD_PARTS_MISSING"
    UPLOAD_ABANDONED = "UPLOAD_ABANDONED"
    UPLOAD_COMPLETE_NOT_CALLED = "UPLOAD_COMPLETE_NOT_CALLED"
    UPLOAD_EMPTY = "UPLOAD_EMPTY"
    UPLOAD_SIZE_MISMATCH = "UPLOAD_SIZE_MISMATCH"
    UPLOAD_CHECKSUM_MISMATCH = "UPLOAD_CHECKSUM_MISMATCH"
    UPLOAD_OVERWRITTEN = "UPLOAD_OVERWRITTEN"
    # Storage.
    STORAGE_UNAVAILABLE = "STORAGE_UNAVAILABLE"
    STORAGE_THROTTLED = "STORAGE_THROTTLED"
    STORAGE_DENIED = "STORAGE_DENIED"
    SOURCE_GONE = "SOURCE_GONE"
    SOURCE_STALLED = "SOURCE_STALLED"
    # Enqueue and queue.
    ENQUEUE_PENDING = "ENQUEUE_PENDING"
    ENQUEUE_FAILING = "ENQUEUE_FAILING"
    QUEUE_WAITING = "QUEUE_WAITING"
    QUEUE_TENANT_CAPPED = "QUEUE_TENANT_CAPPED"
    QUEUE_NO_CONSUMER = "QUEUE_NO_CONSUMER"
    QUEUE_MESSAGE_LOST = "QUEUE_MESSAGE_LOST"
    DLQ_EXHAUSTED = "DLQ_EXHAUSTED"
    # Worker.
    CLAIM_HELD = "CLAIM_HELD"
    WORKER_LOST = "WORKER_LOST"
    WORKER_SHUTDOWN = "WORKER_SHUTDOWN"
    WORKER_DISK_FULL = "WORKER_DISK_FULL"
    WORKER_OVERLOADED = "WORKER_OVERLOADED"
    WORKER_FAULTY = "WORKER_FAULTY"
    POISON_WORKER_CRASH = "POISON_WORKER_CRASH"
    CANCELLED = "CANCELLED"
    # The file.
    INPUT_NOT_VIDEO = "INPUT_NOT_VIDEO"
    INPUT_UNSUPPORTED_CONTAINER = "INPUT_UNSUPPORTED_CONTAINER"
    INPUT_UNSUPPORTED_CODEC = "INPUT_UNSUPPORTED_CODEC"
    INPUT_NO_VIDEO_STREAM = "INPUT_NO_VIDEO_STREAM"
    INPUT_ENCRYPTED = "INPUT_ENCRYPTED"
    INPUT_MALFORMED = "INPUT_MALFORMED"
    INPUT_TRUNCATED = "INPUT_TRUNCATED"
    INPUT_TOO_SHORT = "INPUT_TOO_SHORT"
    INPUT_TOO_LONG = "INPUT_TOO_LONG"
    INPUT_TOO_MANY_PIXELS = "INPUT_TOO_MANY_PIXELS"
    INPUT_TOO_MANY_STREAMS = "INPUT_TOO_MANY_STREAMS"
    INPUT_TOO_MANY_FRAMES = "INPUT_TOO_MANY_FRAMES"
    INPUT_SUSPICIOUS = "INPUT_SUSPICIOUS"
    # Encoding.
    PROBE_TIMEOUT = "PROBE_TIMEOUT"
    ENCODER_OOM = "ENCODER_OOM"
    ENCODER_CRASH = "ENCODER_CRASH"
    ENCODER_STALLED = "ENCODER_STALLED"
    ENCODE_DEADLINE = "ENCODE_DEADLINE"
    ENCODER_ERROR = "ENCODER_ERROR"
    OUTPUT_VERIFY_FAILED = "OUTPUT_VERIFY_FAILED"
    OUTPUT_UPLOAD_FAILED = "OUTPUT_UPLOAD_FAILED"
    # Playback.
    PLAYBACK_OBJECT_MISSING = "PLAYBACK_OBJECT_MISSING"
    # Ours.
    STATE_DRIFT = "STATE_DRIFT"
    INTERNAL_BUG = "INTERNAL_BUG"


@dataclass(frozen=True, slots=True)
class CauseEntry:
    """How bad a cause usually is, whose doing, and who has to act."""

    verdict: Verdict
    fault: Fault
    acts: Acts


def _your_file(verdict: Verdict = Verdict.FAILED) -> CauseEntry:
    return CauseEntry(verdict, Fault.YOURS, Acts.USER)


def _goes_on(verdict: Verdict, fault: Fault = Fault.NOBODYS) -> CauseEntry:
    return CauseEntry(verdict, fault, Acts.NOBODY)


def _ours(verdict: Verdict) -> CauseEntry:
    return CauseEntry(verdict, Fault.OURS, Acts.OPERATOR)


CAUSES: Mapping[Cause, CauseEntry] = MappingProxyType(
    {
        Cause.READY: _goes_on(Verdict.OK),
        Cause.ENCODING: _goes_on(Verdict.WAITING),
        Cause.DELETED: _goes_on(Verdict.OK),
        Cause.UPLOAD_WAITING: _your_file(Verdict.WAITING),
        Cause.UPLOAD_PARTS_MISSING: _your_file(Verdict.WAITING),
        Cause.UPLOAD_ABANDONED: _your_file(),
        Cause.UPLOAD_COMPLETE_NOT_CALLED: _goes_on(Verdict.WAITING),
        Cause.UPLOAD_EMPTY: _your_file(Verdict.STUCK),
        Cause.UPLOAD_SIZE_MISMATCH: _your_file(Verdict.STUCK),
        Cause.UPLOAD_CHECKSUM_MISMATCH: _your_file(Verdict.STUCK),
        Cause.UPLOAD_OVERWRITTEN: _your_file(),
        Cause.STORAGE_UNAVAILABLE: CauseEntry(Verdict.DEGRADED, Fault.OURS, Acts.VENDOR),
        Cause.STORAGE_THROTTLED: _goes_on(Verdict.DEGRADED, Fault.OURS),
        Cause.STORAGE_DENIED: _ours(Verdict.STUCK),
        Cause.SOURCE_GONE: _ours(Verdict.FAILED),
        Cause.SOURCE_STALLED: _goes_on(Verdict.DEGRADED, Fault.OURS),
        Cause.ENQUEUE_PENDING: _goes_on(Verdict.WAITING),
        Cause.ENQUEUE_FAILING: _ours(Verdict.DEGRADED),
        Cause.QUEUE_WAITING: _goes_on(Verdict.WAITING),
        Cause.QUEUE_TENANT_CAPPED: _goes_on(Verdict.WAITING),
        Cause.QUEUE_NO_CONSUMER: _ours(Verdict.STUCK),
        Cause.QUEUE_MESSAGE_LOST: _goes_on(Verdict.DEGRADED, Fault.OURS),
        Cause.DLQ_EXHAUSTED: _ours(Verdict.DEGRADED),
        Cause.CLAIM_HELD: _goes_on(Verdict.WAITING),
        Cause.WORKER_LOST: _goes_on(Verdict.DEGRADED, Fault.OURS),
        Cause.WORKER_SHUTDOWN: _goes_on(Verdict.WAITING, Fault.OURS),
        Cause.WORKER_DISK_FULL: _ours(Verdict.DEGRADED),
        Cause.WORKER_OVERLOADED: _ours(Verdict.DEGRADED),
        Cause.WORKER_FAULTY: _ours(Verdict.DEGRADED),
        Cause.POISON_WORKER_CRASH: _ours(Verdict.FAILED),
        Cause.CANCELLED: _your_file(),
        Cause.INPUT_NOT_VIDEO: _your_file(),
        Cause.INPUT_UNSUPPORTED_CONTAINER: _your_file(),
        Cause.INPUT_UNSUPPORTED_CODEC: _your_file(),
        Cause.INPUT_NO_VIDEO_STREAM: _your_file(),
        Cause.INPUT_ENCRYPTED: _your_file(),
        Cause.INPUT_MALFORMED: _your_file(),
        Cause.INPUT_TRUNCATED: _your_file(),
        Cause.INPUT_TOO_SHORT: _your_file(),
        Cause.INPUT_TOO_LONG: _your_file(),
        Cause.INPUT_TOO_MANY_PIXELS: _your_file(),
        Cause.INPUT_TOO_MANY_STREAMS: _your_file(),
        Cause.INPUT_TOO_MANY_FRAMES: _your_file(),
        Cause.INPUT_SUSPICIOUS: _your_file(),
        Cause.PROBE_TIMEOUT: _goes_on(Verdict.DEGRADED, Fault.OURS),
        Cause.ENCODER_OOM: _ours(Verdict.DEGRADED),
        Cause.ENCODER_CRASH: _ours(Verdict.DEGRADED),
        Cause.ENCODER_STALLED: _goes_on(Verdict.DEGRADED, Fault.OURS),
        Cause.ENCODE_DEADLINE: _ours(Verdict.DEGRADED),
        Cause.ENCODER_ERROR: _ours(Verdict.DEGRADED),
        Cause.OUTPUT_VERIFY_FAILED: _ours(Verdict.DEGRADED),
        Cause.OUTPUT_UPLOAD_FAILED: CauseEntry(Verdict.DEGRADED, Fault.OURS, Acts.VENDOR),
        Cause.PLAYBACK_OBJECT_MISSING: _ours(Verdict.DEGRADED),
        Cause.STATE_DRIFT: _ours(Verdict.STUCK),
        Cause.INTERNAL_BUG: _ours(Verdict.DEGRADED),
    }
)


def known_cause(code: str) -> Cause:
    """Return the cause with this code. One that the catalogue does not list is a bug of ours, and says so."""
    return Cause(code) if code in Cause.__members__ else Cause.INTERNAL_BUG
