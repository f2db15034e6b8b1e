"""Promises about what a source may be, at each ceiling and one step beyond."""

from typing import Any

import pytest

from libs.media.facts import MediaFacts, MediaLimits, MediaRejected, facts_from, judge

LIMITS = MediaLimits(
    min_duration_seconds=1.0,
    max_duration_seconds=3600.0,
    max_pixels=1920 * 1080,
    max_streams=3,
    max_frames_per_second=120.0,
)


def report(*, duration: str = "60.0", streams: int = 2, **picture: Any) -> dict[str, Any]:
    shown = {
        "index": 0,
        "codec_type": "video",
        "codec_name": "h264",
        "width": 1920,
        "height": 1080,
        "avg_frame_rate": "30/1",
        **picture,
    }
    sound = [{"index": index, "codec_type": "audio", "codec_name": "aac"} for index in range(1, streams)]
    return {"format": {"format_name": "mov,mp4", "duration": duration}, "streams": [shown, *sound]}


def facts(**changes: Any) -> MediaFacts:
    return facts_from(report(**changes), fragmented=False)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"duration": "1.0"},
        {"duration": "3600.0"},
        {"streams": 3},
        {"avg_frame_rate": "120/1"},
        # Browsers record without a rate; what ffprobe says then is the unit of time.
        {"avg_frame_rate": "1000/1"},
        {"avg_frame_rate": "0/0", "r_frame_rate": "90000/1"},
        {"width": 1080, "height": 1920},
    ],
)
def test_up_to_a_ceiling_a_source_is_fine(changes: dict[str, Any]) -> None:
    assert judge(facts(**changes), limits=LIMITS).video is not None


@pytest.mark.parametrize(
    ("changes", "cause_code"),
    [
        ({"duration": "0.9"}, "INPUT_TOO_SHORT"),
        ({"duration": "3600.1"}, "INPUT_TOO_LONG"),
        ({"streams": 4}, "INPUT_TOO_MANY_STREAMS"),
        ({"avg_frame_rate": "121/1"}, "INPUT_TOO_MANY_FRAMES"),
        ({"avg_frame_rate": "999/1"}, "INPUT_TOO_MANY_FRAMES"),
        ({"width": 1921}, "INPUT_TOO_MANY_PIXELS"),
        ({"codec_name": ""}, "INPUT_UNSUPPORTED_CODEC"),
        ({"width": 0}, "INPUT_MALFORMED"),
        ({"codec_type": "subtitle", "streams": 1}, "INPUT_NO_VIDEO_STREAM"),
    ],
)
def test_one_step_beyond_it_is_refused_for_that_cause(changes: dict[str, Any], cause_code: str) -> None:
    with pytest.raises(MediaRejected) as refused:
        judge(facts(**changes), limits=LIMITS)
    assert refused.value.cause_code == cause_code


def test_a_length_that_nobody_knows_is_no_reason_to_refuse() -> None:
    """To the uploader: a browser's recording does not say how long it is."""
    assert judge(facts(duration="N/A"), limits=LIMITS).duration_seconds is None
