"""`manage.py provision_video`: make the bucket and let the web app's pages use it. Idempotent."""

from django.conf import settings
from django.core.management.base import BaseCommand

from ... import wiring


class Command(BaseCommand):
    help = "Create the bucket if it is missing and set its CORS rules."

    def handle(self, **_options: object) -> None:
        """Provision storage from the settings."""
        wiring.storage().provision(allowed_origins=[settings.ACADEMY_PUBLIC_ORIGIN])
        self.stdout.write(f"bucket {settings.S3_BUCKET} accepts uploads from {settings.ACADEMY_PUBLIC_ORIGIN}")
