"""What operators of the installation see and do. It shows every tenant, so it is for nobody else."""

from dataclasses import asdict
from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.models import Tenant
from apps.core.permissions import IsOperator

from .. import wiring
from ..domain.lifecycle import VideoStatus
from ..recovery.inspection import chosen, find_all, finding_row
from ..recovery.invariant import Invariant, Severity
from ..recovery.reconciler import INVARIANTS, run_once
from ..recovery.wired import wired_world
from ..selectors import health
from ..selectors.throughput import ThroughputWindow, throughput
from ..selectors.whereabouts import Place, videos_at
from .base import validated

FINDINGS_SHOWN = 100
CODES = [invariant.code for invariant in INVARIANTS]


class FunnelStepSerializer(serializers.Serializer[Any]):
    step = serializers.CharField()
    count = serializers.IntegerField()
    oldest_since = serializers.DateTimeField(allow_null=True)


class OpsQueueSerializer(serializers.Serializer[Any]):
    visible = serializers.IntegerField()
    in_flight = serializers.IntegerField()
    delayed = serializers.IntegerField()


class OpsOutboxSerializer(serializers.Serializer[Any]):
    unsent = serializers.IntegerField()
    due = serializers.IntegerField()
    oldest_due_at = serializers.DateTimeField(allow_null=True)
    failing = serializers.IntegerField()


class OpsDeadLettersSerializer(serializers.Serializer[Any]):
    waiting = serializers.IntegerField(allow_null=True, help_text="In the queue; null: it does not answer.")
    kept = serializers.IntegerField(help_text="Kept for a person.")


class OpsWorkerSerializer(serializers.Serializer[Any]):
    worker_id = serializers.CharField()
    seen_at = serializers.DateTimeField()
    job_id = serializers.UUIDField(allow_null=True)
    video_id = serializers.IntegerField(allow_null=True)
    tenant_code = serializers.CharField(allow_null=True)
    stage = serializers.CharField()
    progress_percent = serializers.FloatField()
    progress_at = serializers.DateTimeField(allow_null=True)
    lease_until = serializers.DateTimeField(allow_null=True)


class OpsTenantSerializer(serializers.Serializer[Any]):
    tenant_code = serializers.CharField()
    queued = serializers.IntegerField()
    running = serializers.IntegerField()
    waiting_for_retry = serializers.IntegerField()
    oldest_queued_since = serializers.DateTimeField(allow_null=True)


class OpsInvariantSerializer(serializers.Serializer[Any]):
    """An invariant, and what the reconciler last did about it. Null and 0: it has not run yet."""

    code = serializers.CharField()
    sentence = serializers.CharField()
    severity = serializers.ChoiceField(choices=[severity.value for severity in Severity])
    runbook = serializers.CharField(help_text="The page in docs/runbooks.")
    ran_at = serializers.DateTimeField(allow_null=True)
    found = serializers.IntegerField()
    repaired = serializers.IntegerField()
    found_total = serializers.IntegerField()
    repaired_total = serializers.IntegerField()
    repaired_at = serializers.DateTimeField(allow_null=True)


class OpsOverviewSerializer(serializers.Serializer[Any]):
    """The whole line at a glance."""

    at = serializers.DateTimeField()
    funnel = FunnelStepSerializer(many=True)
    finished_today = serializers.DictField(child=serializers.IntegerField(), help_text="By final status, in 24 hours.")
    jobs = serializers.DictField(child=serializers.IntegerField(), help_text="Active jobs by state.")
    queue = OpsQueueSerializer(allow_null=True)
    outbox = OpsOutboxSerializer()
    dead_letters = OpsDeadLettersSerializer()
    workers = OpsWorkerSerializer(many=True)
    tenants = OpsTenantSerializer(many=True)
    invariants = OpsInvariantSerializer(many=True)


class OpsFindingSerializer(serializers.Serializer[Any]):
    invariant = serializers.CharField()
    subject = serializers.CharField()
    tenant_id = serializers.IntegerField(help_text="0: the whole installation's.")
    video_id = serializers.IntegerField(help_text="0: no video's.")
    detail = serializers.CharField()


class OpsReconcileSerializer(serializers.Serializer[Any]):
    """What to look for, and whether to repair it."""

    invariants = serializers.ListField(
        child=serializers.ChoiceField(choices=CODES), allow_empty=False, help_text="By their codes."
    )
    apply = serializers.BooleanField(default=False, help_text="Without it nothing is changed.")


class OpsReportSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    found = serializers.IntegerField()
    repaired = serializers.IntegerField()


class OpsReconciledSerializer(serializers.Serializer[Any]):
    """The findings of a dry run, or the reports of what was done. Who is busy with another round has no report."""

    applied = serializers.BooleanField()
    findings = OpsFindingSerializer(many=True)
    reports = OpsReportSerializer(many=True)


class OpsOverviewView(APIView):
    """Where everything is."""

    permission_classes = (IsOperator,)

    @extend_schema(operation_id="ops_overview", responses=OpsOverviewSerializer)
    def get(self, _request: Request) -> Response:
        """Show the funnel, the queue, the outbox, dead letters, workers, tenants by backlog, and the invariants."""
        now, queue = wiring.shared_clock().now(), wiring.fast_queue()
        depth = health.queue_depth(queue, queue_name=settings.VIDEO_SQS_QUEUE_NAME)
        answer = {
            "at": now,
            "funnel": [asdict(step) for step in health.funnel()],
            "finished_today": health.finished_since(now - health.FINISHED_WITHIN),
            "jobs": health.active_jobs(),
            "queue": asdict(depth) if depth else None,
            "outbox": asdict(health.outbox_health(now=now)),
            "dead_letters": asdict(health.dead_letter_health(queue)),
            "workers": [asdict(worker) for worker in health.workers_seen()],
            "tenants": [asdict(backlog) for backlog in health.tenant_backlogs()],
            "invariants": _invariants_json(),
        }
        return Response(OpsOverviewSerializer(answer).data)


class ThroughputQuerySerializer(serializers.Serializer[Any]):
    """How far back."""

    window = serializers.ChoiceField(
        choices=[window.value for window in ThroughputWindow], default=ThroughputWindow.HOUR.value
    )


class ThroughputStepSerializer(serializers.Serializer[Any]):
    """What was finished within one step of time: five minutes of the hour, an hour of the day."""

    starts_at = serializers.DateTimeField()
    finished_count = serializers.IntegerField()
    median_seconds = serializers.FloatField(allow_null=True, help_text="From the job's making to its end.")


class OpsThroughputView(APIView):
    """How much gets through."""

    permission_classes = (IsOperator,)

    @extend_schema(
        operation_id="ops_throughput",
        parameters=[ThroughputQuerySerializer],
        responses=ThroughputStepSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """Show how many videos were finished and how long they took, step by step, the oldest step first."""
        window = ThroughputWindow(validated(ThroughputQuerySerializer(data=request.query_params))["window"])
        steps = throughput(window=window, now=wiring.shared_clock().now())
        return Response(ThroughputStepSerializer(steps, many=True).data)


class PlaceQuerySerializer(serializers.Serializer[Any]):
    """Where to look, and whose videos."""

    place = serializers.ChoiceField(choices=[place.value for place in Place])
    # As text first, which refuses what PostgreSQL cannot look for.
    tenant = serializers.CharField(required=False, help_text="Only this academy's, by its code.")

    def validate_tenant(self, code: str) -> Tenant:
        """Return the tenant that has the code."""
        tenant = Tenant.objects.filter(code=code).first()
        if tenant is None:
            raise serializers.ValidationError("There is no such academy.")
        return tenant


class PlacedVideoSerializer(serializers.Serializer[Any]):
    """A video that one of the overview's numbers counts; or what it counts that belongs to no video that exists."""

    video_id = serializers.IntegerField(allow_null=True, help_text="Null: it belongs to none.")
    tenant_code = serializers.CharField(allow_null=True)
    title = serializers.CharField(help_text="Without a video: the message, dead letter or job that is counted.")
    status = serializers.ChoiceField(choices=[status.value for status in VideoStatus], allow_null=True)
    since = serializers.DateTimeField()
    remark = serializers.CharField(help_text="What was noted there: the queue's refusal, a dead letter's reason.")


class OpsVideosView(APIView):
    """The videos behind a number."""

    permission_classes = (IsOperator,)

    @extend_schema(
        operation_id="ops_videos", parameters=[PlaceQuerySerializer], responses=PlacedVideoSerializer(many=True)
    )
    def get(self, request: Request) -> Response:
        """List up to 100 that are at a place of the line, those that have been there longest first."""
        query = validated(PlaceQuerySerializer(data=request.query_params))
        found = videos_at(Place(query["place"]), tenant=query.get("tenant"), now=wiring.shared_clock().now())
        return Response(PlacedVideoSerializer(found, many=True).data)


class OpsReconcileView(APIView):
    """Looking for what is broken, and repairing it."""

    permission_classes = (IsOperator,)

    @extend_schema(operation_id="ops_reconcile", request=OpsReconcileSerializer, responses=OpsReconciledSerializer)
    def post(self, request: Request) -> Response:
        """List what is broken, and with `apply` repair it. This is the reconciler's own code."""
        fields = validated(OpsReconcileSerializer(data=request.data))
        invariants = chosen(fields["invariants"])
        world = wired_world()
        if not fields["apply"]:
            found = find_all(world, invariants=invariants, limit=FINDINGS_SHOWN)
            return Response({"applied": False, "findings": [finding_row(finding) for finding in found], "reports": []})
        reports = [asdict(report) for report in run_once(world, invariants=invariants)]
        return Response({"applied": True, "findings": [], "reports": reports})


def _invariants_json() -> list[dict[str, Any]]:
    rounds = health.rounds_by_code()
    return [_invariant_json(invariant, rounds.get(invariant.code)) for invariant in INVARIANTS]


def _invariant_json(invariant: Invariant, row: Any) -> dict[str, Any]:
    counts = ("found", "repaired", "found_total", "repaired_total")
    return {
        "code": invariant.code,
        "sentence": invariant.sentence,
        "severity": invariant.severity,
        "runbook": invariant.runbook,
        "ran_at": row.ran_at if row else None,
        "repaired_at": row.repaired_at if row else None,
        **{name: getattr(row, name) if row else 0 for name in counts},
    }
