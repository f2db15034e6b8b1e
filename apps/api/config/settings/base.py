"""Django's settings, all derived from `apps.api.config.env`."""

from __future__ import annotations

import logging
from typing import Any

from apps.api.config.content_security import content_security_policy
from apps.api.config.env import read_environment
from libs.observability.logging import configure_logging

_env = read_environment()

# The installation's own settings: flat, and named like their environment variables.

ACADEMY_PUBLIC_ORIGIN = _env.web.public_origin
ACADEMY_PROXY_COUNT = _env.web.proxy_count
ACADEMY_CALLS_PER_MINUTE = _env.web.calls_per_minute
ACADEMY_CALLS_PER_MINUTE_AND_ADDRESS = _env.web.calls_per_minute_and_address
ACADEMY_WEB_ROOT = _env.web.web_root
ACADEMY_LOG_LEVEL = _env.web.log_level
ACADEMY_LOG_FORMAT = _env.web.log_format
ACADEMY_API_THREADS = _env.web.api_threads
ACADEMY_STREAM_LIMIT = _env.web.stream_limit
ACADEMY_STREAM_SECONDS = _env.web.stream_seconds
ACADEMY_STREAM_HEARTBEAT_SECONDS = _env.web.stream_heartbeat_seconds

S3_ENDPOINT_URL = _env.storage.endpoint_url
S3_PUBLIC_ENDPOINT_URL = _env.storage.public_endpoint_url
S3_REGION = _env.storage.region
S3_BUCKET = _env.storage.bucket
S3_ACCESS_KEY_ID = _env.storage.access_key_id
S3_SECRET_ACCESS_KEY = _env.storage.secret_access_key
S3_CHECKSUM_ALGORITHM = _env.storage.checksum_algorithm

SQS_ENDPOINT_URL = _env.queue.endpoint_url
SQS_REGION = _env.queue.region
AWS_ACCESS_KEY_ID = _env.queue.access_key_id
AWS_SECRET_ACCESS_KEY = _env.queue.secret_access_key
VIDEO_SQS_QUEUE_NAME = _env.queue.queue_name
VIDEO_SQS_DLQ_NAME = _env.queue.dlq_name
VIDEO_STORAGE_EVENTS_QUEUE_NAME = _env.queue.storage_events_queue_name

VIDEO_MAX_UPLOAD_BYTES = _env.upload.max_upload_bytes
VIDEO_MULTIPART_THRESHOLD_BYTES = _env.upload.multipart_threshold_bytes
VIDEO_UPLOAD_URL_TTL_SECONDS = _env.upload.url_ttl_seconds
VIDEO_UPLOAD_DEADLINE_SECONDS = _env.upload.deadline_seconds
VIDEO_MULTIPART_DEADLINE_SECONDS = _env.upload.multipart_deadline_seconds
VIDEO_MIN_DURATION_SECONDS = _env.upload.min_duration_seconds
VIDEO_MAX_DURATION_SECONDS = _env.upload.max_duration_seconds
VIDEO_MAX_PIXELS = _env.upload.max_pixels
VIDEO_MAX_STREAMS = _env.upload.max_streams
VIDEO_MAX_FRAMES_PER_SECOND = _env.upload.max_frames_per_second
VIDEO_PROBE_TIMEOUT_SECONDS = _env.upload.probe_timeout_seconds
VIDEO_PROBE_CONCURRENCY = _env.upload.probe_concurrency
VIDEO_SEND_TIMEOUT_SECONDS = _env.upload.send_timeout_seconds

VIDEO_TENANT_STORED_BYTES = _env.tenant_limits.stored_bytes
VIDEO_TENANT_STORED_SECONDS = _env.tenant_limits.stored_seconds
VIDEO_TENANT_OPEN_UPLOADS = _env.tenant_limits.open_uploads

VIDEO_PLAYBACK_SECRET = _env.playback.secret
VIDEO_PLAYBACK_TTL_SECONDS = _env.playback.ttl_seconds
VIDEO_SEGMENT_URL_TTL_SECONDS = _env.playback.segment_url_ttl_seconds

VIDEO_LEASE_SECONDS = _env.transcode.lease_seconds
VIDEO_STALL_SECONDS = _env.transcode.stall_seconds
VIDEO_STAGE_DEADLINE_SECONDS = _env.transcode.stage_deadline_seconds
VIDEO_HANDOVER_SECONDS = _env.transcode.handover_seconds
VIDEO_SPOT_NOTICE_URL = _env.transcode.spot_notice_url
VIDEO_STOP_FILE = _env.transcode.stop_file
VIDEO_MAX_ATTEMPTS = _env.transcode.max_attempts
VIDEO_TENANT_RUNNING_LIMIT = _env.transcode.tenant_running_limit
VIDEO_REDELIVERY_WINDOW_SECONDS = _env.transcode.redelivery_window_seconds
VIDEO_RECONCILE_INTERVAL_SECONDS = _env.transcode.reconcile_interval_seconds
FFMPEG_BIN = _env.transcode.ffmpeg_bin
FFPROBE_BIN = _env.transcode.ffprobe_bin

ACADEMY_WEBHOOK_INTERNAL_NETWORKS = _env.webhooks.internal_networks
ACADEMY_WEBHOOK_PLAIN_HTTP = _env.webhooks.plain_http

METRICS_PORT = _env.metrics.port
METRICS_ADDRESS = _env.metrics.address

OTEL_EXPORTER_OTLP_ENDPOINT = _env.traces.endpoint
OTEL_SERVICE_NAME = _env.traces.service_name

# Django's own.

DEBUG = False
SECRET_KEY = _env.web.secret_key
ALLOWED_HOSTS = _env.web.allowed_hosts
ROOT_URLCONF = "apps.api.config.urls"
WSGI_APPLICATION = "apps.api.config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "core.User"
# A redirect would turn a POST without its last slash into a GET; the 404's hint names the slash instead.
APPEND_SLASH = False

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "corsheaders",
    "rest_framework",
    "drf_spectacular",
    "apps.core",
    "apps.support.outbox",
    "apps.support.video",
    "apps.support.webhooks",
    "apps.worker.video_worker",
]

MIDDLEWARE = [
    "apps.api.middleware.RequestContextMiddleware",
    "apps.api.middleware.SecurityHeadersMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "apps.api.middleware.BodyLimitMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]

TEMPLATES: list[dict[str, Any]] = []

DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        "ENGINE": "libs.db.postgresql",
        "HOST": _env.database.host,
        "PORT": _env.database.port,
        "NAME": _env.database.name,
        "USER": _env.database.user,
        "PASSWORD": _env.database.password,
        # Our backend checks what it takes from the pool: the pool's own check pauses after each dead connection.
        "CONN_HEALTH_CHECKS": False,
        "OPTIONS": {
            "application_name": "academy-video",
            "connect_timeout": 5,
            **_env.database.options,
            # `timeout` bounds the wait for a free connection, and so how long a request hangs on a dead database.
            "pool": {"min_size": 1, "max_size": 16, "timeout": 5.0},
        },
    }
}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 8}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# Answers are Korean or English by Accept-Language; the request middleware chooses. `ko-kr` rather than `ko`
# because that is where the REST framework keeps its Korean texts.
USE_I18N = True
LANGUAGE_CODE = "ko-kr"
LANGUAGES = [("ko-kr", "한국어"), ("en", "English")]
USE_TZ = True
TIME_ZONE = "UTC"

_https = ACADEMY_PUBLIC_ORIGIN.startswith("https://")

SESSION_COOKIE_NAME = "academy_session"
SESSION_COOKIE_SECURE = _https
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = _https
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_TRUSTED_ORIGINS = [ACADEMY_PUBLIC_ORIGIN]
CSRF_FAILURE_VIEW = "apps.api.error_views.csrf_failure"

# Pages of other origins may call with a key of their own, never with a visitor's session.
CORS_ALLOWED_ORIGINS = _env.web.cors_origins
CORS_URLS_REGEX = r"^/api/"
CORS_ALLOW_CREDENTIALS = False
CORS_ALLOW_HEADERS = (
    "accept",
    "accept-language",
    "authorization",
    "content-type",
    "idempotency-key",
    "last-event-id",
    "traceparent",
    "x-request-id",
    "x-tenant",
)
CORS_EXPOSE_HEADERS = ("deprecation", "idempotency-replayed", "retry-after", "x-request-id")

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
SECURE_CONTENT_SECURITY_POLICY = content_security_policy(
    storage_endpoint_url=S3_PUBLIC_ENDPOINT_URL, region=S3_REGION, bucket=S3_BUCKET
)

# Bodies are small JSON documents: the bytes of a video go to storage, never through here.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

WHITENOISE_ROOT = str(ACADEMY_WEB_ROOT) if ACADEMY_WEB_ROOT.is_dir() else None
WHITENOISE_ALLOW_ALL_ORIGINS = False
WHITENOISE_MAX_AGE = 0
# The build puts a hash of the content into these names.
WHITENOISE_IMMUTABLE_FILE_TEST = r"^/assets/.+-[A-Za-z0-9_-]{8}\.\w+$"

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "apps.core.authentication.ApiKeyAuthentication",
        "apps.core.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_THROTTLE_CLASSES": ["apps.core.rate_limits.CallerThrottle"],
    "DEFAULT_PARSER_CLASSES": ["apps.api.rest.BoundedJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "apps.api.rest.AlwaysAnswerNegotiation",
    "DEFAULT_SCHEMA_CLASS": "apps.api.openapi.ContractSchema",
    "EXCEPTION_HANDLER": "apps.api.exception_handler.handle_exception",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Academy Video",
    "DESCRIPTION": "Upload, transcode and play videos. Errors are `{code, detail, hint, request_id}`.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "DEFAULT_GENERATOR_CLASS": "apps.api.openapi.OnceGenerator",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_ADD_EXPLICIT_BLANK_NULL_CHOICE": True,
    # Two fields of one answer name causes: they are one type.
    "ENUM_NAME_OVERRIDES": {
        "CauseCodeEnum": "apps.support.video.domain.causes.Cause",
        "WebhookDeliveryStateEnum": "apps.support.webhooks.models.DeliveryState",
        "WebhookDisabledReasonEnum": "apps.support.webhooks.models.DisabledReason",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "apps.api.openapi.complete_document",
    ],
}

# Django's own logging set-up would write plain text beside our JSON lines.
LOGGING_CONFIG = None
LOGGING: dict[str, Any] = {}
configure_logging(ACADEMY_LOG_LEVEL, ACADEMY_LOG_FORMAT)
# Django writes a line of its own for every 4xx and 5xx answer. Ours says more; only tracebacks are kept.
logging.getLogger("django.request").addFilter(lambda record: bool(record.exc_info))
