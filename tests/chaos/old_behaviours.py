"""
The behaviours of `docs/explanation/failures.md`, as edits that bring each of them back.

A test named there proves something only if it turns red with them; `test_old_behaviours.py` demands that.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.chaos.mutants import Edit, edits_of

_VIDEO = "apps/support/video"
_WORKER = "apps/worker/video_worker"


@dataclass(frozen=True, slots=True, kw_only=True)
class OldBehaviour:
    """
    A failure that was there once.

    Args:
        failure: Its words on the page.
        edits: What brings it back.
        test: The file and the name of a test of the page's row that must turn red.
    """

    failure: str
    edits: tuple[Edit, ...]
    test: tuple[str, str]


OLD_BEHAVIOURS: tuple[OldBehaviour, ...] = (
    OldBehaviour(
        failure="sent inside the transaction, the worker came first, the message was deleted",
        edits=(
            Edit(
                file="libs/db/guards.py",
                old="    for connection in connections.all(initialized_only=True):\n",
                new="    for connection in []:\n",
            ),
        ),
        test=("integration/test_outbox_relay.py", "test_an_open_transaction_keeps_the_relay_from_sending"),
    ),
    OldBehaviour(
        failure="the send failed after UPLOADED, then 409 for ever",
        edits=edits_of("409 on repeat: a second complete does not send what is unsent"),
        test=("integration/test_video_upload.py", "test_a_repeat_after_it_is_back_sends_and_is_200"),
    ),
    OldBehaviour(
        failure="the browser never called complete",
        edits=edits_of("nobody completes for a browser that was closed"),
        test=("integration/test_video_recovery.py", "test_an_upload_whose_browser_closed_is_completed"),
    ),
    OldBehaviour(
        failure="an early delete lost work on kill -9",
        edits=edits_of("early ack: the message is deleted before its outcome is committed"),
        test=("integration/test_worker_handle.py", "test_success_is_published_and_then_the_message_is_deleted"),
    ),
    OldBehaviour(
        failure="visibility shorter than the encode",
        edits=(
            Edit(
                file=f"{_WORKER}/lease.py",
                old="                    self._extend_once()\n        connection.close()\n",
                new="        connection.close()\n",
            ),
        ),
        test=("unit/test_worker_lease.py", "test_movement_renews_lease_and_visibility_together"),
    ),
    OldBehaviour(
        failure="the status was never PROCESSING",
        edits=(
            Edit(
                file=f"{_VIDEO}/domain/lifecycle.py",
                old="        JobState.RUNNING: VideoStatus.PROCESSING,\n",
                new="        JobState.RUNNING: VideoStatus.UPLOADED,\n",
            ),
        ),
        test=("unit/test_video_lifecycle.py", "test_with_an_accepted_source_the_job_decides"),
    ),
    OldBehaviour(
        failure="two retry budgets, a healthy job in the dead-letter queue",
        edits=edits_of("two retry budgets: workers that are stopped use up the attempts of the file"),
        test=("integration/test_video_transcode.py", "test_handing_back_costs_nothing_of_the_budget"),
    ),
    OldBehaviour(
        failure="a RETRY_WAIT that nobody re-queued",
        edits=(
            Edit(
                file=f"{_VIDEO}/services/transcode.py",
                old="                add_wake_up(job=moved, now=now, due_at=now + delay)\n",
                new="                pass\n",
            ),
        ),
        test=(
            "integration/test_video_transcode.py",
            "test_a_failure_of_ours_waits_and_its_message_is_in_the_same_commit",
        ),
    ),
    OldBehaviour(
        failure="a lease renewed by a thread while ffmpeg hung",
        edits=edits_of("a thread renews the lease, whether the work moves or not"),
        test=("unit/test_worker_lease.py", "test_work_that_does_not_move_does_not_keep_its_lease"),
    ),
    OldBehaviour(
        failure="a stale database connection killed a healthy encode",
        edits=(
            Edit(
                file=f"{_WORKER}/database.py",
                old="        close_old_connections()\n        try:\n",
                new="        try:\n",
            ),
            Edit(
                file=f"{_WORKER}/database.py",
                old="            if tries_left == 0:\n                raise\n",
                new="            if tries_left >= 0:\n                raise\n",
            ),
        ),
        test=("integration/test_worker_handle.py", "test_a_database_connection_that_is_cut_costs_no_encode"),
    ),
    OldBehaviour(
        failure="a tenant's slots eaten by zombies",
        edits=edits_of("a dead worker keeps its job"),
        test=("integration/test_video_recovery.py", "test_the_job_of_a_silent_worker_is_due_at_once"),
    ),
    OldBehaviour(
        failure="a retry started a second job on the same prefix",
        edits=(
            Edit(
                file=f"{_VIDEO}/services/jobs.py",
                old="caller_sends=False, after=last if must_wait else None)\n",
                new="caller_sends=False, after=None)\n",
            ),
        ),
        test=("integration/test_video_transcode.py", "test_the_next_job_waits_for_the_old_ones_lease"),
    ),
    OldBehaviour(
        failure="a cancel turned into a retry",
        edits=edits_of("a cancel is turned into a retry"),
        test=(
            "integration/test_video_transcode.py",
            "test_cancelling_ends_the_job_and_the_budget_cannot_bring_it_back",
        ),
    ),
    OldBehaviour(
        failure="a re-encode took a READY video down",
        edits=edits_of("a re-encode takes a READY video down"),
        test=(
            "integration/test_video_transcode.py",
            "test_a_ready_video_stays_ready_through_the_whole_of_a_reencode",
        ),
    ),
    OldBehaviour(
        failure="a prefix deleted without its slash",
        edits=edits_of("delete without a trailing slash: video 7 takes video 70 along"),
        test=("unit/test_video_keys.py", "test_deleting_video_12_does_not_reach_video_120"),
    ),
    OldBehaviour(
        failure="a delete acknowledged on an error, orphans",
        edits=edits_of("tombstone dropped before storage is empty"),
        test=(
            "integration/test_video_recovery.py",
            "test_storage_that_is_down_leaves_the_tombstone_for_the_next_round",
        ),
    ),
    OldBehaviour(
        failure="querysets without a tenant",
        edits=(
            Edit(
                file="apps/core/tenancy.py",
                old="        if not self._is_scoped:\n",
                new="        if self.model is None:\n",
            ),
        ),
        test=("integration/test_core_tenancy.py", "test_every_unscoped_evaluation_raises_and_changes_nothing"),
    ),
    OldBehaviour(
        failure="the master answered 200 and its variants 401",
        edits=(
            Edit(
                file=f"{_VIDEO}/services/playback.py",
                old="    if not _PLAYLIST_PATH.fullmatch(path):\n",
                new='    if path != "master.m3u8":\n',
            ),
        ),
        test=("integration/test_video_playback.py", "test_a_ready_video_can_be_played_down_to_its_bytes"),
    ),
    OldBehaviour(
        failure="a thumbnail lost silently",
        edits=(
            Edit(
                file=f"{_WORKER}/video/thumbnail.py",
                old='    tries = ((_tenth(source), bright), (0.0, bright), (0.0, ""))\n',
                new="    tries = ((_tenth(source), bright), (0.0, bright))\n",
            ),
            Edit(
                file=f"{_WORKER}/video/thumbnail.py",
                old="            return picture\n    raise _nothing_to_show()\n",
                new='            return picture\n    return b""\n',
            ),
        ),
        test=("integration/test_worker_pictures.py", "test_a_black_video_still_gets_a_thumbnail"),
    ),
    OldBehaviour(
        failure="the same place in a session twice",
        edits=(
            Edit(
                file=f"{_VIDEO}/services/arrangement.py",
                old='    _lock(f"position:{tenant.pk}:{session}")\n    videos = ',
                new="    videos = ",
            ),
        ),
        test=("integration/test_video_upload.py", "test_inits_to_one_session_get_positions_of_their_own"),
    ),
    OldBehaviour(
        failure="ffprobe in the request killed the web worker",
        edits=(
            Edit(
                file=f"{_VIDEO}/services/verification.py",
                old="BoundedSemaphore(most_at_a_time)",
                new="BoundedSemaphore(1000 * most_at_a_time)",
            ),
        ),
        test=(
            "integration/test_probe_slots.py",
            "test_as_many_probes_as_allowed_run_and_the_next_is_turned_away_at_once",
        ),
    ),
    OldBehaviour(
        failure="progress stuck at 50 % or 95 %",
        edits=(
            Edit(
                file=f"{_WORKER}/video/storyboard.py",
                old="        on_frames=lambda count: on_seconds(count * interval),\n",
                new="",
            ),
        ),
        test=("integration/test_worker_movement.py", "test_the_storyboard_is_part_of_the_progress"),
    ),
    OldBehaviour(
        failure="a retry button where the server refused",
        edits=(
            Edit(
                file=f"{_VIDEO}/services/jobs.py",
                old="    if action not in actions_of(video, now=now):\n",
                new="    if action not in actions_of(video, now=now) or action + video.status == 'retryREADY':\n",
            ),
        ),
        test=(
            "integration/test_video_access.py",
            "test_what_is_shown_is_accepted_and_what_is_not_is_refused_and_changes_nothing",
        ),
    ),
)
