from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "apps.support.webhooks"
    label = "webhooks"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from apps.support.outbox.companions import register_companion
        from apps.support.video.management.doctor.examinations import register_examination
        from libs.observability.gauges import register_gauges_of

        from .examination import examine_webhooks
        from .gauges import WEBHOOK_GAUGES
        from .process import run_webhooks

        register_companion("webhooks", run_webhooks)
        register_examination("webhooks", examine_webhooks)
        register_gauges_of("webhooks", WEBHOOK_GAUGES)
