"""`/api/v1/media/videos/ops/webhooks/...`"""

from django.urls import path

from .ops_views import OpsWebhookEndpointsView, OpsWebhooksView

urlpatterns = [
    path("", OpsWebhooksView.as_view(), name="ops-webhooks"),
    path("endpoints/", OpsWebhookEndpointsView.as_view(), name="ops-webhook-endpoints"),
]
