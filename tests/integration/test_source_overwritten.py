"""Promises about a source that is replaced after it was accepted: nobody ever sees what was not verified."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apps.core.models import Tenant
from apps.support.video import wiring
from apps.support.video.domain.chunks import JobPlan
from apps.support.video.domain.contracts import TranscodeMessage
from apps.support.video.models import Video, VideoUpload
from apps.support.video.services.transcode import claim_job
from apps.worker.video_worker.failures import failure_of
from apps.worker.video_worker.video.encoder import Source
from apps.worker.video_worker.video.storyboard import make_storyboard, source_footage
from apps.worker.video_worker.video.thumbnail import make_thumbnail
from libs.media.ffmpeg import SOURCE_CAUSES, EncodeFailed, Ffmpeg
from libs.media.ffprobe import SourceChanged
from libs.media.process import Watch
from libs.s3_client.client import S3Storage
from tests.support.api import Api
from tests.support.attempts import RecordingProgress, opened, processor_of, put_source
from tests.support.ledgers import MemoryLedger
from tests.support.media import clip
from tests.support.queue import purge_queue, waiting_bodies

WATCH = Watch(deadline_seconds=60)


@pytest.fixture
def storage(s3_engine: None) -> S3Storage:
    return wiring.storage()


def overwrite(storage: S3Storage, key: str) -> None:
    storage.write_bytes(key, clip("tiny").read_bytes(), content_type="video/mp4")


class OverwritingLedger(MemoryLedger):
    """Opens once the source has been looked at; by then the object is another."""

    def __init__(self, job: Any, *, storage: S3Storage) -> None:
        super().__init__(job)
        self._key, self._storage = job.source_key, storage

    def open(self, plan: JobPlan) -> None:
        overwrite(self._storage, self._key)
        super().open(plan)


def test_before_the_worker_has_looked_at_it(storage: S3Storage, tmp_path: Path) -> None:
    claim = put_source(storage, clip("small"))
    overwrite(storage, claim.source_key)
    with pytest.raises(SourceChanged) as change:
        processor_of(storage).run(claim, folder=tmp_path, progress=RecordingProgress(), ledger=MemoryLedger(claim))
    failure = failure_of(change.value)
    assert (failure.cause_code, failure.is_final) == ("UPLOAD_OVERWRITTEN", True)
    assert list(storage.list_objects(claim.output_prefix)) == []


def test_between_the_look_and_the_encode(storage: S3Storage, tmp_path: Path) -> None:
    claim = put_source(storage, clip("small"))
    ledger = OverwritingLedger(claim, storage=storage)
    with pytest.raises(SourceChanged):
        processor_of(storage).run(claim, folder=tmp_path, progress=RecordingProgress(), ledger=ledger)
    assert not [entry for entry in storage.list_objects(claim.output_prefix) if entry.key.endswith(".m3u8")]


def thumbnail(source: Source, folder: Path) -> object:
    return make_thumbnail(source, folder=folder, ffmpeg=Ffmpeg(), watch=WATCH)


def storyboard(source: Source, folder: Path) -> object:
    footage = source_footage(source, duration_seconds=5.0)
    return make_storyboard(
        footage, duration_seconds=5.0, folder=folder, ffmpeg=Ffmpeg(), watch=WATCH, on_seconds=lambda _: None
    )


@pytest.mark.parametrize("read", [thumbnail, storyboard])
def test_for_every_picture(read: Callable[[Source, Path], object], storage: S3Storage, tmp_path: Path) -> None:
    claim = put_source(storage, clip("small"))
    source, _ = opened(claim, storage)
    assert read(source, tmp_path)
    overwrite(storage, claim.source_key)
    with pytest.raises(EncodeFailed) as refusal:
        read(source, tmp_path)
    assert refusal.value.cause_code in SOURCE_CAUSES


@pytest.mark.django_db
def test_a_claim_names_the_object_that_was_verified(storage: S3Storage, sqs_engine: None) -> None:
    """From the api's HEAD to the worker's If-Match it is one ETag."""
    purge_queue()
    api = Api(Tenant.objects.create(code="demo", name="데모 학원"))
    video_id = api.upload(clip("small").read_bytes())
    assert api.complete(video_id).status_code == 200
    upload = VideoUpload.objects.across_tenants().get(video_id=video_id)
    verified = storage.head(upload.file_key).etag
    overwrite(storage, upload.file_key)
    (body,) = waiting_bodies()
    claim = claim_job(message=TranscodeMessage.parse(body), worker_id="worker-a", lease_seconds=60)
    assert claim.source_etag == upload.etag == verified != storage.head(upload.file_key).etag
    assert Video.objects.across_tenants().get(pk=video_id).status == "PROCESSING"
