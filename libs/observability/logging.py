"""
One JSON line per event on standard output, whoever wrote it.

Our own code logs by `structlog.get_logger().info("job_succeeded", job_id=...)`; libraries log by the standard
library. Both end in the same renderer, so that one query finds both.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from libs.observability.redaction import redact_secret_fields, redact_text
from libs.observability.tracing import current_traceparent, trace_id_of

LogFormat = Literal["json", "console"]

_to_json = json.JSONEncoder(ensure_ascii=False, default=str).encode

# Chatty below WARNING, and what they say there is said better by our own lines.
_QUIET_LOGGERS = ("boto3", "botocore", "urllib3", "s3transfer", "psycopg.pool", "asyncio")


def configure_logging(level: str = "INFO", format: LogFormat = "json", stream: TextIO | None = None) -> None:
    """
    Send all logging of this process to one stream. Calling it again replaces what was configured before.

    Args:
        level: Name of the lowest level that is written.
        format: "json" for machines, "console" for a person at a terminal.
        stream: Where to write; standard output by default.
    """
    shared = _shared_processors()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level.lower()),
        cache_logger_on_first_use=False,
    )
    # No line says where it was called or on which thread; finding that out costs a quarter of it.
    # https://docs.python.org/3/howto/logging.html#optimization
    logging._srcfile = ""
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = logging.StreamHandler(stream if stream is not None else sys.stdout)
    handler.setFormatter(_formatter(shared, format))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _QUIET_LOGGERS:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def _shared_processors() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        _name_trace,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"),
        structlog.stdlib.ExtraAdder(),
    ]


def _formatter(shared: list[Processor], format: LogFormat) -> logging.Formatter:
    renderer: Processor = (
        structlog.processors.JSONRenderer(serializer=lambda fields, **_: _to_json(fields))
        if format == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    last: list[Processor] = [
        _name_event,
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        redact_secret_fields,
        renderer,
    ]
    return _RedactingFormatter(processors=last, foreign_pre_chain=shared)


def _name_trace(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
    if traceparent := current_traceparent():
        event_dict.setdefault("trace_id", trace_id_of(traceparent))
    return event_dict


class _RedactingFormatter(structlog.stdlib.ProcessorFormatter):
    """Redacts the finished line, so that nested values and tracebacks are covered too."""

    def format(self, record: logging.LogRecord) -> str:
        return redact_text(super().format(record))


def _name_event(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
    """Give every line an `event` to group by and a `message` to read; a library's event is its logger's name."""
    record: logging.LogRecord | None = event_dict.get("_record")
    if record is not None and not event_dict.get("_from_structlog", False):
        event_dict["message"] = event_dict["event"]
        event_dict["event"] = record.name
    event_dict.setdefault("message", event_dict["event"])
    ordered: EventDict = {
        name: event_dict.pop(name) for name in ("timestamp", "level", "event", "message") if name in event_dict
    }
    ordered.update(event_dict)
    return ordered
