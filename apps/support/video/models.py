"""
The tables of the pipeline. PostgreSQL is the only truth; what SQL can hold, a constraint holds.

Only `services.lifecycle` writes `Video.status`, `VideoUpload.state` and `VideoTranscodeJob.state`.
"""

import uuid
from collections.abc import Mapping
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.core.models import Tenant
from apps.core.tenancy import TenantScopedManager
from libs.observability.tracing import TRACEPARENT_LENGTH

from .domain.checksums import Checksum, ChecksumAlgorithm
from .domain.chunks import ChunkState
from .domain.dead_letters import KEPT, LetterState
from .domain.lifecycle import ACTIVE_JOB_STATES, JobState, UploadState, VideoStatus
from .domain.part_plan import PartPlan, UploadStrategy
from .domain.playback_policy import DEFAULT_POLICY, FASTEST_LIMIT, SLOWEST_LIMIT, PlaybackPolicy
from .event_models import FEED_CHANNEL, VideoEvent, VideoFeed

__all__ = [
    "FEED_CHANNEL",
    "TenantUsage",
    "TranscodeChunk",
    "Video",
    "VideoCharge",
    "VideoEvent",
    "VideoFeed",
    "VideoTranscodeJob",
    "VideoUpload",
    "WorkerBeat",
]


def _choices(
    states: type[VideoStatus | UploadState | JobState | ChunkState | UploadStrategy | ChecksumAlgorithm],
) -> list[tuple[str, str]]:
    return [(state.value, state.value) for state in states]


def _traceparent_field() -> "models.CharField[str, str]":
    # The database fills it in too: processes of the release before know nothing of it.
    return models.CharField(max_length=TRACEPARENT_LENGTH, blank=True, default="", db_default="")


def _one_of(
    field: str, states: type[VideoStatus | UploadState | JobState | ChunkState], name: str
) -> models.CheckConstraint:
    return models.CheckConstraint(condition=Q(**{f"{field}__in": [state.value for state in states]}), name=name)


class Video(models.Model):
    """A lecture's video. `status` is a projection, `published_prefix` the pointer that makes output visible."""

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    title = models.CharField(max_length=200)
    session = models.CharField(max_length=100, blank=True)
    position = models.PositiveIntegerField()
    """Order within the session, unique per tenant and session, counted from 1."""
    allow_skip = models.BooleanField(default=DEFAULT_POLICY.allow_skip, db_default=DEFAULT_POLICY.allow_skip)
    max_speed = models.FloatField(default=DEFAULT_POLICY.max_speed, db_default=DEFAULT_POLICY.max_speed)
    watermark = models.BooleanField(default=DEFAULT_POLICY.watermark, db_default=DEFAULT_POLICY.watermark)
    status = models.CharField(max_length=12, choices=_choices(VideoStatus), default=VideoStatus.PENDING)
    status_changed_at = models.DateTimeField()
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    current_job = models.ForeignKey(
        "VideoTranscodeJob", null=True, on_delete=models.SET_NULL, related_name="+", db_constraint=True
    )
    published_prefix = models.CharField(max_length=200, blank=True)
    """The attempt's prefix that viewers see; empty until the first publish, switched by one UPDATE."""
    published_at = models.DateTimeField(null=True)
    master_key = models.CharField(max_length=300, blank=True)
    thumbnail_key = models.CharField(max_length=300, blank=True)
    duration_seconds = models.FloatField(null=True)
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    output_bytes = models.BigIntegerField(default=0)
    """What the published attempt has written."""
    failure_code = models.CharField(max_length=60, blank=True)
    """Cause code of the last failure; cleared when the video is published."""
    failure_detail = models.TextField(blank=True)
    deleted_at = models.DateTimeField(null=True)
    """The tombstone: set at once, and kept until storage is confirmed empty."""
    purge_after = models.DateTimeField(null=True)
    purged_at = models.DateTimeField(null=True)
    playback_check_at = models.DateTimeField(null=True)
    """When the reconciler looks into storage next whether all that was published is there."""

    objects = TenantScopedManager["Video"]()

    class Meta:
        db_table = "video"
        constraints: ClassVar = [
            _one_of("status", VideoStatus, "video_status_known"),
            models.CheckConstraint(
                condition=~Q(status=VideoStatus.READY) | ~Q(published_prefix=""), name="video_ready_is_published"
            ),
            models.CheckConstraint(
                condition=Q(deleted_at=None, purge_after=None) | Q(deleted_at__isnull=False, purge_after__isnull=False),
                name="video_tombstone_has_purge",
            ),
            models.CheckConstraint(
                condition=Q(max_speed__gte=SLOWEST_LIMIT, max_speed__lte=FASTEST_LIMIT), name="video_max_speed_in_range"
            ),
            models.UniqueConstraint(
                fields=["tenant", "session", "position"],
                condition=Q(deleted_at=None),
                name="video_position_once_per_session",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["tenant", "-id"], condition=Q(deleted_at=None), name="video_tenant_newest"),
            models.Index(fields=["status", "status_changed_at"], name="video_status_age"),
            models.Index(
                fields=["purge_after"],
                condition=Q(deleted_at__isnull=False, purged_at=None),
                name="video_purge_due",
            ),
            models.Index(
                fields=["playback_check_at"],
                condition=Q(status=VideoStatus.READY, deleted_at=None),
                name="video_playback_check_due",
            ),
        ]

    def __str__(self) -> str:
        return f"video {self.pk} {self.status}"

    @property
    def policy(self) -> PlaybackPolicy:
        """What it asks of players."""
        return PlaybackPolicy(allow_skip=self.allow_skip, max_speed=self.max_speed, watermark=self.watermark)

    @policy.setter
    def policy(self, policy: PlaybackPolicy) -> None:
        self.allow_skip, self.max_speed, self.watermark = policy.allow_skip, policy.max_speed, policy.watermark


class VideoUpload(models.Model):
    """
    The source of a video: what was announced, where it goes, and what verification found.

    A multipart upload that is not pending any more and still has its id is one to be aborted in storage.
    """

    video = models.OneToOneField(Video, on_delete=models.CASCADE, related_name="upload")
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=12, choices=_choices(UploadState), default=UploadState.PENDING)
    file_key = models.CharField(max_length=300, unique=True)
    filename = models.CharField(max_length=500)
    content_type = models.CharField(max_length=100)
    size_bytes = models.BigIntegerField()
    strategy = models.CharField(max_length=10, choices=_choices(UploadStrategy), default=UploadStrategy.SINGLE)
    part_size_bytes = models.BigIntegerField(null=True)
    part_count = models.PositiveIntegerField(null=True)
    multipart_upload_id = models.CharField(max_length=1024, blank=True)
    """Storage's name for the parts; empty once they have become an object or were thrown away."""
    checksum_algorithm = models.CharField(max_length=12, choices=_choices(ChecksumAlgorithm), blank=True)
    """What storage checks of it, settled when it began; empty: nothing."""
    checksum_value = models.CharField(max_length=12, blank=True)
    """Of the whole file as the uploader announced it, in base64; empty when they did not."""
    init_key = models.CharField(max_length=255, blank=True)
    """The Idempotency-Key that it was announced with, if any: a repeat finds it by this when the answer was lost."""
    traceparent = _traceparent_field()
    """The click that began it: whoever completes it in the browser's place goes on with that trace."""
    created_at = models.DateTimeField()
    active_at = models.DateTimeField()
    """When the uploader last asked for something: V06 looks the more often the more recent this is."""
    deadline_at = models.DateTimeField()
    next_check_at = models.DateTimeField(null=True)
    """When the reconciler looks into storage whether the object has arrived without a `complete`; null: never."""
    check_count = models.PositiveIntegerField(default=0)
    completed_at = models.DateTimeField(null=True)
    etag = models.CharField(max_length=200, blank=True)
    """Pinned at verification; every later read says If-Match."""
    verified = models.BooleanField(default=False)
    """False after acceptance means that the worker verifies before it encodes."""
    media_facts = models.JSONField(default=dict, blank=True)

    objects = TenantScopedManager["VideoUpload"]()

    class Meta:
        db_table = "video_upload"
        constraints: ClassVar = [
            _one_of("state", UploadState, "upload_state_known"),
            models.CheckConstraint(condition=Q(size_bytes__gt=0), name="upload_size_positive"),
            models.CheckConstraint(
                condition=~Q(state=UploadState.ACCEPTED) | (~Q(etag="") & Q(completed_at__isnull=False)),
                name="upload_accepted_is_pinned",
            ),
            models.CheckConstraint(
                condition=Q(strategy=UploadStrategy.SINGLE, part_count=None, multipart_upload_id="")
                | Q(strategy=UploadStrategy.MULTIPART, part_size_bytes__gt=0, part_count__gt=0),
                name="upload_multipart_is_planned",
            ),
            models.CheckConstraint(
                condition=~Q(strategy=UploadStrategy.MULTIPART, state=UploadState.PENDING) | ~Q(multipart_upload_id=""),
                name="upload_pending_multipart_is_open",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["id"],
                condition=~Q(multipart_upload_id="") & ~Q(state=UploadState.PENDING),
                name="upload_abort_due",
            ),
            models.Index(
                fields=["next_check_at"],
                condition=Q(state__in=[UploadState.PENDING, UploadState.EXPIRED]),
                name="upload_check_due",
            ),
            models.Index(fields=["tenant", "init_key"], condition=~Q(init_key=""), name="upload_by_init_key"),
        ]

    def __str__(self) -> str:
        return f"upload of video {self.video_id} {self.state}"

    @property
    def plan(self) -> PartPlan | None:
        """The parts, or None for one PUT."""
        if self.part_size_bytes is None or self.part_count is None:
            return None
        return PartPlan(size_bytes=self.size_bytes, part_size_bytes=self.part_size_bytes, part_count=self.part_count)

    @property
    def checksum(self) -> Checksum | None:
        """Of the whole file, if its uploader has told."""
        return self.as_checksum(self.checksum_value)

    def as_checksum(self, value: str | None) -> Checksum | None:
        """Return a checksum of this upload's algorithm, or None without a value or where storage checks nothing."""
        if not value or not self.checksum_algorithm:
            return None
        return Checksum(algorithm=ChecksumAlgorithm(self.checksum_algorithm), value=value)

    def is_announced_otherwise(self, checksums: Mapping[str, str]) -> bool:
        """Tell whether an object with these checksums, by algorithm, is surely not the announced file."""
        stored = checksums.get(self.checksum_algorithm)
        return bool(stored and self.checksum_value and stored != self.checksum_value)


class VideoTranscodeJob(models.Model):
    """
    One transcode of one source.

    `attempt_count` is the fence: it grows with every claim, and every write of a worker names it.
    `failure_count` is the retry budget: a shutdown of ours or a hand-back does not use it up.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    video = models.ForeignKey(Video, on_delete=models.CASCADE, related_name="jobs")
    state = models.CharField(max_length=12, choices=_choices(JobState), default=JobState.QUEUED)
    state_changed_at = models.DateTimeField()
    created_at = models.DateTimeField()
    attempt_count = models.PositiveIntegerField(default=0)
    failure_count = models.PositiveIntegerField(default=0)
    max_attempts = models.PositiveIntegerField()
    next_attempt_at = models.DateTimeField(null=True)
    capped_at = models.DateTimeField(null=True)
    """Since when it waits, while QUEUED, for a slot of its tenant and for no message: that one has been given up."""
    worker_id = models.CharField(max_length=120, blank=True)
    lease_until = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    stage = models.CharField(max_length=20, blank=True)
    progress_percent = models.FloatField(default=0.0)
    remaining_seconds = models.FloatField(null=True)
    progress_at = models.DateTimeField(null=True)
    cause_code = models.CharField(max_length=60, blank=True)
    cause_detail = models.TextField(blank=True)
    output = models.JSONField(default=dict, blank=True)
    waits_for = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="+")
    """The job in whose place this one was made while workers were at it: this one starts when all have stopped."""
    plan = models.JSONField(default=dict, blank=True)
    """What is being made, as playlists name it; empty until the first attempt has looked at the source."""
    playable_until_seconds = models.FloatField(default=0.0)
    """How far the video can be watched while the job still runs."""
    traceparent = _traceparent_field()
    """The call that made it. Every attempt and every message of it belongs to that trace, whatever woke a worker up."""

    objects = TenantScopedManager["VideoTranscodeJob"]()

    class Meta:
        db_table = "video_transcode_job"
        constraints: ClassVar = [
            _one_of("state", JobState, "job_state_known"),
            models.UniqueConstraint(
                fields=["video"],
                condition=Q(state__in=[state.value for state in sorted(ACTIVE_JOB_STATES)]),
                name="job_one_active_per_video",
            ),
            models.CheckConstraint(
                condition=~Q(state=JobState.RUNNING) | (Q(lease_until__isnull=False) & ~Q(worker_id="")),
                name="job_running_has_lease",
            ),
            models.CheckConstraint(
                condition=~Q(state=JobState.RETRY_WAIT) | Q(next_attempt_at__isnull=False),
                name="job_retry_wait_has_time",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["state_changed_at"],
                condition=Q(state=JobState.QUEUED, capped_at=None),
                name="job_uncapped_age",
            ),
            models.Index(
                fields=["tenant", "state_changed_at", "video"],
                condition=Q(state=JobState.QUEUED, capped_at__isnull=False),
                name="job_capped_of_tenant",
            ),
            models.Index(
                fields=["tenant", "state_changed_at", "video"],
                condition=Q(state=JobState.QUEUED),
                name="job_queued_of_tenant",
            ),
            models.Index(fields=["tenant"], condition=Q(state=JobState.RUNNING), name="job_running_of_tenant"),
            models.Index(fields=["tenant", "-started_at"], condition=Q(started_at__isnull=False), name="job_last_turn"),
            models.Index(fields=["lease_until"], condition=Q(state=JobState.RUNNING), name="job_lease_age"),
            models.Index(fields=["next_attempt_at"], condition=Q(state=JobState.RETRY_WAIT), name="job_retry_due"),
        ]

    def __str__(self) -> str:
        return f"job {self.pk} of video {self.video_id} {self.state} attempt {self.attempt_count}"


class TranscodeChunk(models.Model):
    """
    A piece of a job's work, done by one worker at a time.

    `attempt_count` is the chunk's own fence. A finished chunk outlives the attempt that made it: the next one takes it
    over when it has the same plan. The rows go with the job's end.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    job = models.ForeignKey(VideoTranscodeJob, on_delete=models.CASCADE, related_name="chunks")
    position = models.PositiveIntegerField()
    """Order in which chunks should be done."""
    kind = models.CharField(max_length=8)
    number = models.PositiveIntegerField()
    start_seconds = models.FloatField()
    end_seconds = models.FloatField(null=True)
    renditions = models.JSONField(default=list)
    state = models.CharField(max_length=8, choices=_choices(ChunkState), default=ChunkState.WAITING)
    state_changed_at = models.DateTimeField()
    attempt_count = models.PositiveIntegerField(default=0)
    loss_count = models.PositiveIntegerField(default=0)
    """How many workers have gone silent on it."""
    worker_id = models.CharField(max_length=120, blank=True)
    lease_until = models.DateTimeField(null=True)
    done_seconds = models.FloatField(default=0.0)
    parts = models.JSONField(default=list, blank=True)
    said = models.TextField(blank=True)
    """What the encoder complained of."""

    objects = TenantScopedManager["TranscodeChunk"]()

    class Meta:
        db_table = "video_transcode_chunk"
        constraints: ClassVar = [
            _one_of("state", ChunkState, "chunk_state_known"),
            models.UniqueConstraint(fields=["job", "position"], name="chunk_position_once_per_job"),
            models.CheckConstraint(
                condition=~Q(state=ChunkState.RUNNING) | (Q(lease_until__isnull=False) & ~Q(worker_id="")),
                name="chunk_running_has_lease",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["job", "position"],
                condition=Q(state__in=[ChunkState.WAITING, ChunkState.RUNNING]),
                name="chunk_to_be_done",
            ),
            models.Index(fields=["lease_until"], condition=Q(state=ChunkState.RUNNING), name="chunk_lease_age"),
        ]

    def __str__(self) -> str:
        return f"chunk {self.position} of job {self.job_id} {self.state}"


class WorkerBeat(models.Model):
    """When a worker last said that it lives and waits for work. It serves every tenant, so it has none."""

    worker_id = models.CharField(max_length=120, primary_key=True)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    class Meta:
        db_table = "video_worker_beat"
        indexes: ClassVar = [models.Index(fields=["-seen_at"], name="worker_seen")]

    def __str__(self) -> str:
        return f"worker {self.worker_id}"


class DeadLetter(models.Model):
    """
    A message that the queue gave up on, as it was: the table keeps what the queue would forget.

    It belongs to the whole installation, as the queue does; `job_id` and `video_id` are what the message says, and
    need not be there.
    """

    message_id = models.CharField(max_length=128, unique=True)
    """The queue's own, so that a message which is taken over twice is one row."""
    body = models.TextField()
    receive_count = models.PositiveIntegerField()
    """How often it had been received when it was taken over."""
    state = models.CharField(max_length=16, choices=[(state.value, state.value) for state in LetterState])
    detail = models.TextField(blank=True)
    tenant_id = models.BigIntegerField(null=True)
    video_id = models.BigIntegerField(null=True)
    job_id = models.UUIDField(null=True)
    traceparent = _traceparent_field()
    taken_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "video_dead_letter"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(state__in=[state.value for state in LetterState]), name="dead_letter_state_known"
            )
        ]
        indexes: ClassVar = [
            models.Index(fields=["id"], condition=Q(state=LetterState.OPEN), name="dead_letter_open"),
            models.Index(fields=["id"], condition=Q(state__in=sorted(KEPT)), name="dead_letter_kept"),
            models.Index(fields=["settled_at"], condition=Q(settled_at__isnull=False), name="dead_letter_settled"),
            models.Index(fields=["video_id"], name="dead_letter_of_video"),
        ]

    def __str__(self) -> str:
        return f"dead letter {self.pk} {self.state}"


class InvariantRound(models.Model):
    """What the reconciler last did about an invariant, and where one that looks part by part goes on."""

    code = models.CharField(max_length=20, primary_key=True)
    cursor = models.CharField(max_length=400, blank=True)
    """Empty: from the start."""
    pass_started_at = models.DateTimeField(null=True)
    pass_finished_at = models.DateTimeField(null=True)
    """When a pass over everything last came to its end."""
    ran_at = models.DateTimeField(null=True)
    found = models.PositiveIntegerField(default=0)
    repaired = models.PositiveIntegerField(default=0)
    found_total = models.PositiveBigIntegerField(default=0)
    repaired_total = models.PositiveBigIntegerField(default=0)
    repaired_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "video_invariant_round"

    def __str__(self) -> str:
        return f"{self.code} last ran at {self.ran_at}"


class VideoCharge(models.Model):
    """What one video uses of its tenant's limits. Written with the state it follows from, in one transaction."""

    video = models.OneToOneField(Video, primary_key=True, on_delete=models.CASCADE, related_name="charge")
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    reserved_bytes = models.BigIntegerField(default=0)
    stored_bytes = models.BigIntegerField(default=0)
    stored_milliseconds = models.BigIntegerField(default=0)
    open_uploads = models.PositiveSmallIntegerField(default=0)

    objects = TenantScopedManager["VideoCharge"]()

    class Meta:
        db_table = "video_charge"

    def __str__(self) -> str:
        return f"charge of video {self.video_id}"


class TenantUsage(models.Model):
    """The sum of a tenant's charges. Its row is the lock that makes parallel inits exact."""

    tenant = models.OneToOneField(Tenant, primary_key=True, on_delete=models.CASCADE, related_name="+")
    reserved_bytes = models.BigIntegerField(default=0)
    stored_bytes = models.BigIntegerField(default=0)
    stored_milliseconds = models.BigIntegerField(default=0)
    open_uploads = models.IntegerField(default=0)

    objects = TenantScopedManager["TenantUsage"]()

    class Meta:
        db_table = "video_tenant_usage"

    def __str__(self) -> str:
        return f"usage of tenant {self.tenant_id}"
