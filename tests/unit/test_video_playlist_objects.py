"""To V07: what a stored playlist needs beside it is read from it, in the form in which we write it and in others."""

import pytest

from apps.support.video.domain.playlist_objects import objects_named_by, playlists_named_by
from tests.support.videos import MASTER_PLAYLIST, MEDIA_PLAYLIST


def test_a_master_names_pictures_and_sound() -> None:
    assert playlists_named_by(MASTER_PLAYLIST) == (["360p.m3u8", "720p.m3u8"], ["audio.m3u8"])


def test_a_media_playlist_says_how_long_each_object_is_at_least() -> None:
    assert objects_named_by(MEDIA_PLAYLIST.format(name="x")) == {"video-0000-1.mp4.x": 600}


def test_an_object_without_a_range_must_only_be_there() -> None:
    assert objects_named_by('#EXTM3U\n#EXT-X-MAP:URI="i.mp4"\n#EXTINF:4,\na.mp4\n#EXTINF:4,\nb.mp4\n') == {
        "i.mp4": 0,
        "a.mp4": 0,
        "b.mp4": 0,
    }


@pytest.mark.parametrize("text", ["", "\x00\x00", "#EXTM3U", "#EXT-X-BYTERANGE:9"])
def test_what_is_no_playlist_names_nothing_that_could_be_there(text: str) -> None:
    assert not {name for name in objects_named_by(text) if name.strip("\x00")}
