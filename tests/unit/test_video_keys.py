"""Promises about where objects live: no name of a file and no id of a video reaches into another's place."""

import re
import uuid

import pytest

from apps.support.video.domain.keys import attempt_prefix, file_extension, output_prefix, source_key, source_prefix

TOKEN = uuid.UUID("0f0e0d0c-0b0a-4909-8807-060504030201")
JOB_ID = uuid.UUID("11111111-2222-4333-8444-555555555555")

HOSTILE_NAMES = [
    "../../etc/passwd",
    "..\\..\\boot.ini",
    "a/b/c.mp4",
    "/absolute.mp4",
    ".mp4/../../x",
    "강의 1강 (최종).mp4",
    'it\'s "quoted".mp4',
    "semi;colon&amp=1?x#y.mp4",
    "percent%2e%2e%2fescape.mp4",
    "new\nline.mp4",
    "null\x00byte.mp4",
    "trailing.",
    "no-extension",
    "",
    ".",
    "..",
    "dots...mp4",
    "x" * 300 + ".mp4",
    "x." + "y" * 300,
    "turkish.MP4İ",
    "fullwidth.ｍｐ４",
    "right\u202eto-left4pm.exe",
    "emoji.🎬",
]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_hostile_name_leaves_at_most_a_plain_extension_in_the_key(name: str) -> None:
    key = source_key(tenant_id=7, video_id=12, filename=name, token=TOKEN)
    assert re.fullmatch(rf"tenants/7/video/raw/12/{TOKEN}\.[a-z0-9]{{1,8}}", key)


@pytest.mark.parametrize(
    ("name", "extension"),
    [
        ("lecture.mp4", "mp4"),
        ("LECTURE.MP4", "mp4"),
        ("강의.최종.MoV", "mov"),
        (".mkv", "mkv"),
        ("lecture", "bin"),
        ("lecture.", "bin"),
        ("lecture.mp4 ", "bin"),
        ("lecture.ｍｐ４", "bin"),
        ("lecture.extension9", "bin"),
        ("a.mp4/b", "bin"),
    ],
)
def test_the_extension_is_the_last_one_lower_case_or_bin(name: str, extension: str) -> None:
    assert file_extension(name) == extension


def test_two_uploads_of_one_video_never_share_a_key() -> None:
    keys = {source_key(tenant_id=1, video_id=1, filename="a.mp4", token=uuid.uuid4()) for _ in range(100)}
    assert len(keys) == 100


def test_keys_are_where_the_storage_contract_says() -> None:
    assert source_prefix(tenant_id=3, video_id=12) == "tenants/3/video/raw/12/"
    assert output_prefix(tenant_id=3, video_id=12) == "tenants/3/video/hls/12/"
    assert attempt_prefix(tenant_id=3, video_id=12, job_id=JOB_ID, attempt=2) == f"tenants/3/video/hls/12/{JOB_ID}-2/"


def test_deleting_video_12_does_not_reach_video_120() -> None:
    for prefix in (source_prefix, output_prefix):
        assert prefix(tenant_id=1, video_id=12).endswith("/")
        assert not prefix(tenant_id=1, video_id=120).startswith(prefix(tenant_id=1, video_id=12))
        assert not prefix(tenant_id=11, video_id=2).startswith(prefix(tenant_id=1, video_id=2))


def test_an_attempt_writes_beside_another_and_inside_its_video() -> None:
    first, second, eleventh = (
        attempt_prefix(tenant_id=1, video_id=12, job_id=JOB_ID, attempt=attempt) for attempt in (1, 2, 11)
    )
    assert first.startswith(output_prefix(tenant_id=1, video_id=12))
    assert len({first, second, eleventh}) == 3
    assert not eleventh.startswith(first)
