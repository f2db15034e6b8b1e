"""What can go wrong with an attempt or a chunk, and whose fault it is."""

import errno
from dataclasses import dataclass

from libs.media.facts import MediaRejected
from libs.media.ffmpeg import EncodeFailed
from libs.media.ffprobe import (
    ProbeCrashed,
    ProbeTimeout,
    SourceChanged,
    SourceDenied,
    SourceGone,
    SourceStalled,
    SourceThrottled,
    SourceUnreadable,
)
from libs.media.process import ProcessDeadlinePassed, ProcessOutgrown, ProcessStalled
from libs.s3_client.client import StorageDenied, StorageError, StorageThrottled


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why an attempt ended without a package. `is_final`: the file's fault, trying again cannot help."""

    cause_code: str
    detail: str
    is_final: bool

    @property
    def is_hosts(self) -> bool:
        """Tell whether the machine is to blame: whatever it tried next would end alike."""
        return self.cause_code in _HOST_CAUSES


ATTEMPT_FAILURES = (
    MediaRejected,
    EncodeFailed,
    ProbeTimeout,
    ProbeCrashed,
    SourceUnreadable,
    StorageError,
    ProcessStalled,
    ProcessDeadlinePassed,
    ProcessOutgrown,
    OSError,
)

_CAUSE_OF: tuple[tuple[type[Exception], str, bool], ...] = (
    (ProbeTimeout, "PROBE_TIMEOUT", False),
    (ProbeCrashed, "ENCODER_CRASH", False),
    (SourceChanged, "UPLOAD_OVERWRITTEN", True),
    (SourceGone, "SOURCE_GONE", True),
    (SourceStalled, "SOURCE_STALLED", False),
    (SourceThrottled, "STORAGE_THROTTLED", False),
    (SourceDenied, "STORAGE_DENIED", False),
    (SourceUnreadable, "STORAGE_UNAVAILABLE", False),
    (StorageThrottled, "STORAGE_THROTTLED", False),
    (StorageDenied, "STORAGE_DENIED", False),
    (StorageError, "OUTPUT_UPLOAD_FAILED", False),
    (ProcessStalled, "ENCODER_STALLED", False),
    (ProcessOutgrown, "ENCODER_OOM", False),
    (ProcessDeadlinePassed, "ENCODE_DEADLINE", False),
)
_CAUSE_OF_ERRNO = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), "WORKER_DISK_FULL"),
    # No more processes, memory or open files.
    **dict.fromkeys((errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE), "WORKER_OVERLOADED"),
}
_OTHER_HOST_CAUSE = "WORKER_FAULTY"
_HOST_CAUSES = frozenset({*_CAUSE_OF_ERRNO.values(), _OTHER_HOST_CAUSE})


def bug_of(error: Exception) -> Failure:
    """Return the failure of an attempt that ended in a way that nobody has foreseen."""
    return Failure(cause_code="INTERNAL_BUG", detail=repr(error)[:1000], is_final=False)


def failure_of(error: Exception) -> Failure:
    """Return the cause in the catalogue's words."""
    if isinstance(error, MediaRejected):
        return Failure(cause_code=error.cause_code, detail=error.detail, is_final=True)
    if isinstance(error, EncodeFailed):
        return Failure(cause_code=error.cause_code, detail=error.detail, is_final=error.is_files_fault)
    if isinstance(error, OSError):
        cause_code, is_final = _CAUSE_OF_ERRNO.get(error.errno or 0, _OTHER_HOST_CAUSE), False
    else:
        cause_code, is_final = next((code, final) for kind, code, final in _CAUSE_OF if isinstance(error, kind))
    return Failure(cause_code=cause_code, detail=str(error)[:1000], is_final=is_final)
