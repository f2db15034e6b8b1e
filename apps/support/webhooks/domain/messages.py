"""What a receiver is sent."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

TEST_EVENT = "webhook_test"
"""The type of what "send test" sends. No event of the feed has it."""


def message_id(*, tenant_id: int, event_id: int, at: datetime) -> str:
    """
    Return the `webhook-id` of an event: the same for every attempt, endpoint and replay, so that receivers see repeats.

    Time is part of it: after a restored backup the numbers are given again, to other events.
    """
    name = f"{tenant_id}:{event_id}:{at.isoformat()}"
    return "evt_" + hashlib.sha256(name.encode()).hexdigest()[:32]


def message_body(*, event_type: str, at: datetime, facts: Mapping[str, Any]) -> bytes:
    """Return the body, byte for byte the same whenever it is made of the same event."""
    document = {"type": event_type, "timestamp": at.isoformat().replace("+00:00", "Z"), "data": facts}
    # A job's UUID is the one thing in it that is not JSON by itself.
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), default=str).encode()
