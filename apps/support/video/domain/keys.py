"""Where objects live in the bucket. Every prefix ends in "/": deleting video 12 must not delete 120."""

import re
import uuid

_EXTENSION = re.compile(r"[a-z0-9]{1,8}")


def file_extension(filename: str) -> str:
    """Return the lower-case extension without its dot, or "bin" when there is none that is safe in a key."""
    _, dot, extension = filename.rpartition(".")
    lowered = extension.lower()
    return lowered if dot and _EXTENSION.fullmatch(lowered) else "bin"


def source_key(*, tenant_id: int, video_id: int, filename: str, token: uuid.UUID) -> str:
    """Return the key of an uploaded source. Of the name only the extension is used: names are not trusted."""
    return f"{source_prefix(tenant_id=tenant_id, video_id=video_id)}{token}.{file_extension(filename)}"


def source_prefix(*, tenant_id: int, video_id: int) -> str:
    """Return the prefix of everything uploaded for a video."""
    return f"tenants/{tenant_id}/video/raw/{video_id}/"


def output_prefix(*, tenant_id: int, video_id: int) -> str:
    """Return the prefix of everything ever encoded for a video."""
    return f"tenants/{tenant_id}/video/hls/{video_id}/"


def attempt_prefix(*, tenant_id: int, video_id: int, job_id: uuid.UUID, attempt: int) -> str:
    """Return the prefix that one attempt writes under, and no other."""
    return f"{output_prefix(tenant_id=tenant_id, video_id=video_id)}{job_id}-{attempt}/"


def live_prefix(*, tenant_id: int, video_id: int, job_id: uuid.UUID) -> str:
    """Return the prefix under which a job's playlists are served while it runs. Storage has nothing there."""
    return f"{output_prefix(tenant_id=tenant_id, video_id=video_id)}{job_id}/"


def job_of_live_prefix(prefix: str) -> uuid.UUID | None:
    """Return the job whose running output a prefix names, or None when it names a finished attempt."""
    try:
        return uuid.UUID(prefix.removesuffix("/").rpartition("/")[2])
    except ValueError:
        return None
