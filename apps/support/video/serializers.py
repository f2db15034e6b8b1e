"""What goes over the wire, both ways."""

from enum import StrEnum
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from . import wiring
from .domain.actions import VideoAction
from .domain.causes import Acts, Cause, Fault, Verdict
from .domain.checksums import ChecksumAlgorithm
from .domain.diagnosis import NextStep
from .domain.lifecycle import ACTIVE_JOB_STATES, VideoStatus
from .domain.messages import cause_text
from .domain.part_plan import MOST_PARTS, UploadStrategy
from .domain.ports import StoredPart
from .fields import ChecksumField, PlaybackPolicySerializer, StrictIntegerField, StrictTextField
from .models import Video, VideoEvent, VideoTranscodeJob
from .selectors.diagnosis import EvidenceSource
from .selectors.timeline import TimelineSource
from .selectors.videos import actions_of, playable_until_seconds
from .services.jobs import RetryDetail

THUMBNAIL_URL_TTL_SECONDS = 3600
PARTS_A_PAGE = 100
MOST_AT_ONCE = 100
READER_ACTIONS = frozenset({VideoAction.PLAY})


def shown_actions(video: Video, *, may_write: bool) -> list[str]:
    """Return what the server would accept from this reader."""
    allowed = actions_of(video, now=wiring.clock().now())
    return [action.value for action in allowed if may_write or action in READER_ACTIONS]


class WholeChecksumsSerializer(serializers.Serializer[Any]):
    """Checksums of the whole file, where its uploader knows them."""

    checksum_crc64nvme = ChecksumField(ChecksumAlgorithm.CRC64NVME, allow_blank=True, default="")
    checksum_crc32 = ChecksumField(ChecksumAlgorithm.CRC32, allow_blank=True, default="")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Return the fields with the checksums as one, by algorithm."""
        names = {algorithm: f"checksum_{algorithm.lower()}" for algorithm in ChecksumAlgorithm}
        told = {algorithm.value: value for algorithm, name in names.items() if (value := attrs.pop(name))}
        return attrs | {"checksums": told}


class UploadInitSerializer(WholeChecksumsSerializer):
    """
    An announced upload. Size and type are judged by the service, which answers 413 and 415.

    Of a file whose checksum is known storage refuses other bytes. Only the one of the ticket's `checksum_algorithm`
    counts; an uploader that does not know the algorithm yet may send both.
    """

    title = StrictTextField(max_length=200)
    filename = StrictTextField(max_length=500)
    size_bytes = StrictIntegerField(help_text="Exact length of the file; the upload URL accepts no other.")
    content_type = StrictTextField(max_length=100, allow_blank=True, default="")
    session = StrictTextField(max_length=100, allow_blank=True, default="")
    policy = PlaybackPolicySerializer(required=False)


class UploadCompleteSerializer(WholeChecksumsSerializer):
    """What an uploader may add when all is sent: the file's checksum, by the ticket's `checksum_algorithm`."""


class PartNumbersSerializer(serializers.Serializer[Any]):
    """Parts to be signed."""

    part_numbers = serializers.ListField(
        child=StrictIntegerField(min_value=1, max_value=MOST_PARTS), min_length=1, max_length=PARTS_A_PAGE
    )
    checksums = serializers.ListField(
        child=ChecksumField(*ChecksumAlgorithm),
        required=False,
        help_text="One for each part, in their order, by the ticket's `checksum_algorithm`; none where that is null.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Return the fields when they fit each other."""
        numbers, sums = attrs["part_numbers"], attrs.setdefault("checksums", None)
        if len(set(numbers)) != len(numbers):
            raise serializers.ValidationError({"part_numbers": "Each number once."})
        if sums is not None and len(sums) != len(numbers):
            raise serializers.ValidationError({"checksums": "One for each part."})
        return attrs


class VideoUpdateSerializer(serializers.Serializer[Any]):
    """What of a video can be changed; at least one of it."""

    title = StrictTextField(max_length=200, required=False)
    policy = PlaybackPolicySerializer(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Return the fields when there are any."""
        if not attrs:
            raise serializers.ValidationError({"title": "Needed where no policy is given."})
        return attrs


class SessionOfVideosSerializer(serializers.Serializer[Any]):
    """A session of the library."""

    session = serializers.CharField(allow_blank=True, help_text="Empty: the videos that are in none.")
    video_count = serializers.IntegerField()


class VideoMoveSerializer(serializers.Serializer[Any]):
    """Where a video goes."""

    session = StrictTextField(max_length=100, allow_blank=True)
    before = StrictIntegerField(
        allow_null=True, default=None, help_text="The video of the session that comes next; null for the end."
    )


class BulkAction(StrEnum):
    """What can be done with many videos in one call."""

    RETRY = "retry"
    MOVE = "move"
    SET_POLICY = "set_policy"
    DELETE = "delete"


_NEEDED_FIELDS = {BulkAction.MOVE: "session", BulkAction.SET_POLICY: "policy"}


class BulkSerializer(serializers.Serializer[Any]):
    """Something to be done with many videos."""

    action = serializers.ChoiceField(choices=[action.value for action in BulkAction])
    video_ids = serializers.ListField(child=StrictIntegerField(min_value=1), min_length=1, max_length=MOST_AT_ONCE)
    session = StrictTextField(max_length=100, allow_blank=True, required=False, help_text="Only to move, and then.")
    policy = PlaybackPolicySerializer(required=False, help_text="Only to set the policy, and then.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Return the fields when they fit each other."""
        if len(set(attrs["video_ids"])) != len(attrs["video_ids"]):
            raise serializers.ValidationError({"video_ids": "Each video once."})
        for action, field in _NEEDED_FIELDS.items():
            if (field in attrs) != (attrs["action"] == action):
                raise serializers.ValidationError({field: f"Needed for {action}, and only then."})
        return attrs


class BulkRefusalSerializer(serializers.Serializer[Any]):
    """Why one of them stays as it is, in the reader's language."""

    code = serializers.CharField()
    detail = serializers.CharField()
    hint = serializers.CharField()


class BulkResultSerializer(serializers.Serializer[Any]):
    """What has become of one of them."""

    video_id = serializers.IntegerField()
    refusal = BulkRefusalSerializer(allow_null=True, help_text="Null: done.")


class BulkAnswerSerializer(serializers.Serializer[Any]):
    """The answer to `bulk/`: one result for each video, in the order of the request."""

    results = BulkResultSerializer(many=True)


class SourceDownloadSerializer(serializers.Serializer[Any]):
    """The answer to `download/`."""

    url = serializers.URLField(help_text="Of the source as it was uploaded; browsers save it under its name.")
    filename = serializers.CharField()
    size_bytes = serializers.IntegerField()
    expires_at = serializers.DateTimeField()


class ProgressSerializer(serializers.Serializer[VideoTranscodeJob]):
    """How far the active job has come."""

    stage = serializers.CharField(help_text="What the worker is doing; empty while the job waits.")
    percent = serializers.FloatField(source="progress_percent", help_text="Work done, 0 to 100.")
    remaining_seconds = serializers.FloatField(allow_null=True)


class FailureSerializer(serializers.Serializer[Any]):
    """Why it failed, in the reader's language."""

    code = serializers.CharField()
    detail = serializers.CharField()
    hint = serializers.CharField()


class VideoSerializer(serializers.ModelSerializer[Video]):
    """A video as lists and pages show it."""

    # Needs `language` and `may_write` in the context.

    status = serializers.ChoiceField(choices=[status.value for status in VideoStatus])
    filename = serializers.CharField(source="upload.filename")
    size_bytes = serializers.IntegerField(source="upload.size_bytes")
    playable = serializers.SerializerMethodField(help_text="It can be watched, perhaps only its beginning yet.")
    playable_until_seconds = serializers.SerializerMethodField(
        help_text="How far it can be watched now; null while it cannot be watched at all."
    )
    thumbnail_url = serializers.SerializerMethodField()
    policy = PlaybackPolicySerializer()
    progress = serializers.SerializerMethodField()
    failure = serializers.SerializerMethodField()
    job_id = serializers.UUIDField(source="current_job_id", allow_null=True)
    allowed_actions = serializers.SerializerMethodField()

    class Meta:
        model = Video
        fields = (
            "id",
            "title",
            "session",
            "position",
            "status",
            "status_changed_at",
            "created_at",
            "filename",
            "size_bytes",
            "duration_seconds",
            "width",
            "height",
            "playable",
            "playable_until_seconds",
            "thumbnail_url",
            "policy",
            "progress",
            "failure",
            "job_id",
            "allowed_actions",
        )
        read_only_fields = fields

    def get_playable(self, video: Video) -> bool:
        return playable_until_seconds(video) is not None

    def get_playable_until_seconds(self, video: Video) -> float | None:
        return playable_until_seconds(video)

    def get_thumbnail_url(self, video: Video) -> str | None:
        if not video.thumbnail_key:
            return None
        return wiring.storage().presign_public_get(video.thumbnail_key, expires_seconds=THUMBNAIL_URL_TTL_SECONDS)

    @extend_schema_field(ProgressSerializer(allow_null=True))
    def get_progress(self, video: Video) -> dict[str, Any] | None:
        job = video.current_job
        return ProgressSerializer(job).data if job and job.state in ACTIVE_JOB_STATES else None

    @extend_schema_field(FailureSerializer(allow_null=True))
    def get_failure(self, video: Video) -> dict[str, Any] | None:
        if video.status != VideoStatus.FAILED:
            return None
        code = video.failure_code or "INTERNAL_BUG"
        text = cause_text(code, self.context["language"])
        return {"code": code, "detail": text.detail, "hint": text.hint}

    @extend_schema_field(serializers.ListField(child=serializers.ChoiceField([action.value for action in VideoAction])))
    def get_allowed_actions(self, video: Video) -> list[str]:
        return shown_actions(video, may_write=self.context["may_write"])


class UploadPlanSerializer(serializers.Serializer[Any]):
    """How to send the bytes: with one PUT, or in equal parts whose URLs are signed page by page."""

    strategy = serializers.ChoiceField(choices=[strategy.value for strategy in UploadStrategy])
    method = serializers.ChoiceField(choices=["PUT"])
    headers = serializers.DictField(child=serializers.CharField(), help_text="Send exactly these.")
    part_size_bytes = serializers.IntegerField(allow_null=True, help_text="Of every part but the last.")
    part_count = serializers.IntegerField(allow_null=True)
    expires_at = serializers.DateTimeField(help_text="The URL's end; of an upload in parts its deadline.")
    checksum_algorithm = serializers.ChoiceField(
        choices=[algorithm.value for algorithm in ChecksumAlgorithm],
        allow_null=True,
        help_text="What storage checks, and what the checksums of this upload are; null: it checks nothing.",
    )


class UploadDescriptionSerializer(serializers.Serializer[Any]):
    """The answer to `upload/`: how an unfinished upload is to be sent."""

    video = VideoSerializer()
    file_key = serializers.CharField()
    content_type = serializers.CharField()
    upload = UploadPlanSerializer()


class UploadTicketSerializer(UploadDescriptionSerializer):
    """The answer to `upload/init/`."""

    upload_url = serializers.URLField(allow_null=True, help_text="Null for an upload in parts.")


class PartTicketSerializer(serializers.Serializer[Any]):
    """Where one part goes."""

    part_number = serializers.IntegerField()
    url = serializers.URLField()
    headers = serializers.DictField(child=serializers.CharField(), help_text="Send exactly these.")
    size_bytes = serializers.IntegerField(help_text="The URL accepts no other length.")


class PartTicketsSerializer(serializers.Serializer[Any]):
    """The answer to `upload/multipart/presign/`."""

    parts = PartTicketSerializer(many=True)
    expires_at = serializers.DateTimeField()


class StoredPartSerializer(serializers.Serializer[Any]):
    """One part that storage has."""

    part_number = serializers.IntegerField()
    size_bytes = serializers.IntegerField()
    etag = serializers.CharField()
    checksum_crc64nvme = serializers.SerializerMethodField()
    checksum_crc32 = serializers.SerializerMethodField()

    def get_checksum_crc64nvme(self, part: StoredPart) -> str | None:
        return part.checksums.get(ChecksumAlgorithm.CRC64NVME)

    def get_checksum_crc32(self, part: StoredPart) -> str | None:
        return part.checksums.get(ChecksumAlgorithm.CRC32)


class StoredPartsSerializer(serializers.Serializer[Any]):
    """The answer to `upload/multipart/parts/`."""

    part_size_bytes = serializers.IntegerField(source="plan.part_size_bytes")
    part_count = serializers.IntegerField(source="plan.part_count")
    parts = StoredPartSerializer(many=True)
    complete = serializers.BooleanField(
        source="is_assembled", help_text="The parts have become an object: only `complete` is left to call."
    )


class UsedAmountSerializer(serializers.Serializer[Any]):
    """Something that is used up. `allowed` is null where there is no limit."""

    used = serializers.IntegerField()
    allowed = serializers.IntegerField(allow_null=True)


class QuotaSerializer(serializers.Serializer[Any]):
    """The answer to `quota/`."""

    stored_bytes = UsedAmountSerializer()
    reserved_bytes = serializers.IntegerField(help_text="The part of the bytes in use that is not READY yet.")
    stored_seconds = UsedAmountSerializer()
    open_uploads = UsedAmountSerializer()
    file_bytes = serializers.IntegerField(help_text="The largest file that may be uploaded.")
    duration_seconds = serializers.FloatField(help_text="The longest video that is taken.")


class CompletedUploadSerializer(serializers.Serializer[Any]):
    """The answer to `upload/complete/` when all is done."""

    video = VideoSerializer()
    job_id = serializers.UUIDField()
    enqueue = serializers.ChoiceField(choices=["sent"])
    verification = serializers.ChoiceField(choices=["verified", "deferred"])


class JobAcceptedSerializer(serializers.Serializer[Any]):
    """The answer to `cancel/`."""

    detail = serializers.CharField()
    job_id = serializers.UUIDField()


class RetrySerializer(serializers.Serializer[Any]):
    """How to retry."""

    force = serializers.BooleanField(
        default=False, help_text="Cancel the active job first; without it that job is the answer."
    )


class RetryAcceptedSerializer(serializers.Serializer[Any]):
    """The answer to `retry/`: the video's active job, and whether the call has started it."""

    detail = serializers.ChoiceField(choices=[detail.value for detail in RetryDetail])
    job_id = serializers.UUIDField()


class VideoProgressSerializer(serializers.Serializer[Any]):
    """The answer to `progress/`."""

    status = serializers.ChoiceField(choices=[status.value for status in VideoStatus])
    job_id = serializers.UUIDField(allow_null=True)
    attempt = serializers.IntegerField(allow_null=True)
    stage = serializers.CharField(allow_null=True)
    percent = serializers.FloatField(help_text="0 to 100; 100 only when READY.")
    remaining_seconds = serializers.FloatField(allow_null=True)
    updated_at = serializers.DateTimeField(allow_null=True)


class VideoEventSerializer(serializers.ModelSerializer[VideoEvent]):
    """Something that happened to a video."""

    class Meta:
        model = VideoEvent
        fields = ("id", "name", "at", "actor", "job", "attempt", "data")
        read_only_fields = fields


class TimelineEntrySerializer(serializers.Serializer[Any]):
    """One line of the timeline."""

    id = serializers.CharField(help_text="The same in every answer.")
    source = serializers.ChoiceField(  # type: ignore[assignment]
        choices=[source.value for source in TimelineSource], help_text="Which part of the pipeline tells it."
    )
    name = serializers.CharField(help_text="More words may come: show those that you do not know as they are.")
    at = serializers.DateTimeField()
    actor = serializers.CharField(help_text="For operators with the name behind the kind: `worker:host-3`.")
    job = serializers.UUIDField(allow_null=True)
    attempt = serializers.IntegerField(allow_null=True)
    data = serializers.DictField(  # type: ignore[assignment]
        help_text="Internals, for operators; empty for others."
    )


class PlaybackGrantSerializer(serializers.Serializer[Any]):
    """The answer to `playback/`."""

    master_url = serializers.URLField()
    thumbnail_url = serializers.URLField(allow_null=True)
    storyboard_url = serializers.URLField(
        allow_null=True, help_text="WebVTT: which part of which picture shows each time; null while there is none."
    )
    expires_at = serializers.DateTimeField()
    policy = PlaybackPolicySerializer()


class EvidenceSerializer(serializers.Serializer[Any]):
    """One thing that was seen."""

    source = serializers.ChoiceField(  # type: ignore[assignment]
        choices=[source.value for source in EvidenceSource]
    )
    age_seconds = serializers.FloatField(help_text="How old the sight is.")
    facts = serializers.DictField()


class WhySerializer(serializers.Serializer[Any]):
    """The answer to `why/`. The causes are catalogued in docs/reference/causes.md."""

    video_id = serializers.IntegerField()
    status = serializers.ChoiceField(choices=[status.value for status in VideoStatus])
    verdict = serializers.CharField(help_text="One sentence for the uploader.")
    hint = serializers.CharField()
    severity = serializers.ChoiceField(choices=[verdict.value for verdict in Verdict])
    cause_code = serializers.ChoiceField(choices=[cause.value for cause in Cause])
    inner_cause_code = serializers.ChoiceField(
        choices=[cause.value for cause in Cause], allow_null=True, help_text="What lies behind it, if that is known."
    )
    fault = serializers.ChoiceField(choices=[fault.value for fault in Fault])
    acts = serializers.ChoiceField(choices=[acts.value for acts in Acts])
    holder = serializers.CharField(help_text="uploader, storage, outbox, queue, worker, reconciler or nobody.")
    since = serializers.DateTimeField()
    position_in_line = serializers.IntegerField(allow_null=True)
    next_step = serializers.CharField()
    next_step_code = serializers.ChoiceField(choices=[step.value for step in NextStep])
    next_step_at = serializers.DateTimeField(allow_null=True)
    operator = serializers.CharField(allow_null=True, help_text="One sentence with internals, for operators.")
    evidence = EvidenceSerializer(many=True)
    allowed_actions = serializers.ListField(child=serializers.ChoiceField([action.value for action in VideoAction]))
