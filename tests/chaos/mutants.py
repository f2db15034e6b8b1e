"""
Bugs that systems like this one have had, sown into a copy of the tree one at a time.

A harness that stays green over them proves nothing; `test_mutants.py` demands that each turns it red.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.chaos.encoders import KILLED_WORKER


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One change of the copy. `old` must stand in `file` exactly once."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """
    A seeded bug.

    Args:
        scenario: The life in which it shows, without a death or at one of its points.
        caught_as: The oracle's category that must name it.
        is_quick: Whether every test run tries it.
    """

    name: str
    edits: tuple[Edit, ...]
    scenario: str
    caught_as: str
    is_quick: bool = False


_SERVICES = "apps/support/video/services"
_RECOVERY = "apps/support/video/recovery"
_WORKER = "apps/worker/video_worker"

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        name="early ack: the message is deleted before its outcome is committed",
        edits=(
            Edit(
                file=f"{_WORKER}/handle.py",
                old="        started = time.monotonic()\n        try:\n            outcome = self._work",
                new="        started = time.monotonic()\n        self._delete(received)\n"
                "        try:\n            outcome = self._work",
            ),
        ),
        scenario="a worker that died, without a reconciler",
        caught_as="stuck",
        is_quick=True,
    ),
    Mutant(
        name="no fence: a worker that has lost its job publishes",
        edits=(
            Edit(
                file=f"{_SERVICES}/transcode.py",
                old="jobs.get(pk=claim.job_id, state=JobState.RUNNING, attempt_count=claim.attempt)",
                new="jobs.get(pk=claim.job_id, state=JobState.RUNNING)",
            ),
            Edit(
                file=f"{_SERVICES}/chunks.py",
                old="filter(pk=claim.job_id, state=JobState.RUNNING, attempt_count=claim.attempt).first()",
                new="filter(pk=claim.job_id, state=JobState.RUNNING).first()",
            ),
        ),
        scenario="a worker that slept while another one took over",
        caught_as="duplicated",
        is_quick=True,
    ),
    Mutant(
        name="on_commit only: nobody but the request sends",
        edits=(
            Edit(
                file="apps/support/outbox/relay.py",
                old='_reserve("due_at <= %s", [now]',
                new='_reserve("due_at <= %s AND false", [now]',
            ),
        ),
        scenario="an upload without a reconciler",
        caught_as="unsent",
        is_quick=True,
    ),
    Mutant(
        name="no outbox: the message is marked as sent before it is sent",
        edits=(
            Edit(
                file="apps/support/outbox/relay.py",
                old="UPDATE outbox_message SET due_at = %s,",
                new="UPDATE outbox_message SET sent_at = now(), due_at = %s,",
            ),
        ),
        scenario="an upload without a reconciler",
        caught_as="stuck",
    ),
    Mutant(
        name="cursor over the outbox's ids: what failed once is passed over",
        edits=(
            Edit(
                file="apps/support/outbox/relay.py",
                old='_reserve("due_at <= %s", [now]',
                new='_reserve("due_at <= %s AND attempt_count = 0", [now]',
            ),
        ),
        scenario="a queue that is away at complete, without a reconciler",
        caught_as="stuck",
    ),
    Mutant(
        name="shared prefix: all attempts of a job write to one place",
        edits=(
            Edit(
                file="apps/support/video/domain/keys.py",
                old="{job_id}-{attempt}/",
                new="{job_id}-1/",
            ),
        ),
        scenario="a worker that slept while another one took over",
        caught_as="duplicated",
    ),
    Mutant(
        name="no heartbeat: a job that takes longer than its lease is taken away",
        edits=(
            Edit(
                file=f"{_WORKER}/lease.py",
                old="            if self._renew_once(progress):",
                new="            if not progress:",
            ),
        ),
        scenario="a job longer than its lease, and an idle worker",
        caught_as="duplicated",
    ),
    Mutant(
        name="a thread renews the lease, whether the work moves or not",
        edits=(
            Edit(
                file=f"{_WORKER}/lease.py",
                old="            if movement == seen_movement:\n                continue\n",
                new="",
            ),
        ),
        scenario="a worker that hangs, and an idle one",
        caught_as="stuck",
    ),
    Mutant(
        name="unconditional READY: the pointer is switched whoever holds the job",
        edits=(
            Edit(
                file=f"{_SERVICES}/lifecycle.py",
                old="    if fenced.update(state=transition.target, state_changed_at=now, ",
                new="    if event == EventName.JOB_SUCCEEDED:\n"
                "        fenced = VideoTranscodeJob.objects.for_tenant(job.tenant_id).filter(pk=job.pk)\n"
                "    if fenced.update(state=transition.target, state_changed_at=now, ",
            ),
            Edit(
                file=f"{_SERVICES}/transcode.py",
                old="jobs.get(pk=claim.job_id, state=JobState.RUNNING, attempt_count=claim.attempt)",
                new="jobs.get(pk=claim.job_id)",
            ),
            Edit(
                file=f"{_WORKER}/handle.py",
                old="            if lease.lost.is_set():\n                raise LeaseLost(str(claim.job_id))\n",
                new="",
            ),
        ),
        scenario="a cancel after the last chunk",
        caught_as="lost",
    ),
    Mutant(
        name="delete without a trailing slash: video 7 takes video 70 along",
        edits=(
            Edit(
                file="apps/support/video/domain/keys.py",
                old='return f"tenants/{tenant_id}/video/raw/{video_id}/"',
                new='return f"tenants/{tenant_id}/video/raw/{video_id}"',
            ),
            Edit(
                file="libs/s3_client/client.py",
                old='        if not prefix.endswith("/"):\n'
                "            raise ValueError(f\"a prefix ends in '/', this does not: {prefix!r}\")\n",
                new="",
            ),
        ),
        scenario="a delete of a video whose id begins another's",
        caught_as="lost",
        is_quick=True,
    ),
    Mutant(
        name="409 on repeat: a second complete does not send what is unsent",
        edits=(
            Edit(
                file=f"{_SERVICES}/ingest.py",
                old="or job.state != JobState.QUEUED or is_sent(job):",
                new="or job.state != JobState.QUEUED or not is_sent(job):",
            ),
        ),
        scenario="a queue that was away, and a client that asks again, without a relay",
        caught_as="stuck",
        is_quick=True,
    ),
    Mutant(
        name="time-only rescuer: a job is taken back by its age, not by its lease",
        edits=(
            Edit(
                file=f"{_RECOVERY}/invariants.py",
                old="state=JobState.RUNNING, lease_until__lt=now - LEASE_GRACE\n",
                new="state=JobState.RUNNING, started_at__lt=now - timedelta(seconds=60)\n",
            ),
            Edit(
                file=f"{_RECOVERY}/invariants.py",
                old='        if job.attempt_count != finding.facts["attempt"] or '
                "(job.lease_until and job.lease_until >= now - LEASE_GRACE):\n",
                new='        if job.attempt_count != finding.facts["attempt"]:\n',
            ),
        ),
        scenario="a long encode that the reconciler watches",
        caught_as="duplicated",
        is_quick=True,
    ),
    Mutant(
        name="unpaged rescuer: it looks at the same first page for ever",
        edits=(
            Edit(
                file=f"{_RECOVERY}/uploads.py",
                old="            next_check_at=_next_check(upload, world=world, now=now), "
                "check_count=upload.check_count + 1\n",
                new="            check_count=upload.check_count + 1\n",
            ),
        ),
        scenario="a closed browser behind a hundred slow ones",
        caught_as="lost",
    ),
    Mutant(
        name="a stale receipt handle deletes the message that another worker holds",
        edits=(
            Edit(
                file=f"{_WORKER}/handle.py",
                old="        if outcome in _MESSAGE_SERVED:",
                new="        if outcome in {*_MESSAGE_SERVED, Outcome.LEASE_LOST}:",
            ),
        ),
        scenario="a worker that slept while another one took over and died, without a reconciler and a relay",
        caught_as="stuck",
    ),
    Mutant(
        name="a message of an unknown job is deleted",
        edits=(
            Edit(
                file=f"{_WORKER}/handle.py",
                old="        self._hide(received, NOT_VISIBLE_SECONDS)\n",
                new="        self._delete(received)\n",
            ),
        ),
        scenario="a message that overtakes its commit, without a reconciler",
        caught_as="stuck",
        is_quick=True,
    ),
    Mutant(
        name="two retry budgets: workers that are stopped use up the attempts of the file",
        edits=(
            Edit(
                file=f"{_SERVICES}/transcode.py",
                old="    exhausted = failures >= job.max_attempts\n",
                new="    exhausted = job.attempt_count >= job.max_attempts\n",
            ),
        ),
        scenario="five workers that were stopped, and a crash",
        caught_as="lost",
    ),
    Mutant(
        name="RETRY_WAIT that nobody re-queues",
        edits=(
            Edit(
                file=f"{_SERVICES}/transcode.py",
                old='        requeue_job(job=job, actor="worker", now=now)\n',
                new='        raise JobSettled("somebody else will see to it")\n',
            ),
        ),
        scenario="an attempt that failed by our fault",
        caught_as="stuck",
    ),
    Mutant(
        name="a retry whose message was lost is nobody's business",
        edits=(
            Edit(
                file=f"{_RECOVERY}/invariants.py",
                old="            state=JobState.RETRY_WAIT, next_attempt_at__lt=horizon\n",
                new="            state=JobState.QUEUED, next_attempt_at__lt=horizon\n",
            ),
        ),
        scenario="an attempt that failed by our fault, with a queue that lost everything",
        caught_as="stuck",
    ),
    Mutant(
        name="a lost message is believed to be on its way for ever",
        edits=(
            Edit(
                file=f"{_RECOVERY}/invariants.py",
                old="    ).filter(Q(newest_id=None) | Q(newest_sent_at__lt=horizon))\n",
                new="    ).filter(Q(newest_id=None))\n",
            ),
        ),
        scenario="a message that the queue lost",
        caught_as="stuck",
        is_quick=True,
    ),
    Mutant(
        name="a freed slot wakes nobody up",
        edits=(
            Edit(
                file=f"{_SERVICES}/transcode.py",
                old="    wake_capped_jobs(tenant_id=job.tenant_id, now=now)\n",
                new="",
            ),
        ),
        scenario="three videos of a tenant with one slot, without a reconciler",
        caught_as="stuck",
        is_quick=True,
    ),
    Mutant(
        name="a dead worker keeps its job",
        edits=(
            Edit(
                file=f"{_RECOVERY}/invariants.py",
                old="state=JobState.RUNNING, lease_until__lt=now - LEASE_GRACE\n",
                new="state=JobState.RUNNING, lease_until__isnull=True\n",
            ),
        ),
        scenario="a worker that died, with a queue that lost everything",
        caught_as="stuck",
    ),
    Mutant(
        name="nobody completes for a browser that was closed",
        edits=(
            Edit(
                file=f"{_RECOVERY}/uploads.py",
                old="    if _object_has_arrived(upload, world=world) or _parts_have_arrived(upload, world=world):\n",
                new="    if not upload.pk:\n",
            ),
        ),
        scenario="a browser that was closed before complete",
        caught_as="lost",
    ),
    Mutant(
        name="what comes after the deadline is not looked at",
        edits=(
            Edit(
                file=f"{_RECOVERY}/uploads.py",
                old="        state__in=[UploadState.PENDING, UploadState.EXPIRED], next_check_at__lte=now, ",
                new="        state__in=[UploadState.PENDING], next_check_at__lte=now, ",
            ),
        ),
        scenario="an upload that came late",
        caught_as="lost",
    ),
    Mutant(
        name="expiry without abort: the parts stay and are paid for",
        edits=(
            Edit(
                file=f"{_SERVICES}/multipart.py",
                old="storage.abort_multipart(upload.file_key, upload_id=upload.multipart_upload_id)\n    over =",
                # Not even noted: of parts that are noted as thrown away V09 takes care.
                new="return\n    over =",
            ),
        ),
        scenario="an upload that never came",
        caught_as="orphan",
        is_quick=True,
    ),
    Mutant(
        name="parts that an init opened before it died belong to nobody",
        edits=(
            Edit(
                file=f"{_RECOVERY}/strays.py",
                old="            if not is_owned:\n",
                new="            if not upload.key:\n",
            ),
        ),
        scenario="an upload in parts, by a client that does not come back",
        caught_as="orphan",
    ),
    Mutant(
        name="what a dead attempt has written is nobody's business",
        edits=(
            Edit(
                file=f"{_RECOVERY}/strays.py",
                old="if place is not None and owners.unowned_since(place, newest) < now - grace():",
                new="if place is None:",
            ),
        ),
        scenario="a worker that died, with a queue that lost everything",
        caught_as="garbage",
    ),
    Mutant(
        name="quota never released: what was deleted is still charged",
        edits=(
            Edit(
                file="apps/support/video/domain/quota.py",
                old="    if is_deleted:\n        return FREE\n",
                new="",
            ),
        ),
        scenario="a delete",
        caught_as="quota",
    ),
    Mutant(
        name="tombstone dropped before storage is empty",
        edits=(
            Edit(
                file=f"{_SERVICES}/deletion.py",
                old="    assert_no_transaction()\n    prefixes = [\n",
                new="    assert_no_transaction()\n"
                "    Video.objects.for_tenant(video.tenant_id).filter(pk=video.pk).update(purged_at=now)\n"
                "    prefixes = [\n",
            ),
            Edit(
                # V09 would sweep behind a tombstone that is gone.
                file=f"{_RECOVERY}/strays.py",
                old="return forever if video.purged_at is None else max(newest, video.purged_at)",
                new="return forever",
            ),
        ),
        scenario="a delete",
        caught_as="orphan",
    ),
    Mutant(
        name="checksum ignored: the parts are put together whatever they are",
        edits=(
            Edit(
                file=f"{_SERVICES}/ingest.py",
                old="    assemble(upload, storage=storage, checksum=checksum)\n",
                new="    assemble(upload, storage=storage, checksum=None)\n    checksum = None\n",
            ),
        ),
        scenario="a file that changed on the way",
        caught_as="lost",
    ),
    Mutant(
        name="a cancel is turned into a retry",
        edits=(
            Edit(
                file="apps/support/video/domain/lifecycle.py",
                old="JobTransition(ACTIVE_JOB_STATES, JobState.CANCELLED)",
                new="JobTransition(ACTIVE_JOB_STATES, JobState.QUEUED)",
            ),
        ),
        scenario="a cancel during the encode",
        caught_as="lost",
    ),
    Mutant(
        name="a re-encode takes a READY video down",
        edits=(
            Edit(
                file="apps/support/video/domain/lifecycle.py",
                old="    if published:\n        return VideoStatus.READY\n",
                new="    if published and job in {None, JobState.SUCCEEDED}:\n        return VideoStatus.READY\n",
            ),
        ),
        scenario="a re-encode",
        caught_as="lost",
        is_quick=True,
    ),
    Mutant(
        name="a reservation that does not end: a relay that dies keeps its messages",
        edits=(
            Edit(
                file="apps/support/outbox/relay.py",
                old="RESERVATION = timedelta(seconds=30)",
                new="RESERVATION = timedelta(days=30)",
            ),
        ),
        scenario="an upload without a reconciler",
        caught_as="stuck",
    ),
    Mutant(
        name="ffmpeg left behind: an encoder does not end with its worker",
        edits=(
            Edit(
                file="libs/media/process.py",
                old="_LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)",
                new="_LIBC.prctl(_PR_SET_PDEATHSIG, 0)",
            ),
        ),
        scenario=KILLED_WORKER,
        caught_as="orphan",
        is_quick=True,
    ),
)


def edits_of(name: str) -> tuple[Edit, ...]:
    """Return what sows the bug of this name."""
    (mutant,) = [mutant for mutant in MUTANTS if mutant.name == name]
    return mutant.edits


def table() -> str:
    """Return the bugs as `docs/explanation/evidence.md` lists them."""
    rows = [
        f"| {mutant.name} | {mutant.scenario} | {mutant.caught_as} | {'yes' if mutant.is_quick else ''} |"
        for mutant in MUTANTS
    ]
    head = ["| bug | seen in the life of | caught as | in `make test` |", "|---|---|---|---|"]
    return "\n".join([*head, *rows])
