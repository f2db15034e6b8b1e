from collections.abc import Callable
from importlib import import_module
from typing import Any

from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "apps.support.webhooks"
    label = "webhooks"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from apps.support.outbox.companions import register_companion
        from apps.support.video.management.doctor.examinations import register_examination
        from libs.observability.gauges import register_gauges_of

        from .gauges import WEBHOOK_GAUGES

        register_companion("webhooks", _when_called("process", "run_webhooks"))
        register_examination("webhooks", _when_called("examination", "examine_webhooks"))
        register_gauges_of("webhooks", WEBHOOK_GAUGES)


def _when_called(module: str, name: str) -> Callable[..., Any]:
    """Import a function when it is first called: each process starts with this, and few of them send webhooks."""

    def call(*arguments: Any, **options: Any) -> Any:
        return getattr(import_module(f".{module}", __package__), name)(*arguments, **options)

    return call
