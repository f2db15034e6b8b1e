"""One file, from the first look to `complete`."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from .answers import UploadTicket, Video
from .api import Api
from .checksums import ALGORITHMS, Algorithm, algorithm_of
from .errors import ClientError, PartsGone, Refused
from .progress import FileProgress, Silent
from .resume import Left, ResumeFile, resume_file, state_folder
from .sender import Part, Sender
from .source import Source

LANES = 4
# Of a file that is read in a moment the server is told the checksum beforehand, and binds it to the URL.
TOLD_UP_TO_BYTES = 64 * 1024**2
ROUNDS = 3
_TAKEN = frozenset({"UPLOADED", "PROCESSING", "READY"})
_OVER = frozenset({"not_found", "upload_expired"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """
    A file that the server has taken.

    `sent_bytes` is what went over the line in this run, repeats included. `delayed`: all is stored, and the server's
    queue was slow to take the job; it goes on by itself.
    """

    video_id: int
    status: str
    job_id: str | None
    size_bytes: int
    sent_bytes: int
    resumed: bool
    delayed: bool
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """What the server is told of a file besides itself."""

    title: str
    session: str = ""


def upload_file(
    api: Api,
    path: Path,
    *,
    announcement: Announcement | None = None,
    lanes: int = LANES,
    resume: bool = True,
    progress: FileProgress | None = None,
    folder: Path | None = None,
) -> Outcome:
    """
    Upload a file, or go on with it where an earlier run stopped.

    Args:
        announcement: By default the title is the file's name.
        lanes: Parts at a time.
        resume: False uploads it again, and throws away what an unfinished run has sent.
        folder: Where it is kept how uploads were left; `state_folder()` by default.

    Raises:
        ClientError: It is not uploaded; the subclass says why.
    """
    source = Source(path)
    try:
        with resume_file(source.fingerprint, base_url=api.base_url, folder=folder or state_folder()) as kept:
            if not resume:
                _throw_away(api, kept)
            run = _Upload(
                api=api,
                source=source,
                kept=kept,
                announcement=announcement or Announcement(title=path.stem),
                lanes=lanes,
                progress=progress or Silent(),
            )
            return run.run()
    finally:
        source.close()


class _Upload:
    def __init__(
        self,
        *,
        api: Api,
        source: Source,
        kept: ResumeFile,
        announcement: Announcement,
        lanes: int,
        progress: FileProgress,
    ) -> None:
        self._api = api
        self._source = source
        self._kept = kept
        self._announcement = announcement
        self._lanes = lanes
        self._progress = progress
        self._started = time.monotonic()
        self._sent_bytes = 0
        self._traceparent: str | None = None

    def run(self) -> Outcome:
        for _ in range(ROUNDS):
            left = self._kept.read()
            resumed = left is not None and left.video_id is not None
            try:
                ticket = self._describe(left) if left and left.video_id is not None else self._init(left)
            except _AlreadyTaken as taken:
                return self._outcome(taken.video, resumed=resumed)
            if ticket is None:
                continue
            try:
                return self._send(ticket, resumed=resumed)
            except PartsGone:
                self._kept.forget()
        raise ClientError(f"{self._source.path}: the upload was thrown away in storage {ROUNDS} times")

    def _init(self, left: Left | None) -> UploadTicket:
        left = left or self._kept.begin()
        self._traceparent = left.traceparent
        fields = {
            "title": self._announcement.title[:200],
            "session": self._announcement.session,
            "filename": self._source.path.name,
            "size_bytes": self._source.size_bytes,
        }
        if self._source.size_bytes <= TOLD_UP_TO_BYTES:
            # Which one storage checks is only known from the answer.
            fields |= {each.field: self._whole_checksum(each) for each in ALGORITHMS.values()}
        try:
            ticket = self._api.init(fields, idempotency_key=left.idempotency_key, traceparent=left.traceparent)
        except Refused:
            self._kept.forget()
            raise
        left.video_id = ticket["video"]["id"]
        self._kept.write(left)
        return ticket

    def _describe(self, left: Left) -> UploadTicket | None:
        """Return the ticket of an upload that was left, or None when it has to begin anew."""
        video_id, self._traceparent = left.video_id or 0, left.traceparent
        try:
            # A fresh URL is asked for when the file is sent.
            return {**self._api.describe(video_id), "upload_url": None}
        except Refused as refusal:
            if refusal.code == "invalid_status" and refusal.body.get("status") in _TAKEN:
                raise _AlreadyTaken(self._api.video(video_id)) from refusal
            if refusal.code in _OVER or refusal.code == "invalid_status":
                self._kept.forget()
                return None
            raise

    def _send(self, ticket: UploadTicket, *, resumed: bool) -> Outcome:
        plan = ticket["upload"]
        sender = Sender(
            api=self._api,
            source=self._source,
            progress=self._progress,
            algorithm=algorithm_of(plan["checksum_algorithm"]),
            lanes=self._lanes,
        )
        try:
            if plan["strategy"] == "multipart":
                checksums = self._send_parts(ticket, sender)
            else:
                checksums = self._send_whole(ticket, sender)
            self._source.require_unchanged()
            return self._complete(ticket, sender, checksums=checksums, resumed=resumed)
        finally:
            self._sent_bytes += sender.sent_bytes
            sender.close()

    def _send_parts(self, ticket: UploadTicket, sender: Sender) -> dict[str, str]:
        video_id = ticket["video"]["id"]
        try:
            stored = self._api.stored_parts(video_id)
        except Refused as refusal:
            raise _gone_or(refusal) from refusal
        parts = parts_of(self._source.size_bytes, part_size_bytes=stored["part_size_bytes"])
        sizes = {entry["part_number"]: entry["size_bytes"] for entry in stored["parts"]}
        missing = [] if stored["complete"] else [part for part in parts if sizes.get(part.number) != part.size_bytes]
        missing_bytes = sum(part.size_bytes for part in missing)
        self._progress.begin(total_bytes=self._source.size_bytes, done_bytes=self._source.size_bytes - missing_bytes)
        if missing:
            sender.send_parts(video_id, missing)
        self._progress.say("checking")
        return sender.whole_checksum(parts)

    def _send_whole(self, ticket: UploadTicket, sender: Sender) -> dict[str, str]:
        video_id = ticket["video"]["id"]
        self._progress.begin(total_bytes=self._source.size_bytes, done_bytes=0)
        url = ticket["upload_url"] or self._refresh(video_id)
        sender.send_whole(url, ticket["upload"]["headers"], refresh=lambda: self._refresh(video_id))
        self._progress.say("checking")
        algorithm = algorithm_of(ticket["upload"]["checksum_algorithm"])
        return {algorithm.field: self._whole_checksum(algorithm)} if algorithm else {}

    def _whole_checksum(self, algorithm: Algorithm) -> str:
        return algorithm.as_text(algorithm.of(self._source.pieces(0, self._source.size_bytes)))

    def _refresh(self, video_id: int) -> str:
        try:
            return str(self._api.refresh(video_id)["upload_url"])
        except Refused as refusal:
            raise _gone_or(refusal) from refusal

    def _complete(self, ticket: UploadTicket, sender: Sender, *, checksums: dict[str, str], resumed: bool) -> Outcome:
        video_id = ticket["video"]["id"]
        for _ in range(ROUNDS):
            try:
                answer = self._api.complete(video_id, checksums=checksums, traceparent=self._traceparent)
            except Refused as refusal:
                if refusal.code == "upload_incomplete" and refusal.body.get("missing_parts"):
                    self._send_parts(ticket, sender)
                    continue
                video = self._taken_all_the_same(video_id, refusal)
                return self._outcome(video, resumed=resumed, sent_bytes=sender.sent_bytes, delayed=_is_delayed(refusal))
            return self._outcome(answer["video"], resumed=resumed, sent_bytes=sender.sent_bytes)
        raise ClientError(f"{self._source.path}: storage keeps losing parts")

    def _taken_all_the_same(self, video_id: int, refusal: Refused) -> Video:
        """Return the video of a refusal that says that the upload is in good hands; raise it otherwise."""
        video = refusal.body.get("video")
        taken = isinstance(video, dict) and video.get("status") in _TAKEN
        if refusal.code == "upload_checksum_mismatch":
            self._api.delete(video_id)
        if taken:
            return cast(Video, video)
        if refusal.code not in {"source_not_found_or_empty", "presigned_get_failed"}:
            # Whatever it says, sending the same file to the same upload would be answered the same.
            self._kept.forget()
        raise refusal

    def _outcome(self, video: Video, *, resumed: bool, sent_bytes: int = 0, delayed: bool = False) -> Outcome:
        self._progress.say("uploaded")
        return Outcome(
            video_id=video["id"],
            status=video["status"],
            job_id=video["job_id"],
            size_bytes=self._source.size_bytes,
            sent_bytes=self._sent_bytes + sent_bytes,
            resumed=resumed,
            delayed=delayed,
            seconds=round(time.monotonic() - self._started, 3),
        )


class _AlreadyTaken(Exception):
    """An earlier run has done it all: the same command over a folder sends only what is not there yet."""

    def __init__(self, video: Video) -> None:
        self.video = video
        super().__init__()


def parts_of(size_bytes: int, *, part_size_bytes: int) -> list[Part]:
    """Return the parts of a file: all of one size but the last."""
    offsets = range(0, size_bytes, part_size_bytes)
    return [
        Part(number=index + 1, offset=offset, size_bytes=min(part_size_bytes, size_bytes - offset))
        for index, offset in enumerate(offsets)
    ]


def _throw_away(api: Api, kept: ResumeFile) -> None:
    left = kept.read()
    kept.forget()
    if left is None or left.video_id is None:
        return
    try:
        if api.video(left.video_id)["status"] in {"PENDING", "EXPIRED"}:
            api.delete(left.video_id)
    except Refused as refusal:
        if refusal.code != "not_found":
            raise


def _gone_or(refusal: Refused) -> ClientError:
    return PartsGone(str(refusal)) if refusal.code in _OVER else refusal


def _is_delayed(refusal: Refused) -> bool:
    return refusal.code == "VIDEO_UPLOAD_ENQUEUE_FAILED"
