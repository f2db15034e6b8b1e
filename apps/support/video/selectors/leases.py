"""Who may still be at work."""

from datetime import datetime

from django.db.models import Max

from ..domain.chunks import ChunkState
from ..domain.lifecycle import JobState
from ..models import TranscodeChunk, VideoTranscodeJob


def held_until(*, tenant_id: int, video_id: int) -> datetime | None:
    """
    Return until when workers may still be at a video's cancelled jobs, helpers included; None: all have stopped.

    Nobody can renew a lease on a cancelled job, so this moment does not move on.
    """
    jobs = VideoTranscodeJob.objects.for_tenant(tenant_id).filter(video_id=video_id, state=JobState.CANCELLED)
    chunks = TranscodeChunk.objects.for_tenant(tenant_id).filter(
        job__video_id=video_id, job__state=JobState.CANCELLED, state=ChunkState.RUNNING
    )
    leases = [rows.aggregate(last=Max("lease_until"))["last"] for rows in (jobs, chunks)]
    return max((lease for lease in leases if lease is not None), default=None)


def is_held(*, tenant_id: int, video_id: int, now: datetime) -> bool:
    """Tell whether a worker may still be at a cancelled job of a video."""
    until = held_until(tenant_id=tenant_id, video_id=video_id)
    return until is not None and until > now
