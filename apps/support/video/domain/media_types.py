"""Which files may be uploaded, by extension and by declared content type."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from .errors import FileTypeNotAllowed
from .keys import file_extension

CONTENT_TYPE_OF_EXTENSION: Mapping[str, str] = MappingProxyType(
    {
        "mp4": "video/mp4",
        "m4v": "video/x-m4v",
        "m4a": "audio/mp4",
        "mov": "video/quicktime",
        "mkv": "video/x-matroska",
        "webm": "video/webm",
        "avi": "video/x-msvideo",
        "wmv": "video/x-ms-wmv",
        "flv": "video/x-flv",
        "mpg": "video/mpeg",
        "mpeg": "video/mpeg",
        "ts": "video/mp2t",
        "mts": "video/mp2t",
        "m2ts": "video/mp2t",
        "3gp": "video/3gpp",
    }
)

# RFC 6838, section 4.2: the name is one token. It is signed and sent as a header.
_MEDIA_TYPE = re.compile(r"(video|audio)/[a-z0-9][a-z0-9!#$&^_.+-]{0,90}")


def accepted_content_type(*, filename: str, declared: str) -> str:
    """
    Return the content type that the upload URL binds.

    Browsers name types differently or not at all (an .mkv is "" in most), so the extension decides and the
    declared type must only not contradict it by being something else than a video, or than a sound for a sound's.

    Raises:
        FileTypeNotAllowed: The extension is none of ours, or the declared type says that this is neither.
    """
    extension = file_extension(filename)
    essence = declared.split(";", maxsplit=1)[0].strip().lower()
    if extension not in CONTENT_TYPE_OF_EXTENSION:
        raise FileTypeNotAllowed(extension=extension)
    usual = CONTENT_TYPE_OF_EXTENSION[extension]
    if essence in {"", "application/octet-stream"}:
        return usual
    named = _MEDIA_TYPE.fullmatch(essence)
    if named is None or not usual.startswith(f"{named[1]}/"):
        raise FileTypeNotAllowed(extension=essence)
    return essence
