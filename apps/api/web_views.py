"""The web app's first page. Its assets are served by WhiteNoise."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

_NOT_BUILT = (
    "웹 앱이 아직 빌드되지 않았습니다. academyfront 폴더에서 npm ci && npm run build 를 실행해 주세요.\n"
    "The web app has not been built. Run npm ci && npm run build in academyfront.\n"
)


@require_safe
def web_app(_request: HttpRequest) -> HttpResponse:
    """Serve index.html for every page of the web app; the browser routes from there."""
    try:
        page = (Path(settings.ACADEMY_WEB_ROOT) / "index.html").read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return HttpResponse(_NOT_BUILT, status=503, content_type="text/plain; charset=utf-8")
    # The page names hashed assets, so an old copy would ask for files that are gone.
    return HttpResponse(page, content_type="text/html; charset=utf-8", headers={"Cache-Control": "no-cache"})
