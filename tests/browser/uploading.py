"""Videos for pages to show, brought in the way that machines bring them."""

from __future__ import annotations

from typing import Any

import httpx

from tests.support.stack import Stack
from tests.support.waiting import wait_until

VIDEOS = "/api/v1/media/videos/"


def upload(stack: Stack, body: bytes, *, title: str, filename: str, **fields: Any) -> int:
    """Upload a file under a title and return its video's id, whatever becomes of it."""
    announced = {"title": title, "filename": filename, "size_bytes": len(body), "session": "1주차", **fields}
    ticket = stack.http.post(f"{VIDEOS}upload/init/", json=announced).json()
    sent = httpx.put(ticket["upload_url"], content=body, headers=ticket["upload"]["headers"], trust_env=False)
    assert sent.is_success
    stack.http.post(f"{VIDEOS}{ticket['video']['id']}/upload/complete/")
    return int(ticket["video"]["id"])


def wait_until_ready(stack: Stack, video_id: int) -> None:
    """Wait until a video can be watched to its end."""
    wait_until(
        lambda: stack.http.get(f"{VIDEOS}{video_id}/").json()["status"] == "READY",
        timeout_seconds=90,
        message="the video is READY",
    )
