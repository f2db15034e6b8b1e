"""V07: what can be watched is there."""

from datetime import datetime, timedelta

from django.db.models import QuerySet

from ..domain.lifecycle import ACTIVE_JOB_STATES, VideoStatus
from ..models import Video
from ..services.outputs import look_at_output, repair_output
from .invariant import ACTOR, Finding, Look, PacedInvariant, Severity, World

# A million videos are looked at once a week by two looks a second: each costs a listing and a read a playlist.
LOOKS_AT_ONCE = 20
CHECK_EVERY = timedelta(days=7)
CHECK_BROKEN_EVERY = timedelta(days=1)


class PublishedOutputIsThere(PacedInvariant):
    """V07: a READY video can be played to its end."""

    code = "V07"
    severity = Severity.CRITICAL
    runbook = "v07.md"
    sentence = "A READY video's playlists and objects are in storage."

    def look(self, world: World, *, limit: int) -> Look:
        """Look into storage for the videos whose turn it is, at most some at once."""
        now = world.clock.now()
        due = list(due_videos(now)[: min(limit, LOOKS_AT_ONCE)])
        found = [finding for video in due if (finding := self._finding(video, world=world))]
        broken = {finding.video_id for finding in found}

        def move_on() -> None:
            for video in due:
                after = CHECK_BROKEN_EVERY if video.pk in broken else CHECK_EVERY
                unchanged = Video.objects.for_tenant(video.tenant_id).filter(
                    pk=video.pk, playback_check_at=video.playback_check_at
                )
                unchanged.update(playback_check_at=now + after)

        return Look(findings=found, move_on=move_on)

    def repair(self, world: World, finding: Finding) -> None:
        """Encode it again, or state that the source is gone too."""
        video = Video.objects.for_tenant(finding.tenant_id).get(pk=finding.video_id)
        repair_output(video=video, storage=world.storage, queue=world.queue, actor=ACTOR, clock=world.clock)

    def _finding(self, video: Video, *, world: World) -> Finding | None:
        if video.current_job is not None and video.current_job.state in ACTIVE_JOB_STATES:
            # It is being encoded again; that one's output is what will be looked at.
            return None
        missing = look_at_output(video, storage=world.storage).missing
        if not missing:
            return None
        return Finding(
            invariant=self.code,
            subject=str(video.pk),
            tenant_id=video.tenant_id,
            video_id=video.pk,
            detail=f"{len(missing)} missing of its output, the first: {missing[0]}",
            facts={"missing": list(missing)},
        )


def due_videos(now: datetime) -> "QuerySet[Video]":
    """Return the videos whose output should be looked at, the longest overdue first."""
    ready = Video.objects.across_tenants().filter(status=VideoStatus.READY, deleted_at=None, playback_check_at__lte=now)
    return ready.select_related("current_job").order_by("playback_check_at")
