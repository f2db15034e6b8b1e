"""What webhooks refuse. HTTP statuses are chosen in `apps.api.exception_handler`, texts are in `apps.core.messages`."""

from apps.core.errors import CoreError


class WebhookUrlRefused(CoreError):
    """The URL is none that we send to."""

    code = "webhook_url_refused"


class WebhookLimitReached(CoreError):
    """The tenant has as many endpoints as it may have."""

    code = "webhook_limit_reached"
