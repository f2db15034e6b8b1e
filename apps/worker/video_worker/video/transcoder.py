"""What ffmpeg is told: one decode for all encoded renditions of a stretch, one pass for a copy or the sound."""

from pathlib import Path

from apps.support.video.domain.chunks import AUDIO_RENDITION, Chunk, ChunkKind
from apps.support.video.domain.contracts import EncodingChoices
from libs.media.facts import MediaFacts, VideoStreamFacts
from libs.media.ffprobe import input_options

from .colours import to_ordinary_screen
from .ladder import Rendition
from .planner import SEGMENT_SECONDS, EncodePlan

# Measured while it goes, as broadcasters do; it works at 192 kHz within.
EVEN_LOUDNESS = "loudnorm=I=-16:TP=-1.5:LRA=11"
AUDIO_BITS_PER_SECOND = 128_000
AUDIO_SAMPLE_RATE = 48_000
# What an AAC encoder puts before the first sample that it was given.
AAC_PRIMING_SAMPLES = 1024
# Longer than a packet of sound may be, so that none is longer than a hole.
SILENCE_EVERY_SECONDS = 10.0
# Frame times are kept as they are, whatever the rate or its variation.
TICKS_PER_SECOND = 90_000
# Seeking must not end at the key frame before the one that is meant because of a rounded microsecond.
SEEK_BEYOND_SECONDS = 0.001

# Where a recording's clock went back, what was seen already is not shown again.
_FORWARD = r"select=isnan(prev_selected_t)+gt(t\,prev_selected_t)"

# Presentation starts where decoding starts, so no edit list is needed; no index is written at the end of a stream.
_FRAGMENTS = "+cmaf+empty_moov+skip_trailer"
# The first fragment says when it starts, instead of every stream starting at 0.
_KEEP_START = "+frag_discont"


def video_arguments(chunk: Chunk, *, plan: EncodePlan, facts: MediaFacts, url: str, etag: str | None) -> list[str]:
    """Return the arguments that encode a stretch into `<rendition>.mp4` files, the sound too if it is the whole."""
    arguments = [
        *input_options(url=url, if_match_etag=etag),
        *_seek_options(chunk, plan),
        "-i", url,
        "-filter_complex", _filter_graph(chunk, plan, facts),
    ]  # fmt: skip
    for number, rendition in enumerate(plan.encoded):
        arguments += _encoded_video(
            f"[out{number}]", rendition, start_seconds=chunk.start_seconds, choices=plan.choices
        )
        arguments.append(media_name(rendition.name))
    if AUDIO_RENDITION in chunk.renditions and facts.audio is not None:
        arguments += [*_encoded_audio(facts.audio.index, plan), media_name(AUDIO_RENDITION)]
    return arguments


def pass_arguments(chunk: Chunk, *, plan: EncodePlan, facts: MediaFacts, url: str, etag: str | None) -> list[str]:
    """Return the arguments that carry one stream of the source, copied or encoded, to standard output."""
    arguments = [*input_options(url=url, if_match_etag=etag), "-i", url]
    if chunk.kind is ChunkKind.COPY and facts.video is not None:
        arguments += [
            "-map", f"0:{facts.video.index}",
            "-c:v", "copy",
            # A copied stream must not say in another way what its container has said already.
            "-avoid_negative_ts", "disabled",
            *_fragmented(f"{_KEEP_START}+frag_keyframe"),
        ]  # fmt: skip
    elif facts.audio is not None and plan.copies_audio:
        arguments += [
            "-map", f"0:{facts.audio.index}",
            "-c:a", "copy",
            # What lies before the start is priming, which no player should hear.
            "-bsf:a", r"noise=amount=0:drop=lt(pts\,0)",
            "-avoid_negative_ts", "disabled",
            *_fragmented(_KEEP_START, seconds=SEGMENT_SECONDS),
        ]  # fmt: skip
    elif facts.audio is not None:
        arguments += _encoded_audio(facts.audio.index, plan)
    return [*arguments, "pipe:1"]


def media_name(rendition: str) -> str:
    """Return the name of the file that a rendition of a chunk is encoded into."""
    return f"{rendition}.mp4"


def encoded_files(chunk: Chunk, folder: Path) -> list[tuple[str, Path]]:
    """Return the renditions of an encoded chunk and their files."""
    return [(name, folder / media_name(name)) for name in chunk.renditions]


def _seek_options(chunk: Chunk, plan: EncodePlan) -> list[str]:
    if chunk.is_whole:
        # ffmpeg repairs broken timestamps, but only where it may move them.
        return []
    options = ["-copyts"]
    if chunk.number > 0:
        target = plan.origin_seconds + chunk.start_seconds + SEEK_BEYOND_SECONDS
        options += ["-noaccurate_seek", "-seek_timestamp", "1", "-ss", f"{target:.6f}"]
    return options


def _filter_graph(chunk: Chunk, plan: EncodePlan, facts: MediaFacts) -> str:
    """Decode once, split, scale each branch. ffmpeg has turned the picture upright before it comes in here."""
    picture = facts.video
    if picture is None:
        raise ValueError("a source without a picture has no video chunk")
    count = len(plan.encoded)
    steps = [*_cut(chunk, plan), *_repairs(picture, plan), *_first_frame(chunk, plan), f"split={count}"]
    branches = "".join(f"[in{number}]" for number in range(count))
    chains = [f"[0:{picture.index}]{','.join(steps)}{branches}"]
    chains += [
        f"[in{number}]{_scale(rendition)},setsar=1,format=yuv420p[out{number}]"
        for number, rendition in enumerate(plan.encoded)
    ]
    return ";".join(chains)


def _cut(chunk: Chunk, plan: EncodePlan) -> list[str]:
    """Keep the frames that are shown in the chunk's half-open interval, and put them on the output's timeline."""
    timebase = f"settb=1/{TICKS_PER_SECOND}"
    if chunk.is_whole:
        return [f"trim=end={plan.longest_seconds:.3f}", timebase, _FORWARD]
    interval = []
    if chunk.number > 0:
        interval.append(f"start={plan.origin_seconds + chunk.start_seconds:.6f}")
    end_seconds = plan.longest_seconds if chunk.end_seconds is None else chunk.end_seconds
    interval.append(f"end={plan.origin_seconds + end_seconds:.6f}")
    to_output = f"setpts=PTS-{round(plan.origin_seconds * TICKS_PER_SECOND)}"
    return [f"trim={':'.join(interval)}", timebase, to_output, _FORWARD]


def _first_frame(chunk: Chunk, plan: EncodePlan) -> list[str]:
    """Show the first frame from the start: until a picture that comes late players would wait, or see no start."""
    if chunk.number > 0:
        return []
    # A picture that changes its size on the way starts the filters anew, and with them the count of frames.
    latest = round((plan.first_picture_seconds + 0.5) * TICKS_PER_SECOND)
    return [f"setpts='if(eq(N,0)*lt(PTS,{latest}),0,PTS)'"]


def _repairs(picture: VideoStreamFacts, plan: EncodePlan) -> list[str]:
    steps = []
    if picture.is_interlaced:
        steps.append("bwdif=mode=send_frame")
    if plan.halves_frame_rate:
        steps.append(f"fps={plan.encoded[0].frames_per_second:.6f}:round=down")
    if picture.is_hdr:
        # Once for all renditions, at the size of the largest.
        steps.append(f"{_scale(plan.encoded[0])}{to_ordinary_screen(picture)}")
    return steps


def _scale(rendition: Rendition) -> str:
    return f"scale={rendition.width}:{rendition.height}:flags=bicubic"


def _encoded_video(source: str, rendition: Rendition, *, start_seconds: float, choices: EncodingChoices) -> list[str]:
    return [
        "-map", source,
        "-c:v", "libx264",
        "-preset", choices.preset,
        "-crf", str(choices.quality),
        "-maxrate", str(rendition.max_bits_per_second),
        "-bufsize", str(rendition.max_bits_per_second * 2),
        "-profile:v", rendition.profile,
        # Chunks that are encoded apart must share one initialisation section.
        "-x264-params", "stitchable=1",
        "-g", "1000",
        # Every segment starts with a key frame, whatever the source's were.
        "-force_key_frames", f"expr:gte(t,{start_seconds:.6f}+n_forced*{SEGMENT_SECONDS:g})",
        "-fps_mode", "vfr",
        "-enc_time_base", f"1:{TICKS_PER_SECOND}",
        "-video_track_timescale", str(TICKS_PER_SECOND),
        "-avoid_negative_ts", "disabled",
        *_fragmented(f"{_KEEP_START}+frag_keyframe"),
    ]  # fmt: skip


def _encoded_audio(stream_index: int, plan: EncodePlan) -> list[str]:
    return [
        # A graph of its own: sound that changes on the way starts its filters anew, and not the picture's.
        "-filter_complex", f"{_without_long_holes(stream_index, plan)},{_in_step(plan)}[sound]",
        "-map", "[sound]",
        "-c:a", "aac",
        "-b:a", str(AUDIO_BITS_PER_SECOND),
        "-ac", "2",
        "-ar", str(AUDIO_SAMPLE_RATE),
        *_fragmented("", seconds=SEGMENT_SECONDS),
    ]  # fmt: skip


def _without_long_holes(stream_index: int, plan: EncodePlan) -> str:
    """
    Put a sample of silence into a hole every few seconds.

    `aresample` fills a hole in one go, in memory: an hour took 3 GB. Samples that would fall into sound are left out
    again. What comes years later is not waited for.
    """
    # ainterleave counts microseconds and does not say so: both of its inputs must do the same.
    microseconds = "asettb=1/1000000"
    alike = f"aformat=sample_fmts=fltp:sample_rates={AUDIO_SAMPLE_RATE}:channel_layouts=stereo"
    sound = f"[0:{stream_index}]atrim=end={plan.longest_seconds:.3f},{alike},{microseconds}[heard]"
    silence = f"anullsrc=r={AUDIO_SAMPLE_RATE}:cl=stereo:nb_samples=1,{microseconds}"
    every = f"asetpts=(N+1)*{round(SILENCE_EVERY_SECONDS * 1_000_000)}[silence]"
    in_hole = rf"isnan(prev_selected_t)+gt(t-prev_selected_t\,{2 * SILENCE_EVERY_SECONDS:g})"
    both = rf"[heard][silence]ainterleave=duration=first,aselect=gt(samples_n\,1)+{in_hole}"
    return f"{sound};{silence},{every};{both}"


def _in_step(plan: EncodePlan) -> str:
    """
    Keep sound with the picture where a recording has gaps or overlaps or its clocks ran apart.

    Up to a thousand samples a second are stretched or squeezed, which nobody hears. The last two leave room for the
    encoder's priming, so that sound and picture stay together to the sample.
    """
    loudness = f"{EVEN_LOUDNESS},aresample={AUDIO_SAMPLE_RATE}," if plan.choices.evens_loudness else ""
    return f"aresample=async=1000:first_pts=0,{loudness}atrim=start_sample={AAC_PRIMING_SAMPLES},asetpts=PTS-STARTPTS"


def _fragmented(flags: str, *, seconds: float | None = None) -> list[str]:
    every = ["-frag_duration", str(round(seconds * 1_000_000))] if seconds is not None else []
    return ["-map_metadata", "-1", "-map_chapters", "-1", "-f", "mp4", "-movflags", _FRAGMENTS + flags, *every]
