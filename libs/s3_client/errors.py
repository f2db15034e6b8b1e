"""What storage may raise, and how the vendor's answers become it."""

from botocore.exceptions import ClientError

_MISSING_CODES = {"404", "NoSuchKey", "NotFound", "NoSuchLifecycleConfiguration"}
_DENIED_CODES = {"401", "403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"}
# Of S3, of R2, and of gateways that answer in S3's words.
_THROTTLED_CODES = {"SlowDown", "429", "TooManyRequests", "Throttling", "ThrottlingException", "RequestLimitExceeded"}
_CHECKSUM_CODES = {"BadDigest", "XAmzContentChecksumMismatch"}


class StorageError(Exception):
    """Base of what storage may raise."""


class StorageUnavailable(StorageError):
    """Storage did not answer, or answered that it cannot now. Safe to repeat."""


class StorageThrottled(StorageUnavailable):
    """Storage wants fewer requests. Safe to repeat, later."""


class StorageDenied(StorageError):
    """Storage refused our credentials or our permission. Repeating will not help."""


class ObjectMissing(StorageError):
    """There is no object under this key."""


class MultipartUploadMissing(StorageError):
    """There is no such multipart upload (any more): completed, aborted, or never begun."""


class ChecksumMismatch(StorageError):
    """What storage has does not have the checksum that was announced."""


def translated(error: ClientError) -> StorageError:
    """Return the error that callers know for the vendor's one."""
    code = error.response.get("Error", {}).get("Code", "")
    if code in _MISSING_CODES:
        return ObjectMissing(str(error))
    if code == "NoSuchUpload":
        return MultipartUploadMissing(str(error))
    if code in _CHECKSUM_CODES:
        return ChecksumMismatch(str(error))
    if code in _DENIED_CODES:
        return StorageDenied(str(error))
    if code in _THROTTLED_CODES:
        return StorageThrottled(str(error))
    return StorageUnavailable(str(error))
