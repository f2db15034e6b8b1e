"""Promises about the queue's message: small, readable by its name, and refused as a whole when it is anything else."""

import json
import uuid
from typing import Any

import pytest

from apps.support.video.domain.contracts import LONGEST_MESSAGE_BYTES, TranscodeMessage, UnreadableMessage

JOB_ID = uuid.UUID("11111111-2222-4333-8444-555555555555")
FIELDS: dict[str, Any] = {
    "version": 1,
    "job_id": str(JOB_ID),
    "video_id": 12,
    "tenant_id": 3,
    "file_key": "tenants/3/video/raw/12/a.mp4",
}

NO_WHOLE_NUMBERS: list[Any] = [None, "12", 12.0, 12.5, True, [12], {"a": 12}]


def body(**changes: Any) -> str:
    return json.dumps({**FIELDS, **changes})


def without(name: str) -> str:
    return json.dumps({key: value for key, value in FIELDS.items() if key != name})


def test_the_body_is_what_the_queue_contract_says() -> None:
    message = TranscodeMessage(job_id=JOB_ID, video_id=12, tenant_id=3, file_key="tenants/3/video/raw/12/a.mp4")
    assert json.loads(message.to_json()) == FIELDS


def test_a_message_comes_back_as_it_went() -> None:
    message = TranscodeMessage(job_id=JOB_ID, video_id=2**62, tenant_id=1, file_key='강의/"quoted"/\\.mp4')
    assert TranscodeMessage.parse(message.to_json()) == message


def test_the_longest_key_still_fits_the_contract() -> None:
    longest = TranscodeMessage(job_id=JOB_ID, video_id=2**63 - 1, tenant_id=2**63 - 1, file_key="k" * 300)
    assert len(longest.to_json().encode()) <= LONGEST_MESSAGE_BYTES


def test_fields_of_a_later_release_are_ignored() -> None:
    parsed = TranscodeMessage.parse(body(priority="high", nested={"a": [1]}))
    assert (parsed.job_id, parsed.video_id, parsed.tenant_id) == (JOB_ID, 12, 3)


@pytest.mark.parametrize(
    "malformed",
    [
        "",
        "not json",
        "{",
        "null",
        "true",
        "12",
        '"text"',
        "[]",
        "[1, 2]",
        "{}",
        *(without(name) for name in FIELDS),
        *(body(version=version) for version in (0, 2, None, "1", [1], True, 1.5)),
        *(body(job_id=job_id) for job_id in (None, "", 12, "not-a-uuid", ["11111111-2222-4333-8444-555555555555"])),
        *(body(video_id=number) for number in NO_WHOLE_NUMBERS),
        *(body(tenant_id=number) for number in NO_WHOLE_NUMBERS),
        *(body(file_key=file_key) for file_key in (None, 1, ["a"], {"a": 1})),
        "\ud800",
        "[" * 5000,
        '{"version": NaN}',
        "9" * 10_000,
    ],
)
def test_anything_else_is_refused_by_name(malformed: str) -> None:
    """To the consumer: one exception says that the message can never become readable."""
    with pytest.raises(UnreadableMessage):
        TranscodeMessage.parse(malformed)
