"""Every address of the api process."""

from __future__ import annotations

from importlib.util import find_spec

from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularJSONAPIView

from apps.api import error_views, openapi
from apps.api.health_views import healthz
from apps.api.web_views import web_app

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("api/v1/auth/", include("apps.core.urls")),
    path("api/v1/schema/", SpectacularJSONAPIView.as_view(), name="schema"),
    # The web app routes in the browser, so every other address is its first page. Hashed assets are served by
    # WhiteNoise before this; one that is missing must not be answered with a page.
    re_path(r"^(?!api/|playback/|assets/|healthz).*$", web_app, name="web-app"),
]

for _prefix, _urls in (
    ("api/v1/media/videos/", "apps.support.video.urls"),
    ("playback/", "apps.support.video.playback_urls"),
):
    if find_spec(_urls) is not None:
        urlpatterns.insert(0, path(_prefix, include(_urls)))

openapi.register()

handler400 = error_views.bad_request
handler403 = error_views.permission_denied
handler404 = error_views.not_found
handler500 = error_views.internal_error
