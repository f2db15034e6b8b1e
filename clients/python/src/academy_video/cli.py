"""`academy-video upload *.mp4`"""

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from enum import IntEnum
from pathlib import Path
from urllib.parse import urlsplit

from .answers import Video
from .api import Api
from .errors import ClientError, Interrupted, NotPermitted, Refused, Unavailable
from .progress import Bars, FileProgress, Silent
from .retry import TRIES
from .upload import LANES, Announcement, Outcome, upload_file
from .version import VERSION

URL_VARIABLE = "ACADEMY_VIDEO_URL"
KEY_VARIABLE = "ACADEMY_VIDEO_KEY"
DEFAULT_URL = "http://127.0.0.1:8000"
POLL_SECONDS = 2.0
_FINAL = frozenset({"READY", "FAILED", "EXPIRED"})


class ExitCode(IntEnum):
    """How it ended; 69 and 77 as in sysexits.h."""

    UPLOADED = 0
    REFUSED = 1
    USAGE = 2
    UNAVAILABLE = 69
    NOT_PERMITTED = 77
    INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    options = _parser().parse_args(arguments)
    stop = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: _interrupt())
    try:
        with Api(options.url, key=_key(options), stop=stop, tries=options.tries, language=_language()) as api:
            code: ExitCode = options.run(api, options)
            return code
    except KeyboardInterrupt:
        return _fail(Interrupted("interrupted"), options)
    except ClientError as error:
        return _fail(error, options)
    finally:
        signal.signal(signal.SIGTERM, before)


def _upload(api: Api, options: argparse.Namespace) -> ExitCode:
    worst = ExitCode.UPLOADED
    bars = None if options.json or not sys.stderr.isatty() else Bars()
    with bars or nullcontext():
        for path in options.files:
            progress = bars.file(path.name) if bars else Silent()
            code = _upload_one(api, path, options, progress=progress)
            worst = max(worst, code)
            if code in {ExitCode.NOT_PERMITTED, ExitCode.UNAVAILABLE}:
                # The next file would fare no better.
                break
    return worst


def _upload_one(api: Api, path: Path, options: argparse.Namespace, *, progress: FileProgress) -> ExitCode:
    try:
        outcome = upload_file(
            api,
            path,
            announcement=Announcement(title=options.title or path.stem, session=options.session),
            lanes=options.parallel,
            resume=not options.no_resume,
            progress=progress,
        )
        video = _wait(api, outcome, progress=progress) if options.wait else None
    except KeyboardInterrupt:
        api.stop.set()
        raise
    except ClientError as error:
        progress.say("failed")
        _print_error(error, options, path=path)
        return _code_of(error)
    _print_outcome(path, outcome, video, options)
    return ExitCode.REFUSED if video is not None and video["status"] != "READY" else ExitCode.UPLOADED


def _wait(api: Api, outcome: Outcome, *, progress: FileProgress) -> Video:
    while True:
        video = api.video(outcome.video_id)
        if video["status"] in _FINAL:
            progress.say(video["status"].lower())
            return video
        seen = video["progress"]
        progress.say("waiting" if seen is None else f"encoding {seen['percent']:.0f} %")
        api.stop.wait(POLL_SECONDS)


def _status(api: Api, options: argparse.Namespace) -> ExitCode:
    for video_id in options.ids:
        _print(api.video(video_id))
    return ExitCode.UPLOADED


def _quota(api: Api, _options: argparse.Namespace) -> ExitCode:
    _print(api.quota())
    return ExitCode.UPLOADED


def _print_outcome(path: Path, outcome: Outcome, video: Video | None, options: argparse.Namespace) -> None:
    found = asdict(outcome) | ({"status": video["status"], "failure": video["failure"]} if video else {})
    if options.json:
        _print({"file": str(path), **found})
        return
    delayed = " The server's queue is slow; it goes on by itself." if outcome.delayed else ""
    sys.stderr.write(f"{path}: video {outcome.video_id} is {found['status']}.{delayed}\n")
    if video is not None and video["failure"]:
        sys.stderr.write(f"  {video['failure']['detail']} {video['failure']['hint']}\n")


def _fail(error: ClientError, options: argparse.Namespace) -> ExitCode:
    _print_error(error, options, path=None)
    return _code_of(error)


def _print_error(error: ClientError, options: argparse.Namespace, *, path: Path | None) -> None:
    code = error.code if isinstance(error, Refused) else type(error).__name__.lower()
    if getattr(options, "json", False):
        _print({"file": str(path) if path else None, "error": {"code": code, "detail": str(error), "hint": error.hint}})
        return
    name = f"{path}: " if path and str(path) not in str(error) else ""
    sys.stderr.write(f"{name}{error}\n" + (f"  {error.hint}\n" if error.hint else ""))


def _code_of(error: ClientError) -> ExitCode:
    if isinstance(error, Interrupted):
        return ExitCode.INTERRUPTED
    if isinstance(error, NotPermitted):
        return ExitCode.NOT_PERMITTED
    return ExitCode.UNAVAILABLE if isinstance(error, Unavailable) else ExitCode.REFUSED


def _print(row: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _interrupt() -> None:
    raise KeyboardInterrupt


def _key(options: argparse.Namespace) -> str:
    key = options.key or os.environ.get(KEY_VARIABLE, "")
    if not key.isascii() or not key.strip():
        body = {"code": "not_authenticated", "detail": "There is no API key.", "hint": f"Set {KEY_VARIABLE}, or --key."}
        raise NotPermitted(status_code=401, body=body)
    return str(key).strip()


def _language() -> str:
    """Return the language of the person's terminal, as far as the server speaks it."""
    spoken = next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := os.environ.get(name))), "")
    return "ko" if spoken.startswith("ko") else "en"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="academy-video", description="Uploads videos, and says what became of them.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {VERSION}")
    shared = argparse.ArgumentParser(add_help=False)
    url = os.environ.get(URL_VARIABLE, DEFAULT_URL)
    # A string default goes through `type` too: what the environment says is checked like what is typed.
    shared.add_argument("--url", type=_address, default=url, help=f"the installation ({URL_VARIABLE}; now {url})")
    shared.add_argument("--key", help=f"the API key; better in {KEY_VARIABLE}, which other users cannot see")
    shared.add_argument("--tries", type=_count, default=TRIES, metavar="N", help=f"tries of a call or part, {TRIES}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_upload(commands.add_parser("upload", parents=[shared], help="upload files, or go on with them"))
    status = commands.add_parser("status", parents=[shared], help="print videos as JSON")
    status.add_argument("ids", nargs="+", type=int, metavar="ID")
    status.set_defaults(run=_status)
    quota = commands.add_parser("quota", parents=[shared], help="print what is used and what is allowed, as JSON")
    quota.set_defaults(run=_quota)
    return parser


def _add_upload(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--title", help="the video's title; the file's name by default")
    parser.add_argument("--session", default="", help="the session that the videos belong to")
    parser.add_argument("--parallel", type=_count, default=LANES, metavar="N", help=f"parts at a time, {LANES}")
    parser.add_argument("--wait", action="store_true", help="wait until the video can be watched, or has failed")
    parser.add_argument("--no-resume", action="store_true", help="upload again what was uploaded")
    parser.add_argument("--json", action="store_true", help="one JSON line for each file")
    parser.set_defaults(run=_upload)


def _address(text: str) -> str:
    address = urlsplit(text)
    if address.scheme not in {"http", "https"} or not address.netloc:
        raise argparse.ArgumentTypeError(f"{text!r} is no address such as https://video.example.com")
    return text


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 32:
        raise argparse.ArgumentTypeError("must be a whole number from 1 to 32")
    return int(text)
