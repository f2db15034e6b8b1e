"""Object storage: what our processes need of it, and what the uploader's browser will meet."""

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from urllib.parse import urlsplit
from uuid import uuid4

from django.conf import settings

from libs.s3_client.checksums import checksum_header
from libs.s3_client.client import S3Storage, StorageDenied, StorageError

from ... import wiring
from ...domain.checksums import Checksum, ChecksumAlgorithm
from .http import NoReply, Reply, request
from .outcome import Outcome, Outcomes, Patient

BODY = b"academy-video doctor"
CHECKSUMS = {ChecksumAlgorithm.CRC64NVME: "TeuqQDzN+2U=", ChecksumAlgorithm.CRC32: "jjl3yQ=="}
CONTENT_TYPE = "video/mp4"
URL_SECONDS = 300
# AWS refuses a signature that is 15 minutes off; uploads that wait for their turn need some of that.
LARGEST_SKEW_SECONDS = 60.0
FOREIGN_ORIGIN = "https://elsewhere.example"

patient = Patient(subject="storage")


def examine_storage() -> Outcomes:
    """Put, read and delete under a prefix of the doctor's own, as our processes and as a browser."""
    storage, prefix = wiring.storage(), f"doctor/{uuid4()}/"
    checks: list[Callable[[], Outcomes]] = [
        partial(_single_put, storage, prefix),
        partial(_parts, storage, prefix),
        partial(_cors, storage, prefix),
        partial(_lifecycle, storage),
        partial(_too_much, storage, prefix),
    ]
    try:
        for check in checks:
            yield from check()
        storage.delete_prefix(prefix)
        yield patient.well("delete", "what the doctor has written is gone again")
    except StorageDenied as error:
        yield patient.problem(
            "permissions",
            f"storage refused: {error}",
            fix="Allow s3:GetObject, PutObject, DeleteObject, AbortMultipartUpload and ListMultipartUploadParts on the "
            "bucket's objects, and ListBucket and ListBucketMultipartUploads on the bucket.",
        )
    except (StorageError, NoReply) as error:
        yield patient.down(
            "answer",
            f"storage did not answer as it should: {error}",
            fix="Check S3_ENDPOINT_URL, S3_PUBLIC_ENDPOINT_URL, S3_REGION and S3_BUCKET, then `provision_video`.",
        )


def _single_put(storage: S3Storage, prefix: str) -> Outcomes:
    key = f"{prefix}single"
    url = storage.presign_put(key, content_type=CONTENT_TYPE, size_bytes=len(BODY), expires_seconds=URL_SECONDS)
    headers = {"Content-Type": CONTENT_TYPE, "If-None-Match": "*"}
    longer = request("PUT", url, headers=headers, body=BODY + b"!")
    yield patient.judge(
        "signed length",
        not longer.is_success,
        f"a longer body than announced was answered with {longer.status}",
        fix="Use storage that enforces signed headers: with this one a tenant's limits mean nothing.",
    )
    put = request("PUT", url, headers=headers, body=BODY)
    yield patient.judge("put", put.is_success, f"a presigned PUT was answered with {put.status}", fix=_refusal(put))
    yield _clock(put)
    again = request("PUT", url, headers=headers, body=BODY)
    yield patient.judge(
        "overwriting",
        again.status == 412,
        f"a second PUT was answered with {again.status}",
        fix="Use storage that knows If-None-Match: without it a URL can replace an accepted upload.",
    )
    url = storage.presign_public_get(key, expires_seconds=URL_SECONDS)
    part = request("GET", url, headers={"Range": "bytes=8-12"})
    yield patient.judge(
        "range",
        part.status == 206 and part.body == BODY[8:13],
        f"a read of five bytes was answered with {part.status} and {len(part.body)} bytes",
        fix="Players read byte ranges: let GET with a Range header through, unchanged.",
    )


def _refusal(reply: Reply) -> str:
    return f"Storage said: {reply.body[:300].decode(errors='replace')}"


def _clock(reply: Reply) -> Outcome:
    date = reply.headers.get("Date")
    skew = abs((parsedate_to_datetime(date) - datetime.now(UTC)).total_seconds()) if date else 0.0
    return patient.judge(
        "clock",
        skew <= LARGEST_SKEW_SECONDS,
        f"its clock and this machine's differ by {skew:.0f} s",
        fix="Let this machine follow a time server: storage refuses signatures from another time.",
    )


def _parts(storage: S3Storage, prefix: str) -> Outcomes:
    key = f"{prefix}parts"
    upload_id = storage.create_multipart(key, content_type=CONTENT_TYPE)
    algorithm = ChecksumAlgorithm(storage.checksum_algorithm) if storage.checksum_algorithm else None
    checksum = Checksum(algorithm=algorithm, value=CHECKSUMS[algorithm]) if algorithm else None
    url = storage.presign_part(
        key, upload_id=upload_id, part_number=1, size_bytes=len(BODY), checksum=checksum, expires_seconds=URL_SECONDS
    )
    headers = {checksum_header(checksum.algorithm): checksum.value} if checksum else {}
    if checksum:
        damaged = request("PUT", url, headers=headers, body=BODY[::-1])
        yield patient.judge(
            "checksum",
            not damaged.is_success,
            f"a damaged part was answered with {damaged.status}",
            fix="Set S3_CHECKSUM_ALGORITHM to what this storage checks (CRC64NVME, CRC32 or none).",
        )
    put = request("PUT", url, headers=headers, body=BODY)
    yield patient.judge("part", put.is_success, f"a part was answered with {put.status}", fix=_refusal(put))
    storage.complete_multipart(
        key, upload_id=upload_id, parts=storage.list_parts(key, upload_id=upload_id), checksum=checksum
    )
    size = storage.head(key).size_bytes
    yield patient.judge(
        "multipart",
        size == len(BODY),
        f"one part became an object of {size} bytes",
        fix="Use storage whose multipart uploads are S3's.",
    )


def _cors(storage: S3Storage, prefix: str) -> Outcomes:
    url = storage.presign_put(
        f"{prefix}cors", content_type=CONTENT_TYPE, size_bytes=len(BODY), expires_seconds=URL_SECONDS
    )
    origin = settings.ACADEMY_PUBLIC_ORIGIN
    asked = ["content-type", "if-none-match"]
    if storage.checksum_algorithm:
        asked.append(checksum_header(storage.checksum_algorithm))
    reply = _preflight(url, origin=origin, headers=asked)
    allowed = reply.headers.get("Access-Control-Allow-Origin", "")
    methods = reply.headers.get("Access-Control-Allow-Methods", "").upper()
    yield patient.judge(
        "cors",
        reply.is_success and allowed in {origin, "*"} and "PUT" in methods,
        f"a page of {origin} asked to PUT and was answered with {reply.status}, allowed: {allowed or 'nobody'}",
        fix="Run `manage.py provision_video`, or set the bucket's CORS rules by hand: PUT, GET and HEAD from "
        f"{origin}, all headers, exposing ETag.",
    )
    foreign = _preflight(url, origin=FOREIGN_ORIGIN, headers=asked)
    if foreign.headers.get("Access-Control-Allow-Origin", "") in {FOREIGN_ORIGIN, "*"}:
        yield patient.warning(
            "cors for everybody",
            "pages of any origin may use the bucket",
            fix=f"Name {origin} in the bucket's CORS rules instead of *.",
        )


def _preflight(url: str, *, origin: str, headers: list[str]) -> Reply:
    return request(
        "OPTIONS",
        url,
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": "PUT",
            "Access-Control-Request-Headers": ",".join(headers),
        },
    )


def _lifecycle(storage: S3Storage) -> Outcomes:
    if storage.aborts_stale_uploads():
        yield patient.well("lifecycle", "the bucket throws away parts that nobody completes")
    else:
        yield patient.warning(
            "lifecycle",
            "nothing but the reconciler throws away parts that nobody completes",
            fix="Run `manage.py provision_video`, or add AbortIncompleteMultipartUpload to the bucket's lifecycle.",
        )


def _too_much(storage: S3Storage, prefix: str) -> Outcomes:
    url = storage.presign_public_get(f"{prefix}single", expires_seconds=URL_SECONDS)
    unsigned = request("GET", urlsplit(url)._replace(query="").geturl())
    yield patient.judge(
        "private",
        not unsigned.is_success,
        f"a read without a signature was answered with {unsigned.status}",
        fix="Block public access to the bucket: signed playback protects nothing while it is open.",
    )
    if _is_cloud(settings.S3_ENDPOINT_URL) and storage.may_list_buckets():
        yield patient.warning(
            "too many permissions",
            "these credentials can list all buckets of the account",
            fix="Use credentials that know this one bucket only.",
        )


def _is_cloud(endpoint_url: str | None) -> bool:
    host = urlsplit(endpoint_url).hostname if endpoint_url else None
    return host not in {"127.0.0.1", "localhost", "::1"}
