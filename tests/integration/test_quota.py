"""Promises about limits: exact, explained, and never drifting."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from threading import Barrier
from typing import Any

import pytest
from django.db import connections
from pytest_django import Settings

from apps.core.models import Tenant, TenantLimits
from apps.support.video import wiring
from apps.support.video.domain.quota import FREE, Charge
from apps.support.video.models import TenantUsage, Video, VideoCharge
from apps.support.video.recovery.reconciler import run_once
from apps.support.video.recovery.usage import UsageIsExact
from apps.support.video.selectors.quota import usage_of
from tests.support.api import Api, nothing_changes, upload_fields
from tests.support.parts import MIB
from tests.support.videos import SIZE_BYTES, STATES, Pipeline, output_of

pytestmark = pytest.mark.django_db

OUTPUT_BYTES = 123_456
ACCEPTED = Charge(reserved_bytes=SIZE_BYTES, stored_milliseconds=12_500)
SETTLED = Charge(stored_bytes=SIZE_BYTES + OUTPUT_BYTES, stored_milliseconds=12_500)
CHARGES = {
    "pending": Charge(reserved_bytes=SIZE_BYTES, open_uploads=1),
    "expired": FREE,
    "refused": FREE,
    "uploaded": ACCEPTED,
    "processing": ACCEPTED,
    "retry_wait": ACCEPTED,
    "ready": SETTLED,
    "reencoding": SETTLED,
    "failed": FREE,
    "dead": FREE,
    "cancelled": FREE,
}


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline()


@pytest.fixture
def tenant() -> Tenant:
    return Tenant.objects.create(code="quota", name="데모 학원")


@pytest.fixture
def api(tenant: Tenant, s3_engine: None) -> Iterator[Api]:
    yield Api(tenant)
    for upload in wiring.storage().list_multiparts(f"tenants/{tenant.pk}/"):
        wiring.storage().abort_multipart(upload.key, upload_id=upload.upload_id)


def limit(tenant: Tenant, **limits: Any) -> None:
    TenantLimits.objects.for_tenant(tenant).update_or_create(tenant=tenant, defaults=limits)


def init(api: Api, **changes: Any) -> Any:
    return api.post("upload/init/", upload_fields(**changes))


def refused(answer: Any) -> dict[str, Any]:
    found: dict[str, Any] = answer.json()
    assert (answer.status_code, found["code"]) == (429, "quota_exceeded"), found
    return {name: found[name] for name in ("limit", "used", "allowed", "requested")}


class TestCharge:
    def test_every_state_has_its_charge(self) -> None:
        assert set(CHARGES) == set(STATES)

    @pytest.mark.parametrize("state", STATES)
    def test_a_video_is_charged_by_its_state(self, pipeline: Pipeline, state: str) -> None:
        pipeline.in_state(state)
        assert usage_of(pipeline.tenant) == CHARGES[state]

    @pytest.mark.parametrize("state", STATES)
    def test_a_deleted_video_is_free(self, pipeline: Pipeline, state: str) -> None:
        pipeline.delete(pipeline.in_state(state))
        assert usage_of(pipeline.tenant) == FREE

    def test_a_late_object_of_an_expired_upload_is_charged_again(self, pipeline: Pipeline) -> None:
        video = pipeline.expired()
        pipeline.put(video)
        pipeline.complete(video)
        assert usage_of(pipeline.tenant) == ACCEPTED

    def test_a_retry_of_a_failed_video_is_charged_again(self, pipeline: Pipeline) -> None:
        pipeline.retry(pipeline.failed())
        assert usage_of(pipeline.tenant) == ACCEPTED

    def test_all_of_a_tenants_videos_are_summed_up_and_no_others(self, pipeline: Pipeline) -> None:
        other = Pipeline(code="other")
        other.ready()
        # Last those that leave a job in line, which the next claim would take.
        for state in sorted(STATES, key=lambda state: (state == "uploaded", state == "reencoding")):
            pipeline.in_state(state)
        total = {name: sum(asdict(charge)[name] for charge in CHARGES.values()) for name in asdict(FREE)}
        assert usage_of(pipeline.tenant) == Charge(**total)
        assert usage_of(other.tenant) == SETTLED

    def test_a_reencode_settles_with_what_it_wrote(self, pipeline: Pipeline) -> None:
        video = pipeline.reencoding()
        assert output_of(pipeline.claim(video)).bytes_total == OUTPUT_BYTES
        assert usage_of(pipeline.tenant) == SETTLED


class TestInit:
    def test_a_file_above_the_tenants_own_limit_is_too_large(self, api: Api, tenant: Tenant) -> None:
        limit(tenant, file_bytes=999)
        answer = init(api)
        assert (answer.status_code, answer.json()["code"], answer.json()["limit_bytes"]) == (
            413,
            "size_not_allowed",
            999,
        )

    def test_over_the_bytes_it_says_what_is_used_and_allowed(self, api: Api, tenant: Tenant) -> None:
        limit(tenant, stored_bytes=2500)
        assert [init(api).status_code for _ in range(2)] == [201, 201]
        with nothing_changes():
            answer = init(api)
        assert refused(answer) == {"limit": "stored_bytes", "used": 2000, "allowed": 2500, "requested": 1000}
        assert "삭제" in answer.json()["hint"]
        assert init(api, size_bytes=500).status_code == 201

    def test_too_many_uploads_at_a_time(self, api: Api, tenant: Tenant) -> None:
        limit(tenant, open_uploads=1)
        first = init(api).json()["video"]["id"]
        assert refused(init(api)) == {"limit": "open_uploads", "used": 1, "allowed": 1, "requested": 1}
        assert api.delete(f"{first}/").status_code == 204
        assert init(api).status_code == 201

    def test_no_more_video_once_its_length_is_used_up(self, api: Api, pipeline: Pipeline) -> None:
        limit(pipeline.tenant, stored_seconds=12)
        pipeline.ready()
        assert refused(init(Api(pipeline.tenant)))["limit"] == "stored_seconds"

    def test_a_refused_init_opens_nothing_in_storage(self, api: Api, tenant: Tenant) -> None:
        limit(tenant, stored_bytes=1)
        refused(init(api, size_bytes=20 * MIB))
        assert list(wiring.storage().list_multiparts(f"tenants/{tenant.pk}/")) == []

    def test_the_installations_limits_hold_where_a_tenant_has_none(self, api: Api, settings: Settings) -> None:
        settings.VIDEO_TENANT_STORED_BYTES = 1500
        assert init(api).status_code == 201
        assert refused(init(api))["allowed"] == 1500

    def test_a_refusal_is_not_remembered(self, api: Api, tenant: Tenant) -> None:
        """To the uploader: the same click works once there is room."""
        limit(tenant, stored_bytes=1)
        refused(api.post("upload/init/", upload_fields(), Idempotency_Key="k"))
        limit(tenant, stored_bytes=None)
        assert api.post("upload/init/", upload_fields(), Idempotency_Key="k").status_code == 201


class TestQuotaCall:
    def test_it_says_what_is_used_and_what_is_allowed(self, api: Api, tenant: Tenant) -> None:
        limit(tenant, stored_bytes=5000, open_uploads=3, duration_seconds=3600.0)
        init(api)
        assert api.get("quota/").json() == {
            "stored_bytes": {"used": 1000, "allowed": 5000},
            "reserved_bytes": 1000,
            "stored_seconds": {"used": 0, "allowed": None},
            "open_uploads": {"used": 1, "allowed": 3},
            "file_bytes": 256 * 1024**3,
            "duration_seconds": 3600.0,
        }

    def test_another_tenants_uploads_do_not_count(self, api: Api) -> None:
        init(Api(Tenant.objects.create(code="other", name="다른 학원")))
        assert api.get("quota/").json()["stored_bytes"]["used"] == 0


class TestDrift:
    def test_healthy_usage_is_no_finding(self, pipeline: Pipeline) -> None:
        for state in STATES:
            pipeline.delete(pipeline.in_state(state))
            pipeline.in_state(state)
        assert UsageIsExact().find(pipeline.world, limit=10) == []

    @pytest.mark.parametrize("state", STATES)
    @pytest.mark.parametrize("damage", ["usage", "charge", "both", "lost"])
    def test_whatever_is_wrong_is_put_right(self, pipeline: Pipeline, state: str, damage: str) -> None:
        pipeline.delete(pipeline.in_state(state))
        pipeline.in_state(state)
        right = usage_of(pipeline.tenant)
        wrong = {"reserved_bytes": 7, "stored_bytes": 7, "stored_milliseconds": 7, "open_uploads": 1}
        if damage in {"usage", "both"}:
            TenantUsage.objects.for_tenant(pipeline.tenant).update(**wrong)
        if damage in {"charge", "both"}:
            VideoCharge.objects.for_tenant(pipeline.tenant).update(**wrong)
        if damage == "lost":
            VideoCharge.objects.for_tenant(pipeline.tenant).delete()
            TenantUsage.objects.for_tenant(pipeline.tenant).delete()
        for _ in range(2):
            run_once(pipeline.world, invariants=[UsageIsExact()])
        assert usage_of(pipeline.tenant) == right
        assert UsageIsExact().find(pipeline.world, limit=10) == []


@pytest.mark.django_db(transaction=True)
def test_parallel_inits_take_exactly_what_is_allowed(api: Api, tenant: Tenant) -> None:
    """To the operator: eight clicks at once do not fit where three do."""
    limit(tenant, stored_bytes=3500)
    barrier = Barrier(8)

    def run(_: int) -> int:
        barrier.wait(timeout=20)
        try:
            return int(init(api, size_bytes=1000).status_code)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(run, range(8)))
    assert statuses == [201] * 3 + [429] * 5
    assert usage_of(tenant) == Charge(reserved_bytes=3000, open_uploads=3)
    assert Video.objects.for_tenant(tenant).count() == 3


@pytest.mark.django_db(transaction=True)
def test_parallel_inits_of_large_files_leave_no_parts_behind(api: Api, tenant: Tenant) -> None:
    """To the operator: who loses the race for the last room has opened parts in storage, and throws them away."""
    limit(tenant, stored_bytes=40 * MIB)
    barrier = Barrier(4)

    def run(_: int) -> int:
        barrier.wait(timeout=20)
        try:
            return int(init(api, size_bytes=30 * MIB).status_code)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(pool.map(run, range(4)))
    assert statuses == [201, 429, 429, 429]
    assert len(list(wiring.storage().list_multiparts(f"tenants/{tenant.pk}/"))) == 1
