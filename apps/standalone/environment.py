"""The settings of the Django processes of a standalone installation."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from apps.standalone.credentials import Credentials
from apps.standalone.engines import s3, sqs
from apps.standalone.engines.postgres import database_url
from apps.standalone.paths import REPOSITORY, Home
from apps.standalone.ports import PortPlan

BUCKET = "academy-video"
QUEUE_NAME = "academy-video-jobs"
DLQ_NAME = "academy-video-jobs-dlq"
TENANT_CODE = "demo"
TENANT_NAME = "데모 학원"
SETTINGS_MODULE = "apps.api.config.settings.base"
LOCAL_HOSTS = "127.0.0.1,localhost"

# Quicker than in production, where a redelivery costs more than a look at the table. Yours win over these.
DEVELOPMENT_DEFAULTS = {
    "VIDEO_LEASE_SECONDS": "24",
    "VIDEO_REDELIVERY_WINDOW_SECONDS": "20",
    "VIDEO_RECONCILE_INTERVAL_SECONDS": "2",
    # A receiver under development is on this machine, and has no certificate.
    "ACADEMY_WEBHOOK_INTERNAL_NETWORKS": "127.0.0.0/8,::1/128",
    "ACADEMY_WEBHOOK_PLAIN_HTTP": "allowed",
}


def web_origin(ports: PortPlan, variables: Mapping[str, str]) -> str:
    """Return the address of the web app, which `ACADEMY_PUBLIC_ORIGIN` may move (a tunnel, another host name)."""
    given = variables.get("ACADEMY_PUBLIC_ORIGIN", "").strip().rstrip("/")
    return given or f"http://127.0.0.1:{ports.web}"


def process_environment(
    *, home: Home, ports: PortPlan, credentials: Credentials, variables: Mapping[str, str]
) -> dict[str, str]:
    """
    Return the environment of the Django processes.

    Args:
        variables: The caller's own. `VIDEO_*` and the like of it pass through; what names an engine, a secret or an
            AWS profile does not, because it would lead elsewhere.
    """
    inherited = {name: value for name, value in variables.items() if not name.startswith(("AWS_", "S3_", "SQS_"))}
    return {
        **DEVELOPMENT_DEFAULTS,
        "ACADEMY_ALLOWED_HOSTS": _allowed_hosts(ports, variables),
        **inherited,
        "ACADEMY_HOME": str(home.root),
        "DJANGO_SETTINGS_MODULE": SETTINGS_MODULE,
        "PYTHONPATH": str(REPOSITORY),
        "PYTHONUNBUFFERED": "1",
        "DATABASE_URL": database_url(port=ports.postgres, password=credentials.database_password),
        "ACADEMY_SECRET_KEY": credentials.secret_key,
        "ACADEMY_PUBLIC_ORIGIN": web_origin(ports, variables),
        "VIDEO_PLAYBACK_SECRET": credentials.playback_secret,
        "S3_ENDPOINT_URL": f"http://127.0.0.1:{ports.s3}",
        # What a browser elsewhere reaches storage by, through a tunnel for example.
        "S3_PUBLIC_ENDPOINT_URL": variables.get("S3_PUBLIC_ENDPOINT_URL", ""),
        "S3_REGION": s3.REGION,
        "S3_BUCKET": BUCKET,
        "S3_ACCESS_KEY_ID": credentials.aws_access_key_id,
        "S3_SECRET_ACCESS_KEY": credentials.aws_secret_access_key,
        "S3_CHECKSUM_ALGORITHM": variables.get("S3_CHECKSUM_ALGORITHM", ""),
        "SQS_ENDPOINT_URL": f"http://127.0.0.1:{ports.sqs}",
        "SQS_REGION": sqs.REGION,
        "AWS_ACCESS_KEY_ID": credentials.aws_access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.aws_secret_access_key,
        "VIDEO_SQS_QUEUE_NAME": QUEUE_NAME,
        "VIDEO_SQS_DLQ_NAME": DLQ_NAME,
        **_without_proxies(variables),
    }


def seed_environment(credentials: Credentials) -> dict[str, str]:
    """Return what `seed_tenant` needs beside the settings."""
    return {"ACADEMY_SEED_PASSWORD": credentials.web_password, "ACADEMY_SEED_API_KEY": credentials.api_key}


def _allowed_hosts(ports: PortPlan, variables: Mapping[str, str]) -> str:
    public = urlsplit(web_origin(ports, variables)).hostname or ""
    return ",".join(dict.fromkeys([*LOCAL_HOSTS.split(","), public]))


def _without_proxies(variables: Mapping[str, str]) -> dict[str, str]:
    # The engines are on this machine: a proxy that the caller uses for other things must not get their requests.
    given = variables.get("no_proxy") or variables.get("NO_PROXY") or ""
    exempt = ",".join(part for part in (given, LOCAL_HOSTS) if part)
    return {"NO_PROXY": exempt, "no_proxy": exempt}
