from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "apps.support.webhooks"
    label = "webhooks"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from apps.support.outbox.companions import register_companion

        from .process import run_webhooks

        register_companion("webhooks", run_webhooks)
