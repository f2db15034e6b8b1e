"""Reading ranges of an object over HTTP, without a demuxer."""

import http.client
import urllib.error
import urllib.request

# Boxes are read a few bytes at a time and lie together: one round trip to storage costs more than these bytes.
READ_AHEAD_BYTES = 16 * 1024


class SourceUnreadable(Exception):
    """Storage did not hand out the bytes. Nothing is known of the file."""


class SourceChanged(SourceUnreadable):
    """The object is not the one that was pinned (412 to If-Match)."""


class SourceGone(SourceUnreadable):
    """The object is not there any more (404)."""


class SourceDenied(SourceUnreadable):
    """Storage refused the URL that was signed (401, 403)."""


class SourceThrottled(SourceUnreadable):
    """Storage wants fewer requests (429, or 503 "Slow Down")."""


class SourceStalled(SourceUnreadable):
    """Storage took the request, and the bytes do not come."""


class NotFetched(Exception):
    """These bytes are not here yet."""


class HttpSource:
    """
    An object behind a presigned URL.

    `size_bytes` is known after the first read.
    """

    def __init__(self, url: str, *, if_match_etag: str | None, timeout_seconds: float) -> None:
        self._url = url
        self._etag = if_match_etag
        self._timeout_seconds = timeout_seconds
        self.size_bytes = 0
        self._ahead = b""
        self._ahead_offset = 0

    def read(self, offset: int, length: int) -> bytes:
        """
        Return up to `length` bytes: fewer at the object's end.

        Raises:
            SourceUnreadable: Storage failed; its subclasses say more.
        """
        if length > READ_AHEAD_BYTES:
            return self._fetch(offset, length)
        try:
            return self.known(offset, length)
        except NotFetched:
            self._ahead, self._ahead_offset = self._fetch(offset, READ_AHEAD_BYTES), offset
            return self._ahead[:length]

    def known(self, offset: int, length: int) -> bytes:
        """
        Return bytes that an earlier read has brought along.

        Raises:
            NotFetched: They would have to be fetched.
        """
        start = offset - self._ahead_offset
        if start < 0 or start + length > len(self._ahead):
            raise NotFetched
        return self._ahead[start : start + length]

    def _fetch(self, offset: int, length: int) -> bytes:
        headers = {"Range": f"bytes={offset}-{offset + length - 1}"}
        if self._etag:
            headers["If-Match"] = f'"{self._etag}"'
        request = urllib.request.Request(self._url, headers=headers)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=self._timeout_seconds) as answer:  # noqa: S310
                if offset and answer.status != http.client.PARTIAL_CONTENT:
                    raise SourceUnreadable("storage does not serve ranges")
                self.size_bytes = int(answer.headers.get("Content-Range", "/0").rpartition("/")[2])
                body: bytes = answer.read(length)
                return body
        except urllib.error.HTTPError as error:
            raise source_error(error.code, reason=error.reason) from error
        except TimeoutError as error:
            # While connecting it would have been a URLError.
            raise SourceStalled(f"no byte for {self._timeout_seconds:g} s") from error
        except (OSError, http.client.HTTPException) as error:
            raise SourceUnreadable(str(error)) from error


def source_error(status: int, *, reason: str = "") -> SourceUnreadable:
    """
    Return what a status that is no success means.

    Source:
        https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html (SlowDown is "503 Slow Down")
    """
    known = {401: SourceDenied, 403: SourceDenied, 404: SourceGone, 412: SourceChanged, 429: SourceThrottled}
    kind = SourceThrottled if reason == "Slow Down" else known.get(status, SourceUnreadable)
    return kind(f"storage answered {status} {reason}".rstrip())
