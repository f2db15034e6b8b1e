"""Every address of the api process."""

from __future__ import annotations

from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularJSONAPIView

from apps.api import error_views, openapi
from apps.api.health_views import healthz
from apps.api.web_views import web_app

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("api/v1/auth/", include("apps.core.urls")),
    path("api/v1/tenant/", include("apps.core.tenant_urls")),
    path("api/v1/tenant/webhooks/", include("apps.support.webhooks.urls")),
    path("api/v1/media/videos/ops/webhooks/", include("apps.support.webhooks.ops_urls")),
    path("api/v1/media/videos/", include("apps.support.video.urls")),
    path("api/v1/schema/", SpectacularJSONAPIView.as_view(), name="schema"),
    path("playback/", include("apps.support.video.playback_urls")),
    # The web app routes in the browser, so every other address is its first page. Hashed assets are served by
    # WhiteNoise before this; one that is missing must not be answered with a page.
    re_path(r"^(?!api/|playback/|assets/|healthz).*$", web_app, name="web-app"),
]

openapi.register()

handler400 = error_views.bad_request
handler403 = error_views.permission_denied
handler404 = error_views.not_found
handler500 = error_views.internal_error
