"""
A tenant's slots: how many of its jobs may run at a time.

A message is a token that starts whichever job is next. One that can start nothing, because all who wait are of full
tenants, would be received again and again; it goes, and a job that it might have started is noted as capped: the
table owns that one, and whoever frees a slot wakes it up.

Whoever takes a slot, frees one or notes a job as capped counts under a lock of the tenant, so that what one of them
has done the next one finds. The video's row is locked before, and job rows are written after, always.
"""

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from libs.db.guards import assert_in_transaction

from ..domain.errors import JobHeld, TenantFull, TransitionRefused
from ..domain.lifecycle import JobState
from ..models import VideoTranscodeJob
from ..selectors.schedule import capped_jobs, running_jobs_of, uncapped_jobs_of
from .lifecycle import lock_video
from .sqs_queue import add_wake_up

RACE_PAUSE_SECONDS = 5.0


def lock_slots(*, tenant_id: int) -> None:
    """Let nobody else take or free one of the tenant's slots until the transaction ends."""
    assert_in_transaction()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"slots:{tenant_id}"])


def take_slot(*, tenant_id: int) -> None:
    """
    See that the tenant may run one job more, and keep it so until the transaction ends.

    Raises:
        TransitionRefused: It runs as many as it may.
    """
    lock_slots(tenant_id=tenant_id)
    if _is_full(tenant_id):
        raise TransitionRefused(f"tenant {tenant_id} runs {settings.VIDEO_TENANT_RUNNING_LIMIT} jobs")


def free_slots(*, tenant_id: int) -> int:
    """Return how many more jobs the tenant could run beside those that a message is on its way for; under the lock."""
    taken = running_jobs_of(tenant_id) + uncapped_jobs_of(tenant_id)
    return max(0, settings.VIDEO_TENANT_RUNNING_LIMIT - taken)


def wake_capped_jobs(*, tenant_id: int, now: datetime) -> None:
    """
    Wake up as many capped jobs of a tenant as have a free slot.

    In the transaction that has freed it, under `lock_slots`: of two that free one each, the second sees what the first
    has done.
    """
    capped = capped_jobs().filter(tenant_id=tenant_id).select_related("tenant", "video__upload")
    for job in capped[: free_slots(tenant_id=tenant_id)]:
        wake_job(job=job, now=now)


def wake_job(*, job: VideoTranscodeJob, now: datetime) -> None:
    """Give a queued job a message on its way, capped or not."""
    VideoTranscodeJob.objects.for_tenant(job.tenant_id).filter(pk=job.pk).update(capped_at=None)
    add_wake_up(job=job, now=now)


def spend_message(*, named: UUID, now: datetime) -> None:
    """
    Account for a message that could start nothing; return when nobody has waited for it.

    Args:
        named: The job that the message names. If it waits, it is the one that is noted as capped.

    Raises:
        TenantFull: Noted: the message can go.
        JobHeld: Somebody waits who need not: another worker was faster, or a slot has just been freed.
    """
    queued = VideoTranscodeJob.objects.across_tenants().filter(state=JobState.QUEUED)
    job = queued.filter(pk=named).first() or queued.filter(capped_at=None).order_by("state_changed_at").first()
    if job is None:
        return
    with transaction.atomic():
        lock_video(tenant_id=job.tenant_id, video_id=job.video_id)
        lock_slots(tenant_id=job.tenant_id)
        waiting = VideoTranscodeJob.objects.for_tenant(job.tenant_id).filter(pk=job.pk, state=JobState.QUEUED)
        is_noted = _is_full(job.tenant_id) and waiting.update(capped_at=job.capped_at or now) == 1
    if is_noted:
        raise TenantFull(f"tenant {job.tenant_id}")
    raise JobHeld(retry_after_seconds=RACE_PAUSE_SECONDS)


def _is_full(tenant_id: int) -> bool:
    return running_jobs_of(tenant_id) >= settings.VIDEO_TENANT_RUNNING_LIMIT
