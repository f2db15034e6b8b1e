"""Promises to the uploader about which files may be announced, and to storage about the type that the URL binds."""

import re
from pathlib import Path

import pytest

from apps.support.video.domain.errors import FileTypeNotAllowed
from apps.support.video.domain.media_types import CONTENT_TYPE_OF_EXTENSION, accepted_content_type


@pytest.mark.parametrize(("extension", "content_type"), sorted(CONTENT_TYPE_OF_EXTENSION.items()))
@pytest.mark.parametrize("declared", ["", "application/octet-stream", "APPLICATION/OCTET-STREAM"])
def test_a_browser_that_knows_no_type_gets_the_extensions_one(extension: str, content_type: str, declared: str) -> None:
    assert accepted_content_type(filename=f"lecture.{extension.upper()}", declared=declared) == content_type


@pytest.mark.parametrize(
    ("declared", "bound"),
    [
        ("video/mp4", "video/mp4"),
        ("Video/MP4", "video/mp4"),
        (" video/mp4 ", "video/mp4"),
        ('video/mp4; codecs="avc1.42E01E"', "video/mp4"),
        ("video/vnd.dlna.mpeg-tts", "video/vnd.dlna.mpeg-tts"),
        ("video/x-matroska;codecs=avc1", "video/x-matroska"),
    ],
)
def test_a_declared_video_type_is_bound_without_its_parameters(declared: str, bound: str) -> None:
    assert accepted_content_type(filename="lecture.mp4", declared=declared) == bound


@pytest.mark.parametrize(
    "filename",
    ["lecture.txt", "lecture.exe", "lecture.mp3", "lecture", "lecture.", "", "lecture.mp4.zip", "lecture.m3u8", "mp4"],
)
def test_another_extension_is_refused_whatever_type_it_claims(filename: str) -> None:
    with pytest.raises(FileTypeNotAllowed):
        accepted_content_type(filename=filename, declared="video/mp4")


@pytest.mark.parametrize(
    "declared",
    [
        "text/plain",
        "text/html",
        "audio/mp4",
        "image/svg+xml",
        "application/vnd.apple.mpegurl",
        "video",
        "video/",
        "videos/mp4",
        "video/mp4\r\nx-amz-acl: public-read",
        "video/mp 4",
        "video/mp4,text/html",
        'video/"mp4"',
        "video/한글",
        "video/mp4\x00",
    ],
)
def test_a_type_that_is_no_plain_video_type_is_refused(declared: str) -> None:
    """To storage: the bound type is sent as a header, so it is one token and nothing else."""
    with pytest.raises(FileTypeNotAllowed):
        accepted_content_type(filename="lecture.mp4", declared=declared)


@pytest.mark.parametrize("declared", ["", "audio/mp4", "audio/x-m4a", "application/octet-stream"])
def test_a_sound_is_taken_as_a_sound(declared: str) -> None:
    """To a teacher who has recorded no picture: the file of a phone's recorder is a lecture too."""
    accepted = accepted_content_type(filename="강의.m4a", declared=declared)
    assert accepted == (declared if declared.startswith("audio/") else "audio/mp4")
    with pytest.raises(FileTypeNotAllowed):
        accepted_content_type(filename="강의.m4a", declared="video/mp4")


def test_the_web_app_takes_the_same_files() -> None:
    page = Path(__file__).parents[2] / "academyfront/src/features/videos/upload/fileCheck.ts"
    listed = page.read_text(encoding="utf-8").partition("VIDEO_EXTENSIONS = [")[2].partition("]")[0]
    assert set(re.findall(r'"(\w+)"', listed)) == set(CONTENT_TYPE_OF_EXTENSION)
