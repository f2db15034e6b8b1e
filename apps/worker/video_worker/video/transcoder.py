"""Encoding a chunk: one decode, every rendition of it, and the sound."""

from collections.abc import Callable
from pathlib import Path

from libs.media.facts import MediaFacts
from libs.media.ffmpeg import Ffmpeg
from libs.media.ffprobe import input_options
from libs.media.process import ProcessResult, Watch

from .ladder import Rendition
from .planner import SEGMENT_SECONDS, EncodePlan

PLAYLIST_NAME = "playlist.m3u8"
MEDIA_NAME = "media.mp4"
AUDIO_FOLDER = "audio"

PRESET = "veryfast"
QUALITY = 23  # CRF; it means something only together with the preset.
AUDIO_BITS_PER_SECOND = 128_000


def encode_source(
    *,
    url: str,
    etag: str | None,
    facts: MediaFacts,
    plan: EncodePlan,
    folder: Path,
    ffmpeg: Ffmpeg,
    watch: Watch,
    on_progress: Callable[[float], None],
) -> ProcessResult:
    """
    Encode every rendition into `folder/<name>/`, as one fragmented MP4 with a byte-range playlist each.

    The source is read by HTTP range: as fast as from disk here, and it needs no disk.

    Raises:
        EncodeFailed, ProcessStopped: As `Ffmpeg.run` says.
    """
    for rendition in plan.renditions:
        (folder / rendition.name).mkdir()
    if plan.has_audio:
        (folder / AUDIO_FOLDER).mkdir()
    arguments = [
        *input_options(url=url, if_match_etag=etag),
        "-i", url,
        "-filter_complex", _filter_graph(facts, plan),
    ]  # fmt: skip
    for index, rendition in enumerate(plan.renditions):
        arguments += _video_output(index, rendition)
    if plan.has_audio and facts.audio is not None:
        arguments += _audio_output(facts.audio.index)
    return ffmpeg.run(arguments, watch=watch, cwd=folder, on_progress=on_progress)


def _filter_graph(facts: MediaFacts, plan: EncodePlan) -> str:
    """Decode once, split, scale each branch. ffmpeg has turned the picture upright before it comes in here."""
    picture = facts.video.index if facts.video else 0
    rate = f"fps={plan.renditions[0].frames_per_second:.6f}," if plan.halves_frame_rate else ""
    count = len(plan.renditions)
    branches = "".join(f"[in{index}]" for index in range(count))
    chains = [f"[0:{picture}]{rate}split={count}{branches}"]
    chains += [
        f"[in{index}]scale={rendition.width}:{rendition.height}:flags=bicubic,setsar=1,format=yuv420p[out{index}]"
        for index, rendition in enumerate(plan.renditions)
    ]
    return ";".join(chains)


def _video_output(index: int, rendition: Rendition) -> list[str]:
    return [
        "-map", f"[out{index}]",
        "-c:v", "libx264",
        "-preset", PRESET,
        "-crf", str(QUALITY),
        "-maxrate", str(rendition.max_bits_per_second),
        "-bufsize", str(rendition.max_bits_per_second * 2),
        "-profile:v", rendition.profile,
        # Every segment starts with a key frame, whatever the source's were.
        "-force_key_frames", f"expr:gte(t,n_forced*{SEGMENT_SECONDS:g})",
        "-map_metadata", "-1",
        "-map_chapters", "-1",
        *_byte_range_hls(rendition.name),
    ]  # fmt: skip


def _audio_output(stream_index: int) -> list[str]:
    return [
        "-map", f"0:{stream_index}",
        "-c:a", "aac",
        "-b:a", str(AUDIO_BITS_PER_SECOND),
        "-ac", "2",
        "-ar", "48000",
        # Fills gaps and trims overlaps, so that sound stays with the picture in broken recordings.
        "-af", "aresample=async=1:first_pts=0",
        "-map_metadata", "-1",
        "-map_chapters", "-1",
        *_byte_range_hls(AUDIO_FOLDER),
    ]  # fmt: skip


def _byte_range_hls(folder_name: str) -> list[str]:
    return [
        "-f", "hls",
        "-hls_time", f"{SEGMENT_SECONDS:g}",
        "-hls_playlist_type", "vod",
        "-hls_segment_type", "fmp4",
        "-hls_flags", "single_file",
        "-hls_segment_filename", f"{folder_name}/{MEDIA_NAME}",
        f"{folder_name}/{PLAYLIST_NAME}",
    ]  # fmt: skip
