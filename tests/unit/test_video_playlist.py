"""Promises to players: a served playlist differs from the stored one only where it names media."""

import pytest

from apps.support.video.services.playback import rewrite_media_uris

MASTER = """#EXTM3U
#EXT-X-VERSION:7
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="default",DEFAULT=YES,URI="audio.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=900000,RESOLUTION=640x360,CODECS="avc1.4d401e,mp4a.40.2",AUDIO="audio"
360p.m3u8
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=90000,URI="iframes/360p.m3u8"
"""

MEDIA = """#EXTM3U
#EXT-X-VERSION:7
#EXT-X-TARGETDURATION:4
#EXT-X-MAP:URI="360p.mp4",BYTERANGE="812@0"
#EXTINF:4.000,
#EXT-X-BYTERANGE:20000@812
360p.mp4

#EXTINF:3.500,
#EXT-X-BYTERANGE:18000@20812
360p.mp4
#EXT-X-ENDLIST
"""


def sign(name: str) -> str:
    return f"https://storage/{name}?signed=1&x=%2F"


def test_a_master_stays_as_it_is_so_that_variants_stay_under_the_token() -> None:
    assert rewrite_media_uris(MASTER, sign=sign) == MASTER


def test_segments_and_the_init_section_are_signed_and_keep_their_byte_ranges() -> None:
    signed = "https://storage/360p.mp4?signed=1&x=%2F"
    expected = MEDIA.replace('URI="360p.mp4"', f'URI="{signed}"').replace("\n360p.mp4\n", f"\n{signed}\n")
    assert rewrite_media_uris(MEDIA, sign=sign) == expected


def test_a_signature_is_never_read_as_a_pattern() -> None:
    assert r"\1 \g<0>" in rewrite_media_uris('#EXT-X-MAP:URI="a.mp4"\n', sign=lambda _name: r"\1 \g<0>")


def test_line_ends_of_another_system_do_not_become_part_of_a_name() -> None:
    seen: list[str] = []
    rewrite_media_uris("#EXTM3U\r\nseg.m4s\r\n", sign=lambda name: seen.append(name) or name)  # type: ignore[func-returns-value]
    assert seen == ["seg.m4s"]


@pytest.mark.parametrize("separator", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"])
def test_only_line_feeds_end_a_line(separator: str) -> None:
    """RFC 8216, section 4.1. A title with an odd character in it must not become two lines."""
    playlist = f"#EXTM3U\n#EXTINF:4.0,1{separator}강\nseg.m4s\n"
    assert rewrite_media_uris(playlist, sign=lambda name: f"signed/{name}") == playlist.replace("seg", "signed/seg")
