"""A large installation: very many healthy videos, and a few on their way, written by the database itself."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from django.db import connection, models
from django.db.models import NOT_PROVIDED

from apps.core.models import Tenant
from apps.support.outbox.models import OutboxMessage
from apps.support.video.models import (
    TenantUsage,
    Video,
    VideoCharge,
    VideoTranscodeJob,
    VideoUpload,
)

TENANTS = 200
# Chunks go with their job's end, so their table is as small as what is being encoded.
BIG_TABLES = frozenset(
    model._meta.db_table for model in (OutboxMessage, Video, VideoCharge, VideoTranscodeJob, VideoUpload)
)

# Of five thousand videos one each is PENDING, QUEUED (two), RUNNING and RETRY_WAIT; all others are READY.
_WAY = "CASE WHEN n % 5000 < 5 THEN n % 5000 ELSE 5 END"
_STATUS = "(ARRAY['PENDING','UPLOADED','UPLOADED','PROCESSING','UPLOADED','READY'])[1 + way]"
_JOB_STATE = "(ARRAY['','QUEUED','QUEUED','RUNNING','RETRY_WAIT','SUCCEEDED'])[1 + way]"
_JOB_ID = "lpad(to_hex(n), 32, '0')::uuid"
_TENANT = f"1 + n % {TENANTS}"
_PREFIX = f"'tenants/' || {_TENANT} || '/video/hls/' || n || '/{'0' * 36}-1/'"


def seed_installation(*, videos: int) -> float:
    """Write so many videos with all that belongs to them, have them analysed, and return how many seconds that took."""
    started = time.monotonic()
    with connection.cursor() as cursor:
        # No row is checked against its foreign keys one by one: all of them are made here.
        cursor.execute("SET session_replication_role = replica")
        try:
            for model, values in _rows():
                _insert(cursor, model, values, source=_source(model, videos=videos))
            cursor.execute(_USAGE)
            for table in ("core_tenant", "video"):
                cursor.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))")
        finally:
            cursor.execute("SET session_replication_role = DEFAULT")
        for model in (Tenant, TenantUsage):
            cursor.execute(f"ANALYZE {model._meta.db_table}")
        for table in sorted(BIG_TABLES):
            cursor.execute(f"VACUUM ANALYZE {table}")
    return time.monotonic() - started


def sequential_scans(sql: str) -> list[str]:
    """Return the large tables that PostgreSQL would read from end to end to answer a query."""
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (FORMAT JSON) " + sql.replace("%", "%%"), [])
        answer = cursor.fetchone()[0]
    plans = answer if isinstance(answer, list) else json.loads(answer)
    return [table for plan in plans for table in _scans(plan["Plan"])]


def _scans(plan: Mapping[str, Any]) -> list[str]:
    own = [plan["Relation Name"]] if plan["Node Type"].endswith("Seq Scan") else []
    below = [table for child in plan.get("Plans", ()) for table in _scans(child)]
    return [table for table in [*own, *below] if table in BIG_TABLES]


def _rows() -> list[tuple[type[models.Model], dict[str, str]]]:
    is_ready = "way = 5"
    return [
        (Tenant, {"id": "n", "code": "'tenant-' || n", "name": "'학원'", "is_active": "true", "created_at": "now()"}),
        (
            Video,
            {
                "id": "n",
                "tenant_id": _TENANT,
                "title": "'강의'",
                "position": "n",
                "status": _STATUS,
                "status_changed_at": "now() - n * interval '1 second'",
                "created_at": "now()",
                # A healthy job that is under way is found by its status; for the others the pointer is what counts.
                "current_job_id": f"CASE way WHEN 0 THEN NULL ELSE {_JOB_ID} END",
                "published_prefix": f"CASE WHEN {is_ready} THEN {_PREFIX} ELSE '' END",
                "published_at": f"CASE WHEN {is_ready} THEN now() END",
                "master_key": "'master.m3u8'",
                "duration_seconds": f"CASE WHEN {is_ready} THEN 60 END",
                "output_bytes": f"CASE WHEN {is_ready} THEN 500 ELSE 0 END",
                "playback_check_at": f"CASE WHEN {is_ready} THEN now() + (3600 + n) * interval '1 second' END",
            },
        ),
        (
            VideoUpload,
            {
                "video_id": "n",
                "tenant_id": _TENANT,
                "state": "CASE way WHEN 0 THEN 'PENDING' ELSE 'ACCEPTED' END",
                "file_key": "'source-' || n",
                "filename": "'lecture.mp4'",
                "content_type": "'video/mp4'",
                "size_bytes": "1000",
                "created_at": "now()",
                "active_at": "now()",
                "deadline_at": "now() + interval '1 day'",
                "next_check_at": "now() + interval '1 hour'",
                "completed_at": "now()",
                "etag": "'etag'",
                "verified": "true",
            },
        ),
        (
            VideoTranscodeJob,
            {
                "id": f"CASE way WHEN 0 THEN gen_random_uuid() ELSE {_JOB_ID} END",
                "tenant_id": _TENANT,
                "video_id": "n",
                "state": f"CASE way WHEN 0 THEN 'CANCELLED' ELSE {_JOB_STATE} END",
                "state_changed_at": "now()",
                "created_at": "now()",
                "started_at": "now() - n * interval '1 second'",
                "attempt_count": "1",
                "max_attempts": "5",
                "worker_id": "'worker'",
                "lease_until": "CASE way WHEN 3 THEN now() + interval '1 hour' END",
                "next_attempt_at": "CASE way WHEN 4 THEN now() + interval '1 hour' END",
            },
        ),
        (
            VideoCharge,
            {
                "video_id": "n",
                "tenant_id": _TENANT,
                "reserved_bytes": f"CASE WHEN {is_ready} THEN 0 ELSE 1000 END",
                "stored_bytes": f"CASE WHEN {is_ready} THEN 1500 ELSE 0 END",
                "stored_milliseconds": f"CASE WHEN {is_ready} THEN 60000 ELSE 0 END",
                "open_uploads": "CASE way WHEN 0 THEN 1 ELSE 0 END",
            },
        ),
        (
            OutboxMessage,
            {
                "queue_name": "'queue'",
                "body": "'{}'",
                "subject": f"({_JOB_ID})::text",
                "created_at": "now()",
                "due_at": "now()",
                "sent_at": "now()",
                "attempt_count": "1",
            },
        ),
    ]


_USAGE = """
    INSERT INTO video_tenant_usage (tenant_id, reserved_bytes, stored_bytes, stored_milliseconds, open_uploads)
    SELECT tenant_id, sum(reserved_bytes), sum(stored_bytes), sum(stored_milliseconds), sum(open_uploads)
    FROM video_charge GROUP BY tenant_id
"""


def _source(model: type[models.Model], *, videos: int) -> str:
    if model is Tenant:
        return f"generate_series(1, {TENANTS}) n"
    # What was sent is pruned after two days: of most videos there is no message any more.
    which = "WHERE n % 5000 < 5 OR n % 20 = 0" if model is OutboxMessage else ""
    return f"generate_series(1, {videos}) n {which}"


def _insert(cursor: Any, model: type[models.Model], values: Mapping[str, str], *, source: str) -> None:
    """Fill a table by one statement; columns that are not named get the model's own defaults."""
    parameters: list[Any] = []
    expressions: dict[str, str] = {}
    for field in model._meta.concrete_fields:
        column = str(field.column)
        if column in values:
            expressions[column] = values[column]
        elif not (field.null or isinstance(field, models.AutoField)):
            default = field.get_default() if field.default is not NOT_PROVIDED else ""
            expressions[column] = "%s"
            parameters.append(field.get_db_prep_save(default, connection))
    selected = ", ".join(text if text == "%s" else text.replace("%", "%%") for text in expressions.values())
    way = _WAY.replace("%", "%%")
    cursor.execute(
        f"INSERT INTO {model._meta.db_table} ({', '.join(expressions)}) "
        f"SELECT {selected} FROM (SELECT n, {way} AS way FROM {source.replace('%', '%%')}) AS made",
        parameters,
    )
