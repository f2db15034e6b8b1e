"""Bytes on their way to storage: parts in lanes, or one PUT."""

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

import httpx

from .api import Api
from .checksums import Algorithm
from .errors import Interrupted, PartsGone, Unavailable
from .progress import FileProgress
from .retry import TryAgain, with_retries
from .source import Source

TIMEOUT = httpx.Timeout(60.0, connect=10.0)
# Few calls for many parts, and still little that is signed and never sent.
PAGE = 16
_URL_ENDED = 403
_GONE = 404
_EXISTS = 412


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of the file."""

    number: int
    offset: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Signed:
    part: Part
    url: str
    headers: Mapping[str, str]


@dataclass(slots=True)
class _Line:
    """Parts that wait to be signed, and signed ones that wait to be sent."""

    unsigned: deque[Part]
    signed: deque[_Signed] = field(default_factory=deque)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Sender:
    """
    Sends one file.

    Args:
        algorithm: What storage checks, if anything: then each part's checksum is signed into its URL.
        lanes: Parts at a time.
    """

    def __init__(
        self, *, api: Api, source: Source, progress: FileProgress, algorithm: Algorithm | None, lanes: int
    ) -> None:
        self._api = api
        self._source = source
        self._progress = progress
        self._algorithm = algorithm
        self._lanes = lanes
        self._stop = threading.Event()
        self._counting = threading.Lock()
        self._http = httpx.Client(timeout=TIMEOUT, limits=httpx.Limits(max_connections=lanes))
        self.sent_bytes = 0
        self._crc_by_part: dict[int, int] = {}

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def send_parts(self, video_id: int, parts: list[Part]) -> None:
        """
        Send parts until storage has them all. What one lane cannot do ends all of them.

        Raises:
            PartsGone: Storage does not know the upload any more.
            Unavailable: Storage did not answer.
            FileChanged: The file is not what it was.
        """
        line = _Line(unsigned=deque(parts))
        self._stop = threading.Event()
        with ThreadPoolExecutor(self._lanes, thread_name_prefix="lane") as pool:
            lanes = [pool.submit(self._run_lane, video_id, line) for _ in range(min(self._lanes, len(parts)))]
            try:
                done, _ = wait(lanes, return_when=FIRST_EXCEPTION)
            finally:
                # When one lane has failed, or on Ctrl-C, which arrives here; the others end at their next piece.
                self._stop.set()
            for lane in done:
                lane.result()

    def send_whole(self, url: str, headers: Mapping[str, str], *, refresh: Callable[[], str]) -> None:
        """
        Send the file with one PUT. One that is there already is not sent again.

        Args:
            refresh: Returns a fresh URL when this one has ended.
        """
        whole = Part(number=1, offset=0, size_bytes=self._source.size_bytes)
        urls = [url]

        def put() -> None:
            try:
                self._put(_Signed(part=whole, url=urls[-1], headers=headers))
            except _UrlEnded as ended:
                urls.append(refresh())
                raise TryAgain("the URL had ended", after_seconds=0.0) from ended

        self._with_retries(put)

    def whole_checksum(self, parts: Sequence[Part]) -> dict[str, str]:
        """Return the file's checksum from its parts' ones, as the API names it; none where storage checks nothing."""
        if self._algorithm is None:
            return {}
        joined = self._algorithm.joined((self._checksum_of(part, self._algorithm), part.size_bytes) for part in parts)
        return {self._algorithm.field: self._algorithm.as_text(joined)}

    def _checksum_of(self, part: Part, algorithm: Algorithm) -> int:
        """Return a part's checksum, worked out once."""
        if part.number not in self._crc_by_part:
            self._crc_by_part[part.number] = algorithm.of(self._source.pieces(part.offset, part.size_bytes))
        return self._crc_by_part[part.number]

    def _run_lane(self, video_id: int, line: _Line) -> None:
        while (signed := self._next(video_id, line)) is not None:
            self._send_part(video_id, signed)

    def _next(self, video_id: int, line: _Line) -> _Signed | None:
        with line.lock:
            if not line.signed and line.unsigned:
                page = [line.unsigned.popleft() for _ in range(min(PAGE, len(line.unsigned)))]
                line.signed.extend(self._sign(video_id, page))
            return line.signed.popleft() if line.signed else None

    def _sign(self, video_id: int, parts: list[Part]) -> list[_Signed]:
        answer = self._api.sign_parts(video_id, [part.number for part in parts], self._checksum_texts(parts))
        by_number = {part.number: part for part in parts}
        return [
            _Signed(part=by_number[entry["part_number"]], url=entry["url"], headers=entry["headers"])
            for entry in answer["parts"]
        ]

    def _checksum_texts(self, parts: Sequence[Part]) -> list[str] | None:
        algorithm = self._algorithm
        if algorithm is None:
            return None
        return [algorithm.as_text(self._checksum_of(part, algorithm)) for part in parts]

    def _send_part(self, video_id: int, signed: _Signed) -> None:
        current = [signed]

        def put() -> None:
            try:
                self._put(current[-1])
            except _UrlEnded as ended:
                current.extend(self._sign(video_id, [signed.part]))
                raise TryAgain("the URL had ended", after_seconds=0.0) from ended

        self._with_retries(put)

    def _with_retries(self, put: Callable[[], None]) -> None:
        try:
            with_retries(put, stop=self._stop, tries=self._api.tries)
        except TryAgain as failure:
            raise Unavailable(f"storage does not take the file: {failure}") from failure

    def _put(self, signed: _Signed) -> None:
        counted = [0]

        def count(size: int) -> None:
            counted[0] += size
            self._progress.add(size)
            if self._stop.is_set() or self._api.stop.is_set():
                raise Interrupted("interrupted")

        headers = {**signed.headers, "Content-Length": str(signed.part.size_bytes)}
        content = self._source.pieces(signed.part.offset, signed.part.size_bytes, on_bytes=count)
        try:
            answer = self._http.put(signed.url, content=content, headers=headers)
            _judge(answer)
        except httpx.TransportError as error:
            self._progress.add(-counted[0])
            raise TryAgain(str(error) or type(error).__name__) from error
        except TryAgain:
            self._progress.add(-counted[0])
            raise
        finally:
            with self._counting:
                self.sent_bytes += counted[0]


class _UrlEnded(Exception):
    """Storage does not take this URL any more."""


def _judge(answer: httpx.Response) -> None:
    if answer.is_success or answer.status_code == _EXISTS:
        return
    if answer.status_code == _URL_ENDED:
        raise _UrlEnded
    if answer.status_code == _GONE:
        raise PartsGone("storage does not know this upload any more")
    # 400 is how storage says that the bytes were damaged on their way.
    raise TryAgain(f"storage answered {answer.status_code}")
