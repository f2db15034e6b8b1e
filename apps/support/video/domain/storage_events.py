"""
What the bucket's own notifications say: which objects have arrived.

Source:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    https://developers.cloudflare.com/r2/buckets/event-notifications/
"""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_plus

_R2_ARRIVALS = frozenset({"PutObject", "CompleteMultipartUpload", "CopyObject"})


class UnreadableEvent(Exception):
    """The message is no event of a bucket."""


def arrived_keys(body: str, *, bucket: str) -> list[str]:
    """
    Return the keys of this bucket's objects that an event announces, in its order; none for a test event.

    Raises:
        UnreadableEvent: It is none.
    """
    try:
        event = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UnreadableEvent(str(error)) from error
    if not isinstance(event, dict):
        raise UnreadableEvent("not an object")
    if event.get("Event") == "s3:TestEvent":
        return []
    try:
        found = list(_s3_arrivals(event) if "Records" in event else _r2_arrivals(event))
    except (KeyError, TypeError, AttributeError) as error:
        raise UnreadableEvent(f"no event of a bucket: {error!r}") from error
    return [key for name, key in found if name == bucket]


def _s3_arrivals(event: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for record in event["Records"]:
        # Notifications say "ObjectCreated:Put"; configurations, and some other stores, write "s3:ObjectCreated:Put".
        if record["eventName"].removeprefix("s3:").startswith("ObjectCreated:"):
            # S3 writes keys as a form does: a space is "+".
            yield record["s3"]["bucket"]["name"], unquote_plus(record["s3"]["object"]["key"])


def _r2_arrivals(event: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if event["action"] in _R2_ARRIVALS:
        yield event["bucket"], event["object"]["key"]
