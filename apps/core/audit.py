"""What people change about a tenant itself, kept for good."""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from django.db import transaction
from django.db.models import QuerySet

from apps.core.models import AuditEntry, Tenant
from libs.clock import SystemClock
from libs.db.guards import assert_in_transaction

log = structlog.get_logger()


def record_audit(*, tenant: Tenant, actor: str, name: str, facts: Mapping[str, object]) -> None:
    """Keep who did what, in the commit that does it, and log the same word after it."""
    assert_in_transaction()
    AuditEntry.objects.create(tenant=tenant, actor=actor, name=name, at=SystemClock().now(), facts=dict(facts))
    transaction.on_commit(lambda: log.info(name, tenant_id=tenant.pk, actor=actor, **facts))


def audit_of(tenant: Tenant) -> QuerySet[AuditEntry]:
    """Return what was changed about a tenant, the last change first."""
    return AuditEntry.objects.for_tenant(tenant).order_by("-pk")
