"""The invariants of the job table and of deletion. Uploads have a file of their own."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.db.models.fields import CharField
from django.db.models.functions import Cast

from apps.support.outbox.models import OutboxMessage

from ..domain.chunks import ChunkState
from ..domain.errors import TransitionRefused
from ..domain.lifecycle import EventName, JobState
from ..models import TranscodeChunk, Video, VideoTranscodeJob
from ..selectors.schedule import capped_jobs, full_tenants, tenants_with_forgotten_slots
from ..services.chunks import expire_chunk
from ..services.deletion import purge_video
from ..services.lifecycle import lock_video, record_event
from ..services.slots import free_slots, lock_slots, wake_job
from ..services.sqs_queue import add_wake_up
from ..services.transcode import expire_lease
from .invariant import ACTOR, Finding, Severity, World

# A worker renews its lease well before it ends; a lease that has just ended may still be renewed.
LEASE_GRACE = timedelta(seconds=1)
# The job's own worker, and helpers that are at it anyway, take a lost chunk over sooner.
CHUNK_LEASE_GRACE = timedelta(seconds=15)


class QueuedJobHasMessage:
    """V02: nothing waits for a wake-up that will never come."""

    code = "V02"
    severity = Severity.WARNING
    runbook = "v02.md"
    sentence = (
        "A QUEUED job has an outbox row that is due, or one that was sent within the redelivery window, "
        "or its tenant runs as many jobs as it may."
    )

    def find(self, world: World, *, limit: int) -> list[Finding]:
        """Find jobs whose newest message was sent too long ago, or that have none, and capped ones with a free slot."""
        horizon = world.clock.now() - timedelta(seconds=settings.VIDEO_REDELIVERY_WINDOW_SECONDS)
        queued = VideoTranscodeJob.objects.across_tenants().filter(
            state=JobState.QUEUED, capped_at=None, state_changed_at__lt=horizon
        )
        full = full_tenants(running_limit=settings.VIDEO_TENANT_RUNNING_LIMIT)
        silent = _silent_since(horizon, queued.exclude(tenant_id__in=full)).order_by("state_changed_at")
        found = [
            _job_finding(self.code, job, f"no message since {job.newest_sent_at or job.created_at:%Y-%m-%dT%H:%M:%SZ}")
            for job in silent[:limit]
        ]
        tenants = tenants_with_forgotten_slots(running_limit=settings.VIDEO_TENANT_RUNNING_LIMIT)
        forgotten = capped_jobs().filter(tenant_id__in=tenants)[: limit - len(found)]
        return found + [
            _job_finding(self.code, job, f"capped since {job.capped_at:%Y-%m-%dT%H:%M:%SZ}, and a slot is free")
            for job in forgotten
        ]

    def repair(self, world: World, finding: Finding) -> None:
        """Enqueue another message for the job; of a capped one only while a slot is free for it."""
        now = world.clock.now()
        with transaction.atomic():
            video = lock_video(tenant_id=finding.tenant_id, video_id=finding.video_id)
            lock_slots(tenant_id=finding.tenant_id)
            job = _job(finding, state=JobState.QUEUED)
            if job.capped_at is not None and free_slots(tenant_id=finding.tenant_id) == 0:
                raise TransitionRefused(f"no slot is free for job {job.pk}")
            wake_job(job=job, now=now)
            record_event(video=video, event=EventName.MESSAGE_RESENT, actor=ACTOR, now=now, job=job)


class RunningJobHasLease:
    """V03: a worker that has gone silent loses its job."""

    code = "V03"
    severity = Severity.WARNING
    runbook = "v03.md"
    sentence = "The lease of a RUNNING job, and of a RUNNING chunk, is in the future."

    def find(self, world: World, *, limit: int) -> list[Finding]:
        """Find jobs and chunks whose lease has run out."""
        now = world.clock.now()
        running = VideoTranscodeJob.objects.across_tenants().filter(
            state=JobState.RUNNING, lease_until__lt=now - LEASE_GRACE
        )
        found = [
            _job_finding(self.code, job, f"lease of {job.worker_id} ended", attempt=job.attempt_count)
            for job in running.order_by("lease_until")[:limit]
        ]
        chunks = TranscodeChunk.objects.across_tenants().filter(
            state=ChunkState.RUNNING, lease_until__lt=now - CHUNK_LEASE_GRACE
        )
        lost = chunks.select_related("job").order_by("lease_until")[: limit - len(found)]
        return [*found, *(_chunk_finding(self.code, chunk) for chunk in lost)]

    def repair(self, world: World, finding: Finding) -> None:
        """Take the job back: due at once, or DEAD when the budget is used up. A chunk goes to whoever is free."""
        now = world.clock.now()
        if "chunk_id" in finding.facts:
            expire_chunk(chunk=_chunk(finding), actor=ACTOR, now=now)
            return
        job = _job(finding, state=JobState.RUNNING)
        if job.attempt_count != finding.facts["attempt"] or (job.lease_until and job.lease_until >= now - LEASE_GRACE):
            raise TransitionRefused(f"job {job.pk} is alive again")
        expire_lease(job=job, actor=ACTOR, now=now)


class RetryIsOnTime:
    """V04: a retry that is due gets its wake-up."""

    code = "V04"
    severity = Severity.WARNING
    runbook = "v04.md"
    sentence = "A RETRY_WAIT job's time is not long past."

    def find(self, world: World, *, limit: int) -> list[Finding]:
        """Find jobs that are overdue although no message of theirs waits to be sent."""
        horizon = world.clock.now() - timedelta(seconds=settings.VIDEO_REDELIVERY_WINDOW_SECONDS)
        overdue = VideoTranscodeJob.objects.across_tenants().filter(
            state=JobState.RETRY_WAIT, next_attempt_at__lt=horizon
        )
        return [
            _job_finding(self.code, job, f"was due at {job.next_attempt_at:%Y-%m-%dT%H:%M:%SZ}")
            for job in _silent_since(horizon, overdue).order_by("next_attempt_at")[:limit]
        ]

    def repair(self, world: World, finding: Finding) -> None:
        """Enqueue another message: whoever receives it re-queues and claims the job."""
        now = world.clock.now()
        with transaction.atomic():
            video = lock_video(tenant_id=finding.tenant_id, video_id=finding.video_id)
            job = _job(finding, state=JobState.RETRY_WAIT)
            add_wake_up(job=job, now=now)
            record_event(video=video, event=EventName.MESSAGE_RESENT, actor=ACTOR, now=now, job=job)


class TombstoneIsPurged:
    """V10: deleted means deleted in storage too."""

    code = "V10"
    severity = Severity.NOTICE
    runbook = "v10.md"
    sentence = "A tombstone's storage is empty, or its purge is scheduled."

    def find(self, world: World, *, limit: int) -> list[Finding]:
        """Find deleted videos whose purge is due."""
        due = Video.objects.across_tenants().filter(
            deleted_at__isnull=False, purged_at=None, purge_after__lte=world.clock.now()
        )
        return [
            Finding(
                invariant=self.code,
                subject=str(video.pk),
                tenant_id=video.tenant_id,
                video_id=video.pk,
                detail="purge is due",
            )
            for video in due.order_by("purge_after")[:limit]
        ]

    def repair(self, world: World, finding: Finding) -> None:
        """Empty the video's prefixes and confirm it."""
        video = Video.objects.for_tenant(finding.tenant_id).get(pk=finding.video_id)
        purge_video(video=video, storage=world.storage, actor=ACTOR, now=world.clock.now())


def _silent_since(horizon: datetime, jobs: "QuerySet[VideoTranscodeJob]") -> "QuerySet[Any]":
    """Keep the jobs whose newest message was sent before `horizon`, or that have none. One unsent is on its way."""
    newest = OutboxMessage.objects.filter(subject=Cast(OuterRef("pk"), CharField())).order_by("-id")
    return jobs.annotate(
        newest_id=Subquery(newest.values("id")[:1]), newest_sent_at=Subquery(newest.values("sent_at")[:1])
    ).filter(Q(newest_id=None) | Q(newest_sent_at__lt=horizon))


def _job_finding(code: str, job: VideoTranscodeJob, detail: str, **facts: object) -> Finding:
    return Finding(
        invariant=code, subject=str(job.pk), tenant_id=job.tenant_id, video_id=job.video_id, detail=detail, facts=facts
    )


def _chunk_finding(code: str, chunk: TranscodeChunk) -> Finding:
    return Finding(
        invariant=code,
        subject=f"chunk {chunk.pk}",
        tenant_id=chunk.tenant_id,
        video_id=chunk.job.video_id,
        detail=f"lease of {chunk.worker_id} on chunk {chunk.position} ended",
        facts={"chunk_id": chunk.pk, "attempt": chunk.attempt_count},
    )


def _chunk(finding: Finding) -> TranscodeChunk:
    chunks = TranscodeChunk.objects.for_tenant(finding.tenant_id).select_related("job")
    chunk = chunks.filter(pk=str(finding.facts["chunk_id"]), attempt_count=str(finding.facts["attempt"])).first()
    if chunk is None:
        raise TransitionRefused(f"{finding.subject} has moved on")
    return chunk


def _job(finding: Finding, *, state: JobState) -> VideoTranscodeJob:
    jobs = VideoTranscodeJob.objects.for_tenant(finding.tenant_id)
    try:
        return jobs.get(pk=finding.subject, state=state)
    except VideoTranscodeJob.DoesNotExist as error:
        raise TransitionRefused(f"job {finding.subject} is not {state} any more") from error
