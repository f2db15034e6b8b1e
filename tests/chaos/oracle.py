"""
Judges a run from outside: what clients were told, what the tables say, what the bucket has.

It shares no code with the product on purpose: its own SQL, its own listing, its own arithmetic.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.chaos.journal import Journal, UploadRecord

Row = Mapping[str, Any]
Query = Callable[[str], Sequence[Row]]

CATEGORIES = ("lost", "stuck", "duplicated", "orphan", "garbage", "unsent", "quota", "drift", "queue")
_FINAL_STATUSES = {"READY", "FAILED", "EXPIRED"}
_ENDED_JOBS = {"SUCCEEDED", "FAILED", "DEAD", "CANCELLED"}
_STATUS_OF_JOB = {
    "QUEUED": "UPLOADED",
    "RETRY_WAIT": "UPLOADED",
    "RUNNING": "PROCESSING",
    "SUCCEEDED": "READY",
    "FAILED": "FAILED",
    "DEAD": "FAILED",
    "CANCELLED": "FAILED",
}
_STATUS_OF_UPLOAD = {"PENDING": "PENDING", "ACCEPTED": "UPLOADED", "REFUSED": "FAILED", "EXPIRED": "EXPIRED"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """What storage has: sizes by key, keys of open multipart uploads, and a way to read."""

    sizes: Mapping[str, int]
    multiparts: Sequence[str]
    read: Callable[[str], bytes]

    def under(self, prefix: str) -> list[str]:
        return [key for key in self.sizes if key.startswith(prefix)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Rows of the pipeline's tables, as SQL returns them."""

    videos: Sequence[Row]
    uploads: Mapping[int, Row]
    jobs: Sequence[Row]
    chunks: Sequence[Row]
    events: Sequence[Row]
    unsent: Sequence[Row]
    usages: Mapping[int, Row]


@dataclass(slots=True)
class Verdict:
    """What is wrong, by category. Nothing wrong is nothing to see."""

    complaints: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in CATEGORIES})

    def add(self, category: str, complaint: str) -> None:
        self.complaints[category].append(complaint)

    def merge(self, other: Verdict) -> Verdict:
        """Take over what another one has found."""
        for category, found in other.complaints.items():
            self.complaints[category] += found
        return self

    def without(self, *categories: str) -> Verdict:
        """Return the same without some categories."""
        kept = {name: [] if name in categories else list(found) for name, found in self.complaints.items()}
        return Verdict(kept)

    @property
    def is_clean(self) -> bool:
        return not any(self.complaints.values())

    def categories(self) -> list[str]:
        return [name for name, found in self.complaints.items() if found]

    def __str__(self) -> str:
        return "; ".join(f"{name}: {text}" for name, found in self.complaints.items() for text in found) or "clean"


def read_facts(query: Query) -> Facts:
    """Read the tables. `query` runs one SELECT and returns rows by column name."""
    return Facts(
        videos=query("SELECT * FROM video ORDER BY id"),
        uploads={row["video_id"]: row for row in query("SELECT * FROM video_upload")},
        jobs=query("SELECT * FROM video_transcode_job ORDER BY created_at"),
        chunks=query("SELECT * FROM video_transcode_chunk"),
        events=query("SELECT video_id, job_id, name, actor, attempt FROM video_event ORDER BY id"),
        unsent=query("SELECT subject, last_error FROM outbox_message WHERE sent_at IS NULL"),
        usages={row["tenant_id"]: row for row in query("SELECT * FROM video_tenant_usage")},
    )


def judge(
    *,
    journal: Journal,
    facts: Facts,
    bucket: Bucket,
    now: datetime,
    queue_left: Iterable[str] = (),
    dead_letters: Iterable[str] = (),
) -> Verdict:
    """Say all that is wrong with an installation that has been left alone until nothing moved any more."""
    verdict = Verdict()
    for record in journal.uploads.values():
        _judge_promise(record, facts, bucket, verdict)
    for video in facts.videos:
        if not _waits_for_its_time(video, journal, facts, now=now):
            _judge_rest(video, facts, verdict)
        _judge_once(video, journal, facts, verdict)
        _judge_projection(video, facts, verdict)
    _judge_output(facts, bucket, verdict)
    _judge_storage(facts, bucket, verdict, now=now)
    _judge_quota(facts, verdict)
    for row in facts.unsent:
        verdict.add("unsent", f"message of {row['subject']} unsent: {row['last_error']}")
    for body in queue_left:
        verdict.add("queue", f"left in the queue: {body}")
    for body in dead_letters:
        verdict.add("queue", f"in the DLQ: {body}")
    return verdict


def _judge_promise(record: UploadRecord, facts: Facts, bucket: Bucket, verdict: Verdict) -> None:
    """An acknowledged upload is a video, or a reason why not; a delete is only what its owner asked for."""
    if record.video_id is None:
        return
    video = next((row for row in facts.videos if row["id"] == record.video_id), None)
    if video is None:
        verdict.add("lost", f"video {record.video_id} was announced and has no row")
        return
    if video["deleted_at"] is not None:
        if not record.delete_asked:
            verdict.add("lost", f"video {record.video_id} was deleted by nobody")
        return
    if record.delete_acknowledged:
        verdict.add("lost", f"the delete of video {record.video_id} was forgotten")
    if not record.is_intact:
        if facts.uploads[record.video_id]["state"] == "ACCEPTED":
            verdict.add("lost", f"video {record.video_id} was made of other bytes than were announced")
        return
    if record.bytes_acknowledged or record.complete_answer in {200, 409}:
        _judge_acknowledged(record, video, facts.uploads[record.video_id], bucket, verdict)


def _judge_acknowledged(record: UploadRecord, video: Row, upload: Row, bucket: Bucket, verdict: Verdict) -> None:
    if upload["state"] not in {"ACCEPTED", "REFUSED"}:
        verdict.add("lost", f"video {video['id']} has all its bytes and is {upload['state']}")
        return
    wanted = {"READY"} if record.is_playable else {"FAILED"}
    if record.cancel_asked and record.encodes_asked == 0:
        wanted = {"FAILED"} if record.cancel_acknowledged else {"FAILED", *wanted}
    if video["status"] in _FINAL_STATUSES and video["status"] not in wanted:
        verdict.add("lost", f"video {video['id']} is {video['status']} ({video['failure_code']}), not {wanted}")
    if video["status"] == "FAILED" and not video["failure_code"]:
        verdict.add("lost", f"video {video['id']} failed without a reason")
    if bucket.sizes.get(upload["file_key"]) != record.size_bytes:
        verdict.add("lost", f"the source of video {video['id']} is not {record.size_bytes} bytes in storage")


def _waits_for_its_time(video: Row, journal: Journal, facts: Facts, *, now: datetime) -> bool:
    """
    Tell whether a video may be as it is for a while.

    PENDING, when its deadline is to come and nobody was told that its bytes are there; or deleted, when its purge is
    to come.
    """
    if video["deleted_at"] is not None:
        return bool(video["purge_after"] > now)
    upload, record = facts.uploads[video["id"]], journal.of_video(video["id"])
    is_sent = record is not None and record.bytes_acknowledged
    return video["status"] == "PENDING" and not is_sent and upload["deadline_at"] > now


def _judge_rest(video: Row, facts: Facts, verdict: Verdict) -> None:
    """Everything has come to a final state."""
    if video["deleted_at"] is not None:
        if video["purged_at"] is None:
            verdict.add("stuck", f"video {video['id']} is deleted and not purged")
    elif video["status"] not in _FINAL_STATUSES:
        verdict.add("stuck", f"video {video['id']} is {video['status']}")
    jobs = _jobs_of(video, facts)
    for job in jobs:
        if job["state"] not in _ENDED_JOBS:
            verdict.add(
                "stuck", f"job {job['id']} of video {video['id']} is {job['state']}, attempt {job['attempt_count']}"
            )
    if video["deleted_at"] is None and facts.uploads[video["id"]]["state"] == "ACCEPTED" and not jobs:
        verdict.add("stuck", f"video {video['id']} is accepted and has no job")
    ended = {job["id"] for job in jobs if job["state"] in _ENDED_JOBS}
    left = [chunk for chunk in facts.chunks if chunk["job_id"] in ended]
    if left:
        verdict.add("stuck", f"{len(left)} chunks of an ended job of video {video['id']}")


def _judge_once(video: Row, journal: Journal, facts: Facts, verdict: Verdict) -> None:
    """One upload is accepted once, has one job for each time that somebody asked, and each job one success."""
    record = journal.of_video(video["id"])
    jobs = _jobs_of(video, facts)
    most = 1 + (record.encodes_asked if record else 0)
    if len(jobs) > most:
        verdict.add("duplicated", f"video {video['id']} has {len(jobs)} jobs, {most} were asked for")
    events = [event for event in facts.events if event["video_id"] == video["id"]]
    counts = Counter((event["name"], event["job_id"]) for event in events)
    for (name, _job), count in counts.items():
        if name in {"upload_completed", "job_succeeded", "job_created", "video_deleted", "video_purged"} and count > 1:
            verdict.add("duplicated", f"{name} of video {video['id']} {count} times")
    attempts = Counter((event["job_id"], event["attempt"]) for event in events if event["name"] == "job_claimed")
    for (_job, attempt), count in attempts.items():
        if count > 1:
            verdict.add("duplicated", f"attempt {attempt} of video {video['id']} was claimed {count} times")
    for job in jobs:
        if job["failure_count"] > job["max_attempts"]:
            verdict.add("duplicated", f"job {job['id']} failed {job['failure_count']} times of {job['max_attempts']}")


def _judge_projection(video: Row, facts: Facts, verdict: Verdict) -> None:
    """What people are told agrees with the rows."""
    upload = facts.uploads[video["id"]]
    job = next((job for job in facts.jobs if job["id"] == video["current_job_id"]), None)
    told = _STATUS_OF_UPLOAD[upload["state"]]
    if video["published_prefix"]:
        told = "READY"
    elif upload["state"] == "ACCEPTED" and job is not None:
        told = _STATUS_OF_JOB[job["state"]]
    if video["status"] != told:
        verdict.add("drift", f"video {video['id']} says {video['status']}, its rows say {told}")


def _judge_output(facts: Facts, bucket: Bucket, verdict: Verdict) -> None:
    """What is visible is whole, and one attempt's alone."""
    succeeded = {
        f"tenants/{video['tenant_id']}/video/hls/{video['id']}/{event['job_id']}-{event['attempt']}/"
        for video in facts.videos
        for event in facts.events
        if event["video_id"] == video["id"] and event["name"] == "job_succeeded"
    }
    for video in facts.videos:
        if video["status"] != "READY" or video["deleted_at"] is not None:
            continue
        prefix = video["published_prefix"]
        if prefix not in succeeded:
            verdict.add("duplicated", f"video {video['id']} shows {prefix}, which no attempt published")
        try:
            shown = set(_shown_objects(prefix, bucket))
        except _NotWhole as error:
            verdict.add("lost", f"video {video['id']} cannot be played: {error}")
            continue
        shown |= {prefix + "master.m3u8", video["thumbnail_key"]}
        if extra := set(bucket.under(prefix)) - shown - set(_pictures(prefix, bucket)):
            verdict.add("duplicated", f"video {video['id']} shows one attempt and holds also {sorted(extra)}")


class _NotWhole(Exception):
    """A playlist names what is not there."""


def _shown_objects(prefix: str, bucket: Bucket) -> Iterator[str]:
    """Yield what a player would fetch, checking every byte range."""
    master = _read(prefix + "master.m3u8", bucket)
    names = [line for line in master.splitlines() if line and not line.startswith("#")]
    names += re.findall(r'URI="([^"]+)"', master)
    if not names:
        raise _NotWhole("the master playlist names nothing")
    for name in dict.fromkeys(names):
        yield prefix + name
        yield from _media_objects(prefix, _read(prefix + name, bucket), bucket)


def _media_objects(prefix: str, playlist: str, bucket: Bucket) -> Iterator[str]:
    if "#EXT-X-ENDLIST" not in playlist:
        raise _NotWhole("a media playlist has no end")
    length, offset = 0, 0
    for line in playlist.splitlines():
        if match := re.match(r"#EXT-X-BYTERANGE:(\d+)@(\d+)", line):
            length, offset = int(match[1]), int(match[2])
        elif line and not line.startswith("#"):
            if bucket.sizes.get(prefix + line, -1) < length + offset:
                raise _NotWhole(f"{line} is shorter than {length + offset} bytes")
            _judge_label(prefix + line, bucket)
            yield prefix + line


def _judge_label(key: str, bucket: Bucket) -> None:
    """What the paper encoder writes says whose it is; a copy of an earlier attempt's keeps its name."""
    body = bucket.read(key) if bucket.sizes[key] < 4096 else b""
    if body.startswith(b"paper ") and body.split()[1].decode().rpartition("/")[2] != key.rpartition("/")[2]:
        raise _NotWhole(f"{key} holds {body.split()[1].decode()}")


def _pictures(prefix: str, bucket: Bucket) -> list[str]:
    return [key for key in bucket.under(prefix) if key.endswith((".jpg", ".vtt"))]


def _read(key: str, bucket: Bucket) -> str:
    if key not in bucket.sizes:
        raise _NotWhole(f"{key} is missing")
    return bucket.read(key).decode()


def _judge_storage(facts: Facts, bucket: Bucket, verdict: Verdict, *, now: datetime) -> None:
    """Every object and every open multipart upload has a row that needs it."""
    needed: set[str] = set()
    prefixes: list[str] = []
    for video in facts.videos:
        if video["deleted_at"] is None:
            needed.add(facts.uploads[video["id"]]["file_key"])
            if video["published_prefix"]:
                prefixes.append(video["published_prefix"])
        elif video["purge_after"] > now:
            prefixes += [f"tenants/{video['tenant_id']}/video/{kind}/{video['id']}/" for kind in ("raw", "hls")]
    for key in bucket.sizes:
        if key not in needed and not key.startswith(tuple(prefixes)):
            verdict.add("garbage" if _is_of_an_attempt(key, facts) else "orphan", key)
    for key in bucket.multiparts:
        verdict.add("orphan", f"open parts of {key}")


def _is_of_an_attempt(key: str, facts: Facts) -> bool:
    """Tell whether an attempt of a living video wrote this, and was not the one that is shown."""
    match = re.match(r"tenants/\d+/video/hls/(\d+)/", key)
    living = {video["id"] for video in facts.videos if video["deleted_at"] is None}
    return match is not None and int(match[1]) in living


def _judge_quota(facts: Facts, verdict: Verdict) -> None:
    """What a tenant is charged with is what its videos use."""
    names = ("reserved_bytes", "stored_bytes", "stored_milliseconds", "open_uploads")
    due: dict[int, Counter[str]] = {tenant_id: Counter() for tenant_id in facts.usages}
    for video in facts.videos:
        due.setdefault(video["tenant_id"], Counter()).update(_charge(video, facts.uploads[video["id"]]))
    for tenant_id, amounts in due.items():
        used = facts.usages.get(tenant_id, {})
        for name in names:
            if used.get(name, 0) != amounts[name]:
                verdict.add("quota", f"tenant {tenant_id} is charged {used.get(name, 0)} {name}, due {amounts[name]}")


def _charge(video: Row, upload: Row) -> Counter[str]:
    if video["deleted_at"] is not None:
        return Counter()
    if upload["state"] == "PENDING":
        return Counter(reserved_bytes=upload["size_bytes"], open_uploads=1)
    milliseconds = int((video["duration_seconds"] or 0) * 1000)
    if video["status"] == "READY":
        return Counter(stored_bytes=upload["size_bytes"] + video["output_bytes"], stored_milliseconds=milliseconds)
    if video["status"] in {"UPLOADED", "PROCESSING"}:
        return Counter(reserved_bytes=upload["size_bytes"], stored_milliseconds=milliseconds)
    return Counter()


def _jobs_of(video: Row, facts: Facts) -> list[Row]:
    return [job for job in facts.jobs if job["video_id"] == video["id"]]
