"""What may be done with a video now. The views accept exactly this, and the web app shows exactly this."""

from enum import StrEnum

from .lifecycle import ACTIVE_JOB_STATES, JobState, UploadState, VideoStatus


class VideoAction(StrEnum):
    """A button, and the call behind it."""

    COMPLETE = "complete"
    REFRESH_URL = "refresh_url"
    RETRY = "retry"
    CANCEL = "cancel"
    PLAY = "play"
    DOWNLOAD = "download"
    UPDATE = "update"
    DELETE = "delete"


def allowed_actions(
    *, status: VideoStatus, upload: UploadState, job: JobState | None, is_playable: bool = False
) -> tuple[VideoAction, ...]:
    """
    Return what the server would accept now from someone who may write, in the order of importance.

    Args:
        is_playable: Enough has been encoded to watch its beginning.
    """
    actions: list[VideoAction] = []
    if status is VideoStatus.READY or is_playable:
        actions.append(VideoAction.PLAY)
    if upload in {UploadState.PENDING, UploadState.EXPIRED}:
        actions.append(VideoAction.COMPLETE)
    if upload is UploadState.PENDING:
        actions.append(VideoAction.REFRESH_URL)
    if job in ACTIVE_JOB_STATES:
        actions.append(VideoAction.CANCEL)
    elif upload is UploadState.ACCEPTED:
        actions.append(VideoAction.RETRY)
    if upload is UploadState.ACCEPTED:
        actions.append(VideoAction.DOWNLOAD)
    return (*actions, VideoAction.UPDATE, VideoAction.DELETE)
