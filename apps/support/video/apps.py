from django.apps import AppConfig


class VideoConfig(AppConfig):
    name = "apps.support.video"
    label = "video"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from .services import sqs_queue

        sqs_queue.connect_outbox_signals()
