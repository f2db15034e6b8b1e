"""What tests do to a bucket as a whole."""

from __future__ import annotations

from collections.abc import Mapping

from libs.s3_client.client import S3Storage


def storage_of(environment: Mapping[str, str]) -> S3Storage:
    """Return the storage that these settings name, past all caches and wires."""
    return S3Storage(
        bucket=environment["S3_BUCKET"],
        region="us-east-1",
        access_key_id=environment["S3_ACCESS_KEY_ID"],
        secret_access_key=environment["S3_SECRET_ACCESS_KEY"],
        endpoint_url=environment["S3_ENDPOINT_URL"],
    )


def empty_bucket(storage: S3Storage, prefix: str = "tenants/") -> None:
    """Remove all objects and parts: V09 looks at every tenant's, and would sweep what earlier tests have left."""
    storage.delete_prefix(prefix)
    for upload in storage.list_multiparts(prefix):
        storage.abort_multipart(upload.key, upload_id=upload.upload_id)
