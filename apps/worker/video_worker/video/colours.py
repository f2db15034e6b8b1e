"""Bringing the colours of a picture to an ordinary screen."""

from libs.media.facts import VideoStreamFacts

_ORDINARY = "out_primaries=bt709:out_transfer=bt709:out_color_matrix=bt709:out_range=tv:intent=perceptual"


def to_ordinary_screen(picture: VideoStreamFacts) -> str:
    """
    Return what follows the size in ffmpeg's `scale` to map HDR's brightness without clipping it; nothing if ordinary.

    Working the map out takes seconds of CPU each time: scale once, and go on from there.
    """
    return f":{_ORDINARY},format=yuv420p" if picture.is_hdr else ""
