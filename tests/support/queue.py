"""Looking into the queue, past what our own client can do."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


def purge_queue() -> None:
    """Empty the job queue, messages in flight included."""
    empty(settings.VIDEO_SQS_QUEUE_NAME)


def empty(*queue_names: str) -> None:
    """Empty queues, messages in flight included."""
    for name in queue_names:
        _sqs().purge_queue(QueueUrl=_sqs().get_queue_url(QueueName=name)["QueueUrl"])


def waiting_bodies() -> list[str]:
    """Take every message that can be seen out of the job queue, and return the bodies."""
    url = _sqs().get_queue_url(QueueName=settings.VIDEO_SQS_QUEUE_NAME)["QueueUrl"]
    bodies: list[str] = []
    while received := _sqs().receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
        for message in received:
            bodies.append(message["Body"])
            _sqs().delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return bodies


@cache
def _sqs() -> SQSClient:
    import boto3

    return boto3.session.Session().client(
        "sqs",
        region_name=settings.SQS_REGION,
        endpoint_url=settings.SQS_ENDPOINT_URL,
        aws_access_key_id=settings.AWS_ACCESS_KEY_ID,
        aws_secret_access_key=settings.AWS_SECRET_ACCESS_KEY,
    )
