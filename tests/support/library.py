"""A library of any size: rows as they are when everything has gone well, made by one statement."""

from __future__ import annotations

import psycopg

_VIDEOS = """
WITH made AS (
    INSERT INTO video (
        tenant_id, title, session, position, status, status_changed_at, created_at, published_prefix, published_at,
        master_key, thumbnail_key, duration_seconds, width, height, output_bytes, failure_code, failure_detail
    )
    SELECT t.id, format('%%s %%s강', %(title)s::varchar, n), %(session)s::varchar,
           n + coalesce(
               (SELECT max(position) FROM video v WHERE v.tenant_id = t.id AND v.session = %(session)s::varchar), 0
           ),
           'READY', now(), now() - (n || ' seconds')::interval,
           format('tenants/%%s/video/hls/seeded/%%s/', t.id, n), now(), '', '', 600 + n %% 3000, 1280, 720, 1000000,
           '', ''
      FROM core_tenant t, generate_series(1, %(count)s) AS n
     WHERE t.code = %(tenant)s
     ORDER BY n
    RETURNING id, tenant_id, created_at
)
INSERT INTO video_upload (
    video_id, tenant_id, state, file_key, filename, content_type, size_bytes, strategy, multipart_upload_id,
    checksum_algorithm, checksum_value, init_key, created_at, active_at, deadline_at, check_count, completed_at, etag,
    verified, media_facts
)
SELECT id, tenant_id, 'ACCEPTED', format('tenants/%%s/video/raw/%%s/seeded.mp4', tenant_id, id), 'lecture.mp4',
       'video/mp4', 100000000 + id, 'single', '', '', '', '', created_at, created_at, created_at, 0, created_at,
       'seeded', true, '{}'
  FROM made
RETURNING video_id
"""


def seed_library(
    *, database_url: str, tenant_code: str, count: int, title: str = "중등 수학", session: str = "묶음"
) -> list[int]:
    """Add READY videos to a tenant's library and return their ids; nothing of them is in storage."""
    values = {"tenant": tenant_code, "count": count, "title": title, "session": session}
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(_VIDEOS, values).fetchall()
        connection.execute("ANALYZE video")
    return sorted(int(row[0]) for row in rows)


def remove_seeded(*, database_url: str, video_ids: list[int]) -> None:
    """Take them out again: deleted and purged, so that nobody has anything left to do about them."""
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "UPDATE video SET deleted_at = now(), purge_after = now(), purged_at = now() WHERE id = ANY(%s)",
            [video_ids],
        )
