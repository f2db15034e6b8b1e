"""What tests do to a bucket as a whole."""

from __future__ import annotations

from libs.s3_client.client import S3Storage


def empty_bucket(storage: S3Storage, prefix: str = "tenants/") -> None:
    """Remove all objects and parts: V09 looks at every tenant's, and would sweep what earlier tests have left."""
    storage.delete_prefix(prefix)
    for upload in storage.list_multiparts(prefix):
        storage.abort_multipart(upload.key, upload_id=upload.upload_id)
