"""S3, R2, or a server that speaks their protocol."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from boto3.exceptions import S3UploadFailedError
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from .checksums import Checksum, checksum_header, checksum_param, whole_checksums
from .errors import (
    ChecksumMismatch,
    MultipartUploadMissing,
    ObjectMissing,
    StorageDenied,
    StorageError,
    StorageThrottled,
    StorageUnavailable,
    translated,
)
from .multipart import MultipartOperations, OpenMultipartUpload, StoredPart
from .provision import cors_rules, lifecycle_rules

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ListObjectsV2OutputTypeDef

__all__ = [
    "Checksum",
    "ChecksumMismatch",
    "MultipartUploadMissing",
    "ObjectEntry",
    "ObjectHead",
    "ObjectMissing",
    "ObjectPage",
    "OpenMultipartUpload",
    "S3Storage",
    "StorageDenied",
    "StorageError",
    "StorageThrottled",
    "StorageUnavailable",
    "StoredPart",
    "checksum_header",
]

Answer = TypeVar("Answer")

_DELETE_BATCH_LIMIT = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectHead:
    """Facts of one stored object. The ETag is without its quotes; checksums of the whole object, by algorithm."""

    size_bytes: int
    etag: str
    content_type: str
    checksums: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectEntry:
    """One line of a listing."""

    key: str
    size_bytes: int
    modified_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectPage:
    """A part of a listing, in the store's order. The next one starts after its last key."""

    entries: tuple[ObjectEntry, ...]
    is_last: bool


class S3Storage(MultipartOperations):
    """
    One bucket. Methods raise the errors above and nothing else. Thread-safe; one per process.

    Args:
        endpoint_url: None for AWS itself; custom endpoints are addressed by path.
        public_endpoint_url: What URLs for browsers are signed for, when they reach storage under another name.
        checksum_algorithm: What the store checks: "CRC64NVME" as S3, R2 and SeaweedFS do, "CRC32", or None.

    Source:
        https://docs.aws.amazon.com/AmazonS3/latest/API/Welcome.html
    """

    def __init__(
        self,
        *,
        bucket: str,
        region: str,
        access_key_id: str,
        secret_access_key: str,
        endpoint_url: str | None = None,
        public_endpoint_url: str | None = None,
        checksum_algorithm: str | None = "CRC64NVME",
        connect_timeout_seconds: float = 3.0,
        read_timeout_seconds: float = 20.0,
        attempts: int = 3,
    ) -> None:
        self.bucket = bucket
        self.checksum_algorithm = checksum_algorithm
        self._region = region
        self._access_key_id = access_key_id
        self._secret_access_key = secret_access_key
        self._endpoint_url = endpoint_url
        self._public_endpoint_url = public_endpoint_url or endpoint_url
        self._config = Config(
            signature_version="s3v4",
            s3={"addressing_style": "path" if endpoint_url else "auto"},
            connect_timeout=connect_timeout_seconds,
            read_timeout=read_timeout_seconds,
            retries={"total_max_attempts": attempts, "mode": "standard"},
            max_pool_connections=16,
            # A presigned PUT must not ask the browser for a checksum header that nobody told it of.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )

    def head(self, key: str) -> ObjectHead:
        """Return the object's facts."""
        answer = self._call(lambda s3: s3.head_object(Bucket=self.bucket, Key=key, ChecksumMode="ENABLED"))
        return ObjectHead(
            size_bytes=answer["ContentLength"],
            etag=answer["ETag"].strip('"'),
            content_type=answer.get("ContentType", ""),
            checksums=whole_checksums(answer),
        )

    def read_bytes(self, key: str) -> bytes:
        """Return a small object whole."""
        return self._call(lambda s3: s3.get_object(Bucket=self.bucket, Key=key)["Body"].read())

    def write_bytes(self, key: str, body: bytes, *, content_type: str) -> None:
        """Store a small object."""
        self._call(lambda s3: s3.put_object(Bucket=self.bucket, Key=key, Body=body, ContentType=content_type))

    def upload_file(
        self, key: str, path: Path, *, content_type: str, on_bytes: Callable[[int], None] | None = None
    ) -> None:
        """Store a file, in parts when it is large. `on_bytes` is told each time some bytes have been sent."""
        self._call(
            lambda s3: s3.upload_file(
                Filename=str(path),
                Bucket=self.bucket,
                Key=key,
                ExtraArgs={"ContentType": content_type},
                Callback=on_bytes,
            )
        )

    def copy(self, source_key: str, target_key: str) -> None:
        """Copy an object within the bucket; its bytes do not come here. At most 5 GiB."""
        source: Any = {"Bucket": self.bucket, "Key": source_key}
        self._call(lambda s3: s3.copy_object(Bucket=self.bucket, Key=target_key, CopySource=source))

    def list_objects(self, prefix: str) -> Iterator[ObjectEntry]:
        """Yield everything under a prefix, page by page."""
        token: str | None = None
        while True:
            page = self._page(prefix, token)
            yield from _entries(page)
            token = page.get("NextContinuationToken")
            if not page.get("IsTruncated") or token is None:
                return

    def list_page(self, prefix: str, *, after: str = "") -> ObjectPage:
        """Return at most a thousand objects under a prefix, those after the key `after`."""
        options: dict[str, Any] = {"StartAfter": after} if after else {}
        page = self._call(lambda s3: s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix, **options))
        return ObjectPage(entries=tuple(_entries(page)), is_last=not page.get("IsTruncated"))

    def delete_prefix(self, prefix: str) -> int:
        """
        Delete everything under a prefix and return how many objects went.

        Raises:
            ValueError: The prefix does not end in "/": "video/12" would take "video/120" along.
        """
        if not prefix.endswith("/"):
            raise ValueError(f"a prefix ends in '/', this does not: {prefix!r}")
        keys = [entry.key for entry in self.list_objects(prefix)]
        for start in range(0, len(keys), _DELETE_BATCH_LIMIT):
            self._delete_batch(keys[start : start + _DELETE_BATCH_LIMIT])
        return len(keys)

    def presign_get(self, key: str, *, expires_seconds: float) -> str:
        """Return a URL that reads the object, from where our own processes reach storage."""
        return self._presign(self._s3, "get_object", {"Bucket": self.bucket, "Key": key}, expires_seconds)

    def presign_public_get(self, key: str, *, expires_seconds: float, save_as: str = "") -> str:
        """
        Return a URL that reads the object, from where browsers reach storage.

        Args:
            save_as: A file name, for a browser that is to save the object instead of showing it.

        Source:
            https://www.rfc-editor.org/rfc/rfc6266#section-4.3
        """
        params: dict[str, object] = {"Bucket": self.bucket, "Key": key}
        if save_as:
            params["ResponseContentDisposition"] = f"attachment; filename*=UTF-8''{quote(save_as, safe='')}"
        return self._presign(self._public_s3, "get_object", params, expires_seconds)

    def presign_put(
        self,
        key: str,
        *,
        content_type: str,
        size_bytes: int,
        expires_seconds: float,
        checksum: Checksum | None = None,
    ) -> str:
        """
        Return a URL for one PUT by a browser of exactly this type and length, refused (412) when the object exists.

        With a checksum the PUT must carry it in its header (`checksum_header`), and other bytes are refused.

        Source:
            https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
        """
        params: dict[str, object] = {
            "Bucket": self.bucket,
            "Key": key,
            "ContentType": content_type,
            "ContentLength": size_bytes,
            "IfNoneMatch": "*",
            **checksum_param(checksum),
        }
        return self._presign_public("put_object", params, expires_seconds)

    def provision(self, *, allowed_origins: list[str], abort_after_days: int) -> None:
        """
        Make the bucket if it is missing, let pages of `allowed_origins` use it, and let it clean up after itself.

        Args:
            abort_after_days: When the bucket itself throws away parts that nobody completed.
        """
        try:
            self._call(lambda s3: s3.head_bucket(Bucket=self.bucket))
        except ObjectMissing:
            self._call(lambda s3: s3.create_bucket(Bucket=self.bucket))
        cors: Any = {"CORSRules": cors_rules(allowed_origins)}
        self._call(lambda s3: s3.put_bucket_cors(Bucket=self.bucket, CORSConfiguration=cors))
        rules: Any = {"Rules": lifecycle_rules(self._lifecycle_rules(), abort_after_days=abort_after_days)}
        self._call(lambda s3: s3.put_bucket_lifecycle_configuration(Bucket=self.bucket, LifecycleConfiguration=rules))

    def aborts_stale_uploads(self) -> bool:
        """Tell whether the bucket itself throws away parts that nobody completed."""
        return any(
            rule.get("Status") == "Enabled" and rule.get("AbortIncompleteMultipartUpload")
            for rule in self._lifecycle_rules()
        )

    def may_list_buckets(self) -> bool:
        """Tell whether these credentials see other buckets, which nothing here needs."""
        try:
            self._call(lambda s3: s3.list_buckets())
        except StorageDenied:
            return False
        return True

    @cached_property
    def _s3(self) -> "S3Client":
        return self._client(self._endpoint_url)

    @cached_property
    def _public_s3(self) -> "S3Client":
        return self._s3 if self._public_endpoint_url == self._endpoint_url else self._client(self._public_endpoint_url)

    def _client(self, endpoint_url: str | None) -> "S3Client":
        import boto3

        client = boto3.session.Session().client(
            "s3",
            region_name=self._region,
            endpoint_url=endpoint_url,
            aws_access_key_id=self._access_key_id,
            aws_secret_access_key=self._secret_access_key,
            config=self._config,
        )
        client.meta.events.register("after-call.s3", _name_slow_down)
        return client

    def _page(self, prefix: str, token: str | None) -> "ListObjectsV2OutputTypeDef":
        if token is None:
            return self._call(lambda s3: s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix))
        return self._call(lambda s3: s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix, ContinuationToken=token))

    def _delete_batch(self, keys: list[str]) -> None:
        answer = self._call(
            lambda s3: s3.delete_objects(
                Bucket=self.bucket, Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True}
            )
        )
        if failed := answer.get("Errors", []):
            raise StorageUnavailable(f"{len(failed)} objects could not be deleted, the first: {failed[0]}")

    def _lifecycle_rules(self) -> list[Any]:
        try:
            answer = self._call(lambda s3: s3.get_bucket_lifecycle_configuration(Bucket=self.bucket))
        except ObjectMissing:
            return []
        return list(answer.get("Rules", []))

    def _presign_public(self, method: str, params: dict[str, object], expires_seconds: float) -> str:
        return self._presign(self._public_s3, method, params, expires_seconds)

    def _presign(self, client: "S3Client", method: str, params: dict[str, object], expires_seconds: float) -> str:
        try:
            return client.generate_presigned_url(method, Params=params, ExpiresIn=round(expires_seconds))
        except (BotoCoreError, ClientError) as error:
            raise StorageDenied(f"cannot sign {method}: {error}") from error

    def _call(self, call: "Callable[[S3Client], Answer]") -> Answer:
        try:
            return call(self._s3)
        except ClientError as error:
            raise translated(error) from error
        except S3UploadFailedError as error:
            # boto3 wraps a refused upload, and keeps what refused it only as the context.
            refusal = error.__context__
            raise translated(refusal) if isinstance(refusal, ClientError) else StorageUnavailable(str(error)) from error
        except BotoCoreError as error:
            raise StorageUnavailable(str(error)) from error


def _name_slow_down(http_response: Any, parsed: dict[str, Any], **_event: object) -> None:
    """Read from the status line what a HEAD's answer, which has no body, says nowhere else: "503 Slow Down"."""
    if http_response.status_code == 503 and getattr(http_response.raw, "reason", "") == "Slow Down":
        parsed["Error"] = {**parsed.get("Error", {}), "Code": "SlowDown"}


def _entries(page: "ListObjectsV2OutputTypeDef") -> Iterator[ObjectEntry]:
    for entry in page.get("Contents", []):
        yield ObjectEntry(key=entry["Key"], size_bytes=entry["Size"], modified_at=entry["LastModified"])
