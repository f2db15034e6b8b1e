"""`manage.py provision_video`: make the bucket and let the web app's pages use it. Idempotent."""

import math

from django.conf import settings
from django.core.management.base import BaseCommand

from ... import wiring

SECONDS_PER_DAY = 86_400


class Command(BaseCommand):
    help = "Create the bucket if it is missing and set its CORS and lifecycle rules."

    def handle(self, **_options: object) -> None:
        """Provision storage from the settings."""
        # A day later than our own deadline: the reconciler comes first, the bucket's rule is the net below it.
        abort_after_days = math.ceil(settings.VIDEO_MULTIPART_DEADLINE_SECONDS / SECONDS_PER_DAY) + 1
        origins = web_origins(settings.ACADEMY_PUBLIC_ORIGIN)
        wiring.storage().provision(allowed_origins=origins, abort_after_days=abort_after_days)
        self.stdout.write(f"bucket {settings.S3_BUCKET} accepts uploads from {' and '.join(origins)}")


def web_origins(public_origin: str) -> list[str]:
    """Return where our pages are opened from. On one machine people type either name of it."""
    twins = {"//127.0.0.1:": "//localhost:", "//localhost:": "//127.0.0.1:"}
    others = [public_origin.replace(name, twin) for name, twin in twins.items() if name in public_origin]
    return [public_origin, *others]
