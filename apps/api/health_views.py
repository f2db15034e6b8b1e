"""Whether this process can serve requests."""

from __future__ import annotations

import structlog
from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

log = structlog.get_logger()


@require_safe
def healthz(_request: HttpRequest) -> JsonResponse:
    """Answer 200 when the database answers, 503 when it does not."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (DatabaseError, InterfaceError) as error:
        log.warning("health_check_failed", dependency="database", error=type(error).__name__)
        return JsonResponse({"status": "unavailable", "dependency": "database"}, status=503)
    return JsonResponse({"status": "ok"})
