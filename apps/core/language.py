"""Which of our two languages a request is answered in."""

from __future__ import annotations

from typing import Literal

from django.http import HttpRequest
from django.utils.translation.trans_real import parse_accept_lang_header
from rest_framework.request import Request

Language = Literal["ko", "en"]

DEFAULT_LANGUAGE: Language = "ko"


def language_of(request: HttpRequest | Request) -> Language:
    """Return the first language of Accept-Language that we speak; Korean when there is none."""
    for code, _quality in parse_accept_lang_header(request.META.get("HTTP_ACCEPT_LANGUAGE", "")):
        primary = code.split("-")[0]
        if primary == "ko":
            return "ko"
        if primary == "en":
            return "en"
    return DEFAULT_LANGUAGE
