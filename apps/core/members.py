"""Who belongs to a tenant, and as what. Every change leaves an `AuditEntry` in the same commit."""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet

from apps.core.audit import record_audit
from apps.core.errors import CoreNotFound, LastOwner, UsernameTaken
from apps.core.models import Membership, Role, Tenant, User


def members_of(tenant: Tenant) -> QuerySet[Membership]:
    """Return a tenant's members with their users, oldest first."""
    return Membership.objects.for_tenant(tenant).select_related("user").order_by("pk")


@transaction.atomic
def add_member(
    *, tenant: Tenant, username: str, display_name: str, password: str, role: Role, actor: str
) -> Membership:
    """
    Make a user and let them into a tenant.

    Raises:
        UsernameTaken: There is such a user, here or in another tenant.
    """
    if User.objects.filter(username__iexact=username).exists():
        raise UsernameTaken
    user = User.objects.create_user(username, password=password, display_name=display_name)
    member = Membership.objects.create(tenant=tenant, user=user, role=role)
    record_audit(tenant=tenant, actor=actor, name="member_added", facts={"username": username, "role": role})
    return member


@transaction.atomic
def change_role(*, tenant: Tenant, member_id: int, role: Role, actor: str) -> Membership:
    """
    Make a member something else.

    Raises:
        CoreNotFound: No such member of this tenant.
        LastOwner: Nobody would be left who may do this.
    """
    member = _locked(tenant, member_id)
    if member.role == role:
        return member
    _require_other_owner(tenant, member)
    facts = {"username": member.user.username, "from": member.role, "role": role}
    member.role = role
    member.save(update_fields=["role"])
    record_audit(tenant=tenant, actor=actor, name="role_changed", facts=facts)
    return member


@transaction.atomic
def remove_member(*, tenant: Tenant, member_id: int, actor: str) -> None:
    """
    Take a member out of a tenant. The user stays, and what they have uploaded.

    Raises:
        CoreNotFound: No such member of this tenant.
        LastOwner: Nobody would be left who may do this.
    """
    member = _locked(tenant, member_id)
    _require_other_owner(tenant, member)
    record_audit(tenant=tenant, actor=actor, name="member_removed", facts={"username": member.user.username})
    member.delete()


def _locked(tenant: Tenant, member_id: int) -> Membership:
    # All owners are locked, in one order: two owners who remove each other must not both succeed.
    list(Membership.objects.for_tenant(tenant).filter(role=Role.OWNER).order_by("pk").select_for_update())
    member = members_of(tenant).filter(pk=member_id).first()
    if member is None:
        raise CoreNotFound
    return member


def _require_other_owner(tenant: Tenant, member: Membership) -> None:
    owners = Membership.objects.for_tenant(tenant).filter(role=Role.OWNER, user__is_active=True)
    if member.role == Role.OWNER and not owners.exclude(pk=member.pk).exists():
        raise LastOwner
