"""What an owner settles: who belongs to the tenant, which machines may act for it, and what was changed so far."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as PasswordRefused
from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.api_keys import ApiKeyInvalid, issue_api_key, revoke_api_key
from apps.core.audit import audit_of, record_audit
from apps.core.errors import CoreNotFound, LastOwner, UsernameTaken
from apps.core.members import add_member, change_role, members_of, remove_member
from apps.core.models import ALL_SCOPES, ApiKey, AuditEntry, Membership, Role
from apps.core.permissions import IsOwner, current_actor, current_tenant
from apps.core.refusals import refuses
from libs.clock import SystemClock

AUDIT_SHOWN = 100


class MemberSerializer(serializers.ModelSerializer[Membership]):
    """Somebody who belongs to the tenant."""

    username = serializers.CharField(source="user.username")
    display_name = serializers.CharField(source="user.shown_name")
    user_id = serializers.IntegerField()

    class Meta:
        model = Membership
        fields = ("id", "user_id", "username", "display_name", "role", "created_at")
        read_only_fields = fields


class AddMemberSerializer(serializers.Serializer[Any]):
    """A person to be let in, with the password that they begin with."""

    username = serializers.RegexField(r"^[\w.@+-]+$", max_length=150)
    display_name = serializers.CharField(max_length=150, allow_blank=True, default="")
    password = serializers.CharField(max_length=4096, trim_whitespace=False, write_only=True)
    role = serializers.ChoiceField(choices=Role.choices)

    def validate_password(self, password: str) -> str:
        """Return a password that is none of the easily guessed ones."""
        try:
            validate_password(password)
        except PasswordRefused as error:
            raise serializers.ValidationError(error.messages) from error
        return password


class ChangeRoleSerializer(serializers.Serializer[Any]):
    """What a member becomes."""

    role = serializers.ChoiceField(choices=Role.choices)


class ApiKeySerializer(serializers.ModelSerializer[ApiKey]):
    """A key, without its secret."""

    scopes = serializers.ListField(child=serializers.ChoiceField(choices=ALL_SCOPES))

    class Meta:
        model = ApiKey
        fields: ClassVar[tuple[str, ...]] = (
            "prefix",
            "name",
            "scopes",
            "created_at",
            "expires_at",
            "last_used_at",
            "revoked_at",
        )
        read_only_fields: ClassVar[tuple[str, ...]] = fields


class IssueApiKeySerializer(serializers.Serializer[Any]):
    """A key to be made."""

    name = serializers.CharField(max_length=100)
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=ALL_SCOPES), allow_empty=False)
    expires_at = serializers.DateTimeField(allow_null=True, default=None)

    def validate_scopes(self, scopes: list[str]) -> list[str]:
        """Return each scope once."""
        return sorted(set(scopes))


class IssuedApiKeySerializer(ApiKeySerializer):
    """A key that was just made: the only answer that ever has the key itself."""

    key = serializers.CharField()

    class Meta(ApiKeySerializer.Meta):
        fields: ClassVar[tuple[str, ...]] = (*ApiKeySerializer.Meta.fields, "key")
        read_only_fields: ClassVar[tuple[str, ...]] = fields


class AuditEntrySerializer(serializers.ModelSerializer[AuditEntry]):
    """One change."""

    facts = serializers.DictField()

    class Meta:
        model = AuditEntry
        fields = ("id", "name", "at", "actor", "facts")
        read_only_fields = fields


class OwnerView(APIView):
    """Only for owners, who are people: no key settles anything about its tenant."""

    permission_classes = (IsOwner,)


class MembersView(OwnerView):
    """The members."""

    @extend_schema(operation_id="tenant_members", responses=MemberSerializer(many=True), tags=["tenant"])
    def get(self, request: Request) -> Response:
        """List who belongs to the tenant."""
        return Response(MemberSerializer(members_of(current_tenant(request)), many=True).data)

    @extend_schema(
        operation_id="tenant_member_add",
        request=AddMemberSerializer,
        responses={201: MemberSerializer},
        tags=["tenant"],
        extensions=refuses(UsernameTaken),
    )
    def post(self, request: Request) -> Response:
        """Let a person in."""
        fields = _validated(AddMemberSerializer(data=request.data))
        role = Role(fields.pop("role"))
        member = add_member(tenant=current_tenant(request), actor=current_actor(request), role=role, **fields)
        return Response(MemberSerializer(member).data, status=status.HTTP_201_CREATED)


class MemberView(OwnerView):
    """One member."""

    @extend_schema(
        operation_id="tenant_member_change",
        request=ChangeRoleSerializer,
        responses=MemberSerializer,
        tags=["tenant"],
        extensions=refuses(LastOwner),
    )
    def patch(self, request: Request, pk: int) -> Response:
        """Change a member's role."""
        role = Role(_validated(ChangeRoleSerializer(data=request.data))["role"])
        member = change_role(tenant=current_tenant(request), member_id=pk, role=role, actor=current_actor(request))
        return Response(MemberSerializer(member).data)

    @extend_schema(
        operation_id="tenant_member_remove", responses={204: None}, tags=["tenant"], extensions=refuses(LastOwner)
    )
    def delete(self, request: Request, pk: int) -> Response:
        """Take a member out; what they have uploaded stays."""
        remove_member(tenant=current_tenant(request), member_id=pk, actor=current_actor(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class ApiKeysView(OwnerView):
    """The keys."""

    @extend_schema(operation_id="tenant_api_keys", responses=ApiKeySerializer(many=True), tags=["tenant"])
    def get(self, request: Request) -> Response:
        """List the tenant's keys, the newest first; revoked ones stay in the list."""
        keys = ApiKey.objects.for_tenant(current_tenant(request)).order_by("-pk")
        return Response(ApiKeySerializer(keys, many=True).data)

    @extend_schema(
        operation_id="tenant_api_key_issue",
        request=IssueApiKeySerializer,
        responses={201: IssuedApiKeySerializer},
        tags=["tenant"],
    )
    def post(self, request: Request) -> Response:
        """Make a key. Its text is in this answer and nowhere else."""
        fields = _validated(IssueApiKeySerializer(data=request.data))
        tenant = current_tenant(request)
        with transaction.atomic():
            issued = issue_api_key(tenant=tenant, **fields)
            facts = {"prefix": issued.api_key.prefix, "scopes": issued.api_key.scopes}
            record_audit(tenant=tenant, actor=current_actor(request), name="api_key_issued", facts=facts)
        answer = {**ApiKeySerializer(issued.api_key).data, "key": issued.plaintext}
        return Response(answer, status=status.HTTP_201_CREATED)


class ApiKeyView(OwnerView):
    """One key."""

    @extend_schema(operation_id="tenant_api_key_revoke", responses={204: None}, tags=["tenant"])
    def delete(self, request: Request, prefix: str) -> Response:
        """Revoke a key for good. Doing it again changes nothing."""
        tenant = current_tenant(request)
        with transaction.atomic():
            try:
                was_open = revoke_api_key(tenant=tenant, prefix=prefix, now=SystemClock().now())
            except ApiKeyInvalid as error:
                raise CoreNotFound from error
            if was_open:
                actor = current_actor(request)
                record_audit(tenant=tenant, actor=actor, name="api_key_revoked", facts={"prefix": prefix})
        return Response(status=status.HTTP_204_NO_CONTENT)


class AuditView(OwnerView):
    """The record."""

    @extend_schema(operation_id="tenant_audit", responses=AuditEntrySerializer(many=True), tags=["tenant"])
    def get(self, request: Request) -> Response:
        """List the last hundred changes, the newest first."""
        entries = audit_of(current_tenant(request))[:AUDIT_SHOWN]
        return Response(AuditEntrySerializer(entries, many=True).data)


def _validated(serializer: serializers.Serializer[Any]) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)
