"""ffmpeg and ffprobe: that they are there, and can do what the ladder needs."""

import shutil
import tempfile
from pathlib import Path

from django.conf import settings

from libs.media.binaries import find_binary
from libs.media.process import ProcessLimits, ProcessResult, ProcessStopped, Watch, run_process

from .outcome import Outcomes, Patient

DEADLINE_SECONDS = 60.0
LIMITS = ProcessLimits(cpu_seconds=60, file_size_bytes=64 * 1024**2, memory_bytes=256 * 1024**2)
# One chunk of the largest source, its parts on their way, and a storyboard.
LEAST_FREE_BYTES = 2 * 1024**3

patient = Patient(subject="media")


def examine_media() -> Outcomes:
    """Encode a second of a test picture the way a rendition is encoded, and probe it."""
    try:
        ffmpeg = find_binary("ffmpeg", configured=settings.FFMPEG_BIN)
        ffprobe = find_binary("ffprobe", configured=settings.FFPROBE_BIN)
        version = _run([ffmpeg, "-hide_banner", "-version"])
    except (OSError, ProcessStopped) as error:
        yield patient.problem(
            "ffmpeg", f"it does not run: {error}", fix="Install ffmpeg, or set FFMPEG_BIN and FFPROBE_BIN to its paths."
        )
        return
    yield patient.well("ffmpeg", version.stdout.decode(errors="replace").partition("\n")[0])
    with tempfile.TemporaryDirectory(prefix="academy-video-doctor-") as folder:
        yield from _encode_and_probe(ffmpeg, ffprobe, Path(folder) / "doctor.mp4")
    free_bytes = shutil.disk_usage(tempfile.gettempdir()).free
    yield patient.judge(
        "disk",
        free_bytes >= LEAST_FREE_BYTES,
        f"{free_bytes / 1024**3:.1f} GiB are free in {tempfile.gettempdir()}",
        fix="Give workers 2 GiB of disk for temporary files, or point TMPDIR to some.",
    )


def _encode_and_probe(ffmpeg: str, ffprobe: str, clip: Path) -> Outcomes:
    made = _run(
        [
            *(ffmpeg, "-hide_banner", "-loglevel", "error"),
            *("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=1"),
            *("-f", "lavfi", "-i", "sine=frequency=440:duration=1"),
            *("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-c:a", "aac"),
            *("-movflags", "+frag_keyframe+empty_moov+default_base_moof", str(clip)),
        ]
    )
    yield patient.judge(
        "encode",
        made.returncode == 0,
        "H.264 and AAC in fragmented MP4" if made.returncode == 0 else made.stderr.strip()[-300:],
        fix="Use an ffmpeg with libx264, aac and the mov muxer.",
    )
    probed = _run([ffprobe, "-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", str(clip)])
    codecs = probed.stdout.decode(errors="replace").split()
    yield patient.judge(
        "probe",
        sorted(codecs) == ["aac", "h264"],
        f"ffprobe finds {' and '.join(codecs) or 'nothing'}",
        fix="Use the ffprobe that came with this ffmpeg.",
    )


def _run(argv: list[str]) -> ProcessResult:
    return run_process(argv, limits=LIMITS, watch=Watch(deadline_seconds=DEADLINE_SECONDS))
