"""V11: what tenants are charged with is what their videos use."""

from django.db import connection, transaction
from django.db.models import Sum

from ..domain.lifecycle import EventName
from ..domain.quota import FREE
from ..models import TenantUsage, VideoCharge, VideoUpload
from ..services.lifecycle import lock_video, record_event
from ..services.quota import lock_usage, settle_charge
from .invariant import ACTOR, Finding, Look, PacedInvariant, Severity, World
from .rounds import cursor_of, move_cursor, next_window

_CHARGES, _SUMS = "V11:charges", "V11:sums"
CHARGES_AT_ONCE = 20_000
TENANTS_AT_ONCE = 20

# The rules of `domain.quota.charge_of` once more, as SQL, in one statement: no transition falls in between.
_DRIFTED_CHARGES = """
    WITH used AS (
        SELECT video.id, video.tenant_id, upload.size_bytes, video.output_bytes,
               video.deleted_at IS NULL AND upload.state = 'PENDING' AS is_pending,
               video.deleted_at IS NULL AND upload.state <> 'PENDING' AND video.status IN ('UPLOADED', 'PROCESSING')
                   AS is_encoding,
               video.deleted_at IS NULL AND upload.state <> 'PENDING' AND video.status = 'READY' AS is_ready,
               trunc(coalesce(video.duration_seconds, 0) * 1000)::bigint AS milliseconds
        FROM video JOIN video_upload upload ON upload.video_id = video.id
        WHERE video.id > %(after)s AND video.id <= %(until)s
          AND upload.video_id > %(after)s AND upload.video_id <= %(until)s
    )
    SELECT used.tenant_id, used.id
    FROM used LEFT JOIN (
        SELECT * FROM video_charge WHERE video_id > %(after)s AND video_id <= %(until)s
    ) charge ON charge.video_id = used.id
    WHERE coalesce(charge.reserved_bytes, 0) <> CASE WHEN is_pending OR is_encoding THEN size_bytes ELSE 0 END
       OR coalesce(charge.stored_bytes, 0) <> CASE WHEN is_ready THEN size_bytes + output_bytes ELSE 0 END
       OR coalesce(charge.stored_milliseconds, 0) <> CASE WHEN is_encoding OR is_ready THEN milliseconds ELSE 0 END
       OR coalesce(charge.open_uploads, 0) <> CASE WHEN is_pending THEN 1 ELSE 0 END
    ORDER BY used.id
    LIMIT %(limit)s
"""
_NEXT_TENANTS = "SELECT id FROM core_tenant WHERE id > %s ORDER BY id LIMIT %s"
_DRIFTED_SUMS = """
    SELECT tenant.id
    FROM unnest(%(tenants)s::bigint[]) AS tenant(id)
    LEFT JOIN video_tenant_usage usage ON usage.tenant_id = tenant.id
    CROSS JOIN LATERAL (
        SELECT sum(reserved_bytes) AS reserved_bytes, sum(stored_bytes) AS stored_bytes,
               sum(stored_milliseconds) AS stored_milliseconds, sum(open_uploads) AS open_uploads
        FROM video_charge WHERE video_charge.tenant_id = tenant.id
    ) charged
    WHERE coalesce(usage.reserved_bytes, 0) <> coalesce(charged.reserved_bytes, 0)
       OR coalesce(usage.stored_bytes, 0) <> coalesce(charged.stored_bytes, 0)
       OR coalesce(usage.stored_milliseconds, 0) <> coalesce(charged.stored_milliseconds, 0)
       OR coalesce(usage.open_uploads, 0) <> coalesce(charged.open_uploads, 0)
    ORDER BY tenant.id
"""


class UsageIsExact(PacedInvariant):
    """V11: limits that drift lock people out, or let them in."""

    code = "V11"
    severity = Severity.WARNING
    runbook = "v11.md"
    sentence = "A video's charge follows from its state, and a tenant's usage is the sum of its charges."

    def look(self, world: World, *, limit: int) -> Look:
        """Work out the next charges and the next tenants' sums again, and compare."""
        charges, next_video = self._drifted_charges(limit=limit)
        sums, next_tenant = self._drifted_sums()

        def move_on() -> None:
            now = world.clock.now()
            move_cursor(_CHARGES, to=next_video, now=now)
            move_cursor(_SUMS, to=next_tenant, now=now)

        return Look(findings=[*charges, *sums][:limit], move_on=move_on)

    def _drifted_charges(self, *, limit: int) -> tuple[list[Finding], str]:
        window = next_window(_CHARGES, size=CHARGES_AT_ONCE)
        with connection.cursor() as cursor:
            cursor.execute(_DRIFTED_CHARGES, {"after": window.after, "until": window.until, "limit": limit})
            found = [self._finding(tenant_id, video_id) for tenant_id, video_id in cursor.fetchall()]
        return found, window.cursor_behind([finding.video_id for finding in found], limit=limit)

    def _drifted_sums(self) -> tuple[list[Finding], str]:
        with connection.cursor() as cursor:
            cursor.execute(_NEXT_TENANTS, [int(cursor_of(_SUMS) or 0), TENANTS_AT_ONCE])
            tenants = [tenant_id for (tenant_id,) in cursor.fetchall()]
            cursor.execute(_DRIFTED_SUMS, {"tenants": tenants})
            found = [self._finding(tenant_id, 0) for (tenant_id,) in cursor.fetchall()]
        return found, str(tenants[-1]) if len(tenants) == TENANTS_AT_ONCE else ""

    def repair(self, world: World, finding: Finding) -> None:
        """Charge the video by its state, or set the tenant's usage to the sum of its charges."""
        with transaction.atomic():
            if finding.video_id:
                video = lock_video(tenant_id=finding.tenant_id, video_id=finding.video_id)
                settle_charge(video=video, upload=VideoUpload.objects.for_tenant(finding.tenant_id).get(video=video))
                record_event(video=video, event=EventName.USAGE_REPAIRED, actor=ACTOR, now=world.clock.now())
                return
            lock_usage(finding.tenant_id)
            charges = VideoCharge.objects.for_tenant(finding.tenant_id)
            sums = charges.aggregate(**{name: Sum(name, default=0) for name in FREE.__slots__})
            TenantUsage.objects.for_tenant(finding.tenant_id).update(**sums)

    def _finding(self, tenant_id: int, video_id: int) -> Finding:
        return Finding(
            invariant=self.code,
            subject=str(video_id or tenant_id),
            tenant_id=tenant_id,
            video_id=video_id,
            detail="charged with something else than its state says" if video_id else "usage is not the sum of charges",
        )
