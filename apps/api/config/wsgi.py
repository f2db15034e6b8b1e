"""The WSGI application. It does not start on a bad configuration."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

from apps.api.config.env import EnvironmentInvalid, exit_with_problems

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "apps.api.config.settings.base")

try:
    application = get_wsgi_application()
except EnvironmentInvalid as error:
    exit_with_problems(error)
