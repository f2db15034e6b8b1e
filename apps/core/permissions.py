"""For which tenant a request acts, as whom, and what it may do there."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import QuerySet
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from apps.core.errors import AccessDenied
from apps.core.models import SCOPE_VIDEOS_READ, SCOPE_VIDEOS_WRITE, ApiKey, Membership, Role, Tenant, User

TENANT_HEADER = "X-Tenant"


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A caller inside one tenant. `role` is None for a machine."""

    tenant: Tenant
    actor: str
    role: Role | None
    may_read_videos: bool
    may_write_videos: bool


def current_principal(request: Request) -> Principal:
    """
    Return who calls, in which tenant. It is found once a request and kept on it.

    Raises:
        AccessDenied: Nobody is signed in, the user is in no tenant, or X-Tenant names one that is not theirs.
    """
    known = getattr(request._request, "academy_principal", None)
    if isinstance(known, Principal):
        return known
    principal = _find_principal(request)
    request._request.academy_principal = principal  # type: ignore[attr-defined]
    request.tenant = principal.tenant  # type: ignore[attr-defined]
    return principal


def current_tenant(request: Request) -> Tenant:
    """Return the tenant that the request acts for; raises as `current_principal` does."""
    return current_principal(request).tenant


def current_actor(request: Request) -> str:
    """Return `user:12` or `key:avk_3f9a2b1c`, for events and logs; raises as `current_principal` does."""
    return current_principal(request).actor


def memberships_of(user: User) -> QuerySet[Membership]:
    """Return a user's memberships in open tenants, oldest first."""
    memberships = Membership.objects.across_tenants().filter(user=user, tenant__is_active=True)
    return memberships.select_related("tenant").order_by("pk")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """What a permission asks of a caller, as the OpenAPI document says it. `scope` is None where no key suffices."""

    scope: str | None
    role: str


class CanReadVideos(BasePermission):
    """Members of any role, and keys with `videos:read`."""

    def rights(self, _method: str) -> Rights:
        return Rights(scope=SCOPE_VIDEOS_READ, role=Role.VIEWER)

    def has_permission(self, request: Request, _view: APIView) -> bool:
        if not request.user.is_authenticated:
            return False
        return current_principal(request).may_read_videos


class CanWriteVideos(BasePermission):
    """Owners and staff, and keys with `videos:write`. Safe methods need only the right to read."""

    def rights(self, method: str) -> Rights:
        if method in SAFE_METHODS:
            return Rights(scope=SCOPE_VIDEOS_READ, role=Role.VIEWER)
        return Rights(scope=SCOPE_VIDEOS_WRITE, role=Role.STAFF)

    def has_permission(self, request: Request, _view: APIView) -> bool:
        if not request.user.is_authenticated:
            return False
        principal = current_principal(request)
        return principal.may_read_videos if request.method in SAFE_METHODS else principal.may_write_videos


class IsOperator(BasePermission):
    """
    People who run the installation, and so may see every tenant. No tenant's role and no key makes anybody that:
    `User.is_staff` does, which `manage.py seed_tenant --operator` sets.
    """

    def rights(self, _method: str) -> Rights:
        return Rights(scope=None, role="operator")

    def has_permission(self, request: Request, _view: APIView) -> bool:
        return isinstance(request.user, User) and request.user.is_active and request.user.is_staff


class IsOwner(BasePermission):
    """Owners of the tenant that the request acts for. No key is one."""

    def rights(self, _method: str) -> Rights:
        return Rights(scope=None, role=Role.OWNER)

    def has_permission(self, request: Request, _view: APIView) -> bool:
        if not request.user.is_authenticated:
            return False
        return current_principal(request).role is Role.OWNER


def _find_principal(request: Request) -> Principal:
    if isinstance(request.auth, ApiKey):
        return _principal_of_key(request, request.auth)
    if isinstance(request.user, User):
        return _principal_of_user(request, request.user)
    raise AccessDenied


def _principal_of_key(request: Request, api_key: ApiKey) -> Principal:
    wanted = request.headers.get(TENANT_HEADER)
    if wanted is not None and wanted != api_key.tenant.code:
        raise AccessDenied
    return Principal(
        tenant=api_key.tenant,
        actor=f"key:{api_key}",
        role=None,
        may_read_videos=SCOPE_VIDEOS_READ in api_key.scopes,
        may_write_videos=SCOPE_VIDEOS_WRITE in api_key.scopes,
    )


def _principal_of_user(request: Request, user: User) -> Principal:
    memberships = memberships_of(user)
    wanted = request.headers.get(TENANT_HEADER)
    if wanted is not None:
        memberships = memberships.filter(tenant__code=wanted)
    membership = memberships.first()
    if membership is None:
        raise AccessDenied
    role = Role(membership.role)
    return Principal(
        tenant=membership.tenant,
        actor=f"user:{user.pk}",
        role=role,
        may_read_videos=True,
        may_write_videos=role.may_write,
    )
