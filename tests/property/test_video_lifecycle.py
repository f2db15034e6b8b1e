"""Promises that hold for every history of a job, not only for those that somebody thought of."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

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

# What happens to a job without any person: workers, their leases, the budget and the reconciler.
AUTOMATIC = frozenset(JOB_TRANSITIONS) - {EventName.JOB_CANCELLED}
WAITING = frozenset({VideoStatus.PENDING, VideoStatus.UPLOADED, VideoStatus.PROCESSING})


def exits(state: JobState, events: frozenset[EventName] = frozenset(JOB_TRANSITIONS)) -> list[EventName]:
    return sorted(event for event in events if state in JOB_TRANSITIONS[event].sources)


def ends_reachable_from(state: JobState) -> set[JobState]:
    seen, front = {state}, [state]
    while front:
        here = front.pop()
        for event in exits(here, AUTOMATIC):
            target = JOB_TRANSITIONS[event].target
            if target not in seen:
                seen.add(target)
                front.append(target)
    return seen - ACTIVE_JOB_STATES


@given(st.data())
def test_no_history_leaves_an_unfinished_job_without_an_exit(data: st.DataObject) -> None:
    state = JobState.QUEUED
    for _ in range(data.draw(st.integers(0, 40))):
        possible = exits(state)
        if not possible:
            break
        state = JOB_TRANSITIONS[data.draw(st.sampled_from(possible))].target
    if state in ACTIVE_JOB_STATES:
        assert exits(state, AUTOMATIC), f"{state} waits for a person"
        assert JobState.SUCCEEDED in ends_reachable_from(state)
        assert JobState.DEAD in ends_reachable_from(state)
    else:
        assert exits(state) == []


@given(st.sampled_from(list(JobState)), st.sampled_from(list(JOB_TRANSITIONS)))
def test_a_final_job_never_moves_again(state: JobState, event: EventName) -> None:
    if state not in ACTIVE_JOB_STATES:
        assert state not in JOB_TRANSITIONS[event].sources


class OneVideosLife(RuleBasedStateMachine):
    """Every order of uploads, jobs, retries and cancels that the tables allow, as the services apply them."""

    def __init__(self) -> None:
        super().__init__()
        self.upload = UploadState.PENDING
        self.job: JobState | None = None
        self.published = False

    @property
    def status(self) -> VideoStatus:
        return project_status(upload=self.upload, job=self.job, published=self.published)

    @property
    def actions(self) -> tuple[VideoAction, ...]:
        return allowed_actions(status=self.status, upload=self.upload, job=self.job)

    @rule(event=st.sampled_from(list(UPLOAD_TRANSITIONS)))
    def move_upload(self, event: EventName) -> None:
        transition = UPLOAD_TRANSITIONS[event]
        if self.upload in transition.sources:
            self.upload = transition.target
            if self.upload is UploadState.ACCEPTED:
                self.job = JobState.QUEUED

    @precondition(lambda self: self.job is not None)
    @rule(event=st.sampled_from(list(JOB_TRANSITIONS)))
    def move_job(self, event: EventName) -> None:
        transition = JOB_TRANSITIONS[event]
        if self.job in transition.sources:
            self.job = transition.target
            self.published = self.published or self.job is JobState.SUCCEEDED

    @precondition(lambda self: VideoAction.RETRY in self.actions)
    @rule()
    def retry(self) -> None:
        self.job = JobState.QUEUED

    @invariant()
    def what_is_published_stays_ready(self) -> None:
        assert (self.status is VideoStatus.READY) == self.published

    @invariant()
    def whoever_waits_waits_for_somebody(self) -> None:
        if self.status in WAITING:
            assert self.upload is UploadState.PENDING or self.job in ACTIVE_JOB_STATES

    @invariant()
    def a_failed_video_can_be_retried_or_says_that_the_file_is_at_fault(self) -> None:
        if self.status is VideoStatus.FAILED:
            assert VideoAction.RETRY in self.actions or self.upload is UploadState.REFUSED

    @invariant()
    def there_is_no_job_without_accepted_bytes(self) -> None:
        assert self.job is None or self.upload is UploadState.ACCEPTED


TestOneVideosLife = OneVideosLife.TestCase
