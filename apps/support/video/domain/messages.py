"""
What people are told when a request is refused, in Korean and English: one entry per error code.

A text is (what happened, what to do next) and may name `{params}` of the error.
"""

from collections.abc import Mapping

from .cause_texts import CAUSE_TEXTS, Text
from .causes import known_cause
from .quota_texts import quota_words

__all__ = ["LANGUAGES", "TEXTS", "Text", "cause_text", "error_text", "text"]

LANGUAGES = ("ko", "en")


class _MissingParams(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return "?"


def text(code: str, language: str, **params: object) -> Text:
    """
    Return the text for a code.

    Raises:
        KeyError: The code has no entry: a bug, held off by a test.
    """
    chosen = TEXTS[code]["en" if language == "en" else "ko"]
    known = _MissingParams(params)
    return Text(chosen.detail.format_map(known), chosen.hint.format_map(known))


def error_text(code: str, language: str, params: Mapping[str, object]) -> Text:
    """Return the text for an error; one that carries a cause names it in the same language."""
    cause_code = params.get("cause_code")
    if isinstance(cause_code, str):
        params = {**params, "reason": cause_text(cause_code, language).detail}
    if "allowed" in params:
        params = {**params, **quota_words(params, language)}
    return text(code, language, **params)


def cause_text(cause_code: str, language: str) -> Text:
    """Return what the uploader is told of a cause; one that the catalogue does not list reads as our bug."""
    return CAUSE_TEXTS[known_cause(cause_code)]["en" if language == "en" else "ko"]


TEXTS: Mapping[str, Mapping[str, Text]] = {
    "not_found": {
        "ko": Text("그런 영상이 없습니다.", "주소를 확인해 주세요. 삭제되었을 수도 있습니다."),
        "en": Text("There is no such video.", "Check the address; it may have been deleted."),
    },
    "invalid_status": {
        "ko": Text("지금 상태({status})에서는 할 수 없는 요청입니다.", "영상의 현재 상태를 새로 고쳐 확인해 주세요."),
        "en": Text("The video's status ({status}) does not allow this.", "Reload the video to see its current state."),
    },
    "size_not_allowed": {
        "ko": Text(
            "파일 크기 {size_bytes}바이트는 허용되지 않습니다(1바이트부터 {limit_bytes}바이트까지).",
            "빈 파일이 아닌지 확인하거나, 더 작은 파일로 나누어 올려 주세요.",
        ),
        "en": Text(
            "A size of {size_bytes} bytes is not allowed (from 1 to {limit_bytes} bytes).",
            "Check that the file is not empty, or split it into smaller files.",
        ),
    },
    "file_type_not_allowed": {
        "ko": Text("'{extension}' 형식은 올릴 수 없습니다.", "MP4, MOV, MKV, WebM 등의 영상 파일을 선택해 주세요."),
        "en": Text(
            "Files of type '{extension}' cannot be uploaded.",
            "Choose a video file such as MP4, MOV, MKV or WebM.",
        ),
    },
    "source_not_found_or_empty": {
        "ko": Text(
            "저장소에 파일이 없거나 비어 있습니다.",
            "파일 전송이 끝났는지 확인하고, 아니라면 다시 전송해 주세요.",
        ),
        "en": Text(
            "Storage has no file for this upload, or an empty one.",
            "Check that the transfer has finished, or send the file again.",
        ),
    },
    "upload_incomplete": {
        "ko": Text(
            "저장된 파일은 {stored_bytes}바이트인데 {declared_bytes}바이트라고 알려 주셨습니다.",
            "전송이 중간에 끊겼을 수 있습니다. 파일을 다시 올려 주세요.",
        ),
        "en": Text(
            "The stored file has {stored_bytes} bytes, {declared_bytes} were announced.",
            "The transfer may have been cut short; upload the file again.",
        ),
    },
    "upload_checksum_mismatch": {
        "ko": Text(
            "저장된 파일이 보내려던 파일과 다릅니다(체크섬 불일치).",
            "전송하는 동안 파일이 바뀌었을 수 있습니다. 이 업로드를 취소하고 새로 올려 주세요.",
        ),
        "en": Text(
            "The stored file is not the one that was announced (the checksums differ).",
            "The file may have changed while it was sent; cancel this upload and start a new one.",
        ),
    },
    "upload_not_multipart": {
        "ko": Text("나누어 보내는 업로드가 아닙니다.", "받은 주소로 파일 전체를 한 번에 보내 주세요."),
        "en": Text("This upload has no parts.", "PUT the whole file to the URL that came with it."),
    },
    "invalid_part_numbers": {
        "ko": Text("없는 조각 번호입니다. 1부터 {part_count}까지 있습니다.", "업로드 계획의 번호를 사용해 주세요."),
        "en": Text("There is no such part; they go from 1 to {part_count}.", "Use the numbers of the upload's plan."),
    },
    "invalid_part_checksums": {
        "ko": Text(
            "조각의 체크섬이 없거나 {checksum_algorithm} 값이 아닙니다.",
            "업로드 응답의 `checksum_algorithm`으로 각 조각의 체크섬을 계산해 base64로 보내 주세요.",
        ),
        "en": Text(
            "A part's checksum is missing, or is not a {checksum_algorithm}.",
            "Work out each part's checksum with the `checksum_algorithm` of the upload, and send it as base64.",
        ),
    },
    "quota_exceeded": {
        "ko": Text(
            "{what} 한도를 넘습니다: {allowed_text} 중 {used_text} 사용, {requested_text} 요청.", "해결 방법: {help}"
        ),
        "en": Text(
            "Over the limit of {what}: {used_text} of {allowed_text} used, {requested_text} asked for.",
            "What would help: {help}",
        ),
    },
    "upload_expired": {
        "ko": Text("업로드 기한이 지났습니다.", "새로 업로드를 시작해 주세요."),
        "en": Text("The upload's deadline has passed.", "Start a new upload."),
    },
    "presigned_get_failed": {
        "ko": Text(
            "저장된 파일을 읽을 주소를 만들지 못했습니다.",
            "관리자에게 저장소 설정을 확인해 달라고 알려 주세요.",
        ),
        "en": Text(
            "No URL could be signed to read the stored file.",
            "Ask an operator to check the storage settings.",
        ),
    },
    "unsupported_media": {
        "ko": Text("재생할 수 없는 파일입니다: {reason}", "다른 파일을 새로 올려 주세요."),
        "en": Text("This file cannot be played: {reason}", "Upload another file."),
    },
    "storage_unavailable": {
        "ko": Text("저장소가 응답하지 않습니다.", "잠시 뒤에 같은 요청을 다시 보내 주세요. 바뀐 것은 없습니다."),
        "en": Text("Storage did not answer.", "Repeat the same request in a moment; nothing has changed."),
    },
    "event_streams_exhausted": {
        "ko": Text("지금은 실시간 연결을 더 받을 수 없습니다.", "잠시 뒤 다시 연결하거나 events/를 조회해 주세요."),
        "en": Text("There is no room for another event stream now.", "Connect again later, or ask events/ instead."),
    },
    "VIDEO_UPLOAD_ENQUEUE_FAILED": {
        "ko": Text(
            "업로드는 안전하게 저장되었고, 인코딩 대기열에 넣는 일이 늦어지고 있습니다.",
            "기다리시면 자동으로 이어집니다. 파일을 다시 올리지 마세요.",
        ),
        "en": Text(
            "The upload is safe and stored; handing it to the encoding queue is delayed.",
            "It goes on by itself; do not upload the file again.",
        ),
    },
    "playback_token_invalid": {
        "ko": Text("재생 권한이 만료되었거나 올바르지 않습니다.", "영상 페이지를 새로 고쳐 다시 재생해 주세요."),
        "en": Text("The right to play has expired or is not valid.", "Reload the video's page and press play again."),
    },
    "playback_object_missing": {
        "ko": Text("재생 파일을 찾을 수 없습니다.", "영상 페이지를 새로 고치고, 계속되면 관리자에게 알려 주세요."),
        "en": Text("The playback file is not there.", "Reload the video's page; if it stays, tell an operator."),
    },
    "job_precondition_failed": {
        "ko": Text("내부 오류로 인코딩 작업을 만들지 못했습니다.", "관리자에게 요청 번호를 알려 주세요."),
        "en": Text("An internal error kept the encoding job from being made.", "Give the request id to an operator."),
    },
}
