"""Objects that arrive in parts."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from .checksums import Checksum, checksum_param, whole_checksums
from .errors import MultipartUploadMissing

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPart:
    """A part that storage has. `checksums` are by algorithm, and none where the store does not list them."""

    part_number: int
    size_bytes: int
    etag: str
    checksums: Mapping[str, str]
    modified_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenMultipartUpload:
    """A multipart upload that is neither completed nor aborted."""

    key: str
    upload_id: str
    initiated_at: datetime


class MultipartOperations:
    """The part of `S3Storage` that deals in parts. Raises the errors of `errors` and nothing else."""

    bucket: str
    checksum_algorithm: str | None

    def create_multipart(self, key: str, *, content_type: str) -> str:
        """
        Begin a multipart upload and return its id.

        Where the store does checksums, it adds up the parts' ones to the one of the whole object.

        Source:
            https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
        """
        options: dict[str, Any] = {}
        if self.checksum_algorithm:
            options = {"ChecksumAlgorithm": self.checksum_algorithm, "ChecksumType": "FULL_OBJECT"}
        answer = self._call(
            lambda s3: s3.create_multipart_upload(Bucket=self.bucket, Key=key, ContentType=content_type, **options)
        )
        return answer["UploadId"]

    def presign_part(
        self,
        key: str,
        *,
        upload_id: str,
        part_number: int,
        size_bytes: int,
        checksum: Checksum | None,
        expires_seconds: float,
    ) -> str:
        """Return a URL for one PUT by a browser of one part of exactly this length, and of this checksum if given."""
        params: dict[str, object] = {
            "Bucket": self.bucket,
            "Key": key,
            "UploadId": upload_id,
            "PartNumber": part_number,
            "ContentLength": size_bytes,
            **checksum_param(checksum),
        }
        return self._presign_public("upload_part", params, expires_seconds)

    def list_parts(self, key: str, *, upload_id: str) -> list[StoredPart]:
        """
        Return every part that storage has, by number, all pages.

        Raises:
            MultipartUploadMissing: Completed or aborted.
        """
        parts: list[StoredPart] = []
        marker = 0
        while True:
            page = self._parts_page(key, upload_id, marker)
            parts += [_stored_part(entry) for entry in page.get("Parts", [])]
            following = page.get("NextPartNumberMarker") or 0
            if not page.get("IsTruncated") or following <= marker:
                return _current(parts)
            marker = following

    def complete_multipart(
        self, key: str, *, upload_id: str, parts: Sequence[StoredPart], checksum: Checksum | None
    ) -> None:
        """
        Make one object of the parts.

        Args:
            checksum: Of the whole object; storage then refuses parts that do not add up to it.

        Raises:
            MultipartUploadMissing: Completed before, or aborted.
            ChecksumMismatch: The parts are another file's. They stay, and can be sent again.
        """
        options: dict[str, Any] = {}
        if checksum:
            options = {**checksum_param(checksum), "ChecksumType": "FULL_OBJECT"}
        entries: list[Any] = [_completed_part(part) for part in parts]
        self._call(
            lambda s3: s3.complete_multipart_upload(
                Bucket=self.bucket, Key=key, UploadId=upload_id, MultipartUpload={"Parts": entries}, **options
            )
        )

    def abort_multipart(self, key: str, *, upload_id: str) -> None:
        """Throw away a multipart upload's parts. One that is gone, or has become an object, is left alone."""
        try:
            self._call(lambda s3: s3.abort_multipart_upload(Bucket=self.bucket, Key=key, UploadId=upload_id))
        except MultipartUploadMissing:
            return

    def list_multiparts(self, prefix: str) -> Iterator[OpenMultipartUpload]:
        """Yield the open multipart uploads under a prefix, page by page."""
        key_marker = upload_id_marker = ""
        while True:
            page = self._multiparts_page(prefix, key_marker, upload_id_marker)
            uploads = page.get("Uploads", [])
            for entry in uploads:
                yield OpenMultipartUpload(
                    key=entry["Key"], upload_id=entry["UploadId"], initiated_at=entry["Initiated"]
                )
            next_key = page.get("NextKeyMarker") or ""
            # SeaweedFS calls its last page truncated, and then names no key to go on from.
            if not page.get("IsTruncated") or not next_key:
                return
            key_marker, upload_id_marker = next_key, page.get("NextUploadIdMarker") or ""

    def _parts_page(self, key: str, upload_id: str, marker: int) -> Any:
        return self._call(
            lambda s3: s3.list_parts(Bucket=self.bucket, Key=key, UploadId=upload_id, PartNumberMarker=marker)
        )

    def _multiparts_page(self, prefix: str, key_marker: str, upload_id_marker: str) -> Any:
        markers: dict[str, Any] = {"KeyMarker": key_marker, "UploadIdMarker": upload_id_marker} if key_marker else {}
        return self._call(lambda s3: s3.list_multipart_uploads(Bucket=self.bucket, Prefix=prefix, **markers))

    def _call(self, call: "Callable[[S3Client], Answer]") -> Answer:
        raise NotImplementedError

    def _presign_public(self, method: str, params: dict[str, object], expires_seconds: float) -> str:
        raise NotImplementedError


def _current(parts: list[StoredPart]) -> list[StoredPart]:
    """
    Return one entry for each part, by number.

    SeaweedFS also lists what a part sent again has replaced, and part 10,000 before part 1,000, as names sort.
    """
    newest_last = sorted(parts, key=lambda part: part.modified_at)
    by_number = {part.part_number: part for part in newest_last}
    return [by_number[number] for number in sorted(by_number)]


def _stored_part(entry: Any) -> StoredPart:
    return StoredPart(
        part_number=entry["PartNumber"],
        size_bytes=entry["Size"],
        etag=entry["ETag"].strip('"'),
        checksums=whole_checksums(entry),
        modified_at=entry["LastModified"],
    )


def _completed_part(part: StoredPart) -> dict[str, object]:
    entry: dict[str, object] = {"PartNumber": part.part_number, "ETag": f'"{part.etag}"'}
    return entry | {f"Checksum{algorithm}": value for algorithm, value in part.checksums.items()}
