"""`/playback/...`"""

from django.urls import path

from .views.playback_views import PlaylistView

urlpatterns = [path("<str:token>/<path:path>", PlaylistView.as_view(), name="playback-playlist")]
