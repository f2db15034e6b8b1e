"""Where the storage adapter's errors become the pipeline's, once."""

from collections.abc import Iterator
from contextlib import contextmanager

from libs.s3_client.client import ChecksumMismatch, ObjectMissing, StorageDenied, StorageUnavailable

from ..domain import errors


@contextmanager
def translated_storage_errors() -> Iterator[None]:
    """
    Raise `SourceNotFoundOrEmpty` for a missing object and `errors.StorageUnavailable` for all else.

    A denied request is also "unavailable" to the caller: nothing is wrong with the upload, and an operator's fix
    makes the same call succeed. A `MultipartUploadMissing` passes: what it means depends on the call.
    """
    try:
        yield
    except ObjectMissing as error:
        raise errors.SourceNotFoundOrEmpty from error
    except ChecksumMismatch as error:
        raise errors.UploadChecksumMismatch from error
    except (StorageUnavailable, StorageDenied) as error:
        raise errors.StorageUnavailable from error
