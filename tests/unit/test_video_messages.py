"""Promises to people: every refusal is a sentence in their language, with what to do next."""

import re
from collections.abc import Iterator

import pytest

from apps.api.exception_handler import STATUS_OF
from apps.support.video.domain import causes, errors, messages
from apps.support.video.domain.errors import VideoError
from apps.support.video.domain.messages import TEXTS, Text, cause_text, error_text, text
from libs.media import facts, ffprobe

HANGUL = re.compile(r"[가-힣]")
PLACEHOLDER = re.compile(r"{(\w+)}")


def subclasses(parent: type[VideoError]) -> Iterator[type[VideoError]]:
    for child in parent.__subclasses__():
        yield child
        yield from subclasses(child)


ERRORS = sorted(set(subclasses(VideoError)), key=lambda error: error.code)
INPUT_CAUSES = sorted(cause.value for cause in causes.Cause if cause.value.startswith("INPUT_"))


def assert_speaks(found: Text, language: str) -> None:
    for sentence in found:
        assert sentence.strip() == sentence
        assert len(sentence) > 5
        assert sentence.endswith((".", "?", "!", ")"))
        assert "{" not in sentence
        assert bool(HANGUL.search(sentence)) is (language == "ko")


@pytest.mark.parametrize("language", messages.LANGUAGES)
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.code)
class TestEveryError:
    def test_has_a_sentence_and_a_next_step(self, error: type[VideoError], language: str) -> None:
        assert_speaks(text(error.code, language), language)

    def test_has_an_http_status(self, error: type[VideoError], language: str) -> None:
        assert 400 <= STATUS_OF[error.code] < 600


@pytest.mark.parametrize("language", messages.LANGUAGES)
@pytest.mark.parametrize("cause", INPUT_CAUSES)
def test_every_reason_to_refuse_a_file_is_explained(cause: str, language: str) -> None:
    assert_speaks(cause_text(cause, language), language)
    assert cause_text(cause, language) != cause_text("INTERNAL_BUG", language)


@pytest.mark.parametrize("module", [facts, ffprobe])
def test_the_prober_refuses_only_for_catalogued_causes(module: object) -> None:
    source = module.__spec__.loader.get_source(module.__name__)  # type: ignore[attr-defined]
    assert set(re.findall(r"INPUT_[A-Z_]+[A-Z]", source)) <= set(INPUT_CAUSES)


def test_codes_are_unique_and_stable() -> None:
    """To client authors: renaming one of these breaks them."""
    assert [error.code for error in ERRORS] == sorted(
        [
            "VIDEO_UPLOAD_ENQUEUE_FAILED",
            "event_streams_exhausted",
            "file_type_not_allowed",
            "invalid_part_checksums",
            "invalid_part_numbers",
            "invalid_status",
            "job_precondition_failed",
            "not_found",
            "playback_object_missing",
            "playback_token_invalid",
            "presigned_get_failed",
            "quota_exceeded",
            "size_not_allowed",
            "source_not_found_or_empty",
            "storage_unavailable",
            "unsupported_media",
            "upload_checksum_mismatch",
            "upload_expired",
            "upload_incomplete",
            "upload_not_multipart",
        ]
    )


@pytest.mark.parametrize("code", sorted(TEXTS))
def test_both_languages_name_the_same_params(code: str) -> None:
    assert set(TEXTS[code]) == set(messages.LANGUAGES)
    named = [set(PLACEHOLDER.findall(" ".join(TEXTS[code][language]))) for language in messages.LANGUAGES]
    assert named[0] == named[1]


def test_params_stand_in_the_sentence() -> None:
    found = text("upload_incomplete", "en", stored_bytes=3, declared_bytes=5)
    assert found.detail == "The stored file has 3 bytes, 5 were announced."


def test_a_param_that_is_missing_costs_no_answer() -> None:
    assert text("invalid_status", "en").detail == "The video's status (?) does not allow this."


def test_text_of_a_user_is_never_taken_for_a_template() -> None:
    found = text("file_type_not_allowed", "en", extension="{limit_bytes} {0.__class__}")
    assert found.detail == "Files of type '{limit_bytes} {0.__class__}' cannot be uploaded."


def test_a_refused_file_says_why_in_the_same_language() -> None:
    params = {"cause_code": "INPUT_NOT_VIDEO", "video_id": 1}
    assert error_text("unsupported_media", "ko", params).detail == "재생할 수 없는 파일입니다: 영상 파일이 아닙니다."
    assert (
        error_text("unsupported_media", "en", params).detail == "This file cannot be played: This is not a video file."
    )


@pytest.mark.parametrize("language", ["fr", "", "ko-KR"])
def test_another_language_reads_korean(language: str) -> None:
    assert text("not_found", language) == text("not_found", "ko")


def test_a_cause_without_words_reads_as_our_own_fault() -> None:
    """To the uploader: something that we cannot name is never blamed on their file."""
    assert cause_text("SOMETHING_ELSE", "en") == cause_text("INTERNAL_BUG", "en")
    assert "ours" in cause_text("INTERNAL_BUG", "en").detail


def test_the_docstring_of_an_error_is_a_sentence() -> None:
    for error in ERRORS:
        assert (error.__doc__ or "").strip().endswith(".")
        assert issubclass(error, errors.VideoError)
