"""Runs a schedule against a rig, lets it come to rest, and judges it."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from botocore.exceptions import BotoCoreError, ClientError
from psycopg import Error as DatabaseError

from libs.s3_client.client import StorageError
from tests.chaos.clients import Clients
from tests.chaos.journal import Journal
from tests.chaos.oracle import Verdict, judge
from tests.chaos.rig import Rig
from tests.chaos.schedule import Event, Fault, Schedule
from tests.support.waiting import pause

TICK_SECONDS = 0.05
# What attempts leave behind when they lose is collected on a slower clock than a run has time for.
SLOWER_THAN_A_RUN = ("garbage",)


@dataclass(slots=True, kw_only=True)
class Report:
    """What a run did and what the oracle says of it."""

    verdict: Verdict
    uploads: int
    acknowledged: int
    given_up: int
    faults: int
    seconds: float
    rest_seconds: float
    attempts: int = 0

    def lines(self) -> list[str]:
        lost, stuck, doubled = (len(self.verdict.complaints[name]) for name in ("lost", "stuck", "duplicated"))
        others = {name: len(found) for name, found in self.verdict.complaints.items() if found}
        bound = f"{3 / max(1, self.acknowledged):.3%}"
        return [
            f"uploads {self.uploads}, acknowledged {self.acknowledged}, clients that gave up {self.given_up}",
            f"faults {self.faults}, attempts {self.attempts}",
            f"{self.seconds:.0f} s, and {self.rest_seconds:.0f} s to come to rest",
            f"lost {lost}, stuck {stuck}, duplicated {doubled}",
            f"everything else that is wrong: {others or 'nothing'}",
            f"0 in {self.acknowledged} trials means at most 3/{self.acknowledged} = {bound} at 95 %",
        ]


@dataclass
class Chaos:
    """The main thread's loop: lets faults happen when their time has come, and ends them again."""

    rig: Rig
    schedule: Schedule
    say: Callable[[str], None] = lambda _line: None
    _ends: list[tuple[float, Callable[[], None]]] = field(default_factory=list)
    _happened: int = 0

    def run(self, clients: Clients, *, rest_timeout_seconds: float) -> Report:
        """Return when everything has come to rest, or the time for that is over."""
        started = time.monotonic()
        threading.Thread(target=clients.run, name="clients", daemon=True).start()
        waiting = list(self.schedule.events)
        while not clients.over.is_set():
            while waiting and waiting[0].after_uploads <= clients.begun:
                self._begin(waiting.pop(0))
            self._tick()
        clients_done = time.monotonic()
        self._end_all()
        verdict = self._rest(clients.journal, timeout_seconds=rest_timeout_seconds)
        records = clients.journal.uploads.values()
        return Report(
            verdict=verdict,
            uploads=len(records),
            acknowledged=sum(record.bytes_acknowledged for record in records),
            given_up=clients.given_up,
            faults=self._happened,
            seconds=clients_done - started,
            rest_seconds=time.monotonic() - clients_done,
            attempts=sum(job["attempt_count"] for job in self.rig.facts().jobs),
        )

    def _tick(self) -> None:
        now = time.monotonic()
        due = [end for at, end in self._ends if at <= now]
        self._ends = [(at, end) for at, end in self._ends if at > now]
        for end in due:
            end()
        self.rig.keep_running()
        pause(TICK_SECONDS)

    def _end_all(self) -> None:
        for _, end in self._ends:
            end()
        self._ends.clear()
        self.rig.keep_running()

    def _begin(self, event: Event) -> None:
        self.say(str(event))
        self._happened += 1
        # The queue or the database may be away already: then this fault finds nothing to break.
        with suppress(ClientError, BotoCoreError, DatabaseError):
            _FAULTS[event.fault](self, event)

    def _until(self, seconds: float, end: Callable[[], None]) -> None:
        self._ends.append((time.monotonic() + seconds, end))

    def _kill(self, event: Event) -> None:
        self.rig.actors[event.target].send(signal.SIGKILL)

    def _kill_at_point(self, event: Event) -> None:
        """Have a worker kill itself on one side of one of its port calls, commits and writes."""
        self.rig.actors[event.target].die_file.write_text(str(round(event.amount)), encoding="utf-8")

    def _freeze(self, event: Event) -> None:
        actor = self.rig.actors[event.target]
        actor.send(signal.SIGSTOP)
        self._until(event.seconds, lambda: actor.send(signal.SIGCONT))

    def _stop_engine(self, event: Event) -> None:
        engine = self.rig.engines[event.target]
        engine.kill()
        self._until(event.seconds, engine.start)

    def _purge_queue(self, _event: Event) -> None:
        self.rig.sqs().purge_queue(QueueUrl=self.rig.queue_url())

    def _cut(self, event: Event) -> None:
        self.rig.proxies[event.target].cut()

    def _close_line(self, event: Event) -> None:
        proxy = self.rig.proxies[event.target]
        proxy.is_open = False
        proxy.cut()

        def open_again() -> None:
            proxy.is_open = True

        self._until(event.seconds, open_again)

    def _slow_line(self, event: Event) -> None:
        proxy = self.rig.proxies[event.target]
        proxy.delay_seconds = event.amount

        def hurry() -> None:
            proxy.delay_seconds = 0.0

        self._until(event.seconds, hurry)

    def _duplicate_messages(self, event: Event) -> None:
        """Send copies of the newest messages once more, in any order."""
        import psycopg

        with psycopg.connect(self.rig.database_url, connect_timeout=2) as connection:
            rows = connection.execute(
                "SELECT body FROM outbox_message ORDER BY id DESC LIMIT %s", [round(event.amount)]
            ).fetchall()
        bodies = [row[0] for row in rows]
        random.Random(event.after_uploads).shuffle(bodies)
        sqs, url = self.rig.sqs(), self.rig.queue_url()
        for body in bodies:
            sqs.send_message(QueueUrl=url, MessageBody=body)

    def _reorder_messages(self, event: Event) -> None:
        """Take what waits out of the queue and put it back in another order."""
        sqs, url = self.rig.sqs(), self.rig.queue_url()
        received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        random.Random(event.after_uploads).shuffle(received)
        for message in received:
            sqs.send_message(QueueUrl=url, MessageBody=message["Body"])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    def _hide_messages(self, event: Event) -> None:
        """Receive messages and do nothing about them, as a worker that died at once."""
        seconds = max(1, round(event.seconds))
        self.rig.sqs().receive_message(QueueUrl=self.rig.queue_url(), MaxNumberOfMessages=10, VisibilityTimeout=seconds)

    def _jump_clock(self, event: Event) -> None:
        actor = self.rig.actors[event.target]
        actor.jump(event.amount)
        self._until(event.seconds, lambda: actor.jump(0.0))

    def _rest(self, journal: Journal, *, timeout_seconds: float) -> Verdict:
        deadline = time.monotonic() + timeout_seconds
        while True:
            verdict = self._judge(journal)
            if verdict.is_clean or time.monotonic() > deadline:
                return verdict
            again = time.monotonic() + 2
            while time.monotonic() < again:
                self._tick()

    def _judge(self, journal: Journal) -> Verdict:
        try:
            verdict = judge(
                journal=journal,
                facts=self.rig.facts(),
                bucket=self.rig.bucket(),
                now=datetime.now(UTC),
                dead_letters=["a message"] * self.rig.dead_letters(),
            )
        except (DatabaseError, StorageError, ClientError, BotoCoreError) as error:
            verdict = Verdict()
            verdict.add("stuck", f"the engines do not answer: {error}")
        for pid in self.rig.orphaned_encoders():
            verdict.add("orphan", f"encoder {pid} has lost its worker")
        return verdict.without(*SLOWER_THAN_A_RUN)


_FAULTS: dict[Fault, Callable[[Chaos, Event], None]] = {
    Fault.KILL: Chaos._kill,
    Fault.KILL_AT_POINT: Chaos._kill_at_point,
    Fault.FREEZE: Chaos._freeze,
    Fault.STOP_ENGINE: Chaos._stop_engine,
    Fault.PURGE_QUEUE: Chaos._purge_queue,
    Fault.CUT: Chaos._cut,
    Fault.CLOSE_LINE: Chaos._close_line,
    Fault.SLOW_LINE: Chaos._slow_line,
    Fault.DUPLICATE_MESSAGES: Chaos._duplicate_messages,
    Fault.REORDER_MESSAGES: Chaos._reorder_messages,
    Fault.HIDE_MESSAGES: Chaos._hide_messages,
    Fault.JUMP_CLOCK: Chaos._jump_clock,
}
