"""What people are told about everything that is not the pipeline's: one entry per code, in Korean and English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from apps.core.language import Language


class Text(NamedTuple):
    """A sentence that says what happened, and the next step."""

    detail: str
    hint: str


def text(code: str, language: Language, **params: object) -> Text:
    """
    Return the text for a code.

    Raises:
        KeyError: The code has no entry, or its text names a parameter that was not given: a bug, held off by a test.
    """
    chosen = TEXTS[code][language]
    return Text(chosen.detail.format(**params), chosen.hint.format(**params))


TEXTS: Mapping[str, Mapping[Language, Text]] = {
    "invalid_json": {
        "ko": Text("요청 본문이 올바른 JSON이 아닙니다.", "JSON 객체 하나를 UTF-8로 보내 주세요."),
        "en": Text("The request body is not valid JSON.", "Send one JSON object, encoded as UTF-8."),
    },
    "invalid_request": {
        "ko": Text("요청에 잘못된 값이 있습니다.", "fields에 적힌 항목을 고쳐 다시 보내 주세요."),
        "en": Text("The request has invalid values.", "Correct what `fields` lists and send it again."),
    },
    "bad_request": {
        "ko": Text("처리할 수 없는 요청입니다.", "주소와 헤더를 확인해 주세요."),
        "en": Text("The request cannot be understood.", "Check its address and headers."),
    },
    "not_authenticated": {
        "ko": Text("로그인이 필요합니다.", "로그인하거나 Authorization: Bearer <API 키> 헤더를 보내 주세요."),
        "en": Text("You are not signed in.", "Sign in, or send the header Authorization: Bearer <API key>."),
    },
    "invalid_api_key": {
        "ko": Text("API 키가 올바르지 않습니다.", "키를 확인해 주세요. 폐기되었거나 만료되었을 수도 있습니다."),
        "en": Text("The API key is not valid.", "Check the key; it may have been revoked or have expired."),
    },
    "invalid_credentials": {
        "ko": Text("아이디 또는 비밀번호가 맞지 않습니다.", "다시 확인하고 입력해 주세요."),
        "en": Text("The username or the password is wrong.", "Check both and try again."),
    },
    "permission_denied": {
        "ko": Text("이 작업을 할 권한이 없습니다.", "학원 관리자에게 권한을 요청해 주세요."),
        "en": Text("You may not do this.", "Ask the academy's owner for the right to."),
    },
    "last_owner": {
        "ko": Text("마지막 원장은 바꾸거나 뺄 수 없습니다.", "먼저 다른 사람을 원장으로 정해 주세요."),
        "en": Text("The last owner cannot be changed or removed.", "Make somebody else an owner first."),
    },
    "username_taken": {
        "ko": Text("이미 쓰이는 아이디입니다.", "다른 아이디를 정해 주세요."),
        "en": Text("This username is taken.", "Choose another one."),
    },
    "webhook_url_refused": {
        "ko": Text(
            "이 주소로는 웹훅을 보낼 수 없습니다({fault}).",
            "인터넷에서 열리는 https:// 주소를 적어 주세요. 아이디와 비밀번호는 넣을 수 없습니다.",
        ),
        "en": Text(
            "Webhooks cannot be sent to this address ({fault}).",
            "Give an https:// address on the public internet, without a user name and password.",
        ),
    },
    "webhook_limit_reached": {
        "ko": Text("웹훅은 {most}개까지 둘 수 있습니다.", "쓰지 않는 것을 지우고 다시 추가해 주세요."),
        "en": Text("There can be {most} webhooks at most.", "Delete one that is not used, and add this again."),
    },
    "csrf_failed": {
        "ko": Text("보안 토큰이 없거나 맞지 않습니다.", "페이지를 새로 고친 뒤 다시 시도해 주세요."),
        "en": Text("The security token is missing or wrong.", "Reload the page and try again."),
    },
    "not_found": {
        "ko": Text("찾을 수 없습니다.", "주소를 확인해 주세요. API 주소는 /로 끝납니다."),
        "en": Text("There is nothing here.", "Check the address; the API's addresses end in a slash."),
    },
    "method_not_allowed": {
        "ko": Text("이 주소에서는 {method} 요청을 받지 않습니다.", "Allow 헤더에 적힌 방식으로 보내 주세요."),
        "en": Text("{method} is not allowed here.", "Use one of the methods in the Allow header."),
    },
    "payload_too_large": {
        "ko": Text("요청 본문이 너무 큽니다.", "본문을 {limit_bytes}바이트 이하로 줄여 주세요."),
        "en": Text("The request body is too large.", "Keep it to at most {limit_bytes} bytes."),
    },
    "unsupported_media_type": {
        "ko": Text("받을 수 없는 본문 형식입니다.", "Content-Type: application/json으로 보내 주세요."),
        "en": Text("The body's type is not accepted.", "Send it as Content-Type: application/json."),
    },
    "invalid_idempotency_key": {
        "ko": Text("Idempotency-Key 헤더가 올바르지 않습니다.", "출력 가능한 ASCII 문자 1~255자를 보내 주세요."),
        "en": Text("The Idempotency-Key header is not valid.", "Send 1 to 255 printable ASCII characters."),
    },
    "idempotency_key_reused": {
        "ko": Text("이 Idempotency-Key는 다른 요청에 이미 쓰였습니다.", "새 요청에는 새 키를 보내 주세요."),
        "en": Text("This Idempotency-Key belongs to another request.", "Use a fresh key for a fresh request."),
    },
    "idempotency_in_progress": {
        "ko": Text("같은 요청이 아직 처리 중입니다.", "Retry-After에 적힌 시간 뒤에 같은 요청을 다시 보내 주세요."),
        "en": Text("The same request is still at work.", "Repeat it after the time in Retry-After."),
    },
    "throttled": {
        "ko": Text("요청이 너무 잦습니다.", "Retry-After에 적힌 시간 뒤에 다시 시도해 주세요."),
        "en": Text("There are too many requests.", "Try again after the time in Retry-After."),
    },
    "internal_error": {
        "ko": Text("서버에서 오류가 났습니다.", "잠시 뒤 다시 시도하고, 계속되면 request_id를 알려 주세요."),
        "en": Text("Something broke on the server.", "Try again soon; if it stays, report the request_id."),
    },
    "service_unavailable": {
        "ko": Text("지금은 요청을 처리할 수 없습니다.", "바뀐 것은 없습니다. 잠시 뒤 같은 요청을 다시 보내 주세요."),
        "en": Text("The request cannot be served now.", "Repeat the same request in a moment."),
    },
}
