"""The settings of an api that counts nobody's calls: the other side of `benchmarks.limiter`."""

from apps.api.config.settings.base import *  # noqa: F403
from apps.api.config.settings.base import REST_FRAMEWORK

REST_FRAMEWORK = {**REST_FRAMEWORK, "DEFAULT_THROTTLE_CLASSES": []}
