"""Jobs and their wake-ups: rows in one commit, then a send that may be late but never lost."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from django.conf import settings

from apps.support.outbox import outbox, relay
from apps.support.outbox.models import OutboxMessage
from apps.support.outbox.relay import ReservedMessage
from apps.support.outbox.signals import message_failed, messages_sent
from libs.clock import Clock
from libs.observability.tracing import current_traceparent, note, trace_id_of

from ..domain.contracts import TranscodeMessage, UnreadableMessage
from ..domain.errors import EnqueueFailed, JobPreconditionFailed
from ..domain.lifecycle import EventName, JobState, VideoStatus
from ..models import Video, VideoTranscodeJob
from ..selectors.leases import held_until
from .lifecycle import project, record_event

log = structlog.get_logger(__name__)

# A lease that has just ended may still be renewed.
STOP_GRACE = timedelta(seconds=1)


def add_wake_up(
    *,
    job: VideoTranscodeJob,
    now: datetime,
    due_at: datetime | None = None,
    sender_grace: timedelta = timedelta(0),
    is_call_for_help: bool = False,
) -> OutboxMessage:
    """Add the job's message to the outbox, in the caller's transaction, or one that calls a worker to its help."""
    message = TranscodeMessage(
        job_id=job.pk,
        video_id=job.video_id,
        tenant_id=job.tenant_id,
        file_key=job.video.upload.file_key,
        is_call_for_help=is_call_for_help,
    )
    return outbox.add(
        queue_name=settings.VIDEO_SQS_QUEUE_NAME,
        body=message.to_json(),
        group_id=job.tenant.code,
        # A call for help must not pass for the wake-up that the job itself is waiting for.
        subject=f"{job.pk}:help" if is_call_for_help else str(job.pk),
        now=now,
        due_at=due_at,
        sender_grace=sender_grace,
        traceparent=job.traceparent,
    )


class VideoSQSQueue:
    """The transcode queue as the request path sees it: enqueue, then send within a short budget."""

    def __init__(self, *, queue: relay.MessageSender, clock: Clock) -> None:
        self._queue = queue
        self._clock = clock

    def create_job_and_enqueue(
        self, video: Video, *, actor: str, caller_sends: bool = True, after: VideoTranscodeJob | None = None
    ) -> VideoTranscodeJob:
        """
        Add a job and its outbox row to the caller's transaction. Nothing is sent.

        Args:
            video: Locked by the caller, its source accepted, with no active job.
            caller_sends: The caller means to `enqueue_by_job` after the commit, and the relay leaves the row to them.
            after: A cancelled job in whose place this one comes while workers may still be at the video: it waits for
                them, or for the end of their leases.

        Raises:
            JobPreconditionFailed: The video is neither UPLOADED nor a READY one to be encoded again.
        """
        if video.status not in {VideoStatus.UPLOADED, VideoStatus.READY}:
            log.error("job_precondition_failed", video_id=video.pk, tenant_id=video.tenant_id, status=video.status)
            raise JobPreconditionFailed(status=video.status)
        now = self._clock.now()
        job = VideoTranscodeJob.objects.create(
            tenant=video.tenant,
            video=video,
            state_changed_at=now,
            created_at=now,
            max_attempts=settings.VIDEO_MAX_ATTEMPTS,
            traceparent=current_traceparent(),
            **(_start_after(after, now=now) if after else {"state": JobState.QUEUED}),
        )
        grace_seconds = settings.VIDEO_SEND_TIMEOUT_SECONDS + 1 if caller_sends else 0
        add_wake_up(job=job, now=now, due_at=job.next_attempt_at, sender_grace=timedelta(seconds=grace_seconds))
        data = {"after": str(after.pk)} if after else {}
        record_event(video=video, event=EventName.JOB_CREATED, actor=actor, now=now, job=job, data=data)
        project(video=video, now=now, video_fields={"current_job": job})
        note({"video_id": video.pk, "job_id": str(job.pk)})
        return job

    def enqueue_by_job(self, job: VideoTranscodeJob) -> None:
        """
        Send the job's newest message now, after its commit.

        Raises:
            EnqueueFailed: SQS did not take it in time. The message stays in the outbox; the relay goes on.
        """
        message = newest_message(job)
        try:
            relay.send_now(
                message_id=message.pk,
                queue=self._queue,
                clock=self._clock,
                timeout_seconds=settings.VIDEO_SEND_TIMEOUT_SECONDS,
            )
        except relay.NotSent as error:
            log.exception("enqueue_failed", message="enqueue_by_job exception", **_ids(job))
            raise EnqueueFailed(video_id=job.video_id, job_id=str(job.pk)) from error


def _start_after(after: VideoTranscodeJob, *, now: datetime) -> dict[str, object]:
    until = held_until(tenant_id=after.tenant_id, video_id=after.video_id) or now
    return {
        "state": JobState.RETRY_WAIT,
        "next_attempt_at": until + STOP_GRACE,
        "waits_for": after,
        "cause_code": "CLAIM_HELD",
    }


def newest_message(job: VideoTranscodeJob) -> OutboxMessage:
    """
    Return the job's newest outbox row.

    Raises:
        OutboxMessage.DoesNotExist: Sent so long ago that it was pruned.
    """
    return OutboxMessage.objects.filter(subject=str(job.pk)).latest("id")


def is_sent(job: VideoTranscodeJob) -> bool:
    """Tell whether the queue has taken the job's newest message."""
    return not OutboxMessage.objects.filter(subject=str(job.pk), sent_at=None).exists()


def _log_sent(*, messages: Sequence[ReservedMessage], **_kwargs: object) -> None:
    bound = log.bind()
    for message in messages:
        if message.queue_name != settings.VIDEO_SQS_QUEUE_NAME:
            continue
        try:
            wake_up = TranscodeMessage.parse(message.body)
        except UnreadableMessage:
            # A person sent a dead letter again, as it was.
            bound.info("dead_letter_sent", subject=message.subject, queue_name=message.queue_name)
            continue
        if not wake_up.is_call_for_help:
            bound.info(
                "message_sent",
                message=f"Video {wake_up.video_id} enqueue to SQS {message.queue_name}",
                video_id=wake_up.video_id,
                tenant_id=wake_up.tenant_id,
                job_id=str(wake_up.job_id),
                **_trace_of(message),
            )


def _log_failed(*, message: ReservedMessage, reason: str, **_kwargs: object) -> None:
    if message.queue_name == settings.VIDEO_SQS_QUEUE_NAME:
        log.error(
            "message_failed",
            message="Failed to enqueue video job",
            job_id=message.subject,
            attempt_count=message.attempt_count,
            reason=reason,
            **_trace_of(message),
        )


def _trace_of(message: ReservedMessage) -> dict[str, str]:
    return {"trace_id": trace_id_of(message.traceparent)} if message.traceparent else {}


def _ids(job: VideoTranscodeJob) -> dict[str, object]:
    return {"video_id": job.video_id, "tenant_id": job.tenant_id, "job_id": str(job.pk)}


def connect_outbox_signals() -> None:
    """Let every send write its log line, whoever sends: alarms match these words."""
    messages_sent.connect(_log_sent, dispatch_uid="video.message_sent")
    message_failed.connect(_log_failed, dispatch_uid="video.message_failed")
