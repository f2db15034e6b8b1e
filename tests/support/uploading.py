"""Uploads a file the way an API client does: init, PUT, complete."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

VIDEOS = "/api/v1/media/videos/"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A file whose bytes storage has, before anybody called complete."""

    video_id: int
    file_key: str


def store_file(client: httpx.Client, path: Path, *, title: str) -> StoredFile:
    """Announce a file and PUT its bytes to storage."""
    begun = client.post(
        f"{VIDEOS}upload/init/",
        json={
            "title": title,
            "filename": path.name,
            "size_bytes": path.stat().st_size,
            "content_type": "video/mp4",
        },
    )
    assert begun.status_code == 201, begun.text
    ticket: dict[str, Any] = begun.json()
    stored = httpx.put(
        ticket["upload_url"],
        content=path.read_bytes(),
        headers=ticket["upload"]["headers"],
        timeout=30,
        trust_env=False,
    )
    assert stored.status_code == 200, stored.text
    return StoredFile(video_id=ticket["video"]["id"], file_key=ticket["file_key"])


def complete(client: httpx.Client, video_id: int) -> httpx.Response:
    """Say that the bytes are there."""
    return client.post(f"{VIDEOS}{video_id}/upload/complete/")


def status_of(client: httpx.Client, video_id: int) -> str:
    """Return the video's status."""
    answer = client.get(f"{VIDEOS}{video_id}/")
    assert answer.status_code == 200, answer.text
    return str(answer.json()["status"])
