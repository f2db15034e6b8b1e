"""
The order of videos within their session.

A position belongs to one video of a session at a time. Moving a video permutes positions that are taken already, so
that an upload which takes the next free one meanwhile is never in the way.
"""

from django.db import connection, transaction
from django.db.models import Max

from apps.core.models import Tenant
from libs.clock import Clock
from libs.db.guards import assert_in_transaction

from ..domain.errors import VideoNotFound
from ..domain.lifecycle import EventName
from ..models import Video
from .lifecycle import lock_live_video, record_event

# Above every real position, and below the column's end even when added to one.
ASIDE = 2**30

# Unique positions are checked row by row, so they step aside before they change places.
_STEP_ASIDE = """
UPDATE video SET position = position + %(aside)s
 WHERE tenant_id = %(tenant)s AND session = %(session)s AND deleted_at IS NULL
   AND position BETWEEN %(first)s AND %(last)s
"""
_CHANGE_PLACES = """
WITH ring AS (
    SELECT id, position - %(aside)s AS place FROM video
     WHERE tenant_id = %(tenant)s AND session = %(session)s AND deleted_at IS NULL AND position > %(aside)s
), wanted AS (
    SELECT id, row_number() OVER (ORDER BY CASE WHEN id = %(video)s THEN %(key)s ELSE place END) AS turn FROM ring
), places AS (
    SELECT place, row_number() OVER (ORDER BY place) AS turn FROM ring
)
UPDATE video SET position = places.place FROM wanted JOIN places USING (turn) WHERE video.id = wanted.id
"""


def claim_last_position(*, tenant: Tenant, session: str) -> int:
    """Return the position after a session's last video. Nobody else gets it until the transaction ends."""
    assert_in_transaction()
    _lock(f"position:{tenant.pk}:{session}")
    videos = Video.objects.for_tenant(tenant).filter(session=session, deleted_at=None)
    return (videos.aggregate(last=Max("position"))["last"] or 0) + 1


def move_video(
    *, tenant: Tenant, video_id: int, session: str, before_id: int | None, actor: str, clock: Clock
) -> Video:
    """
    Put a video before another one of a session, or at its end. Repeating it changes nothing.

    Args:
        session: Where it goes; its own session to change the order there.
        before_id: The video that comes next; None for the end.

    Raises:
        VideoNotFound: No such video for this tenant, or none with `before_id` in the session.
    """
    with transaction.atomic():
        _lock(f"arrangement:{tenant.pk}")
        video = lock_live_video(tenant=tenant, video_id=video_id)
        came_from = (video.session, video.position)
        follower = None if before_id is None else _position_in(tenant, session=session, video_id=before_id)
        if video.session != session:
            video.position = claim_last_position(tenant=tenant, session=session)
            video.session = session
            video.save(update_fields=["session", "position"])
        if before_id != video.pk:
            _change_places(video, follower=follower)
            video.refresh_from_db(fields=["position"])
        if (video.session, video.position) != came_from:
            place = {"session": video.session, "position": video.position}
            record_event(video=video, event=EventName.VIDEO_UPDATED, actor=actor, now=clock.now(), data=place)
    return video


def _position_in(tenant: Tenant, *, session: str, video_id: int) -> int:
    videos = Video.objects.for_tenant(tenant).filter(session=session, deleted_at=None)
    found = videos.filter(pk=video_id).values_list("position", flat=True).first()
    if found is None:
        raise VideoNotFound(video_id=video_id)
    return found


def _change_places(video: Video, *, follower: int | None) -> None:
    """Turn the ring of positions between the video and its new place by one."""
    videos = Video.objects.for_tenant(video.tenant_id).filter(session=video.session, deleted_at=None)
    later = videos.filter(position__gt=video.position)
    if follower is None:
        last = later.aggregate(last=Max("position"))["last"]
        first, last, key = video.position, last or video.position, float(last or video.position) + 0.5
    elif follower < video.position:
        first, last, key = follower, video.position, follower - 0.5
    else:
        before = later.filter(position__lt=follower).aggregate(last=Max("position"))["last"]
        first, last, key = video.position, before or video.position, follower - 0.5
    if first == last:
        return
    ring: dict[str, int | float | str] = {"tenant": video.tenant_id, "session": video.session, "video": video.pk}
    with connection.cursor() as cursor:
        cursor.execute(_STEP_ASIDE, {**ring, "aside": ASIDE, "first": first, "last": last})
        cursor.execute(_CHANGE_PLACES, {**ring, "aside": ASIDE, "key": key})


def _lock(name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])
