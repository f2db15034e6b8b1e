"""Whether what was published is still in storage, and what to do when it is not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction

from libs.clock import Clock
from libs.db.guards import assert_no_transaction

from ..domain.errors import SourceNotFoundOrEmpty, TransitionRefused
from ..domain.lifecycle import ACTIVE_JOB_STATES, EventName, VideoStatus
from ..domain.playlist_objects import objects_named_by, pictures_named_by, playlists_named_by
from ..domain.ports import ObjectStorage
from ..models import Video, VideoTranscodeJob, VideoUpload
from ..selectors.videos import storyboard_of
from .jobs import CLEAN_SLATE
from .lifecycle import lock_video, project, record_event
from .sqs_queue import VideoSQSQueue
from .storage_errors import translated_storage_errors

CAUSE = "PLAYBACK_OBJECT_MISSING"
NAMED_IN_TIMELINE = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputSeen:
    """What a look into storage has shown of a published video. Names are below its prefix."""

    missing: tuple[str, ...]
    is_playable: bool
    """The master and at least one picture with its sound are whole."""


def look_at_output(video: Video, *, storage: ObjectStorage) -> OutputSeen:
    """
    Compare what the playlists of a published video name with what storage lists under its prefix.

    One listing, and one read for each playlist and the storyboard; media are not read.

    Raises:
        StorageUnavailable: Storage did not answer.
    """
    assert_no_transaction()
    prefix = video.published_prefix
    with translated_storage_errors():
        sizes = {entry.key.removeprefix(prefix): entry.size_bytes for entry in storage.list_objects(prefix)}
    master = video.master_key.removeprefix(prefix)
    if not sizes.get(master):
        return OutputSeen(missing=(master,), is_playable=False)
    shown, sound = playlists_named_by(_read(prefix + master, storage=storage))
    missing = {name: _missing_of(name, sizes, prefix=prefix, storage=storage) for name in [*shown, *sound]}
    lost = [name for names in missing.values() for name in names]
    lost += [name for name in _pictures_of(video, sizes, storage=storage) if not sizes.get(name)]
    is_playable = any(not missing[name] for name in shown) and not any(missing[name] for name in sound)
    return OutputSeen(missing=tuple(dict.fromkeys(lost)), is_playable=is_playable)


def repair_output(
    *, video: Video, storage: ObjectStorage, queue: VideoSQSQueue, actor: str, clock: Clock
) -> VideoTranscodeJob | None:
    """
    Encode a video again whose output is not whole, or state that its source is gone too.

    What can still be watched stays published; only a video of which nothing can be played becomes FAILED.

    Returns:
        The job that makes the output again, or None when nothing can.

    Raises:
        TransitionRefused: It is whole, is being made again, or has been stated already.
        StorageUnavailable: Storage did not answer; nothing changed.
    """
    seen = look_at_output(video, storage=storage)
    if not seen.missing:
        raise TransitionRefused(f"the output of video {video.pk} is whole")
    has_source = _has_source(video, storage=storage)
    with transaction.atomic():
        locked = _lock_published(video)
        detail = f"{len(seen.missing)} missing, the first: {seen.missing[0]}"
        failure = {"failure_code": CAUSE, "failure_detail": detail}
        if not has_source and locked.failure_code == CAUSE and seen.is_playable:
            raise TransitionRefused(f"that video {video.pk} is not whole has been stated")
        facts = {"missing": list(seen.missing[:NAMED_IN_TIMELINE]), "has_source": has_source}
        record_event(video=locked, event=EventName.OUTPUT_MISSING, actor=actor, now=clock.now(), data=facts)
        if has_source:
            project(video=locked, now=clock.now(), video_fields={**CLEAN_SLATE, **failure})
            return queue.create_job_and_enqueue(locked, actor=actor, caller_sends=False)
        pointer = {} if seen.is_playable else {"published_prefix": "", "playback_check_at": None}
        project(video=locked, now=clock.now(), video_fields={**failure, **pointer})
        return None


def _lock_published(video: Video) -> Video:
    locked = lock_video(tenant_id=video.tenant_id, video_id=video.pk)
    if locked.deleted_at is not None or locked.status != VideoStatus.READY:
        raise TransitionRefused(f"video {video.pk} is not READY any more")
    if locked.published_prefix != video.published_prefix:
        raise TransitionRefused(f"video {video.pk} has been published again")
    jobs = VideoTranscodeJob.objects.for_tenant(video.tenant_id)
    if jobs.filter(video=video, state__in=ACTIVE_JOB_STATES).exists():
        raise TransitionRefused(f"video {video.pk} is being encoded again")
    return locked


def _missing_of(name: str, sizes: Mapping[str, int], *, prefix: str, storage: ObjectStorage) -> Sequence[str]:
    """Return what is not there of a playlist: itself, or objects that it names."""
    if not sizes.get(name):
        return [name]
    named = objects_named_by(_read(prefix + name, storage=storage))
    return [item for item, size_bytes in named.items() if sizes.get(item, -1) < size_bytes] if named else [name]


def _pictures_of(video: Video, sizes: Mapping[str, int], *, storage: ObjectStorage) -> Sequence[str]:
    """Return what has to be there beside the media: the thumbnail, the storyboard, and the pictures that it names."""
    thumbnail = [video.thumbnail_key.removeprefix(video.published_prefix)] if video.thumbnail_key else []
    storyboard = storyboard_of(video)
    if storyboard is None:
        return thumbnail
    cues = _read(video.published_prefix + storyboard, storage=storage) if sizes.get(storyboard) else ""
    return [*thumbnail, storyboard, *pictures_named_by(cues)]


def _read(key: str, *, storage: ObjectStorage) -> str:
    try:
        with translated_storage_errors():
            return storage.read_bytes(key).decode(errors="replace")
    except SourceNotFoundOrEmpty:
        # Gone since the listing.
        return ""


def _has_source(video: Video, *, storage: ObjectStorage) -> bool:
    upload = VideoUpload.objects.for_tenant(video.tenant_id).get(video=video)
    try:
        with translated_storage_errors():
            return storage.head(upload.file_key).etag == upload.etag
    except SourceNotFoundOrEmpty:
        return False
