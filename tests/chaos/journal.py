"""What clients were told. It stands outside the product: the oracle believes it, and nothing else, about promises."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self


@dataclass(slots=True, kw_only=True)
class UploadRecord:
    """
    One upload as its client saw it. A flag is set only when the answer had arrived.

    Attributes:
        video_id: As `init` answered; None until then.
        bytes_acknowledged: Storage has answered that it has the whole file.
        complete_answer: The status that settled `complete` for the client: 200, 409 or 422.
        encodes_asked: How often a new encode was asked for, answered or not.
        cancel_asked, cancel_acknowledged: Whether a cancel was sent, and answered with yes.
        delete_asked, delete_acknowledged: Whether a delete was sent, and answered.
        is_playable: Whether the file is a video; one that is not must fail with a reason.
        is_intact: Whether storage got the bytes that were announced; others must never become a video.
    """

    number: int
    size_bytes: int
    is_playable: bool = True
    is_intact: bool = True
    video_id: int | None = None
    bytes_acknowledged: bool = False
    complete_answer: int | None = None
    encodes_asked: int = 0
    cancel_asked: bool = False
    cancel_acknowledged: bool = False
    delete_asked: bool = False
    delete_acknowledged: bool = False


@dataclass(slots=True)
class Journal:
    """All uploads of a run. With a `path` every change is a line on disk before the client goes on."""

    path: Path | None = None
    uploads: dict[int, UploadRecord] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, *, size_bytes: int, is_playable: bool = True) -> UploadRecord:
        """Start an upload's record."""
        with self._lock:
            record = UploadRecord(number=len(self.uploads), size_bytes=size_bytes, is_playable=is_playable)
            self.uploads[record.number] = record
        return record

    def note(self, record: UploadRecord, **seen: object) -> Self:
        """Write down what a client has just been told, or is about to ask."""
        for name, value in seen.items():
            setattr(record, name, value)
        if self.path is not None:
            with self._lock, self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(record)) + "\n")
                file.flush()
        return self

    def of_video(self, video_id: int) -> UploadRecord | None:
        """Return the record of a video whose `init` was answered."""
        return next((record for record in self.uploads.values() if record.video_id == video_id), None)
