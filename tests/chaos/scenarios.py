"""Lives of uploads, cut into the steps of the processes that live them. Each can be killed at any of its points."""

from __future__ import annotations

from dataclasses import dataclass

from tests.chaos import steps
from tests.chaos.lab import EVERYTHING, PATIENCE_SECONDS
from tests.chaos.steps import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """
    A life.

    Args:
        prepare: Brings the lab to where the steps start; nothing dies there.
        steps: What happens, one process's step after the other. When one dies the next ones happen all the same.
        runs: Which processes run once the steps are over. Each net must hold by itself.
        patience_seconds: How long it may take.
        running_limit: How many jobs the tenant may run at a time.
        most_attempts: How often the job is started when nobody dies.
        is_only_calm: Nobody dies at its points: they are another scenario's, or the scenario is a death itself.
        is_real_time: By the machine's clock and with threads, so nobody dies at its points either.
    """

    name: str
    steps: tuple[Step, ...]
    prepare: Step = lambda _story: None
    runs: frozenset[str] = EVERYTHING
    patience_seconds: tuple[float, ...] = PATIENCE_SECONDS
    running_limit: int = 8
    most_attempts: int = 1
    is_only_calm: bool = False
    is_real_time: bool = False

    @property
    def is_deadly(self) -> bool:
        """Whether it is also lived once for each point at which a process can die."""
        return not self.is_only_calm and not self.is_real_time


QUEUE_ALONE = frozenset({"relay", "worker"})

SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        name="an upload by one PUT, by a client that asks again",
        steps=(steps.init, steps.put, steps.complete, steps.complete_again, steps.relay, steps.worker),
    ),
    Scenario(
        name="an upload in parts, by a client that does not come back",
        steps=(steps.init_parts, steps.put, steps.complete, steps.worker),
    ),
    Scenario(
        name="an upload without a reconciler",
        prepare=steps.begun,
        steps=(steps.complete, steps.complete_again, steps.relay, steps.worker),
        runs=QUEUE_ALONE,
    ),
    Scenario(
        name="a browser that was closed before complete",
        steps=(steps.init_parts, steps.put, steps.after(60), steps.reconciler, steps.relay, steps.worker),
    ),
    Scenario(
        name="a queue that is away at complete, without a reconciler",
        prepare=steps.begun,
        steps=(
            steps.queue_down,
            steps.complete,
            steps.complete_again,
            steps.after(5),
            steps.relay,
            steps.queue_back,
            steps.after(10),
            steps.relay,
            steps.worker,
        ),
        runs=QUEUE_ALONE,
    ),
    Scenario(
        name="a queue that was away, and a client that asks again, without a relay",
        prepare=steps.begun,
        steps=(steps.queue_down, steps.complete, steps.queue_back, steps.complete, steps.worker),
        runs=frozenset({"worker"}),
        is_only_calm=True,
    ),
    Scenario(
        name="a message that the queue lost",
        prepare=steps.forgotten_by_the_queue,
        steps=(steps.after(400), steps.reconciler, steps.relay, steps.worker),
    ),
    Scenario(
        name="a worker that died, without a reconciler",
        prepare=steps.worker_died,
        steps=(steps.after(70), steps.worker, steps.relay, steps.worker),
        runs=QUEUE_ALONE,
        most_attempts=2,
    ),
    Scenario(
        name="a worker that died, with a queue that lost everything",
        prepare=steps.worker_died,
        steps=(steps.queue_forgets, steps.after(70), steps.reconciler, steps.relay, steps.worker),
        most_attempts=2,
    ),
    Scenario(
        name="a worker that slept while another one took over",
        prepare=steps.claimed_by_a_sleeper,
        steps=(steps.worker,),
        most_attempts=2,
    ),
    Scenario(
        name="a worker that slept while another one took over and died, without a reconciler and a relay",
        prepare=steps.stale_handles_delete,
        steps=(steps.worker,),
        runs=frozenset({"worker"}),
        most_attempts=3,
        is_only_calm=True,
    ),
    Scenario(
        name="three videos of a tenant with one slot, without a reconciler",
        prepare=steps.three_uploads_and_one_slot,
        steps=(steps.worker, steps.relay, steps.worker, steps.relay, steps.worker),
        runs=QUEUE_ALONE,
        running_limit=1,
    ),
    Scenario(name="a long encode that the reconciler watches", prepare=steps.long_encode, steps=(steps.worker,)),
    Scenario(
        name="an attempt that failed by our fault",
        prepare=steps.encoder_crashes,
        steps=(steps.worker, steps.after(30), steps.relay, steps.worker),
        most_attempts=2,
    ),
    Scenario(
        name="an attempt that failed by our fault, with a queue that lost everything",
        prepare=steps.encoder_crashes,
        steps=(
            steps.worker,
            steps.after(30),
            steps.relay,
            steps.queue_forgets,
            steps.after(400),
            steps.reconciler,
            steps.relay,
            steps.worker,
        ),
        most_attempts=2,
    ),
    Scenario(
        name="five workers that were stopped, and a crash",
        prepare=steps.handed_back_often,
        steps=(steps.worker, steps.after(30), steps.relay, steps.worker),
        most_attempts=7,
    ),
    Scenario(
        name="a message that overtakes its commit, without a reconciler",
        prepare=steps.invisible_job,
        steps=(steps.worker, steps.job_becomes_visible, steps.worker),
        runs=QUEUE_ALONE,
        is_only_calm=True,
    ),
    Scenario(name="a file that cannot be encoded", prepare=steps.file_is_broken, steps=(steps.worker,)),
    Scenario(name="a file that is no video", steps=(steps.init_text, steps.put, steps.complete, steps.complete_again)),
    Scenario(
        name="a file that changed on the way",
        prepare=steps.other_bytes,
        steps=(steps.complete_with_checksum, steps.complete_with_checksum),
    ),
    Scenario(name="an upload that never came", steps=(steps.init_parts, steps.after(3700), steps.reconciler)),
    Scenario(
        name="an upload that came late",
        prepare=steps.expired,
        steps=(steps.put, steps.after(1000), steps.reconciler, steps.worker),
    ),
    Scenario(
        name="a closed browser behind a hundred slow ones",
        prepare=steps.many_idle_uploads,
        steps=(steps.after(60), steps.reconciler, steps.worker),
        patience_seconds=(0, 61, 400),
        is_only_calm=True,
    ),
    Scenario(name="a delete", prepare=steps.ready, steps=(steps.delete, steps.after(7300), steps.reconciler)),
    Scenario(
        name="a delete of a video whose id begins another's",
        prepare=steps.neighbours,
        steps=(steps.delete, steps.after(7300), steps.reconciler),
        is_only_calm=True,
    ),
    Scenario(
        name="a delete during the encode",
        prepare=steps.owner_deletes_meanwhile,
        steps=(steps.worker, steps.after(7300), steps.reconciler),
    ),
    Scenario(
        name="a delete of a video that waits in the queue",
        prepare=steps.waiting_in_an_empty_queue,
        steps=(steps.delete, steps.after(7300), steps.reconciler),
    ),
    Scenario(
        name="a cancel after the last chunk",
        prepare=steps.owner_cancels_late,
        steps=(steps.worker, steps.relay, steps.worker),
    ),
    Scenario(
        name="a cancel during the encode",
        prepare=steps.owner_cancels_meanwhile,
        steps=(steps.worker, steps.relay, steps.worker),
    ),
    Scenario(
        name="a retry after a cancel",
        prepare=steps.cancelled,
        steps=(steps.retry, steps.retry, steps.relay, steps.worker),
    ),
    Scenario(name="a re-encode", prepare=steps.ready, steps=(steps.retry, steps.relay, steps.worker)),
    Scenario(
        name="a job longer than its lease, and an idle worker",
        steps=(steps.slow_job_and_an_idle_worker,),
        is_real_time=True,
    ),
    Scenario(
        name="a worker that hangs, and an idle one",
        steps=(steps.hung_job_and_an_idle_worker,),
        is_real_time=True,
        most_attempts=2,
    ),
)
