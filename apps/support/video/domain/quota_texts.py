"""How amounts and limits read, in Korean and English."""

from collections.abc import Mapping
from typing import NamedTuple

GIB = 1024**3
MIB = 1024**2


class _Words(NamedTuple):
    what: str
    help: str


_WORDS: Mapping[str, Mapping[str, _Words]] = {
    "stored_bytes": {
        "ko": _Words("저장 용량", "필요 없는 영상을 삭제하거나, 관리자에게 용량을 늘려 달라고 요청해 주세요."),
        "en": _Words("storage", "Delete videos that are no longer needed, or ask an operator for more storage."),
    },
    "stored_seconds": {
        "ko": _Words("영상 길이 합계", "필요 없는 영상을 삭제하거나, 관리자에게 한도를 늘려 달라고 요청해 주세요."),
        "en": _Words("video length", "Delete videos that are no longer needed, or ask an operator for a higher limit."),
    },
    "open_uploads": {
        "ko": _Words("동시 업로드 수", "진행 중인 업로드를 끝내거나 취소한 뒤 다시 시도해 주세요."),
        "en": _Words("uploads at a time", "Finish or cancel uploads that are under way, then try again."),
    },
}


def quota_words(params: Mapping[str, object], language: str) -> dict[str, object]:
    """Return the words that the text of `quota_exceeded` is made of."""
    limit = str(params.get("limit"))
    words = _WORDS[limit]["en" if language == "en" else "ko"]
    amounts = {
        f"{name}_text": readable_amount(limit, int(str(params[name])), language)
        for name in ("used", "allowed", "requested")
    }
    return {"what": words.what, "help": words.help, **amounts}


def readable_amount(limit: str, number: int, language: str) -> str:
    """Return "1.5 GiB", "2.0 h" or "3", as people read it."""
    if limit == "stored_bytes":
        return f"{number / GIB:.1f} GiB" if number >= GIB else f"{number / MIB:.1f} MiB"
    if limit == "stored_seconds":
        return f"{number / 3600:.1f} h" if language == "en" else f"{number / 3600:.1f}시간"
    return str(number) if language == "en" else f"{number}개"
