"""What crosses a process boundary: the queue's message, and what a worker is given and gives back."""

import json
from dataclasses import asdict, dataclass, field
from uuid import UUID

MESSAGE_VERSION = 1
LONGEST_MESSAGE_BYTES = 1024


class UnreadableMessage(ValueError):
    """The queue message is not a transcode message."""


class UnknownVersion(UnreadableMessage):
    """The queue message is of a version that this release does not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscodeMessage:
    """A wake-up: it carries ids, the table carries the schedule. Body version 1, at most 1 KiB."""

    job_id: UUID
    video_id: int
    tenant_id: int
    file_key: str
    version: int = MESSAGE_VERSION
    is_call_for_help: bool = False
    """The job has a worker; whoever is free may do some of its chunks. Lost or doubled, it changes nothing."""

    def to_json(self) -> str:
        """Return the message body."""
        fields = {**asdict(self), "job_id": str(self.job_id)}
        if not self.is_call_for_help:
            del fields["is_call_for_help"]
        return json.dumps(fields, separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def parse(cls, body: str) -> "TranscodeMessage":
        """
        Read a message body. Unknown fields are ignored, so that a later version may add some.

        Raises:
            UnreadableMessage: Not JSON, not an object, or a field is missing or of a wrong type.
            UnknownVersion: Another version, whatever its fields are.
        """
        try:
            fields = json.loads(body)
            _require_version(_whole_number(fields["version"]))
            return cls(
                job_id=UUID(fields["job_id"]),
                video_id=_whole_number(fields["video_id"]),
                tenant_id=_whole_number(fields["tenant_id"]),
                file_key=_text(fields["file_key"]),
                is_call_for_help=fields.get("is_call_for_help") is True,
            )
        except UnreadableMessage:
            raise
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise UnreadableMessage(f"not a transcode message: {error!r}") from error


def _require_version(version: int) -> None:
    if version != MESSAGE_VERSION:
        raise UnknownVersion(f"version {version!r} is not {MESSAGE_VERSION}")


def _whole_number(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise TypeError(f"{value!r} is not a whole number")


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise TypeError(f"{value!r} is not text")


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodingChoices:
    """
    How a tenant's videos are encoded.

    `quality` is x264's CRF, which means something only together with the preset. `evens_loudness` brings the sound to
    -16 LUFS; otherwise it stays as it is.
    """

    highest_short_side: int = 1080
    quality: int = 23
    preset: str = "veryfast"
    evens_loudness: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedJob:
    """One attempt, as its worker sees it. `attempt` is the fence: every later write names it."""

    job_id: UUID
    video_id: int
    tenant_id: int
    attempt: int
    source_key: str
    source_etag: str | None
    source_size_bytes: int
    verified: bool
    output_prefix: str
    longest_seconds: float
    """What the tenant allows. The worker holds a source to it that nobody could measure before."""
    encoding: EncodingChoices = EncodingChoices()
    traceparent: str = ""
    """The job's place in a trace, which the message that woke the worker up may not be part of."""
    plan_digest: str = ""
    """Of the plan that an earlier attempt has entered; what is done of it stays done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobProgress:
    """How far an attempt has come. `percent` is work done, 0 to 100."""

    stage: str
    percent: float
    remaining_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscodeOutput:
    """What an attempt has written under its prefix. Width and height as displayed, after rotation."""

    duration_seconds: float
    width: int
    height: int
    has_audio: bool
    renditions: tuple[str, ...]
    master_key: str
    thumbnail_key: str
    object_count: int
    bytes_total: int
    storyboard_key: str = ""
    source_facts: dict[str, object] = field(default_factory=dict)
    """Of the source, as its verification stores them; the worker verifies what `complete` could not."""
