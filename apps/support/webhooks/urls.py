"""`/api/v1/tenant/webhooks/...`"""

from django.urls import path

from .views import (
    WebhookDeliveriesView,
    WebhookReplayView,
    WebhookRotateView,
    WebhooksView,
    WebhookTestView,
    WebhookView,
)

urlpatterns = [
    path("", WebhooksView.as_view(), name="webhooks"),
    path("<int:pk>/", WebhookView.as_view(), name="webhook"),
    path("<int:pk>/rotate/", WebhookRotateView.as_view(), name="webhook-rotate"),
    path("<int:pk>/test/", WebhookTestView.as_view(), name="webhook-test"),
    path("<int:pk>/replay/", WebhookReplayView.as_view(), name="webhook-replay"),
    path("<int:pk>/deliveries/", WebhookDeliveriesView.as_view(), name="webhook-deliveries"),
]
