"""Amazon SQS, or a server that speaks its protocol."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef, SendMessageBatchRequestEntryTypeDef

Answer = TypeVar("Answer")

# AWS: ChangeMessageVisibility accepts up to 12 hours, counted from the first receive.
LONGEST_VISIBILITY_SECONDS = 43_200
BATCH_LIMIT = 10
TRACEPARENT = "traceparent"

_BATCH_REFUSED_CODES = {"BatchRequestTooLong", "InvalidMessageContents", "InvalidBatchEntryId"}
_STALE_RECEIPT_CODES = {"ReceiptHandleIsInvalid", "InvalidParameterValue", "MessageNotInflight"}


class QueueUnavailable(Exception):
    """The queue did not answer, or refused. After a failed send the message may still have been sent."""

    def __init__(self, message: str, *, code: str = "") -> None:
        self.code = code
        """The service's error code without its namespace; empty when it did not answer."""
        super().__init__(message)


class ReceiptHandleStale(Exception):
    """The message is no longer ours: its visibility ran out and it was received again, or it was deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingMessage:
    """
    One message of a batch. `entry_id` finds its outcome again; it is not sent to consumers.

    `traceparent` becomes the message attribute of that name, unless it is empty.
    """

    entry_id: str
    body: str
    group_id: str | None = None
    traceparent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOutcome:
    """What became of a batch: message ids of the sent entries, reasons of the refused ones, by `entry_id`."""

    sent: dict[str, str]
    refused: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedMessage:
    """A message that is hidden from others for its visibility time."""

    message_id: str
    body: str
    receipt_handle: str
    receive_count: int
    traceparent: str = ""
    """As its sender has put it, which may be anybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueDepth:
    """Approximate numbers, as SQS reports them."""

    visible: int
    in_flight: int
    delayed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueAttributes:
    """What a queue is set to. Without a DLQ `dead_letter_arn` is empty and `most_receives` is 0."""

    arn: str
    retention_seconds: int
    visibility_seconds: int
    dead_letter_arn: str
    most_receives: int


class SQSQueueClient:
    """
    At-least-once, unordered. Methods raise `QueueUnavailable` and nothing else, but where they say so.

    One client per process: creating the first costs about a second. Thread-safe.

    Source:
        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/Welcome.html
    """

    def __init__(
        self,
        *,
        region: str,
        endpoint_url: str | None = None,
        access_key_id: str | None = None,
        secret_access_key: str | None = None,
        connect_timeout_seconds: float = 3.0,
        read_timeout_seconds: float = 30.0,
        attempts: int = 2,
    ) -> None:
        self._region = region
        self._endpoint_url = endpoint_url
        self._access_key_id = access_key_id
        self._secret_access_key = secret_access_key
        self._config = Config(
            connect_timeout=connect_timeout_seconds,
            read_timeout=read_timeout_seconds,
            retries={"total_max_attempts": attempts, "mode": "standard"},
            max_pool_connections=16,
            # botocore puts its own name together anew for each request, which takes a tenth of a send.
            user_agent="academy-video",
            # Requests are built from our own types alone; checking them again costs a tenth of a send.
            parameter_validation=False,
        )
        self._queue_urls: dict[str, str] = {}
        self._lock = Lock()

    def send_message(self, *, queue_name: str, message: str, group_id: str | None = None) -> str:
        """Send one message and return its id."""
        outcome = self.send_batch(
            queue_name=queue_name, messages=[OutgoingMessage(entry_id="0", body=message, group_id=group_id)]
        )
        if outcome.refused:
            raise QueueUnavailable(f"{queue_name} refused the message: {outcome.refused['0']}")
        return outcome.sent["0"]

    def send_batch(self, *, queue_name: str, messages: Sequence[OutgoingMessage]) -> BatchOutcome:
        """
        Send at most ten messages in one call. A refused entry does not keep the others back.

        SQS refuses a whole call for one entry that is too long or has a forbidden character; such a batch is halved
        until the entry stands alone.
        """
        if len(messages) > BATCH_LIMIT:
            raise ValueError(f"SQS takes at most {BATCH_LIMIT} messages in one batch, not {len(messages)}")
        try:
            return self._send_batch(queue_name, messages)
        except QueueUnavailable as refusal:
            if refusal.code not in _BATCH_REFUSED_CODES:
                raise
            if len(messages) == 1:
                return BatchOutcome(sent={}, refused={messages[0].entry_id: str(refusal)})
        middle = len(messages) // 2
        halves = [
            self.send_batch(queue_name=queue_name, messages=half) for half in (messages[:middle], messages[middle:])
        ]
        return BatchOutcome(sent=halves[0].sent | halves[1].sent, refused=halves[0].refused | halves[1].refused)

    def _send_batch(self, queue_name: str, messages: Sequence[OutgoingMessage]) -> BatchOutcome:
        entries = [_batch_entry(message) for message in messages]
        answer = self._call(
            queue_name,
            lambda sqs, url: sqs.send_message_batch(QueueUrl=url, Entries=entries),
        )
        return BatchOutcome(
            sent={entry["Id"]: entry["MessageId"] for entry in answer.get("Successful", [])},
            refused={entry["Id"]: f"{entry['Code']}: {entry.get('Message', '')}" for entry in answer.get("Failed", [])},
        )

    def receive(
        self, *, queue_name: str, max_messages: int, wait_seconds: int, visibility_seconds: int
    ) -> list[ReceivedMessage]:
        """Long-poll for messages and hide them for `visibility_seconds`."""
        answer = self._call(
            queue_name,
            lambda sqs, url: sqs.receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=max_messages,
                WaitTimeSeconds=wait_seconds,
                VisibilityTimeout=visibility_seconds,
                AttributeNames=["ApproximateReceiveCount"],
                MessageAttributeNames=[TRACEPARENT],
            ),
        )
        return [
            ReceivedMessage(
                message_id=message["MessageId"],
                body=message["Body"],
                receipt_handle=message["ReceiptHandle"],
                receive_count=int(message["Attributes"]["ApproximateReceiveCount"]),
                traceparent=_traceparent_of(message),
            )
            for message in answer.get("Messages", [])
        ]

    def delete(self, *, queue_name: str, receipt_handle: str) -> None:
        """
        Delete a message whose outcome is committed.

        Raises:
            ReceiptHandleStale: Somebody else has received it since.
        """
        with _stale_receipt_handles():
            self._call(queue_name, lambda sqs, url: sqs.delete_message(QueueUrl=url, ReceiptHandle=receipt_handle))

    def change_visibility(self, *, queue_name: str, receipt_handle: str, visibility_seconds: float) -> None:
        """
        Hide a received message for so long from now on; 0 shows it at once.

        Raises:
            ReceiptHandleStale: The message is not in flight under this handle.
        """
        seconds = max(0, min(LONGEST_VISIBILITY_SECONDS, round(visibility_seconds)))
        with _stale_receipt_handles():
            self._call(
                queue_name,
                lambda sqs, url: sqs.change_message_visibility(
                    QueueUrl=url, ReceiptHandle=receipt_handle, VisibilityTimeout=seconds
                ),
            )

    def depth(self, *, queue_name: str) -> QueueDepth:
        """Ask how many messages wait, are in flight and are delayed."""
        answer = self._call(
            queue_name,
            lambda sqs, url: sqs.get_queue_attributes(
                QueueUrl=url,
                AttributeNames=[
                    "ApproximateNumberOfMessages",
                    "ApproximateNumberOfMessagesNotVisible",
                    "ApproximateNumberOfMessagesDelayed",
                ],
            ),
        )["Attributes"]
        return QueueDepth(
            visible=int(answer["ApproximateNumberOfMessages"]),
            in_flight=int(answer["ApproximateNumberOfMessagesNotVisible"]),
            delayed=int(answer["ApproximateNumberOfMessagesDelayed"]),
        )

    def attributes(self, *, queue_name: str) -> QueueAttributes:
        """Ask what the queue is set to."""
        names = ["QueueArn", "MessageRetentionPeriod", "VisibilityTimeout", "RedrivePolicy"]
        answer = self._call(
            queue_name,
            lambda sqs, url: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names),  # type: ignore[arg-type]
        )["Attributes"]
        redrive = json.loads(answer.get("RedrivePolicy") or "{}")
        return QueueAttributes(
            arn=answer["QueueArn"],
            retention_seconds=int(answer["MessageRetentionPeriod"]),
            visibility_seconds=int(answer["VisibilityTimeout"]),
            dead_letter_arn=redrive.get("deadLetterTargetArn", ""),
            most_receives=int(redrive.get("maxReceiveCount", 0)),
        )

    @cached_property
    def _sqs(self) -> "SQSClient":
        import boto3

        return boto3.session.Session().client(
            "sqs",
            region_name=self._region,
            endpoint_url=self._endpoint_url,
            aws_access_key_id=self._access_key_id,
            aws_secret_access_key=self._secret_access_key,
            config=self._config,
        )

    def _queue_url(self, queue_name: str) -> str:
        if queue_name not in self._queue_urls:
            self._queue_urls[queue_name] = self._sqs.get_queue_url(QueueName=queue_name)["QueueUrl"]
        return self._queue_urls[queue_name]

    def _call(self, queue_name: str, call: "Callable[[SQSClient, str], Answer]") -> Answer:
        try:
            with self._lock:
                sqs, url = self._sqs, self._queue_url(queue_name)
            return call(sqs, url)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "").rpartition(".")[2]
            raise QueueUnavailable(f"{queue_name}: {error}", code=code) from error
        except BotoCoreError as error:
            raise QueueUnavailable(f"{queue_name}: {error}") from error


@contextmanager
def _stale_receipt_handles() -> Iterator[None]:
    """Raise `ReceiptHandleStale` where the refused parameter can only be the handle."""
    try:
        yield
    except QueueUnavailable as error:
        if error.code in _STALE_RECEIPT_CODES:
            raise ReceiptHandleStale(str(error)) from error
        raise


def _traceparent_of(message: "MessageTypeDef") -> str:
    attributes = message.get("MessageAttributes") or {}
    return attributes[TRACEPARENT].get("StringValue", "") if TRACEPARENT in attributes else ""


def _batch_entry(message: OutgoingMessage) -> "SendMessageBatchRequestEntryTypeDef":
    entry: SendMessageBatchRequestEntryTypeDef = {"Id": message.entry_id, "MessageBody": message.body}
    if message.group_id is not None:
        entry["MessageGroupId"] = message.group_id
    if message.traceparent:
        entry["MessageAttributes"] = {TRACEPARENT: {"DataType": "String", "StringValue": message.traceparent}}
    return entry
