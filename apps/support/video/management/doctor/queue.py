"""SQS: a message's whole way, what the queue is set to, and where messages go that nobody could handle."""

import time
import uuid
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from libs.queue.client import QueueAttributes, QueueUnavailable, ReceivedMessage, SQSQueueClient

from ... import wiring
from ...domain.contracts import TranscodeMessage
from ...models import WorkerBeat
from .outcome import Outcome, Outcomes, Patient

RECEIVE_WITHIN_SECONDS = 10.0
HIDDEN_SECONDS = 10
SHORTEST_RETENTION = timedelta(days=4)
FEWEST_RECEIVES = 3
WORKER_SEEN_WITHIN = timedelta(minutes=2)

patient = Patient(subject="queue")


def examine_queue() -> Outcomes:
    """Look at the job queue and its DLQ with the client that every process uses."""
    name = settings.VIDEO_SQS_QUEUE_NAME
    queue = wiring.job_queue()
    try:
        attributes = queue.attributes(queue_name=name)
        yield patient.well("answer", f"{name} answers")
        yield _retention(attributes)
        yield from _dead_letters(queue, attributes)
        yield _round_trip(queue, name)
    except QueueUnavailable as error:
        yield _unavailable(name, error)


def _unavailable(name: str, error: QueueUnavailable) -> Outcome:
    if error.code in {"AccessDenied", "AccessDeniedException", "InvalidClientTokenId", "SignatureDoesNotMatch"}:
        return patient.problem(
            "permissions",
            f"SQS refused: {error}",
            fix="Allow sqs:GetQueueUrl, GetQueueAttributes, SendMessage, ReceiveMessage, DeleteMessage and "
            "ChangeMessageVisibility on the job queue and its DLQ.",
        )
    if error.code in {"QueueDoesNotExist", "NonExistentQueue"}:
        return patient.problem(
            "existence",
            f"there is no queue {name} in {settings.SQS_REGION}",
            fix="Create it, or correct VIDEO_SQS_QUEUE_NAME and SQS_REGION.",
        )
    return patient.down(
        "answer",
        f"SQS did not answer: {error}",
        fix="Check SQS_ENDPOINT_URL, SQS_REGION and that this machine may reach the service.",
    )


def _retention(attributes: QueueAttributes) -> Outcome:
    kept = timedelta(seconds=attributes.retention_seconds)
    return patient.judge(
        "retention",
        kept >= SHORTEST_RETENTION,
        f"messages are kept for {kept.total_seconds() / 86_400:.1f} days",
        fix="Set MessageRetentionPeriod to 14 days (1209600): a weekend's outage must not cost messages.",
    )


def _dead_letters(queue: SQSQueueClient, attributes: QueueAttributes) -> Outcomes:
    dlq_name = settings.VIDEO_SQS_DLQ_NAME
    wanted_arn = queue.attributes(queue_name=dlq_name).arn
    yield patient.judge(
        "dlq",
        attributes.dead_letter_arn == wanted_arn,
        f"gives up to {attributes.dead_letter_arn or 'no queue at all'}",
        fix=f"Set a RedrivePolicy on the job queue with deadLetterTargetArn {wanted_arn}.",
    )
    if attributes.dead_letter_arn:
        yield patient.judge(
            "receives",
            attributes.most_receives >= FEWEST_RECEIVES,
            f"gives up after {attributes.most_receives} receives",
            fix=f"Set maxReceiveCount to {FEWEST_RECEIVES} or more: a worker that dies uses one up.",
        )
    waiting = queue.depth(queue_name=dlq_name).visible
    if waiting:
        yield patient.warning(
            "dead letters",
            f"{waiting} messages are in {dlq_name}",
            fix="Look at them: `manage.py video dlq list`.",
        )


def _round_trip(queue: SQSQueueClient, name: str) -> Outcome:
    """Send, receive, hide, show and delete. What is sent calls for help with a job that nobody has: it harms nobody."""
    job_id = uuid.uuid4()
    call = TranscodeMessage(job_id=job_id, video_id=0, tenant_id=0, file_key="doctor", is_call_for_help=True)
    began = time.monotonic()
    queue.send_message(queue_name=name, message=call.to_json(), group_id="doctor")
    received = _receive_own(queue, name, str(job_id))
    if received is not None:
        queue.change_visibility(queue_name=name, receipt_handle=received.receipt_handle, visibility_seconds=30)
        queue.delete(queue_name=name, receipt_handle=received.receipt_handle)
        return patient.well("round trip", f"sent, received and deleted in {(time.monotonic() - began) * 1000:.0f} ms")
    if WorkerBeat.objects.filter(seen_at__gte=timezone.now() - WORKER_SEEN_WITHIN).exists():
        return patient.well("round trip", "sent; a worker was faster than the doctor to receive it")
    return patient.problem(
        "round trip",
        f"a message was sent and did not come back within {RECEIVE_WITHIN_SECONDS:.0f} s",
        fix="Check that nothing else consumes this queue, and that it has no delivery delay.",
    )


def _receive_own(queue: SQSQueueClient, name: str, job_id: str) -> ReceivedMessage | None:
    deadline = time.monotonic() + RECEIVE_WITHIN_SECONDS
    while time.monotonic() < deadline:
        messages = queue.receive(queue_name=name, max_messages=10, wait_seconds=2, visibility_seconds=HIDDEN_SECONDS)
        own = None
        for message in messages:
            if job_id in message.body:
                own = message
            else:
                queue.change_visibility(queue_name=name, receipt_handle=message.receipt_handle, visibility_seconds=0)
        if own is not None:
            return own
    return None
