"""Promises about what is read out of a bucket's notifications."""

import json
from typing import Any

import pytest

from apps.support.video.domain.storage_events import UnreadableEvent, arrived_keys

BUCKET = "academy-video"
KEY = "tenants/1/video/raw/2/a.mp4"


def s3_event(*records: dict[str, Any]) -> str:
    return json.dumps({"Records": list(records)})


def record(name: str = "ObjectCreated:Put", *, key: str = KEY, bucket: str = BUCKET) -> dict[str, Any]:
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventName": name,
        "s3": {"bucket": {"name": bucket}, "object": {"key": key, "size": 1024, "eTag": "d41d8", "sequencer": "00"}},
        "somethingNewer": {"a": 1},
    }


@pytest.mark.parametrize(
    "name", ["ObjectCreated:Put", "ObjectCreated:CompleteMultipartUpload", "s3:ObjectCreated:Put", "ObjectCreated:Copy"]
)
def test_an_arrival_names_its_key(name: str) -> None:
    assert arrived_keys(s3_event(record(name)), bucket=BUCKET) == [KEY]


def test_several_records_are_read_in_their_order() -> None:
    assert arrived_keys(s3_event(record(key="b"), record(key="a")), bucket=BUCKET) == ["b", "a"]


def test_other_buckets_and_other_events_are_not_arrivals() -> None:
    body = s3_event(record(bucket="elsewhere"), record("ObjectRemoved:Delete"), record("ReducedRedundancyLostObject"))
    assert arrived_keys(body, bucket=BUCKET) == []


def test_keys_are_written_as_a_form_writes_them() -> None:
    assert arrived_keys(s3_event(record(key="a+b%2Bc%20%EA%B0%95.mp4")), bucket=BUCKET) == ["a b+c 강.mp4"]


def test_the_test_event_of_a_fresh_configuration_is_nothing() -> None:
    body = json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": BUCKET, "HostId": "x"})
    assert arrived_keys(body, bucket=BUCKET) == []


@pytest.mark.parametrize("action", ["PutObject", "CompleteMultipartUpload", "CopyObject"])
def test_r2_says_it_in_its_own_words(action: str) -> None:
    event = {"account": "x", "action": action, "bucket": BUCKET, "object": {"key": "a b+c.mp4", "size": 1}}
    assert arrived_keys(json.dumps(event), bucket=BUCKET) == ["a b+c.mp4"]


def test_what_r2_deletes_has_not_arrived() -> None:
    event = {"action": "DeleteObject", "bucket": BUCKET, "object": {"key": KEY}}
    assert arrived_keys(json.dumps(event), bucket=BUCKET) == []


@pytest.mark.parametrize(
    "body",
    ["", "{", "[]", "7", "null", "{}", '{"Records": 1}', '{"Records": [1]}', '{"Records": [{}]}', "[" * 5000,
     '{"Records": [{"eventName": "ObjectCreated:Put", "s3": {}}]}', '{"Records": [{"eventName": 1}]}',
     '{"action": []}'],
)  # fmt: skip
def test_what_is_no_event_says_so(body: str) -> None:
    with pytest.raises(UnreadableEvent):
        arrived_keys(body, bucket=BUCKET)
