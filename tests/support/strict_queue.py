"""A queue that does all that SQS may do, in the test's own time. `tests/contract` holds it to a real server."""

from __future__ import annotations

import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from libs.clock import Clock
from libs.queue.client import (
    BATCH_LIMIT,
    BatchOutcome,
    OutgoingMessage,
    QueueDepth,
    QueueUnavailable,
    ReceiptHandleStale,
    ReceivedMessage,
)


class StaleDelete(StrEnum):
    """
    What a delete under an old receipt handle does; a standard queue may do any of these.

    Source:
        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html
    """

    IGNORED = "ignored"
    REFUSED = "refused"
    DELETES = "deletes"


@dataclass(slots=True, kw_only=True)
class QueueFaults:
    """
    What a standard queue may do, each to be switched on.

    Attributes:
        duplicates: Share of receives that leave the message visible, so that it is received twice.
        reorders: Hand messages out in any order.
        stale_delete: What an old receipt handle can do.
        losses: Share of sends that are acknowledged and forgotten.
        longest_delay_seconds: Messages show up to so long after their send.
        is_down: Every call fails.
        answers_lost: Share of sends that are taken and answered with a failure.
    """

    duplicates: float = 0.0
    reorders: bool = False
    stale_delete: StaleDelete = StaleDelete.IGNORED
    losses: float = 0.0
    longest_delay_seconds: float = 0.0
    is_down: bool = False
    answers_lost: float = 0.0


@dataclass(slots=True, kw_only=True)
class _Message:
    message_id: str
    body: str
    traceparent: str
    visible_at: datetime
    receive_count: int = 0
    handles: list[str] = field(default_factory=list)


class StrictQueue:
    """
    One standard queue with its DLQ, as `SQSQueueClient` shows them. Queue names are not looked at.

    Args:
        max_receive_count: After so many receives the next one moves the message to `dead`.
    """

    def __init__(
        self, clock: Clock, *, faults: QueueFaults | None = None, seed: int = 0, max_receive_count: int = 1000
    ) -> None:
        self.faults = faults or QueueFaults()
        self.dead: list[str] = []
        self._clock = clock
        self._chance = random.Random(seed)
        self._max_receive_count = max_receive_count
        self._messages: list[_Message] = []

    def send_message(self, *, queue_name: str, message: str, group_id: str | None = None) -> str:
        outcome = self.send_batch(
            queue_name=queue_name, messages=[OutgoingMessage(entry_id="0", body=message, group_id=group_id)]
        )
        return outcome.sent["0"]

    def send_batch(self, *, queue_name: str, messages: Sequence[OutgoingMessage]) -> BatchOutcome:
        self._answer(queue_name)
        if len(messages) > BATCH_LIMIT:
            raise ValueError(f"{len(messages)} messages in one batch")
        sent = {message.entry_id: self._take(message) for message in messages}
        if self._happens(self.faults.answers_lost):
            raise QueueUnavailable(f"{queue_name}: the answer was lost")
        return BatchOutcome(sent=sent, refused={})

    def receive(
        self, *, queue_name: str, max_messages: int, wait_seconds: int, visibility_seconds: int
    ) -> list[ReceivedMessage]:
        """Return at once: who waits in the test's own time would wait for ever."""
        self._answer(queue_name)
        now = self._clock.now()
        visible = [message for message in self._messages if message.visible_at <= now]
        if self.faults.reorders:
            self._chance.shuffle(visible)
        received: list[ReceivedMessage] = []
        for message in visible:
            if message.receive_count >= self._max_receive_count:
                self._messages.remove(message)
                self.dead.append(message.body)
            elif len(received) < max_messages:
                received.append(self._hand_out(message, visible_at=now + timedelta(seconds=visibility_seconds)))
        return received

    def delete(self, *, queue_name: str, receipt_handle: str) -> None:
        self._answer(queue_name)
        message = self._of_handle(receipt_handle)
        if message is None:
            return
        if message.handles[-1] != receipt_handle:
            if self.faults.stale_delete is StaleDelete.REFUSED:
                raise ReceiptHandleStale(receipt_handle)
            if self.faults.stale_delete is StaleDelete.IGNORED:
                return
        self._messages.remove(message)

    def change_visibility(self, *, queue_name: str, receipt_handle: str, visibility_seconds: float) -> None:
        self._answer(queue_name)
        message = self._of_handle(receipt_handle)
        now = self._clock.now()
        if message is None or message.handles[-1] != receipt_handle or message.visible_at <= now:
            raise ReceiptHandleStale(receipt_handle)
        message.visible_at = now + timedelta(seconds=visibility_seconds)

    def depth(self, *, queue_name: str) -> QueueDepth:
        self._answer(queue_name)
        now = self._clock.now()
        hidden = [message for message in self._messages if message.visible_at > now]
        delayed = sum(1 for message in hidden if message.receive_count == 0)
        return QueueDepth(visible=len(self._messages) - len(hidden), in_flight=len(hidden) - delayed, delayed=delayed)

    def forget_everything(self) -> None:
        """Lose all messages, as an embedded queue does at a restart."""
        self._messages.clear()

    @property
    def bodies(self) -> list[str]:
        """What has not been deleted, visible or not."""
        return [message.body for message in self._messages]

    def _take(self, message: OutgoingMessage) -> str:
        message_id = str(uuid.UUID(int=self._chance.getrandbits(128), version=4))
        delay = timedelta(seconds=self._chance.uniform(0, self.faults.longest_delay_seconds))
        if not self._happens(self.faults.losses):
            self._messages.append(
                _Message(
                    message_id=message_id,
                    body=message.body,
                    traceparent=message.traceparent,
                    visible_at=self._clock.now() + delay,
                )
            )
        return message_id

    def _hand_out(self, message: _Message, *, visible_at: datetime) -> ReceivedMessage:
        message.receive_count += 1
        message.handles.append(f"{message.message_id}#{message.receive_count}")
        if not self._happens(self.faults.duplicates):
            message.visible_at = visible_at
        return ReceivedMessage(
            message_id=message.message_id,
            body=message.body,
            receipt_handle=message.handles[-1],
            receive_count=message.receive_count,
            traceparent=message.traceparent,
        )

    def _of_handle(self, receipt_handle: str) -> _Message | None:
        return next((message for message in self._messages if receipt_handle in message.handles), None)

    def _happens(self, share: float) -> bool:
        return self._chance.random() < share

    def _answer(self, queue_name: str) -> None:
        if self.faults.is_down:
            raise QueueUnavailable(f"{queue_name}: stopped")
