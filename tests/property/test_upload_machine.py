"""
Promises of an upload's life, whatever happens in whatever order.

Hypothesis drives init, parts, completes, crashes, aborts, deletions, workers, time and the sweeper over a real
PostgreSQL and a real object storage, and looks after every step whether all that must be true is true.
"""

import base64
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import httpx
import pytest
from awscrt import checksums
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)
from pytest_django import Settings

from apps.core.models import Tenant, TenantLimits
from apps.support.video import wiring
from apps.support.video.domain.contracts import TranscodeMessage
from apps.support.video.domain.errors import (
    JobHeld,
    JobNotVisible,
    JobSettled,
    QuotaExceeded,
    SourceNotFoundOrEmpty,
    UploadChecksumMismatch,
    UploadIncomplete,
    VideoError,
)
from apps.support.video.domain.lifecycle import ACTIVE_JOB_STATES
from apps.support.video.domain.quota import Charge
from apps.support.video.models import Video, VideoTranscodeJob, VideoUpload
from apps.support.video.recovery.invariant import World
from apps.support.video.recovery.reconciler import run_once
from apps.support.video.recovery.usage import UsageIsExact
from apps.support.video.selectors.quota import usage_of
from apps.support.video.services.announcing import init_upload
from apps.support.video.services.deletion import delete_video
from apps.support.video.services.ingest import complete_upload, refresh_upload_url
from apps.support.video.services.jobs import retry_video
from apps.support.video.services.lifecycle import current_projection
from apps.support.video.services.multipart import abort_upload, assemble, sign_parts
from apps.support.video.services.quota import charge_due
from apps.support.video.services.sqs_queue import VideoSQSQueue
from apps.support.video.services.transcode import claim_job, fail_job, publish_job
from libs.clock import FixedClock, SystemClock
from libs.media.ffprobe import MediaFacts, MediaRejected, ProbeTimeout
from libs.s3_client.client import MultipartUploadMissing, ObjectMissing, S3Storage
from tests.support.videos import FACTS, MemoryQueue, RecordingSender, StubProber, output_of

MIB = 1024**2
PART_BYTES = 8 * MIB
SINGLE_BYTES = 1000
ROOM_BYTES = 3 * (PART_BYTES + SINGLE_BYTES) + 5 * SINGLE_BYTES

ANSWERS: dict[str, MediaFacts | Exception] = {
    "video": FACTS,
    "doubt": ProbeTimeout("8 s"),
    "no video": MediaRejected(cause_code="INPUT_NOT_VIDEO", detail="text"),
}


@dataclass
class Sent:
    """What the uploader of one video has and did."""

    video_id: int
    file_key: str
    body: bytes
    urls: dict[int, tuple[str, dict[str, str], datetime]] = field(default_factory=dict)
    """By part: where it goes, with which headers, until when. One PUT is part 1."""

    @property
    def part_count(self) -> int:
        return -(-len(self.body) // PART_BYTES)

    def part(self, number: int) -> bytes:
        return self.body[(number - 1) * PART_BYTES : number * PART_BYTES]


def crc(body: bytes) -> str:
    return base64.b64encode(checksums.crc64nvme(body).to_bytes(8, "big")).decode()


class UploadMachine(RuleBasedStateMachine):
    """One tenant with little room; storage is real, time and the queue are the test's."""

    uploads = Bundle("uploads")
    number_of_machines = 0

    def __init__(self) -> None:
        super().__init__()
        UploadMachine.number_of_machines += 1
        self.tenant = Tenant.objects.create(code=f"machine-{UploadMachine.number_of_machines}", name="학원")
        TenantLimits.objects.create(tenant=self.tenant, stored_bytes=ROOM_BYTES)
        self.clock = FixedClock(SystemClock().now())
        self.storage: S3Storage = wiring.storage()
        self.prober = StubProber()
        self.sender = RecordingSender()
        self.queue = VideoSQSQueue(queue=self.sender, clock=self.clock)
        self.world = World(
            clock=self.clock,
            storage=self.storage,
            prober=self.prober,
            queue=self.queue,
            dead_letters=MemoryQueue(),
        )
        self.browser = httpx.Client(trust_env=False)
        self.made: list[Sent] = []

    # What uploaders do.

    @initialize(target=uploads, told=st.booleans())
    def begin(self, told: bool) -> object:
        return multiple(self._init(PART_BYTES + SINGLE_BYTES, told=told), self._init(SINGLE_BYTES, told=False))

    @rule(target=uploads, in_parts=st.booleans(), told=st.booleans())
    def init(self, in_parts: bool, told: bool) -> object:
        size_bytes = PART_BYTES + SINGLE_BYTES if in_parts else SINGLE_BYTES
        used = usage_of(self.tenant)
        try:
            return self._init(size_bytes, told=told)
        except QuotaExceeded:
            assert used.reserved_bytes + used.stored_bytes + size_bytes > ROOM_BYTES
            assert usage_of(self.tenant) == used
            return multiple()

    @rule(upload=uploads, numbers=st.sets(st.integers(1, 2), min_size=1))
    def sign(self, upload: Sent, numbers: set[int]) -> None:
        with suppress(VideoError):
            if upload.part_count == 1:
                ticket = refresh_upload_url(
                    tenant=self.tenant, video_id=upload.video_id, storage=self.storage, clock=self.clock
                )
                upload.urls[1] = (str(ticket.upload_url), dict(ticket.headers), ticket.expires_at)
                return
            wanted = sorted(numbers)
            tickets = sign_parts(
                tenant=self.tenant,
                video_id=upload.video_id,
                part_numbers=wanted,
                checksums=[crc(upload.part(number)) for number in wanted],
                storage=self.storage,
                clock=self.clock,
            )
            for part in tickets.parts:
                upload.urls[part.part_number] = (part.url, dict(part.headers), tickets.expires_at)

    @rule(upload=uploads, number=st.integers(1, 2), is_damaged=st.sampled_from([False, False, False, True]))
    def put(self, upload: Sent, number: int, is_damaged: bool) -> None:
        """With a URL that was signed whenever: browsers keep them until they end."""
        url, headers, expires_at = upload.urls.get(number, ("", {}, self.clock.now()))
        if expires_at <= self.clock.now():
            return
        body = upload.part(number)
        if is_damaged and "x-amz-checksum-crc64nvme" in headers:
            answer = self.browser.put(url, content=bytes([body[0] ^ 1]) + body[1:], headers=headers)
            assert answer.status_code >= 400
            return
        assert self.browser.put(url, content=body, headers=headers).status_code in {200, 404, 412}

    @rule(upload=uploads)
    def send_all(self, upload: Sent) -> None:
        """What usually happens, and would rarely come about by chance."""
        self.sign(upload, {1, 2})
        for number in (1, 2):
            self.put(upload, number, is_damaged=False)

    @rule(upload=uploads)
    def send_all_and_complete(self, upload: Sent) -> None:
        self.send_all(upload)
        self.complete(upload, told=True)

    @rule(upload=uploads, told=st.booleans())
    def complete(self, upload: Sent, told: bool) -> None:
        was_whole = self._is_whole(upload)
        try:
            complete_upload(
                tenant=self.tenant,
                video_id=upload.video_id,
                actor="user:1",
                storage=self.storage,
                prober=self.prober,
                queue=self.queue,
                clock=self.clock,
                checksums={"CRC64NVME": crc(upload.body)} if told else {},
            )
        except (UploadIncomplete, SourceNotFoundOrEmpty):
            assert not was_whole
        except UploadChecksumMismatch as error:
            raise AssertionError("no byte was ever stored that is not the file's") from error
        except VideoError:
            return

    @rule(upload=uploads)
    def send_all_complete_and_die(self, upload: Sent) -> None:
        self.send_all(upload)
        self.complete_and_die(upload)

    @rule(upload=uploads)
    def complete_and_die(self, upload: Sent) -> None:
        """A process that ends between storage's answer and its commit."""
        with suppress(VideoError):
            row = self._row(upload)
            if row.state == "PENDING":
                assemble(row, storage=self.storage, checksum=None)

    @rule(upload=uploads)
    def abort(self, upload: Sent) -> None:
        with suppress(VideoError):
            abort_upload(
                tenant=self.tenant,
                video_id=upload.video_id,
                actor="user:1",
                storage=self.storage,
                clock=self.clock,
            )

    @rule(upload=uploads)
    def delete(self, upload: Sent) -> None:
        with suppress(VideoError):
            delete_video(tenant=self.tenant, video_id=upload.video_id, actor="user:1", clock=self.clock)

    @rule(upload=uploads)
    def retry(self, upload: Sent) -> None:
        with suppress(VideoError):
            retry_video(
                tenant=self.tenant, video_id=upload.video_id, actor="user:1", queue=self.queue, clock=self.clock
            )

    # What the world does.

    @rule(answer=st.sampled_from(["video", "video", "doubt", "no video"]), is_down=st.booleans())
    def prober_and_queue_change(self, answer: str, is_down: bool) -> None:
        self.prober.answer = ANSWERS[answer]
        self.sender.is_down = is_down

    @rule(seconds=st.sampled_from([30, 3600, 86_400, 8 * 86_400]))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds=seconds)

    @rule()
    def sweep(self) -> None:
        run_once(self.world)

    @precondition(lambda self: self.sender.sent)
    @rule(is_fine=st.booleans())
    def work(self, is_fine: bool) -> None:
        message = TranscodeMessage.parse(self.sender.sent[-1].body)
        try:
            claim = claim_job(message=message, worker_id="worker-a", lease_seconds=60, clock=self.clock)
        except (JobHeld, JobNotVisible, JobSettled):
            return
        if is_fine:
            publish_job(claim=claim, output=output_of(claim), clock=self.clock)
        else:
            fail_job(claim=claim, cause_code="INPUT_MALFORMED", detail="broken", clock=self.clock)

    # What must be true after every step.

    @invariant()
    def limits_are_exact(self) -> None:
        assert UsageIsExact().find(self.world, limit=10) == []
        total = dict.fromkeys(Charge.__slots__, 0)
        for video in self._videos():
            due = charge_due(video=video, upload=video.upload)
            total = {name: amount + getattr(due, name) for name, amount in total.items()}
        assert usage_of(self.tenant) == Charge(**total)

    @invariant()
    def status_is_the_projection(self) -> None:
        for video in self._videos():
            assert video.status == current_projection(video)

    @invariant()
    def an_accepted_source_is_the_pinned_object_and_has_one_job(self) -> None:
        for video in self._videos():
            if video.upload.state != "ACCEPTED" or video.deleted_at:
                continue
            head = self.storage.head(video.upload.file_key)
            assert (head.etag, head.size_bytes) == (video.upload.etag, video.upload.size_bytes)
            jobs = VideoTranscodeJob.objects.for_tenant(self.tenant).filter(video=video)
            assert jobs.exists()
            assert jobs.filter(state__in=ACTIVE_JOB_STATES).count() <= 1

    @invariant()
    def parts_in_storage_have_a_row(self) -> None:
        rows = VideoUpload.objects.for_tenant(self.tenant)
        owned = set(rows.exclude(multipart_upload_id="").values_list("multipart_upload_id", flat=True))
        assert {part.upload_id for part in self.storage.list_multiparts(self._prefix)} <= owned

    def teardown(self) -> None:
        """Left alone, every upload comes to its end: what arrived becomes a video, and nothing is left over."""
        try:
            self._comes_to_an_end()
        finally:
            self.browser.close()
            self.storage.delete_prefix(self._prefix)
            for upload in self.storage.list_multiparts(self._prefix):
                self.storage.abort_multipart(upload.key, upload_id=upload.upload_id)

    def _comes_to_an_end(self) -> None:
        self.sender.is_down = False
        self.prober.answer = FACTS
        arrived = [upload.video_id for upload in self.made if self._is_whole(upload)]
        self._sweep_after(timedelta(minutes=11))
        for video in self._videos():
            if video.pk in arrived and not video.deleted_at:
                assert video.upload.state in {"ACCEPTED", "REFUSED"}
        self._sweep_after(timedelta(days=8))
        self._sweep_after(timedelta(minutes=11))
        assert [video.pk for video in self._videos() if video.upload.state == "PENDING" and not video.deleted_at] == []
        assert list(self.storage.list_multiparts(self._prefix)) == []
        for video in self._videos():
            assert bool(video.purged_at) is bool(video.deleted_at)
            if video.deleted_at:
                assert list(self.storage.list_objects(f"{self._prefix}video/raw/{video.pk}/")) == []

    def _sweep_after(self, passed: timedelta) -> None:
        self.clock.instant += passed
        run_once(self.world)

    def _init(self, size_bytes: int, *, told: bool) -> Sent:
        body = bytes([len(self.made) % 256]) * size_bytes
        ticket = init_upload(
            tenant=self.tenant,
            actor="user:1",
            created_by_id=None,
            title="1강",
            filename="lecture.mp4",
            size_bytes=size_bytes,
            content_type="video/mp4",
            session="",
            storage=self.storage,
            clock=self.clock,
            checksums={"CRC64NVME": crc(body)} if told else {},
        )
        upload = Sent(video_id=ticket.video.pk, file_key=ticket.file_key, body=body)
        if ticket.upload_url is not None:
            upload.urls[1] = (ticket.upload_url, dict(ticket.headers), ticket.expires_at)
        self.made.append(upload)
        return upload

    def _is_whole(self, upload: Sent) -> bool:
        row = self._row(upload)
        with suppress(ObjectMissing):
            return self.storage.head(upload.file_key).size_bytes == len(upload.body)
        if not row.multipart_upload_id:
            return False
        try:
            parts = self.storage.list_parts(upload.file_key, upload_id=row.multipart_upload_id)
        except MultipartUploadMissing:
            return False
        return len(parts) == upload.part_count

    def _row(self, upload: Sent) -> VideoUpload:
        return VideoUpload.objects.for_tenant(self.tenant).get(video_id=upload.video_id)

    def _videos(self) -> Iterator[Video]:
        yield from Video.objects.for_tenant(self.tenant).select_related("upload", "current_job").order_by("id")

    @property
    def _prefix(self) -> str:
        return f"tenants/{self.tenant.pk}/"


@pytest.mark.django_db(transaction=True)
def test_whatever_happens_in_whatever_order(s3_engine: None, settings: Settings) -> None:
    settings.VIDEO_MULTIPART_THRESHOLD_BYTES = PART_BYTES
    run_state_machine_as_test(UploadMachine, settings=bounded())


def bounded() -> settings:
    """About half a minute on a small machine."""
    return settings(
        max_examples=14,
        stateful_step_count=30,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
