"""What happens in lives of uploads: steps of the processes that live them, and what was before."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from django.db import connection

from apps.support.video.domain.contracts import TranscodeMessage
from apps.support.video.domain.errors import LeaseLost
from apps.support.video.services.transcode import claim_job, publish_job
from apps.worker.video_worker.table_ledger import TableLedger
from libs.media.facts import MediaRejected
from libs.media.ffmpeg import EncodeFailed
from tests.chaos.journal import UploadRecord
from tests.chaos.killing import Killed
from tests.chaos.lab import Lab
from tests.support.strict_queue import StaleDelete

Step = Callable[["Story"], None]

MULTIPART_BYTES = 2000


@dataclass
class Story:
    """A lab, and the upload that the scenario is about."""

    lab: Lab
    record: UploadRecord | None = None
    ticket: object = None

    @property
    def upload(self) -> UploadRecord:
        assert self.record is not None
        return self.record


def init(story: Story) -> None:
    story.record, story.ticket = story.lab.init()


def init_parts(story: Story) -> None:
    story.record, story.ticket = story.lab.init(size_bytes=MULTIPART_BYTES)


def init_text(story: Story) -> None:
    story.lab.prober.answer = MediaRejected(cause_code="INPUT_NOT_VIDEO", detail="text")
    story.record, story.ticket = story.lab.init(is_playable=False)


def put(story: Story) -> None:
    # A client that never got its ticket has nothing to send, and begins again some other day.
    if story.record is not None and story.record.video_id is not None:
        story.lab.put(story.record, story.ticket)  # type: ignore[arg-type]


def complete(story: Story) -> None:
    if story.record is not None and story.record.bytes_acknowledged:
        story.lab.complete(story.record)


def complete_again(story: Story) -> None:
    """What every client of ours does when the line breaks before the answer."""
    if story.record is not None and story.record.complete_answer is None:
        complete(story)


def relay(story: Story) -> None:
    story.lab.relay()


def worker(story: Story) -> None:
    story.lab.worker()


def reconciler(story: Story) -> None:
    story.lab.reconciler()


def delete(story: Story) -> None:
    story.lab.delete(story.upload)


def retry(story: Story) -> None:
    story.lab.retry(story.upload)


def cancel(story: Story) -> None:
    story.lab.cancel(story.upload)


def after(seconds: float) -> Step:
    return lambda story: story.lab.clock.advance(seconds=seconds)


def uploaded(story: Story) -> None:
    story.record = story.lab.upload()


def ready(story: Story) -> None:
    uploaded(story)
    story.lab.worker()


def queue_down(story: Story) -> None:
    story.lab.line.faults.is_down = True


def queue_back(story: Story) -> None:
    story.lab.line.faults.is_down = False


def forgotten_by_the_queue(story: Story) -> None:
    uploaded(story)
    story.lab.line.forget_everything()


def queue_forgets(story: Story) -> None:
    story.lab.line.forget_everything()


def cancelled(story: Story) -> None:
    owner_cancels_meanwhile(story)
    story.lab.worker()


def worker_died(story: Story) -> None:
    """A worker that was killed between two chunks, and whose message is still hidden."""
    uploaded(story)

    def die() -> None:
        raise Killed("in the middle")

    story.lab.processor.interruptions.append(die)
    with suppress(Killed):
        story.lab.worker()


def encoder_crashes(story: Story) -> None:
    uploaded(story)
    story.lab.processor.failures.append(
        EncodeFailed(cause_code="ENCODER_CRASH", detail="signal 11", is_files_fault=False)
    )


def file_is_broken(story: Story) -> None:
    story.record = story.lab.upload(is_playable=False)
    story.lab.processor.refusal = MediaRejected(cause_code="INPUT_MALFORMED", detail="no frame")


def owner_deletes_meanwhile(story: Story) -> None:
    uploaded(story)
    story.lab.processor.interruptions.append(lambda: by_somebody_else(story, delete))


def owner_cancels_meanwhile(story: Story) -> None:
    uploaded(story)
    story.lab.processor.interruptions.append(lambda: by_somebody_else(story, cancel))


def owner_cancels_late(story: Story) -> None:
    """All is written, and the worker is about to publish."""
    uploaded(story)
    story.lab.processor.last_words.append(lambda: by_somebody_else(story, cancel))


def waiting_in_an_empty_queue(story: Story) -> None:
    forgotten_by_the_queue(story)
    story.lab.clock.advance(seconds=10)


def by_somebody_else(story: Story, step: Step) -> None:
    was_armed, story.lab.switch.is_armed = story.lab.switch.is_armed, False
    try:
        step(story)
    finally:
        story.lab.switch.is_armed = was_armed


def begun(story: Story) -> None:
    init(story)
    put(story)


def three_uploads_and_one_slot(story: Story) -> None:
    """While a tenant's only slot is taken, a worker that is free receives the messages of the two who wait."""
    for _ in range(3):
        uploaded(story)

    def others_receive(story: Story) -> None:
        story.lab.worker()
        story.lab.worker()

    story.lab.processor.interruptions.append(lambda: by_somebody_else(story, others_receive))


def stale_handles_delete(story: Story) -> None:
    """A worker that slept through its lease wakes up after another one has taken over and died."""
    story.lab.line.faults.stale_delete = StaleDelete.DELETES
    uploaded(story)

    def die() -> None:
        raise Killed("the second one")

    def sleep_through_the_lease() -> None:
        story.lab.clock.advance(seconds=70)
        story.lab.processor.interruptions.append(die)
        with suppress(Killed):
            story.lab.worker()

    story.lab.processor.interruptions.append(sleep_through_the_lease)


def claimed_by_a_sleeper(story: Story) -> None:
    """A worker has claimed and sleeps. It wakes up when the next one is in the middle, and does all its work."""
    uploaded(story)
    lab = story.lab
    (received,) = lab.line.receive(queue_name="", max_messages=1, wait_seconds=0, visibility_seconds=60)
    claim = claim_job(
        message=TranscodeMessage.parse(received.body), worker_id="sleeper", lease_seconds=60, clock=lab.clock
    )
    lab.clock.advance(seconds=70)

    def wake_up() -> None:
        ledger = TableLedger(claim, worker_id="sleeper", lease_seconds=60, clock=lab.clock)
        with suppress(LeaseLost):
            # Its first heartbeat would tell it; the fence must hold for one that does not ask.
            paper = replace(lab.processor.paper, heartbeat=lambda _claim, _percent: None)
            output = paper.run(claim, folder=lab.folder, progress=Unwatched(), ledger=ledger)
            publish_job(claim=claim, output=output, clock=lab.clock)

    lab.processor.interruptions.append(lambda: by_somebody_else(story, lambda _story: wake_up()))


class Unwatched:
    """Progress that nobody looks at."""

    def report(
        self, *, stage: str, percent: float, remaining_seconds: float | None = None, moved_to: float | None = None
    ) -> None:
        return

    def should_stop(self) -> bool:
        return False


def long_encode(story: Story) -> None:
    """Its worker renews the lease once a minute, and between that the reconciler looks."""
    uploaded(story)
    lab = story.lab

    def minutes_pass() -> None:
        for _ in range(3):
            lab.clock.advance(seconds=50)
            lab.renew_running_lease()
            lab.reconciler()

    lab.processor.interruptions.append(lambda: by_somebody_else(story, lambda _story: minutes_pass()))


def neighbours(story: Story) -> None:
    """Two videos whose ids start alike."""
    next_video_id_is(7)
    ready(story)
    next_video_id_is(70)
    story.lab.upload()
    story.lab.worker()


def next_video_id_is(video_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval(pg_get_serial_sequence('video', 'id'), %s, false)", [video_id])


def many_idle_uploads(story: Story) -> None:
    """More uploads than one page, all older, whose owners are slow; then one whose browser was closed."""
    for _ in range(110):
        story.lab.init()
    story.lab.clock.advance(seconds=1)
    begun(story)


def expired(story: Story) -> None:
    init(story)
    story.lab.clock.advance(seconds=3700)
    story.lab.reconciler()


def invisible_job(story: Story) -> None:
    """A message overtakes its commit: the job's row is not there when a worker looks, and then it is."""
    uploaded(story)
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS not_yet_visible")
        cursor.execute("CREATE TEMPORARY TABLE not_yet_visible AS SELECT * FROM video_transcode_job")
        cursor.execute("UPDATE video SET current_job_id = NULL")
        cursor.execute("DELETE FROM video_event WHERE job_id IS NOT NULL")
        cursor.execute("DELETE FROM video_transcode_job")


def job_becomes_visible(story: Story) -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO video_transcode_job SELECT * FROM not_yet_visible")
        cursor.execute("UPDATE video SET current_job_id = (SELECT id FROM not_yet_visible)")


def stop_in_the_middle(story: Story) -> None:
    """A worker is told to stop while it works, and hands the job back."""
    story.lab.processor.interruptions.append(story.lab.stopping.set)
    story.lab.worker()
    story.lab.stopping.clear()


def handed_back_often(story: Story) -> None:
    """Five workers were told to stop, one after the other, and the sixth has a crash."""
    uploaded(story)
    for _ in range(5):
        stop_in_the_middle(story)
        story.lab.relay()
    story.lab.processor.failures.append(
        EncodeFailed(cause_code="ENCODER_CRASH", detail="signal 11", is_files_fault=False)
    )


def other_bytes(story: Story) -> None:
    """A part changed on the way, and its uploader says what the whole should have been."""
    init_parts(story)
    story.upload.is_intact = False
    put(story)


def complete_with_checksum(story: Story) -> None:
    story.lab.complete(story.upload, checksums={"CRC64NVME": "AAAAAAAAAAA="})


def slow_job_and_an_idle_worker(story: Story) -> None:
    """A job that takes longer than its lease, and a second worker that would like to have it."""
    uploaded(story)
    lab = story.lab
    lab.processor.paper = replace(lab.processor.paper, seconds_per_chunk=2.4, heartbeat=lambda _claim, _percent: None)
    with lab.working(workers=2):
        lab.wait_ready(story.upload, timeout_seconds=30)


def hung_job_and_an_idle_worker(story: Story) -> None:
    """A worker hangs without moving, and without dying."""
    uploaded(story)
    lab = story.lab
    release = threading.Event()
    lab.processor.interruptions.append(lambda: release.wait(60))
    try:
        with lab.working(workers=2, before_leaving=release.set):
            lab.wait_ready(story.upload, timeout_seconds=9)
    finally:
        release.set()
