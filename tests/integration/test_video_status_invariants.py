"""To whoever asks for a status: it is what the rows say, and nothing waits for an encode that nobody ordered."""

import pytest

from apps.support.video.domain.errors import TransitionRefused
from apps.support.video.domain.lifecycle import JobState, VideoStatus
from apps.support.video.models import Video, VideoTranscodeJob
from apps.support.video.recovery.reconciler import run_once
from apps.support.video.recovery.statuses import StatusIsProjection, WaitingVideoHasJob
from tests.support.videos import STATES, Pipeline, all_rows

pytestmark = pytest.mark.django_db(transaction=True)

LIMIT = 100


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline()


def lose_job(pipeline: Pipeline, video: Video) -> None:
    Video.objects.for_tenant(pipeline.tenant).filter(pk=video.pk).update(current_job=None)
    VideoTranscodeJob.objects.for_tenant(pipeline.tenant).filter(video=video).delete()


@pytest.mark.parametrize("invariant", [WaitingVideoHasJob(), StatusIsProjection()], ids=lambda one: one.code)
@pytest.mark.parametrize("state", STATES)
def test_a_healthy_video_is_no_finding(
    state: str, invariant: WaitingVideoHasJob | StatusIsProjection, pipeline: Pipeline
) -> None:
    pipeline.in_state(state)
    before = all_rows()
    assert invariant.find(pipeline.world, limit=LIMIT) == []
    assert all_rows() == before


def test_v01_orders_the_encode_that_got_lost(pipeline: Pipeline) -> None:
    video = pipeline.uploaded()
    lose_job(pipeline, video)
    (finding,) = WaitingVideoHasJob().find(pipeline.world, limit=LIMIT)

    WaitingVideoHasJob().repair(pipeline.world, finding)

    assert pipeline.job_of(video).state == JobState.QUEUED
    assert pipeline.fresh(video).status == VideoStatus.UPLOADED
    assert WaitingVideoHasJob().find(pipeline.world, limit=LIMIT) == []
    with pytest.raises(TransitionRefused):
        WaitingVideoHasJob().repair(pipeline.world, finding)
    pipeline.publish(pipeline.claim(video))
    assert pipeline.fresh(video).status == VideoStatus.READY


def test_v01_leaves_a_deleted_video_alone(pipeline: Pipeline) -> None:
    video = pipeline.uploaded()
    lose_job(pipeline, video)
    (finding,) = WaitingVideoHasJob().find(pipeline.world, limit=LIMIT)
    pipeline.delete(video)
    with pytest.raises(TransitionRefused):
        WaitingVideoHasJob().repair(pipeline.world, finding)


@pytest.mark.parametrize(
    ("state", "wrong"),
    [
        ("processing", VideoStatus.UPLOADED),
        ("uploaded", VideoStatus.PENDING),
        ("uploaded", VideoStatus.FAILED),
        ("pending", VideoStatus.PROCESSING),
        ("failed", VideoStatus.PROCESSING),
        ("ready", VideoStatus.FAILED),
        ("ready", VideoStatus.EXPIRED),
        ("reencoding", VideoStatus.FAILED),
        ("failed", VideoStatus.EXPIRED),
        ("dead", VideoStatus.EXPIRED),
        ("refused", VideoStatus.EXPIRED),
        ("expired", VideoStatus.FAILED),
    ],
)
def test_v05_puts_a_status_right_and_says_so(state: str, wrong: VideoStatus, pipeline: Pipeline) -> None:
    video = pipeline.in_state(state)
    right = video.status
    Video.objects.for_tenant(pipeline.tenant).filter(pk=video.pk).update(status=wrong)
    (finding,) = StatusIsProjection().find(pipeline.world, limit=LIMIT)

    StatusIsProjection().repair(pipeline.world, finding)

    assert pipeline.fresh(video).status == right
    assert pipeline.events_of(video)[-1] == "status_repaired"
    assert StatusIsProjection().find(pipeline.world, limit=LIMIT) == []
    before = all_rows()
    with pytest.raises(TransitionRefused):
        StatusIsProjection().repair(pipeline.world, finding)
    assert all_rows() == before


def test_v05_comes_to_every_video_that_has_ended(pipeline: Pipeline) -> None:
    """To the viewer of an old video: a pass looks at a part of them in each round, and then begins again."""
    invariant = StatusIsProjection(ended_at_once=1)
    videos = [pipeline.ready() for _ in range(3)]

    def rounds_until_repaired(video: Video) -> int:
        Video.objects.for_tenant(pipeline.tenant).filter(pk=video.pk).update(status=VideoStatus.FAILED)
        for number in range(1, 10):
            run_once(pipeline.world, invariants=[invariant])
            if pipeline.fresh(video).status == VideoStatus.READY:
                return number
        raise AssertionError("nobody looked")

    assert rounds_until_repaired(videos[2]) == 3
    # An empty window ends the pass.
    assert rounds_until_repaired(videos[0]) == 2


def test_a_round_repairs_both(pipeline: Pipeline) -> None:
    drifted, orphan = pipeline.processing(), pipeline.uploaded()
    Video.objects.for_tenant(pipeline.tenant).filter(pk=drifted.pk).update(status=VideoStatus.UPLOADED)
    lose_job(pipeline, orphan)

    reports = {report.code: report for report in run_once(pipeline.world)}

    assert (reports["V01"].repaired, reports["V05"].repaired) == (1, 1)
    assert pipeline.fresh(drifted).status == VideoStatus.PROCESSING
    assert pipeline.job_of(orphan).state == JobState.QUEUED
