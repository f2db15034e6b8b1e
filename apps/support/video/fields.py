"""The parts that requests and answers are made of."""

from typing import Any

from rest_framework import serializers

from .domain.checksums import ChecksumAlgorithm
from .domain.playback_policy import FASTEST_LIMIT, SLOWEST_LIMIT, PlaybackPolicy


class StrictTextField(serializers.CharField):
    """Text, and not a number that could be read as text."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class StrictIntegerField(serializers.IntegerField):
    """A whole JSON number, and not text or a truth value that could be read as one."""

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            self.fail("invalid")
        return super().to_internal_value(data)


class StrictFloatField(serializers.FloatField):
    """A JSON number, and not text or a truth value that could be read as one."""

    def to_internal_value(self, data: Any) -> float:
        if not isinstance(data, int | float) or isinstance(data, bool):
            self.fail("invalid")
        return super().to_internal_value(data)


class ChecksumField(StrictTextField):
    """A checksum as S3 writes it: the base64 of its bytes, the highest first."""

    def __init__(self, *algorithms: ChecksumAlgorithm, **options: Any) -> None:
        self.algorithms = algorithms
        super().__init__(max_length=12, **options)

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if text and not any(algorithm.accepts(text) for algorithm in self.algorithms):
            self.fail("invalid")
        return text


class PlaybackPolicySerializer(serializers.Serializer[Any]):
    """What a video asks of players, which follow it; it is no protection of what may be fetched."""

    allow_skip = serializers.BooleanField(help_text="Viewers may jump to what they have not watched yet.")
    max_speed = StrictFloatField(
        min_value=SLOWEST_LIMIT, max_value=FASTEST_LIMIT, help_text="The fastest playback rate; 1 is as recorded."
    )
    watermark = serializers.BooleanField(help_text="The viewer's name is shown over the picture.")

    def to_internal_value(self, data: Any) -> PlaybackPolicy:
        return PlaybackPolicy(**super().to_internal_value(data))
