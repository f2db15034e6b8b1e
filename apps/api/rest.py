"""How the REST framework reads and answers here: JSON in, JSON out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import IO, Any

from rest_framework.exceptions import NotAcceptable, ParseError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import JSONParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class BoundedJSONParser(JSONParser):
    """Reads JSON, and takes nesting deep enough to exhaust the interpreter for what it is: not a request."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        # JSON between systems is UTF-8 whatever the charset parameter says: RFC 8259, section 8.1.
        context = {**(parser_context or {}), "encoding": "utf-8"}
        try:
            return super().parse(stream, media_type, context)
        except RecursionError as error:
            raise ParseError("Nested too deeply.") from error


class AlwaysAnswerNegotiation(DefaultContentNegotiation):
    """Answers JSON even to a caller that asked for something else: an answer is more use than 406."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        offered = list(renderers)
        try:
            chosen: tuple[BaseRenderer, str] = super().select_renderer(request, offered, format_suffix)
        except NotAcceptable:
            return offered[0], offered[0].media_type
        return chosen
