"""Promises about names, messages and tokens that hold for whatever people and machines send."""

import re
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.support.video.domain.contracts import TranscodeMessage, UnreadableMessage
from apps.support.video.domain.errors import FileTypeNotAllowed, PlaybackTokenInvalid
from apps.support.video.domain.keys import attempt_prefix, source_key, source_prefix
from apps.support.video.domain.media_types import accepted_content_type
from apps.support.video.domain.playback_token import PlaybackClaims, read_token, sign_token

SECRET = "property-secret-property-secret-property"

ids = st.integers(1, 2**63 - 1)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
claims = st.builds(
    PlaybackClaims,
    tenant_id=ids,
    video_id=ids,
    viewer=st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    prefix=st.builds(
        lambda tenant_id, video_id, job_id, attempt: attempt_prefix(
            tenant_id=tenant_id, video_id=video_id, job_id=job_id, attempt=attempt
        ),
        ids,
        ids,
        st.uuids(),
        st.integers(1, 10_000),
    ),
    expires_at=st.integers(1, 2**40),
)


@given(st.text(max_size=400), ids, ids, st.uuids())
def test_no_file_name_leaves_the_videos_own_prefix(
    filename: str, tenant_id: int, video_id: int, token: uuid.UUID
) -> None:
    key = source_key(tenant_id=tenant_id, video_id=video_id, filename=filename, token=token)
    rest = key.removeprefix(source_prefix(tenant_id=tenant_id, video_id=video_id))
    assert re.fullmatch(rf"{token}\.[a-z0-9]{{1,8}}", rest)


@given(st.tuples(ids, ids), st.tuples(ids, ids))
def test_no_videos_prefix_holds_another_videos_objects(one: tuple[int, int], other: tuple[int, int]) -> None:
    first, second = (source_prefix(tenant_id=tenant_id, video_id=video_id) for tenant_id, video_id in (one, other))
    assert second.startswith(first) == (one == other)


@given(ids, ids, st.uuids(), st.text(st.characters(exclude_categories=["Cs"]), max_size=300))
def test_a_message_survives_the_queue(tenant_id: int, video_id: int, job_id: uuid.UUID, file_key: str) -> None:
    message = TranscodeMessage(job_id=job_id, video_id=video_id, tenant_id=tenant_id, file_key=file_key)
    assert TranscodeMessage.parse(message.to_json()) == message


@given(st.text(max_size=200))
def test_any_text_is_a_message_or_named_unreadable(body: str) -> None:
    with pytest.raises(UnreadableMessage):
        TranscodeMessage.parse(body)


@given(
    st.fixed_dictionaries(
        {
            "version": json_values | st.just(1),
            "job_id": json_values | st.uuids().map(str),
            "video_id": json_values,
            "tenant_id": json_values,
            "file_key": json_values,
        }
    )
)
def test_any_fields_are_a_message_or_named_unreadable(fields: dict[str, object]) -> None:
    import json

    try:
        message = TranscodeMessage.parse(json.dumps(fields))
    except UnreadableMessage:
        return
    assert message.version == 1
    assert (type(message.video_id), type(message.tenant_id), type(message.file_key)) == (int, int, str)


@given(st.text(max_size=60), st.text(max_size=120))
def test_an_accepted_type_is_one_token_that_a_header_can_carry(filename: str, declared: str) -> None:
    try:
        accepted = accepted_content_type(filename=f"{filename}.mp4", declared=declared)
    except FileTypeNotAllowed:
        return
    assert re.fullmatch(r"video/[a-z0-9!#$&^_.+-]+", accepted)
    assert len(accepted) <= 100


@given(claims)
def test_a_token_reads_back_until_it_ends(granted: PlaybackClaims) -> None:
    token = sign_token(granted, secret=SECRET)
    assert read_token(token, secret=SECRET, now_seconds=granted.expires_at - 0.001) == granted
    with pytest.raises(PlaybackTokenInvalid):
        read_token(token, secret=SECRET, now_seconds=granted.expires_at)


@given(claims, st.data())
def test_a_token_with_any_character_changed_is_refused(granted: PlaybackClaims, data: st.DataObject) -> None:
    token = sign_token(granted, secret=SECRET)
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters().filter(lambda character: character != token[place]))
    with pytest.raises(PlaybackTokenInvalid):
        read_token(token[:place] + other + token[place + 1 :], secret=SECRET, now_seconds=0)


@given(st.text(max_size=200))
def test_any_text_is_refused_as_a_token(token: str) -> None:
    with pytest.raises(PlaybackTokenInvalid):
        read_token(token, secret=SECRET, now_seconds=0)
