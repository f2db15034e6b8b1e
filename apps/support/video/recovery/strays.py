"""V09: what lies in storage and belongs to nobody."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, islice
from uuid import UUID

from django.conf import settings
from django.db import transaction

from ..domain.errors import TransitionRefused
from ..domain.keys import output_prefix, source_prefix
from ..domain.lifecycle import ACTIVE_JOB_STATES, EventName
from ..domain.ports import ObjectEntry, OpenMultipartUpload
from ..models import Video, VideoTranscodeJob, VideoUpload
from ..services.lifecycle import lock_video, record_event
from ..services.storage_errors import translated_storage_errors
from .invariant import ACTOR, Finding, LeftToPerson, Look, PacedInvariant, Severity, World
from .rounds import cursor_of, move_cursor

ROOT = "tenants/"
_PLACE = re.compile(
    r"tenants/(?P<tenant_id>\d{1,18})/video/"
    r"(?:raw/(?P<raw_id>\d{1,18})/|hls/(?P<hls_id>\d{1,18})/(?P<job_id>[0-9a-f-]{36})-(?P<attempt>\d{1,9})/)"
)
# An init commits its row seconds after it has opened the parts, and a worker that lost its job stops within a lease.
OLD_ENOUGH = timedelta(hours=1)
PAGES_AT_ONCE = 5
PARTS_AT_ONCE = 500

PARTS = "parts"
OBJECTS = "objects"


@dataclass(frozen=True, slots=True)
class Place:
    """A prefix that has one owner: all sources of a video, or all that one attempt has written."""

    tenant_id: int
    video_id: int
    job_id: UUID | None
    attempt: int = 0

    @property
    def prefix(self) -> str:
        """Return the place as it stands in keys."""
        if self.job_id is None:
            return source_prefix(tenant_id=self.tenant_id, video_id=self.video_id)
        return f"{output_prefix(tenant_id=self.tenant_id, video_id=self.video_id)}{self.job_id}-{self.attempt}/"


class StoredHasOwner(PacedInvariant):
    """
    V09: nothing is paid for that nobody can use.

    Output of attempts that lost or were interrupted, and what was written after a purge, is removed. Of a video that
    the table does not know it is left to a person: a restored database may have lost the row, and not the video.
    """

    code = "V09"
    severity = Severity.NOTICE
    runbook = "v09.md"
    sentence = "Every prefix and every multipart upload in storage belongs to a video or to an attempt that is alive."

    def look(self, world: World, *, limit: int) -> Look:
        """Look at all open multipart uploads, and at the next pages of the bucket."""
        now = world.clock.now()
        with translated_storage_errors():
            parts = list(islice(_stray_parts(world, now=now), limit))
            objects, cursor = _stray_objects(world, now=now, limit=limit - len(parts))
        return Look(findings=[*parts, *objects], move_on=lambda: move_cursor(self.code, to=cursor, now=now))

    def repair(self, world: World, finding: Finding) -> None:
        """Throw the parts, or everything below the prefix, away, once more making sure that nobody owns it."""
        if finding.facts["kind"] == PARTS:
            with translated_storage_errors():
                world.storage.abort_multipart(finding.subject, upload_id=str(finding.facts["upload_id"]))
            return
        place = _place_of(finding.subject)
        if place is None:
            raise TransitionRefused(f"{finding.subject} is no place of ours")
        _sweep(place, world=world)


def grace() -> timedelta:
    """Return how long what nobody owns any more is kept: viewers of what was published before still watch it."""
    watched = settings.VIDEO_PLAYBACK_TTL_SECONDS + settings.VIDEO_SEGMENT_URL_TTL_SECONDS
    return OLD_ENOUGH + timedelta(seconds=watched)


def _stray_parts(world: World, *, now: datetime) -> Iterator[Finding]:
    uploads = world.storage.list_multiparts(ROOT)
    while batch := list(islice(uploads, PARTS_AT_ONCE)):
        old = [upload for upload in batch if upload.initiated_at < now - OLD_ENOUGH]
        placed = [(upload, place) for upload in old if (place := _place_of(upload.key))]
        owners = _Owners({place for _upload, place in placed})
        rows = VideoUpload.objects.across_tenants().filter(file_key__in=[upload.key for upload in old])
        owned = set(rows.values_list("file_key", "multipart_upload_id"))
        for upload, place in placed:
            is_owned = owners.is_written(place) if place.job_id else (upload.key, upload.upload_id) in owned
            if not is_owned:
                yield _parts_finding(upload, place)


def _parts_finding(upload: OpenMultipartUpload, place: Place) -> Finding:
    return Finding(
        invariant=StoredHasOwner.code,
        subject=upload.key,
        tenant_id=place.tenant_id,
        video_id=place.video_id,
        detail=f"parts without an owner since {upload.initiated_at:%Y-%m-%dT%H:%M:%SZ}",
        facts={"kind": PARTS, "upload_id": upload.upload_id},
    )


def _stray_objects(world: World, *, now: datetime, limit: int) -> tuple[list[Finding], str]:
    """Return what is found on the next pages, and the key to go on after; empty at the end of the bucket."""
    found: list[Finding] = []
    cursor = cursor_of(StoredHasOwner.code)
    for _ in range(PAGES_AT_ONCE):
        page = world.storage.list_page(ROOT, after=cursor)
        places = _places(page.entries)
        owners = _Owners({place for place, _last, _newest in places if place})
        for place, last_key, newest in places:
            if len(found) >= limit:
                return found, cursor
            cursor = last_key
            if place is not None and owners.unowned_since(place, newest) < now - grace():
                found.append(_objects_finding(place))
        if page.is_last:
            return found, ""
    return found, cursor


def _places(entries: Sequence[ObjectEntry]) -> list[tuple[Place | None, str, datetime]]:
    """Return each place with its last key and its newest time on the page, in the order of the listing."""
    grouped = [(place, list(group)) for place, group in groupby(entries, key=lambda entry: _place_of(entry.key))]
    return [(place, group[-1].key, max(entry.modified_at for entry in group)) for place, group in grouped]


def _objects_finding(place: Place) -> Finding:
    return Finding(
        invariant=StoredHasOwner.code,
        subject=place.prefix,
        tenant_id=place.tenant_id,
        video_id=place.video_id,
        detail="objects that belong to nobody",
        facts={"kind": OBJECTS},
    )


def _sweep(place: Place, *, world: World) -> None:
    now = world.clock.now()
    owners = _Owners({place})
    with translated_storage_errors():
        newest = max((entry.modified_at for entry in world.storage.list_objects(place.prefix)), default=None)
    if newest is None:
        raise TransitionRefused(f"{place.prefix} is empty")
    if owners.unowned_since(place, newest) >= now - grace():
        raise TransitionRefused(f"{place.prefix} belongs to somebody")
    if place.video_id not in owners.videos:
        raise LeftToPerson(f"{place.prefix} is of a video that the table does not know")
    with translated_storage_errors():
        removed = world.storage.delete_prefix(place.prefix)
    with transaction.atomic():
        video = lock_video(tenant_id=place.tenant_id, video_id=place.video_id)
        data = {"object_count": removed, "attempt": place.attempt, "job_id": str(place.job_id or "")}
        record_event(video=video, event=EventName.STORAGE_SWEPT, actor=ACTOR, now=now, data=data)


class _Owners:
    """The rows that may own some places."""

    def __init__(self, places: Iterable[Place]) -> None:
        known = list(places)
        videos = Video.objects.across_tenants().filter(pk__in={place.video_id for place in known})
        tenants = {(place.tenant_id, place.video_id) for place in known}
        # Of the tenant that the key names: another one's video owns nothing here.
        self.videos = {video.pk: video for video in videos if (video.tenant_id, video.pk) in tenants}
        job_ids = {place.job_id for place in known if place.job_id}
        self._jobs = VideoTranscodeJob.objects.across_tenants().in_bulk(list(job_ids)) if job_ids else {}

    def is_written(self, place: Place) -> bool:
        """Tell whether an attempt's job is alive: even an attempt before the present one may have made parts of it."""
        job = self._jobs.get(place.job_id) if place.job_id else None
        return job is not None and job.video_id == place.video_id and job.state in ACTIVE_JOB_STATES

    def unowned_since(self, place: Place, newest: datetime) -> datetime:
        """Return since when a place has belonged to nobody; the end of time when it belongs to somebody."""
        forever = datetime.max.replace(tzinfo=newest.tzinfo)
        video = self.videos.get(place.video_id)
        if video is None:
            return newest
        if video.deleted_at is not None:
            # Until the purge is confirmed it is the tombstone's.
            return forever if video.purged_at is None else max(newest, video.purged_at)
        if place.job_id is None or self.is_written(place) or video.published_prefix == place.prefix:
            return forever
        job = self._jobs.get(place.job_id)
        ends = [newest, job.finished_at if job else None, video.published_at]
        return max(end for end in ends if end is not None)


def _place_of(key: str) -> Place | None:
    found = _PLACE.match(key)
    if found is None:
        return None
    try:
        job_id = UUID(found["job_id"]) if found["job_id"] else None
    except ValueError:
        return None
    return Place(int(found["tenant_id"]), int(found["raw_id"] or found["hls_id"]), job_id, int(found["attempt"] or 0))
