"""Promises about states: what may follow what, what a person is told of it, and which buttons they get."""

import itertools

import pytest

from apps.support.video.domain.actions import VideoAction, allowed_actions
from apps.support.video.domain.lifecycle import (
    ACTIVE_JOB_STATES,
    JOB_TRANSITIONS,
    UPLOAD_TRANSITIONS,
    EventName,
    JobState,
    UploadState,
    VideoStatus,
    project_status,
)

FINAL_JOB_STATES = frozenset(JobState) - ACTIVE_JOB_STATES
FINAL_STATUSES = frozenset({VideoStatus.READY, VideoStatus.FAILED, VideoStatus.EXPIRED})


def edges(event: EventName) -> set[tuple[str, str]]:
    table = JOB_TRANSITIONS.get(event) or UPLOAD_TRANSITIONS[event]
    return {(str(source), str(table.target)) for source in table.sources}


class TestTables:
    @pytest.mark.parametrize(
        ("event", "expected"),
        [
            (EventName.JOB_CLAIMED, {("QUEUED", "RUNNING")}),
            (EventName.JOB_SUCCEEDED, {("RUNNING", "SUCCEEDED")}),
            (EventName.JOB_FAILED, {("RUNNING", "FAILED")}),
            (EventName.JOB_LEASE_EXPIRED, {("RUNNING", "RETRY_WAIT")}),
            (EventName.JOB_RETRY_SCHEDULED, {("RUNNING", "RETRY_WAIT")}),
            (EventName.JOB_HANDED_BACK, {("RUNNING", "RETRY_WAIT")}),
            (EventName.JOB_REQUEUED, {("RETRY_WAIT", "QUEUED")}),
            (EventName.JOB_ATTEMPTS_EXHAUSTED, {("RUNNING", "DEAD"), ("RETRY_WAIT", "DEAD")}),
            (
                EventName.JOB_CANCELLED,
                {("QUEUED", "CANCELLED"), ("RUNNING", "CANCELLED"), ("RETRY_WAIT", "CANCELLED")},
            ),
            (EventName.UPLOAD_COMPLETED, {("PENDING", "ACCEPTED"), ("EXPIRED", "ACCEPTED")}),
            (EventName.UPLOAD_REFUSED, {("PENDING", "REFUSED"), ("EXPIRED", "REFUSED")}),
            (EventName.UPLOAD_EXPIRED, {("PENDING", "EXPIRED")}),
        ],
    )
    def test_a_transition_has_exactly_these_edges(self, event: EventName, expected: set[tuple[str, str]]) -> None:
        assert edges(event) == expected

    def test_every_transition_is_in_the_test_above(self) -> None:
        """To the next developer: a transition that is added here comes with its edges written down."""
        assert len(JOB_TRANSITIONS) == 9
        assert len(UPLOAD_TRANSITIONS) == 3

    def test_an_active_job_state_has_an_exit_and_a_final_one_has_none(self) -> None:
        left = {source for transition in JOB_TRANSITIONS.values() for source in transition.sources}
        assert left == ACTIVE_JOB_STATES
        assert {JobState.SUCCEEDED, JobState.FAILED, JobState.DEAD, JobState.CANCELLED} == FINAL_JOB_STATES

    def test_bytes_that_arrive_late_are_still_taken(self) -> None:
        """To the uploader: an expired upload is no verdict on bytes that did reach storage."""
        assert UploadState.EXPIRED in UPLOAD_TRANSITIONS[EventName.UPLOAD_COMPLETED].sources

    def test_no_state_is_both_a_job_and_a_typo(self) -> None:
        for states in (JobState, UploadState, VideoStatus, EventName):
            assert len({str(state) for state in states}) == len(states)


class TestProjection:
    @pytest.mark.parametrize(
        ("upload", "expected"),
        [
            (UploadState.PENDING, VideoStatus.PENDING),
            (UploadState.ACCEPTED, VideoStatus.UPLOADED),
            (UploadState.REFUSED, VideoStatus.FAILED),
            (UploadState.EXPIRED, VideoStatus.EXPIRED),
        ],
    )
    def test_without_a_job_the_upload_decides(self, upload: UploadState, expected: VideoStatus) -> None:
        assert project_status(upload=upload, job=None, published=False) is expected

    @pytest.mark.parametrize(
        ("job", "expected"),
        [
            (JobState.QUEUED, VideoStatus.UPLOADED),
            (JobState.RETRY_WAIT, VideoStatus.UPLOADED),
            (JobState.RUNNING, VideoStatus.PROCESSING),
            (JobState.SUCCEEDED, VideoStatus.FAILED),
            (JobState.FAILED, VideoStatus.FAILED),
            (JobState.DEAD, VideoStatus.FAILED),
            (JobState.CANCELLED, VideoStatus.FAILED),
        ],
    )
    def test_with_an_accepted_source_the_job_decides(self, job: JobState, expected: VideoStatus) -> None:
        assert project_status(upload=UploadState.ACCEPTED, job=job, published=False) is expected

    @pytest.mark.parametrize("job", [None, *JobState])
    @pytest.mark.parametrize("upload", list(UploadState))
    def test_a_published_video_is_ready_whatever_a_later_job_does(
        self, upload: UploadState, job: JobState | None
    ) -> None:
        """To the viewer: a re-encode, failed or cancelled, never takes a lecture down."""
        assert project_status(upload=upload, job=job, published=True) is VideoStatus.READY

    @pytest.mark.parametrize("job", list(JobState))
    def test_an_active_job_never_shows_as_a_final_status(self, job: JobState) -> None:
        status = project_status(upload=UploadState.ACCEPTED, job=job, published=False)
        assert (job in ACTIVE_JOB_STATES) == (status not in FINAL_STATUSES)


class TestAllowedActions:
    @pytest.mark.parametrize(
        ("status", "upload", "job", "expected"),
        [
            ("PENDING", "PENDING", None, ["complete", "refresh_url", "update", "delete"]),
            ("EXPIRED", "EXPIRED", None, ["complete", "update", "delete"]),
            ("FAILED", "REFUSED", None, ["update", "delete"]),
            ("UPLOADED", "ACCEPTED", "QUEUED", ["cancel", "download", "update", "delete"]),
            ("UPLOADED", "ACCEPTED", "RETRY_WAIT", ["cancel", "download", "update", "delete"]),
            ("PROCESSING", "ACCEPTED", "RUNNING", ["cancel", "download", "update", "delete"]),
            ("FAILED", "ACCEPTED", "FAILED", ["retry", "download", "update", "delete"]),
            ("FAILED", "ACCEPTED", "DEAD", ["retry", "download", "update", "delete"]),
            ("FAILED", "ACCEPTED", "CANCELLED", ["retry", "download", "update", "delete"]),
            ("READY", "ACCEPTED", "SUCCEEDED", ["play", "retry", "download", "update", "delete"]),
            ("READY", "ACCEPTED", "RUNNING", ["play", "cancel", "download", "update", "delete"]),
            ("READY", "ACCEPTED", "FAILED", ["play", "retry", "download", "update", "delete"]),
            # Its job row is gone: a person can start it again.
            ("UPLOADED", "ACCEPTED", None, ["retry", "download", "update", "delete"]),
        ],
    )
    def test_each_state_has_its_buttons(self, status: str, upload: str, job: str | None, expected: list[str]) -> None:
        actions = allowed_actions(
            status=VideoStatus(status), upload=UploadState(upload), job=JobState(job) if job else None
        )
        assert [action.value for action in actions] == expected

    def test_no_combination_offers_a_contradiction(self) -> None:
        for status, upload, job in itertools.product(VideoStatus, UploadState, [None, *JobState]):
            actions = set(allowed_actions(status=status, upload=upload, job=job))
            assert not {VideoAction.RETRY, VideoAction.CANCEL} <= actions
            assert not {VideoAction.RETRY, VideoAction.COMPLETE} <= actions
            assert {VideoAction.UPDATE, VideoAction.DELETE} <= actions
