"""
What a process counts and times for Prometheus. Everything that is exported is defined here or, read from the tables,
by the reconciler's collector.

Labels have few values that the code knows: no tenant, no video, nothing that a caller may choose.
"""

from prometheus_client import Counter, Histogram, start_http_server

# From an answer out of memory to the longest that a request may take.
_REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
# From a clip that is repackaged to twelve hours of lecture.
_JOB_BUCKETS = (1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800, 43200)
# From a send right behind its commit to a queue that was away, or a line that took the evening.
_WAIT_BUCKETS = (*_REQUEST_BUCKETS, 60, 300, 1800, 7200)

EVENTS = Counter("academy_video_events", "Events recorded and committed by this process.", ["event"])
FAILURES = Counter("academy_video_failures", "Uploads refused and attempts that failed, by cause.", ["cause"])
MESSAGES_SENT = Counter("academy_video_messages_sent", "Outbox messages that the queue has taken.")
MESSAGES_FAILED = Counter("academy_video_message_failures", "Sends that the queue did not take; they are tried again.")
FINDINGS = Counter(
    "academy_video_findings", "Rows for which an invariant was found not to hold.", ["invariant", "severity"]
)
REPAIRS = Counter("academy_video_repairs", "Findings that were repaired.", ["invariant", "severity"])
WEBHOOK_DELIVERIES = Counter(
    "academy_video_webhook_deliveries", "Attempts to deliver a webhook, by status class or fault.", ["result"]
)
HTTP_REQUESTS = Counter("academy_video_http_requests", "Requests answered.", ["route", "method", "status"])

HTTP_REQUEST_SECONDS = Histogram(
    "academy_video_http_request_seconds", "From a request to its answer.", ["route"], buckets=_REQUEST_BUCKETS
)
VERIFICATION_SECONDS = Histogram(
    "academy_video_verification_seconds", "How long `complete` looked at a file.", ["result"], buckets=_REQUEST_BUCKETS
)
ENQUEUE_SECONDS = Histogram(
    "academy_video_enqueue_seconds", "From the time a message was due to the queue's taking it.", buckets=_WAIT_BUCKETS
)
QUEUE_WAIT_SECONDS = Histogram(
    "academy_video_queue_wait_seconds", "From a job's place in line to its claim by a worker.", buckets=_WAIT_BUCKETS
)
ATTEMPT_SECONDS = Histogram(
    "academy_video_attempt_seconds",
    "From a claim to its end, by how it ended.",
    ["event"],
    buckets=_JOB_BUCKETS,
)
CLAIM_TO_READY_SECONDS = Histogram(
    "academy_video_claim_to_ready_seconds", "From a job's first claim to its success.", buckets=_JOB_BUCKETS
)
TIME_TO_PLAYABLE_SECONDS = Histogram(
    "academy_video_time_to_playable_seconds",
    "From an accepted upload to the first moment in which the video can be watched.",
    buckets=_JOB_BUCKETS,
)
WEBHOOK_SECONDS = Histogram(
    "academy_video_webhook_delivery_seconds", "How long a webhook's receiver took.", buckets=_REQUEST_BUCKETS
)


def serve_metrics(*, address: str, port: int) -> None:
    """
    Answer scrapes of this process on a port of its own, in a daemon thread.

    Raises:
        OSError: The port is taken, or the address is not one of this machine.
    """
    start_http_server(port, addr=address)
