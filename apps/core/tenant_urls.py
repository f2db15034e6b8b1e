"""`/api/v1/tenant/...`: what an owner settles."""

from django.urls import path

from apps.core.tenant_views import ApiKeysView, ApiKeyView, AuditView, MembersView, MemberView

urlpatterns = [
    path("members/", MembersView.as_view(), name="tenant-members"),
    path("members/<int:pk>/", MemberView.as_view(), name="tenant-member"),
    path("api-keys/", ApiKeysView.as_view(), name="tenant-api-keys"),
    path("api-keys/<slug:prefix>/", ApiKeyView.as_view(), name="tenant-api-key"),
    path("audit/", AuditView.as_view(), name="tenant-audit"),
]
