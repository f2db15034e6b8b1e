"""Uploads in parts as a browser sends them."""

from __future__ import annotations

import base64
import time
import zlib
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

import httpx
from awscrt import checksums

from tests.support.api import Api
from tests.support.video_files import clip
from tests.support.waiting import wait_until

MIB = 1024**2
PART_BYTES = 8 * MIB


def crc(body: bytes) -> str:
    """Return the checksum as S3 writes it."""
    return base64.b64encode(checksums.crc64nvme(body).to_bytes(8, "big")).decode()


def crc32(body: bytes) -> str:
    """Return the CRC32 as S3 writes it."""
    return base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()


@cache
def large_clip(size_bytes: int) -> bytes:
    """Return a playable MP4 of a second and of exactly this size."""
    return padded(clip(), size_bytes)


def padded(small: bytes, size_bytes: int) -> bytes:
    """Return an MP4 with so much behind it, in a box that players skip, that it has this size."""
    padding = size_bytes - len(small)
    return (
        small
        + padding.to_bytes(4, "big")
        + b"free"
        + bytes(range(256)) * ((padding - 8) // 256)
        + bytes((padding - 8) % 256)
    )


def part_of(body: bytes, number: int) -> bytes:
    return body[(number - 1) * PART_BYTES : number * PART_BYTES]


def numbers_of(body: bytes) -> range:
    return range(1, -(-len(body) // PART_BYTES) + 1)


def sign(
    api: Api,
    video_id: int,
    numbers: Sequence[int],
    *,
    body: bytes = b"",
    checksum_of: Callable[[bytes], str] = crc,
) -> Any:
    """Ask for URLs of parts of the body, or of parts that are never sent."""
    checksums = [checksum_of(part_of(body, number)) for number in numbers]
    fields = {"part_numbers": list(numbers), "checksums": checksums}
    return api.post(f"{video_id}/upload/multipart/presign/", fields)


def send_parts(
    api: Api,
    video_id: int,
    body: bytes,
    numbers: Iterable[int] | None = None,
    *,
    checksum_of: Callable[[bytes], str] = crc,
) -> None:
    """Sign and send these parts, or all."""
    wanted = list(numbers or numbers_of(body))
    answer = sign(api, video_id, wanted, body=body, checksum_of=checksum_of)
    assert answer.status_code == 200, answer.content
    for part in answer.json()["parts"]:
        sent = httpx.put(
            part["url"], content=part_of(body, part["part_number"]), headers=part["headers"], trust_env=False
        )
        assert sent.status_code == 200, sent.text


def let_the_second_pass() -> None:
    """Storage dates parts by the second; a part that replaces another must be dated later to be told from it."""
    second = int(time.time())
    wait_until(lambda: int(time.time()) > second, timeout_seconds=5)


def stored(api: Api, video_id: int) -> Any:
    answer = api.get(f"{video_id}/upload/multipart/parts/")
    assert answer.status_code == 200, answer.content
    return answer.json()
