"""Clients that upload through all that goes wrong, and write down what they were told."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event, Lock, local

import httpx

from tests.chaos.journal import Journal, UploadRecord
from tests.chaos.schedule import Habit

VIDEOS = "/api/v1/media/videos/"
PATIENCE_SECONDS = 180.0
PAUSE_SECONDS = 0.4


class GivenUp(Exception):
    """The client has tried long enough. What it was told before still counts."""


@dataclass
class Clients:
    """
    Some clients at a time, each with one upload after the other.

    Args:
        make_http: Returns an API client; each thread has its own.
        body: The file.
        habits: What each upload's client does, by its number.
        least_seconds_per_upload: How fast they come at most, all together.
    """

    make_http: Callable[[], httpx.Client]
    journal: Journal
    body: bytes
    habits: tuple[Habit, ...]
    at_a_time: int = 4
    least_seconds_per_upload: float = 0.0

    def __post_init__(self) -> None:
        self.begun = 0
        self.given_up = 0
        self.over = Event()
        self._own = local()
        self._lock = Lock()

    def run(self) -> None:
        """Upload everything. Returns when the last client has its answer or has given up."""
        try:
            with ThreadPoolExecutor(max_workers=self.at_a_time, thread_name_prefix="client") as executor:
                for _ in executor.map(self._upload, range(len(self.habits))):
                    pass
        finally:
            self.over.set()

    def _connections(self) -> tuple[httpx.Client, httpx.Client]:
        """Return this thread's API client and its connection to storage, which no key of ours goes along with."""
        if not hasattr(self._own, "pair"):
            self._own.pair = (self.make_http(), httpx.Client(timeout=20.0, trust_env=False, verify=False))
        pair: tuple[httpx.Client, httpx.Client] = self._own.pair
        return pair

    def _upload(self, number: int) -> None:
        started = time.monotonic()
        with self._lock:
            self.begun += 1
        record = self.journal.begin(size_bytes=len(self.body))
        try:
            http, browser = self._connections()
            chance = random.Random(number)
            _Client(http, browser, self.journal, record, self.body, chance).live(self.habits[number])
        except GivenUp:
            with self._lock:
                self.given_up += 1
        left = self.least_seconds_per_upload * self.at_a_time - (time.monotonic() - started)
        if left > 0:
            Event().wait(left)


@dataclass
class _Client:
    http: httpx.Client
    browser: httpx.Client
    journal: Journal
    record: UploadRecord
    body: bytes
    chance: random.Random

    def live(self, habit: Habit) -> None:
        ticket = self._init()
        self._put(ticket)
        if habit is Habit.CLOSES_TAB:
            return
        self._complete()
        if habit is Habit.DELETES:
            self._pause(self.chance.uniform(0, 2))
            self.journal.note(self.record, delete_asked=True)
            self._until("DELETE", f"{self.record.video_id}/", settles={204, 404})
            self.journal.note(self.record, delete_acknowledged=True)
        elif habit is Habit.CANCELS:
            self.journal.note(self.record, cancel_asked=True)
            answer = self._until("POST", f"{self.record.video_id}/cancel/", settles={200, 202, 404, 409})
            if answer.status_code in {200, 202}:
                self.journal.note(self.record, cancel_acknowledged=True)
        elif habit is Habit.ENCODES_AGAIN:
            self._encode_again()

    def _init(self) -> dict[str, object]:
        fields = {
            "title": f"강의 {self.record.number}",
            "filename": "lecture.mp4",
            "size_bytes": len(self.body),
            "content_type": "video/mp4",
        }
        key = {"Idempotency-Key": str(uuid.uuid4())}
        answer = self._until("POST", "upload/init/", settles={201}, json=fields, headers=key)
        ticket: dict[str, object] = answer.json()
        self.journal.note(self.record, video_id=answer.json()["video"]["id"])
        return ticket

    def _put(self, ticket: dict[str, object]) -> None:
        upload: dict[str, dict[str, str]] = ticket["upload"]  # type: ignore[assignment]
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                answer = self.browser.put(str(ticket["upload_url"]), content=self.body, headers=upload["headers"])
            except httpx.HTTPError:
                self._pause(PAUSE_SECONDS)
                continue
            # 412: an earlier try arrived, and its answer did not.
            if answer.status_code in {200, 412}:
                self.journal.note(self.record, bytes_acknowledged=True)
                return
            self._pause(PAUSE_SECONDS)
        raise GivenUp

    def _complete(self) -> None:
        answer = self._until("POST", f"{self.record.video_id}/upload/complete/", settles={200, 409, 422})
        if answer.status_code == 409 and answer.json()["code"] != "invalid_status":
            raise GivenUp
        self.journal.note(self.record, complete_answer=answer.status_code)

    def _encode_again(self) -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            answer = self._until("GET", f"{self.record.video_id}/", settles={200})
            if answer.json()["status"] == "READY":
                break
            self._pause(PAUSE_SECONDS)
        # Each try may have been heard although its answer was lost: the next one then starts one more, if it can.
        for _ in range(20):
            self.journal.note(self.record, encodes_asked=self.record.encodes_asked + 1)
            try:
                answer = self.http.post(f"{VIDEOS}{self.record.video_id}/retry/")
            except httpx.HTTPError:
                self._pause(PAUSE_SECONDS)
                continue
            if answer.status_code in {202, 409}:
                return
            self._pause(PAUSE_SECONDS)

    def _until(self, method: str, path: str, *, settles: set[int], **options: object) -> httpx.Response:
        """Ask again until an answer settles the question, as every client of ours does."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                answer = self.http.request(method, VIDEOS + path, **options)  # type: ignore[arg-type]
            except httpx.HTTPError:
                self._pause(PAUSE_SECONDS)
                continue
            if answer.status_code in settles:
                return answer
            self._pause(PAUSE_SECONDS)
        raise GivenUp

    def _pause(self, seconds: float) -> None:
        Event().wait(seconds)
