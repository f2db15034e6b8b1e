"""V09: what lies in storage and belongs to nobody."""

import re
from datetime import timedelta

from ..models import VideoUpload
from ..services.storage_errors import translated_storage_errors
from .invariant import Finding, World

_SOURCE_KEY = re.compile(r"tenants/(?P<tenant_id>\d{1,18})/video/raw/(?P<video_id>\d{1,18})/")
# An init commits its row seconds after it has opened the parts.
OLD_ENOUGH = timedelta(hours=1)


class PartsHaveOwner:
    """V09: parts that an init opened and then died are paid for until somebody throws them away."""

    code = "V09"
    sentence = "No multipart upload of a source is without its row."

    def find(self, world: World, *, limit: int) -> list[Finding]:
        """List the open multipart uploads and look for their rows."""
        horizon = world.clock.now() - OLD_ENOUGH
        with translated_storage_errors():
            old = [upload for upload in world.storage.list_multiparts("tenants/") if upload.initiated_at < horizon]
        uploads = VideoUpload.objects.across_tenants().filter(file_key__in=[upload.key for upload in old])
        owned = set(uploads.values_list("file_key", "multipart_upload_id"))
        strays = [
            (source, upload)
            for upload in old
            # What workers write in parts is theirs, and gone when they are done.
            if (source := _SOURCE_KEY.match(upload.key)) and (upload.key, upload.upload_id) not in owned
        ]
        return [
            Finding(
                invariant=self.code,
                subject=upload.key,
                tenant_id=int(source["tenant_id"]),
                video_id=int(source["video_id"]),
                detail=f"parts without a row since {upload.initiated_at:%Y-%m-%dT%H:%M:%SZ}",
                facts={"upload_id": upload.upload_id},
            )
            for source, upload in strays[:limit]
        ]

    def repair(self, world: World, finding: Finding) -> None:
        """Throw the parts away."""
        with translated_storage_errors():
            world.storage.abort_multipart(finding.subject, upload_id=str(finding.facts["upload_id"]))
