"""One video: status, why, timeline, retry, cancel."""

from argparse import Namespace
from dataclasses import asdict

from apps.core.models import Tenant

from ... import wiring
from ...domain.cause_texts import CAUSE_TEXTS, NEXT_STEP_TEXTS, OPERATOR_TEXTS
from ...domain.causes import Verdict
from ...domain.lifecycle import ACTIVE_JOB_STATES
from ...models import Video
from ...selectors.diagnosis import explain_video
from ...selectors.timeline import timeline_of
from ...selectors.videos import actions_of, events_of
from ...services.jobs import RetryDetail, cancel_video, retry_video
from .output import Answer, ExitCode, UsageError

ACTOR = "operator"
HEALTHY_VERDICTS = frozenset({Verdict.OK, Verdict.WAITING})


def status(options: Namespace) -> Answer:
    """Show where a video is, and the end of its timeline."""
    video = find_video(options.video_id)
    job = video.current_job
    last = events_of(video).last()
    row = {
        "video_id": video.pk,
        "tenant": video.tenant.code,
        "title": video.title,
        "status": video.status,
        "since": video.status_changed_at,
        "upload": video.upload.state,
        "job_id": str(job.pk) if job else None,
        "job": job.state if job else None,
        "attempt": job.attempt_count if job else None,
        "percent": job.progress_percent if job else None,
        "failure_code": video.failure_code or None,
        "last_event": last.name if last else None,
        "deleted_at": video.deleted_at,
    }
    return Answer(rows=[row])


def why(options: Namespace) -> Answer:
    """Explain a video: exit 1 when something is wrong with it."""
    video = find_video(options.video_id)
    explanation = explain_video(
        video=video, storage=wiring.storage(), queue=wiring.fast_queue(), clock=wiring.shared_clock()
    )
    diagnosis = explanation.diagnosis
    row = {
        "video_id": video.pk,
        "status": video.status,
        "cause_code": diagnosis.cause,
        "inner_cause_code": diagnosis.inner_cause,
        "severity": diagnosis.verdict,
        "verdict": CAUSE_TEXTS[diagnosis.cause][options.language].detail,
        "operator": OPERATOR_TEXTS[diagnosis.cause][options.language],
        "fault": diagnosis.fault,
        "acts": diagnosis.acts,
        "holder": diagnosis.holder,
        "since": diagnosis.since,
        "position_in_line": diagnosis.position_in_line,
        "next_step": NEXT_STEP_TEXTS[diagnosis.next_step][options.language],
        "next_step_at": diagnosis.next_step_at,
        "allowed_actions": [action.value for action in actions_of(video, now=wiring.shared_clock().now())],
        "evidence": [asdict(piece) for piece in explanation.evidence],
    }
    healthy = diagnosis.verdict in HEALTHY_VERDICTS
    return Answer(rows=[row], exit_code=ExitCode.HEALTHY if healthy else ExitCode.FINDINGS)


def timeline(options: Namespace) -> Answer:
    """Show everything that happened to a video, oldest first, with the internals."""
    return Answer(rows=[asdict(entry) for entry in timeline_of(find_video(options.video_id))])


def retry(options: Namespace) -> Answer:
    """Start a new job, with --force in place of an active one; without --apply only say what would be done."""
    video = find_video(options.video_id)
    if not options.apply:
        return _dry_run(video, action="cancel" if options.force and _is_active(video) else "retry")
    retried = retry_video(
        tenant=video.tenant,
        video_id=video.pk,
        actor=ACTOR,
        queue=wiring.video_queue(),
        clock=wiring.shared_clock(),
        force=options.force,
    )
    started = retried.detail is not RetryDetail.ALREADY_ACTIVE
    row = {"video_id": video.pk, "action": "retry", "applied": started, "job_id": str(retried.job.pk)}
    return Answer(rows=[{**row, "detail": retried.detail}])


def cancel(options: Namespace) -> Answer:
    """Cancel the active job; without --apply only say what would be done."""
    video = find_video(options.video_id)
    if not options.apply:
        return _dry_run(video, action="cancel")
    job = cancel_video(tenant=video.tenant, video_id=video.pk, actor=ACTOR, clock=wiring.shared_clock())
    return Answer(rows=[{"video_id": video.pk, "action": "cancel", "applied": True, "job_id": str(job.pk)}])


def find_video(video_id: int) -> Video:
    """
    Return a video of whichever tenant, deleted ones too: an operator is asked about those as well.

    Raises:
        UsageError: There is none with this id.
    """
    videos = Video.objects.across_tenants().select_related("upload", "current_job", "tenant")
    try:
        return videos.get(pk=video_id)
    except Video.DoesNotExist as error:
        raise UsageError(f"there is no video {video_id}") from error


def find_tenant(code: str) -> Tenant:
    """
    Return a tenant by its code.

    Raises:
        UsageError: There is none.
    """
    try:
        return Tenant.objects.get(code=code)
    except Tenant.DoesNotExist as error:
        raise UsageError(f"there is no tenant {code!r}") from error


def _is_active(video: Video) -> bool:
    return video.current_job is not None and video.current_job.state in ACTIVE_JOB_STATES


def _dry_run(video: Video, *, action: str) -> Answer:
    allowed = action in {allowed.value for allowed in actions_of(video, now=wiring.shared_clock().now())}
    row = {"video_id": video.pk, "action": action, "applied": False, "allowed": allowed, "status": video.status}
    return Answer(
        rows=[row],
        exit_code=ExitCode.HEALTHY if allowed else ExitCode.FINDINGS,
        note="nothing was changed; add --apply to do it",
    )
