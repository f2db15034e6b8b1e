"""Reading a container's facts from a URL, with a hostile file in mind."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from typing import Any

import certifi

from .binaries import find_binary
from .facts import MediaFacts, MediaLimits, MediaRejected, facts_from, judge
from .http_source import (
    HttpSource,
    NotFetched,
    SourceChanged,
    SourceDenied,
    SourceGone,
    SourceStalled,
    SourceThrottled,
    SourceUnreadable,
)
from .key_frames import KeyFrameIndex
from .matroska_index import read_cues
from .mp4_index import read_key_frames
from .process import ProcessDeadlinePassed, ProcessLimits, ProcessOutgrown, ProcessResult, Watch, run_process
from .sniff import SNIFF_BYTES, IndexSketch, Signature, signature_of, sketch_index

__all__ = [
    "FfprobeProber",
    "MediaFacts",
    "MediaLimits",
    "MediaRejected",
    "ProbeCrashed",
    "ProbeTimeout",
    "ProbeTooLarge",
    "SourceChanged",
    "SourceDenied",
    "SourceGone",
    "SourceStalled",
    "SourceThrottled",
    "SourceUnreadable",
]

# Demuxers that can open nothing but the bytes they are given. Never hls, dash, concat, sdp, image2: a protocol
# whitelist alone does not stop a playlist named .mp4 from fetching any URL.
FORMAT_WHITELIST = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,asf,mpegts,mpeg"
PROTOCOL_WHITELIST = "http,https,tcp,tls"
# 16,384 x 16,384 and larger is refused before memory is asked for.
MAX_PIXELS = 64_000_000
READ_TIMEOUT_SECONDS = 15
# With 16 MiB to fetch at most: beside the index ffprobe has fetched 2 MB, of any container and size.
QUICK_INDEX_BYTES = 13 * 1024**2

# The index of twelve hours takes a fifth of this.
_LIMITS = ProcessLimits(cpu_seconds=20, file_size_bytes=1, memory_bytes=1024**3)
_HTTP_FAILURES = (
    "HTTP error",
    "Server returned",
    "Connection refused",
    "Connection reset",
    "timed out",
    "Failed to resolve",
)
# What `-rw_timeout` comes out as, in the words of musl and of glibc.
_STALLS = (": I/O error", ": Input/output error")
_REFUSALS = {"412": SourceChanged, "404": SourceGone, "403": SourceDenied, "429": SourceThrottled}
_BLAMES = (
    (("moov atom not found", "partial file", "Truncating packet", "End of file"), "INPUT_TRUNCATED"),
    (("whitelist",), "INPUT_SUSPICIOUS"),
    (("Number of streams exceeds",), "INPUT_TOO_MANY_STREAMS"),
    (("Invalid data found", "Invalid argument", "could not find codec parameters"), "INPUT_MALFORMED"),
)


class ProbeTimeout(Exception):
    """ffprobe did not finish in time. Nothing is known of the file."""


class ProbeTooLarge(Exception):
    """More than may be fetched would be needed. Nothing is known of the file."""


class ProbeCrashed(Exception):
    """ffprobe died of a signal or answered nonsense. Nothing is known of the file."""


def input_options(*, url: str, if_match_etag: str | None) -> list[str]:
    """Return the options that stand before `-i` wherever one of our sources is opened, for probe and encode alike."""
    options = [
        "-format_whitelist", FORMAT_WHITELIST,
        "-protocol_whitelist", PROTOCOL_WHITELIST,
        "-max_pixels", str(MAX_PIXELS),
        "-rw_timeout", str(READ_TIMEOUT_SECONDS * 1_000_000),
    ]  # fmt: skip
    if url.startswith("https:"):
        # Both binaries that we know accept a self-signed certificate unless told otherwise.
        options += ["-tls_verify", "1", "-ca_file", certifi.where()]
    if if_match_etag:
        options += ["-headers", f'If-Match: "{if_match_etag}"\r\n']
    return options


@dataclass(frozen=True, slots=True, kw_only=True)
class FfprobeProber:
    """
    Probes in a killable, limited process of its own.

    Args:
        largest_index_bytes: ffprobe reads the index of an MP4 whole, and little else. 4.3 MB an hour are usual.
    """

    ffprobe_path: str | None
    limits: MediaLimits
    largest_index_bytes: int | None = None

    def probe(self, *, url: str, timeout_seconds: float, if_match_etag: str | None = None) -> MediaFacts:
        """
        Return the facts of the media behind a URL.

        Raises:
            MediaRejected: It can never be played here; carries the cause code.
            ProbeTimeout: Not known within the time.
            ProbeTooLarge: More would have to be fetched than may be.
            ProbeCrashed: ffprobe failed in a way that says nothing of the file.
            SourceUnreadable: Storage failed; its subclasses say more.
        """
        source = HttpSource(url, if_match_etag=if_match_etag, timeout_seconds=timeout_seconds)
        head = source.read(0, SNIFF_BYTES)
        signature = signature_of(head)
        _refuse_what_is_no_media(signature, head)
        run = _Run(prober=self, url=url, timeout_seconds=timeout_seconds, if_match_etag=if_match_etag)
        if signature is not Signature.ISO_BMFF:
            return judge(facts_from(run.report(), fragmented=False), limits=self.limits)
        try:
            index = sketch_index(source.known, size_bytes=source.size_bytes)
        except NotFetched:
            return self._probe_ahead(run, source)
        self.require_readable(index)
        report = run.report(fragmented=index.is_fragmented)
        return judge(facts_from(report, fragmented=index.is_fragmented), limits=self.limits)

    def key_frames(self, *, url: str, timeout_seconds: float, if_match_etag: str | None = None) -> KeyFrameIndex | None:
        """
        Return when the key frames of a source are shown, or None where it has no index that says so.

        Raises:
            SourceUnreadable: Storage failed.
        """
        source = HttpSource(url, if_match_etag=if_match_etag, timeout_seconds=timeout_seconds)
        signature = signature_of(source.read(0, SNIFF_BYTES))
        read_index = {Signature.ISO_BMFF: read_key_frames, Signature.MATROSKA: read_cues}.get(signature)
        return read_index(source.read, size_bytes=source.size_bytes) if read_index is not None else None

    def require_readable(self, index: IndexSketch) -> None:
        """
        Let an index pass that may be read whole, of tracks that anybody may read.

        Raises:
            MediaRejected: Somebody has encrypted them.
            ProbeTooLarge: It may not be read whole.
        """
        if index.is_encrypted:
            raise MediaRejected(cause_code="INPUT_ENCRYPTED", detail="a track's sample entry is an encrypted one")
        if self.largest_index_bytes is not None and index.index_bytes > self.largest_index_bytes:
            raise ProbeTooLarge(f"an index of {index.index_bytes} bytes")

    def _probe_ahead(self, run: "_Run", source: HttpSource) -> MediaFacts:
        """Probe while the boxes are still being walked, which takes as many round trips as ffprobe takes to start."""
        stop = Event()
        with ThreadPoolExecutor(1) as pool:
            ahead = pool.submit(run.report, should_stop=stop.is_set)
            try:
                index = sketch_index(source.read, size_bytes=source.size_bytes)
                self.require_readable(index)
                if not index.is_fragmented:
                    return judge(facts_from(ahead.result(), fragmented=False), limits=self.limits)
            finally:
                stop.set()
        return judge(facts_from(run.report(fragmented=True), fragmented=True), limits=self.limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """One URL before ffprobe."""

    prober: FfprobeProber
    url: str
    timeout_seconds: float
    if_match_etag: str | None

    def report(self, *, fragmented: bool = False, should_stop: Callable[[], bool] | None = None) -> dict[str, Any]:
        argv = [
            find_binary("ffprobe", configured=self.prober.ffprobe_path),
            "-v", "error", "-hide_banner",
            *input_options(url=self.url, if_match_etag=self.if_match_etag),
            # Without this ffprobe seeks through all fragments of an hour: 276 MB.
            *(["-seekable", "0"] if fragmented else []),
            "-show_format", "-show_streams", "-of", "json",
            "-i", self.url,
        ]  # fmt: skip
        watch = Watch(deadline_seconds=self.timeout_seconds, should_stop=should_stop)
        try:
            result = run_process(argv, limits=_LIMITS, watch=watch)
        except ProcessDeadlinePassed as error:
            raise ProbeTimeout(str(error)) from error
        except ProcessOutgrown as error:
            raise MediaRejected(cause_code="INPUT_SUSPICIOUS", detail=f"its index {error}") from error
        except OSError as error:
            raise ProbeCrashed(f"ffprobe could not be started: {error}") from error
        return _report_of(result)


def _refuse_what_is_no_media(signature: Signature, head: bytes) -> None:
    if signature is Signature.PLAYLIST:
        raise MediaRejected(cause_code="INPUT_SUSPICIOUS", detail="the file is a playlist")
    if signature is Signature.OTHER_MEDIA:
        raise MediaRejected(cause_code="INPUT_UNSUPPORTED_CONTAINER", detail=f"first bytes {head[:16].hex()}")
    if signature is Signature.UNKNOWN:
        raise MediaRejected(cause_code="INPUT_NOT_VIDEO", detail=f"unknown first bytes {head[:8].hex()}")


def _report_of(result: ProcessResult) -> dict[str, Any]:
    if any(sign in result.stderr for sign in _HTTP_FAILURES):
        kind = next((kind for status, kind in _REFUSALS.items() if status in result.stderr), SourceUnreadable)
        raise kind(result.stderr[-300:])
    if any(sign in result.stderr for sign in _STALLS):
        raise SourceStalled(result.stderr[-300:])
    if result.returncode < 0:
        raise ProbeCrashed(f"ffprobe died of signal {-result.returncode}")
    if "exceeds specified max pixel count" in result.stderr:
        # It goes on without the picture's size, and ends well.
        raise MediaRejected(cause_code="INPUT_TOO_MANY_PIXELS", detail=result.stderr[-300:])
    if result.returncode != 0:
        raise _rejection(result.stderr)
    try:
        report: dict[str, Any] = json.loads(result.stdout)
    except ValueError as error:
        raise ProbeCrashed("ffprobe printed no JSON") from error
    return report


def _rejection(stderr: str) -> MediaRejected:
    """
    Return why the file can never be played.

    Raises:
        ProbeCrashed: ffprobe does not blame the file in words that we know. A doubt must not refuse a lecture.
    """
    detail = stderr[-300:]
    for signs, cause_code in _BLAMES:
        if any(sign in stderr for sign in signs):
            return MediaRejected(cause_code=cause_code, detail=detail)
    raise ProbeCrashed(f"ffprobe failed and said: {detail!r}")
