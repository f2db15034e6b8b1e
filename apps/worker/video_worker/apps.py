from django.apps import AppConfig


class VideoWorkerConfig(AppConfig):
    name = "apps.worker.video_worker"
    label = "video_worker"
