"""The trace that an upload begins; what the server does for it is found under its id."""

import secrets


def new_traceparent() -> str:
    """
    Begin a trace, to be recorded unless the server's sampler decides otherwise.

    Source:
        https://www.w3.org/TR/trace-context/#traceparent-header
    """
    # Zero alone stands for "none".
    trace_id, span_id = (1 + secrets.randbelow(2**bits - 1) for bits in (128, 64))
    return f"00-{trace_id:032x}-{span_id:016x}-01"
