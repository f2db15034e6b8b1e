"""Who may use the installation: users, tenants, what a user is to a tenant, and keys for machines."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Length

from apps.core.tenancy import TenantScopedManager

SCOPE_VIDEOS_READ = "videos:read"
SCOPE_VIDEOS_WRITE = "videos:write"
ALL_SCOPES = (SCOPE_VIDEOS_READ, SCOPE_VIDEOS_WRITE)


class User(AbstractUser):
    """A person who signs in. What they may do is up to their memberships."""

    display_name = models.CharField(max_length=150, blank=True, default="")

    @property
    def shown_name(self) -> str:
        return self.display_name or self.username


class Tenant(models.Model):
    """One academy: the owner of videos, and the border that nobody looks across."""

    code = models.SlugField(max_length=63, unique=True)
    name = models.CharField(max_length=200)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.code


class TenantLimits(models.Model):
    """What one tenant may use, where that is not what the installation allows everyone. None: as everyone."""

    tenant = models.OneToOneField(Tenant, primary_key=True, on_delete=models.CASCADE, related_name="+")
    file_bytes = models.BigIntegerField(null=True, blank=True)
    stored_bytes = models.BigIntegerField(null=True, blank=True)
    stored_seconds = models.BigIntegerField(null=True, blank=True)
    open_uploads = models.PositiveIntegerField(null=True, blank=True)
    duration_seconds = models.FloatField(null=True, blank=True)

    objects = TenantScopedManager["TenantLimits"]()

    def __str__(self) -> str:
        return f"limits of {self.tenant_id}"


class TenantEncoding(models.Model):
    """How one tenant's videos are encoded, where that is not how everyone's are. None: as everyone's."""

    tenant = models.OneToOneField(Tenant, primary_key=True, on_delete=models.CASCADE, related_name="+")
    highest_short_side = models.PositiveIntegerField(null=True, blank=True)
    quality = models.PositiveSmallIntegerField(null=True, blank=True)
    preset = models.CharField(max_length=16, null=True, blank=True)  # noqa: DJ001 - None is everyone's, not a preset
    evens_loudness = models.BooleanField(null=True, blank=True)

    objects = TenantScopedManager["TenantEncoding"]()

    def __str__(self) -> str:
        return f"encoding of {self.tenant_id}"


class Role(models.TextChoices):
    OWNER = "owner", "owner"
    STAFF = "staff", "staff"
    VIEWER = "viewer", "viewer"

    @property
    def may_write(self) -> bool:
        return self in (Role.OWNER, Role.STAFF)


class Membership(models.Model):
    """What a user is to a tenant."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role.choices)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TenantScopedManager["Membership"]()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "tenant"], name="core_membership_once_per_tenant"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="core_membership_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} is {self.role} of {self.tenant_id}"


class ApiKey(models.Model):
    """
    A machine's right to act for one tenant.

    Only a hash is kept: the key itself is shown once, when it is made (`apps.core.api_keys`). Its entropy is that of
    its 256 random bits, so a fast hash is enough; a slow one would cost every request.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=8, unique=True)
    key_hash = models.CharField(max_length=64)
    scopes = ArrayField(models.CharField(max_length=32), default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = TenantScopedManager["ApiKey"]()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.lookups.Exact(Length("key_hash"), 64), name="core_api_key_is_hashed"
            ),
        ]

    def __str__(self) -> str:
        return f"avk_{self.prefix}"

    def is_usable(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class AuditEntry(models.Model):
    """Something that was changed about a tenant itself: its members, its keys. Append-only."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=40)
    at = models.DateTimeField()
    actor = models.CharField(max_length=200)
    facts = models.JSONField(default=dict)

    objects = TenantScopedManager["AuditEntry"]()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["tenant", "-id"], name="core_audit_newest")]

    def __str__(self) -> str:
        return f"{self.name} by {self.actor}"


class RateAccount(models.Model):
    """What one caller has called for (`apps.core.rate_limits`). No tenant's: some callers are only an address."""

    key = models.CharField(max_length=100, primary_key=True)
    paid_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.key


class IdempotencyRecord(models.Model):
    """
    The answer to a call that carried an Idempotency-Key, kept for a day to be given again (`apps.core.idempotency`).

    `body` is the answer's JSON text as it was sent, None for an empty answer. It may hold presigned URLs, so the row
    is as sensitive as the answer was.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="idempotency_records")
    key = models.CharField(max_length=255)
    operation = models.CharField(max_length=400)
    request_hash = models.CharField(max_length=64)
    status_code = models.PositiveSmallIntegerField()
    body = models.TextField(null=True)  # noqa: DJ001 - no body and an empty one are not the same
    created_at = models.DateTimeField()

    objects = TenantScopedManager["IdempotencyRecord"]()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "key", "operation"], name="core_idempotency_once_per_key"),
        ]
        indexes: ClassVar = [models.Index(fields=["created_at"], name="core_idempotency_age")]

    def __str__(self) -> str:
        return f"{self.operation} {self.status_code}"
