"""Watching a video while it is encoded: its playlists come from the chunks that are done, and only grow."""

from collections.abc import Callable
from uuid import UUID

from ..domain.chunks import AUDIO_RENDITION, JobPlan, TrackPart, parts_by_rendition, plan_from_json, playable_parts
from ..domain.errors import PlaybackObjectMissing
from ..domain.keys import output_prefix
from ..domain.lifecycle import ACTIVE_JOB_STATES
from ..domain.playlists import MASTER_NAME, WATCHED_FROM_START, master_playlist, media_playlist
from ..models import Video, VideoTranscodeJob
from .chunks import parts_of_job

Tracks = dict[str, tuple[TrackPart, ...]]


def live_playlist(*, tenant_id: int, video_id: int, job_id: UUID, path: str, sign: Callable[[str], str]) -> str | None:
    """
    Return a playlist of a job that is running, or None when its output has been published.

    Args:
        sign: Returns the URL of an object, of its key.

    Raises:
        PlaybackObjectMissing: The job has ended without output, or has nothing of this name yet.
    """
    # First the chunks: they go in the commit that ends the job, so a job that still runs after them has had them all.
    tracks = _tracks(tenant_id, job_id)
    job = VideoTranscodeJob.objects.for_tenant(tenant_id).filter(pk=job_id, video_id=video_id).first()
    if job is None:
        raise PlaybackObjectMissing
    if job.state not in ACTIVE_JOB_STATES:
        return None
    if not job.plan:
        raise PlaybackObjectMissing
    return _playlist(path, plan=plan_from_json(job.plan), tracks=tracks, sign=sign)


def published_prefix_of_job(*, tenant_id: int, video_id: int, job_id: UUID) -> str:
    """
    Return where a job's output was published.

    Raises:
        PlaybackObjectMissing: It was not, or another job's has taken its place.
    """
    video = Video.objects.for_tenant(tenant_id).get(pk=video_id)
    if not video.published_prefix.startswith(f"{output_prefix(tenant_id=tenant_id, video_id=video_id)}{job_id}-"):
        raise PlaybackObjectMissing
    return video.published_prefix


def finished_as_live(playlist: str) -> str:
    """Return a published playlist as the end of a growing one: a player that has followed it sees lines added only."""
    event = playlist.replace("#EXT-X-PLAYLIST-TYPE:VOD", "#EXT-X-PLAYLIST-TYPE:EVENT")
    return event.replace("#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-MAP", f"{WATCHED_FROM_START}\n#EXT-X-MAP")


def _tracks(tenant_id: int, job_id: UUID) -> Tracks:
    tracks = parts_by_rendition(parts_of_job(tenant_id=tenant_id, job_id=job_id))
    return {name: playable for name, parts in tracks.items() if (playable := playable_parts(parts))}


def _playlist(path: str, *, plan: JobPlan, tracks: Tracks, sign: Callable[[str], str]) -> str:
    if plan.has_audio and AUDIO_RENDITION not in tracks:
        raise PlaybackObjectMissing
    if path == MASTER_NAME:
        return master_playlist(plan.variants, tracks)
    name = path.removesuffix(".m3u8")
    if name not in tracks:
        raise PlaybackObjectMissing
    return media_playlist(tracks[name], name_object=sign, target_seconds=plan.target_seconds[name], is_complete=False)
