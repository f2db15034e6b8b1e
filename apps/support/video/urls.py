"""`/api/v1/media/videos/...`"""

from django.urls import path
from rest_framework.routers import SimpleRouter

from .views.diagnosis_views import WhyView
from .views.event_views import EventFeedView
from .views.ops_views import OpsOverviewView, OpsReconcileView, OpsThroughputView, OpsVideosView
from .views.playback_views import PlaybackView
from .views.stream_views import EventStreamView
from .views.video_views import VideoViewSet

router = SimpleRouter(use_regex_path=False)
router.register("", VideoViewSet, basename="video")

urlpatterns = [
    path("events/", EventFeedView.as_view(), name="video-events"),
    path("events/stream/", EventStreamView.as_view(), name="video-event-stream"),
    path("ops/overview/", OpsOverviewView.as_view(), name="video-ops-overview"),
    path("ops/videos/", OpsVideosView.as_view(), name="video-ops-videos"),
    path("ops/throughput/", OpsThroughputView.as_view(), name="video-ops-throughput"),
    path("ops/reconcile/", OpsReconcileView.as_view(), name="video-ops-reconcile"),
    path("<int:pk>/playback/", PlaybackView.as_view(), name="video-playback"),
    path("<int:pk>/why/", WhyView.as_view(), name="video-why"),
    *router.urls,
]
