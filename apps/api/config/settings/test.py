"""
Settings for tests and for type checking.

Same as production, with two differences: required variables that are unset get values that work nowhere else, so
that tools can load the settings without secrets, and passwords hash fast.
"""

import os

_PLACEHOLDERS = {
    "DATABASE_URL": "postgresql://nobody:nothing@127.0.0.1:1/nowhere",
    "ACADEMY_SECRET_KEY": "test-secret-key-test-secret-key-test-secret-key",
    "ACADEMY_PUBLIC_ORIGIN": "http://testserver",
    "VIDEO_PLAYBACK_SECRET": "test-playback-secret-test-playback-secret",
    "S3_ACCESS_KEY_ID": "test-access-key",
    "S3_SECRET_ACCESS_KEY": "test-secret-access-key",
}
for _name, _value in _PLACEHOLDERS.items():
    os.environ.setdefault(_name, _value)

from apps.api.config.settings.base import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
