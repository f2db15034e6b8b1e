"""
Whose turn it is. The table is the schedule; a message only wakes a worker up.

Tenants take turns: the one with the fewest running jobs goes first, among equals the one whose last turn is longest
ago, and within a tenant the job that has waited longest. A thousand videos of one academy delay another's single
video by no more than one free slot.
"""

from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import Count, QuerySet

from ..domain.lifecycle import JobState
from ..models import VideoTranscodeJob

# One index probe per tenant that has something queued, however long its line is: a loose index scan.
# https://wiki.postgresql.org/wiki/Loose_indexscan
_TENANT_HEADS = """
    WITH RECURSIVE waiting(tenant_id) AS (
        (SELECT tenant_id FROM video_transcode_job WHERE state = 'QUEUED' ORDER BY tenant_id LIMIT 1)
        UNION ALL
        SELECT (SELECT job.tenant_id FROM video_transcode_job job
                WHERE job.state = 'QUEUED' AND job.tenant_id > waiting.tenant_id ORDER BY job.tenant_id LIMIT 1)
        FROM waiting WHERE waiting.tenant_id IS NOT NULL
    ),
    running AS (
        SELECT tenant_id, count(*) AS jobs FROM video_transcode_job WHERE state = 'RUNNING' GROUP BY tenant_id
    )
    SELECT head.id
    FROM waiting
    LEFT JOIN running USING (tenant_id)
    CROSS JOIN LATERAL (
        SELECT job.id, job.state_changed_at, job.video_id FROM video_transcode_job job
        WHERE job.state = 'QUEUED' AND job.tenant_id = waiting.tenant_id
        ORDER BY job.state_changed_at, job.video_id LIMIT 3
    ) head
    LEFT JOIN LATERAL (
        SELECT job.started_at FROM video_transcode_job job
        WHERE job.tenant_id = waiting.tenant_id AND job.started_at IS NOT NULL
        ORDER BY job.started_at DESC LIMIT 1
    ) last_turn ON true
    WHERE coalesce(running.jobs, 0) < %(limit)s
    ORDER BY coalesce(running.jobs, 0), last_turn.started_at NULLS FIRST, head.state_changed_at, head.video_id
    LIMIT %(count)s
"""

_POSITION = """
    WITH own AS (
        SELECT count(*) FILTER (
                   WHERE state = 'QUEUED' AND (state_changed_at, video_id) < (%(since)s, %(video)s)
               ) AS ahead,
               count(*) FILTER (WHERE state = 'RUNNING') AS running
        FROM video_transcode_job WHERE tenant_id = %(tenant)s AND state IN ('QUEUED', 'RUNNING')
    ),
    others AS (
        SELECT count(*) FILTER (WHERE state = 'QUEUED') AS queued, count(*) FILTER (WHERE state = 'RUNNING') AS running
        FROM video_transcode_job WHERE tenant_id <> %(tenant)s AND state IN ('QUEUED', 'RUNNING') GROUP BY tenant_id
    )
    SELECT own.ahead + 1 + coalesce((
        SELECT sum(least(others.queued, greatest(0, own.ahead + own.running + 1 - others.running))) FROM others
    ), 0)
    FROM own
"""


def next_jobs_in_line(*, running_limit: int, count: int = 10) -> list[UUID]:
    """
    Return the queued jobs whose turn it is, the first one first: a few, because other workers ask the same.

    Args:
        running_limit: Tenants that run as many jobs are left out. Limits delay, they do not refuse.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TENANT_HEADS, {"limit": running_limit, "count": count})
        return [row[0] for row in cursor.fetchall()]


def running_jobs_of(tenant_id: int) -> int:
    """Return how many jobs of a tenant are running."""
    return VideoTranscodeJob.objects.for_tenant(tenant_id).filter(state=JobState.RUNNING).count()


def uncapped_jobs_of(tenant_id: int) -> int:
    """Return how many queued jobs of a tenant have a message on its way."""
    return VideoTranscodeJob.objects.for_tenant(tenant_id).filter(state=JobState.QUEUED, capped_at=None).count()


def capped_jobs() -> "QuerySet[VideoTranscodeJob]":
    """Return the jobs, of all tenants, that wait for a slot and have no message; each tenant's first one first."""
    jobs = VideoTranscodeJob.objects.across_tenants().filter(state=JobState.QUEUED, capped_at__isnull=False)
    return jobs.order_by("tenant_id", "state_changed_at", "video_id")


def full_tenants(*, running_limit: int) -> list[int]:
    """Return the tenants that run as many jobs as they may."""
    running = _jobs_by_tenant(state=JobState.RUNNING)
    return [tenant_id for tenant_id, jobs in running.items() if jobs >= running_limit]


def tenants_with_forgotten_slots(*, running_limit: int) -> list[int]:
    """Return the tenants with capped jobs and a free slot that no message is on its way for."""
    tenants = list(capped_jobs().order_by("tenant_id").values_list("tenant_id", flat=True).distinct())
    running = _jobs_by_tenant(state=JobState.RUNNING, tenant_id__in=tenants)
    uncapped = _jobs_by_tenant(state=JobState.QUEUED, capped_at=None, tenant_id__in=tenants)
    return [tenant for tenant in tenants if running.get(tenant, 0) + uncapped.get(tenant, 0) < running_limit]


def _jobs_by_tenant(**conditions: object) -> dict[int, int]:
    jobs = VideoTranscodeJob.objects.across_tenants().filter(**conditions)
    return dict(jobs.order_by().values_list("tenant_id").annotate(jobs=Count("id")))


def position_in_line(job: VideoTranscodeJob, *, since: datetime) -> int:
    """
    Return the latest turn that a job that has stood in line `since` can get if nothing else is added: 1 is next.

    Before it go its tenant's older jobs, and of every other tenant as many as taking turns gives it in that time.
    """
    with connection.cursor() as cursor:
        cursor.execute(_POSITION, {"since": since, "video": job.video_id, "tenant": job.tenant_id})
        return int(cursor.fetchone()[0])
