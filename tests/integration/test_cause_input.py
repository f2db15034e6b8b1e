"""To the uploader of a file that can never be played: each reason, found by a real ffprobe in a real file."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytest_django import Settings

from apps.core.models import Tenant
from apps.support.video import wiring
from apps.support.video.domain.causes import Cause, Verdict
from tests.support import hostile
from tests.support.api import Api
from tests.support.causes import assert_told, makes
from tests.support.media import encrypted
from tests.support.video_files import clip, subtitles_only, truncated_clip

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(s3_engine: None) -> Iterator[Api]:
    tenant = Tenant.objects.create(code="demo", name="데모 학원")
    yield Api(tenant)
    wiring.storage().delete_prefix(f"tenants/{tenant.pk}/")


# A file, and what the installation allows where that decides.
REFUSED: dict[Cause, tuple[Callable[[], bytes], dict[str, Any]]] = {
    Cause.INPUT_NOT_VIDEO: (hostile.archive, {}),
    Cause.INPUT_UNSUPPORTED_CONTAINER: (lambda: b"OggS" + bytes(500), {}),
    Cause.INPUT_UNSUPPORTED_CODEC: (lambda: clip(audio=False).replace(b"avc1", b"zzzz"), {}),
    Cause.INPUT_NO_VIDEO_STREAM: (subtitles_only, {}),
    Cause.INPUT_ENCRYPTED: (encrypted, {}),
    Cause.INPUT_MALFORMED: (lambda: b"\x1a\x45\xdf\xa3" + bytes(2000), {}),
    Cause.INPUT_TRUNCATED: (truncated_clip, {}),
    Cause.INPUT_SUSPICIOUS: (lambda: hostile.hls_of("http://127.0.0.1:1/internal"), {}),
    Cause.INPUT_TOO_SHORT: (clip, {"VIDEO_MIN_DURATION_SECONDS": 60.0}),
    Cause.INPUT_TOO_LONG: (clip, {"VIDEO_MAX_DURATION_SECONDS": 0.5}),
    Cause.INPUT_TOO_MANY_PIXELS: (clip, {"VIDEO_MAX_PIXELS": 160 * 90 - 1}),
    Cause.INPUT_TOO_MANY_STREAMS: (clip, {"VIDEO_MAX_STREAMS": 1}),
    Cause.INPUT_TOO_MANY_FRAMES: (clip, {"VIDEO_MAX_FRAMES_PER_SECOND": 9.0}),
}


@pytest.fixture
def limits(request: pytest.FixtureRequest, settings: Settings, cause: Cause) -> None:
    """Let the installation allow no more than the cause needs; adapters are made anew for that alone."""
    _, values = REFUSED[cause]
    if values:
        rewire = request.getfixturevalue("rewire")
        for name, value in values.items():
            setattr(settings, name, value)
        rewire()


@pytest.mark.usefixtures("limits")
@makes(*REFUSED)
def test_a_file_that_can_never_be_played(api: Api, cause: Cause) -> None:
    make, _ = REFUSED[cause]
    video_id = api.upload(make())
    assert api.complete(video_id).json()["cause_code"] == cause
    told = assert_told(video_id, cause, by=api, actions=[], severity=Verdict.FAILED)
    assert (told["fault"], told["acts"], told["next_step_code"]) == ("yours", "user", "new_upload")
