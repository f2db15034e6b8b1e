"""The composition root: settings become adapters here, and nowhere else."""

from functools import cache

from django.conf import settings

from libs.outbound.addresses import AddressPolicy
from libs.outbound.client import OutboundClient


@cache
def outbound() -> OutboundClient:
    """Return the client that calls addresses of other people."""
    return OutboundClient(
        policy=AddressPolicy(settings.ACADEMY_WEBHOOK_INTERNAL_NETWORKS),
        allow_http=settings.ACADEMY_WEBHOOK_PLAIN_HTTP,
    )


def secret_key() -> str:
    """Return what secrets are derived from."""
    key: str = settings.SECRET_KEY
    return key
