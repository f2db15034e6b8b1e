"""V11: what tenants are charged with is what their videos use."""

from django.db import connection, transaction
from django.db.models import Sum

from ..domain.quota import FREE
from ..models import TenantUsage, VideoCharge, VideoUpload
from ..services.lifecycle import lock_video
from ..services.quota import lock_usage, settle_charge
from .invariant import Finding, World

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
    )
    SELECT used.tenant_id, used.id
    FROM used LEFT JOIN video_charge charge ON charge.video_id = used.id
    WHERE coalesce(charge.reserved_bytes, 0) <> CASE WHEN is_pending OR is_encoding THEN size_bytes ELSE 0 END
       OR coalesce(charge.stored_bytes, 0) <> CASE WHEN is_ready THEN size_bytes + output_bytes ELSE 0 END
       OR coalesce(charge.stored_milliseconds, 0) <> CASE WHEN is_encoding OR is_ready THEN milliseconds ELSE 0 END
       OR coalesce(charge.open_uploads, 0) <> CASE WHEN is_pending THEN 1 ELSE 0 END
    ORDER BY used.id
    LIMIT %s
"""
_DRIFTED_SUMS = """
    WITH charged AS (
        SELECT tenant_id, sum(reserved_bytes) AS reserved_bytes, sum(stored_bytes) AS stored_bytes,
               sum(stored_milliseconds) AS stored_milliseconds, sum(open_uploads) AS open_uploads
        FROM video_charge GROUP BY tenant_id
    )
    SELECT tenant_id
    FROM video_tenant_usage usage FULL JOIN charged USING (tenant_id)
    WHERE coalesce(usage.reserved_bytes, 0) <> coalesce(charged.reserved_bytes, 0)
       OR coalesce(usage.stored_bytes, 0) <> coalesce(charged.stored_bytes, 0)
       OR coalesce(usage.stored_milliseconds, 0) <> coalesce(charged.stored_milliseconds, 0)
       OR coalesce(usage.open_uploads, 0) <> coalesce(charged.open_uploads, 0)
    ORDER BY tenant_id
    LIMIT %s
"""


class UsageIsExact:
    """V11: limits that drift lock people out, or let them in."""

    code = "V11"
    sentence = "A video's charge follows from its state, and a tenant's usage is the sum of its charges."

    def find(self, world: World, *, limit: int) -> list[Finding]:  # noqa: ARG002
        """Work out every charge and every sum again, and compare. Reads every video: on a slow clock."""
        with connection.cursor() as cursor:
            cursor.execute(_DRIFTED_CHARGES, [limit])
            charges = [self._finding(tenant_id, video_id) for tenant_id, video_id in cursor.fetchall()]
            cursor.execute(_DRIFTED_SUMS, [limit])
            return [*charges, *(self._finding(tenant_id, 0) for (tenant_id,) in cursor.fetchall())]

    def repair(self, world: World, finding: Finding) -> None:  # noqa: ARG002
        """Charge the video by its state, or set the tenant's usage to the sum of its charges."""
        with transaction.atomic():
            if finding.video_id:
                video = lock_video(tenant_id=finding.tenant_id, video_id=finding.video_id)
                settle_charge(video=video, upload=VideoUpload.objects.for_tenant(finding.tenant_id).get(video=video))
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
