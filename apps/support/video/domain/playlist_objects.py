"""
Reading from stored playlists and storyboards what has to be beside them.

Source:
    RFC 8216, sections 4.1 (URI lines), 4.3.2.2 (EXT-X-BYTERANGE), 4.3.2.5 (EXT-X-MAP), 4.3.4.1 (EXT-X-MEDIA).
"""

import re

# A line of a cue: a picture beside the storyboard, and a region of it. https://www.w3.org/TR/media-frags/#naming-space
CUE_PICTURE = re.compile(r"^([\w.-]+)#xywh=", re.ASCII | re.MULTILINE)
_URI = re.compile(r'URI="([^"]+)"')
_RANGE = re.compile(r"BYTERANGE[:=]\"?(\d{1,18})@(\d{1,18})")


def playlists_named_by(master: str) -> tuple[list[str], list[str]]:
    """Return the playlists of a master: those with a picture, or all when it is sound only, and those of sound."""
    lines = master.splitlines()
    shown = [line for line in lines if line and not line.startswith("#")]
    sound = [name for line in lines if line.startswith("#EXT-X-MEDIA:") for name in _URI.findall(line)]
    return shown, sound


def objects_named_by(playlist: str) -> dict[str, int]:
    """Return the objects of a media playlist, and how many bytes each must have at least."""
    sizes: dict[str, int] = {}
    size_bytes = 0
    for line in playlist.splitlines():
        if line.startswith(("#EXT-X-BYTERANGE:", "#EXT-X-MAP:")):
            size_bytes = _range_end(line)
        names = _URI.findall(line) if line.startswith("#EXT-X-MAP:") else [line] if _is_uri(line) else []
        for name in names:
            sizes[name] = max(sizes.get(name, 0), size_bytes)
            size_bytes = 0
    return sizes


def pictures_named_by(storyboard: str) -> list[str]:
    """Return the pictures that the cues of a storyboard show regions of."""
    return list(dict.fromkeys(CUE_PICTURE.findall(storyboard)))


def _range_end(line: str) -> int:
    found = _RANGE.search(line)
    return int(found[1]) + int(found[2]) if found else 0


def _is_uri(line: str) -> bool:
    return bool(line) and not line.startswith("#")
