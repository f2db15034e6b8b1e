"""Promises to players about any playlist: tags stay, media is signed, playlists are not."""

from hypothesis import given
from hypothesis import strategies as st

from apps.support.video.services.playback import rewrite_media_uris

SIGNED = "https://storage.example/"

names = st.from_regex(r"[A-Za-z0-9_/-]{1,30}", fullmatch=True)
media_names = st.builds(lambda name, extension: f"{name}.{extension}", names, st.sampled_from(["mp4", "m4s", "ts"]))
playlist_names = names.map(lambda name: f"{name}.m3u8")
texts = st.text(st.characters(exclude_characters='\r\n"', exclude_categories=["Cs"]), max_size=40)
plain_tags = texts.map(lambda text: f"#EXTINF:4.0,{text}")
tags_naming_media = st.builds(lambda name, text: f'#EXT-X-MAP:URI="{name}",X="{text}"', media_names, texts)
tags_naming_playlists = playlist_names.map(lambda name: f'#EXT-X-MEDIA:TYPE=AUDIO,URI="{name}"')
lines = st.one_of(
    plain_tags, tags_naming_media, tags_naming_playlists, media_names, playlist_names, st.just(""), st.just("#EXTM3U")
)


def sign(name: str) -> str:
    return f"{SIGNED}{name}?X-Amz-Signature=abc"


def expected(line: str) -> str:
    if line.startswith("#EXT-X-MAP"):
        name = line.split('"')[1]
        return line.replace(f'URI="{name}"', f'URI="{sign(name)}"', 1)
    return line if line.startswith("#") or not line or line.endswith(".m3u8") else sign(line)


@given(st.lists(lines, min_size=1, max_size=30))
def test_tags_are_kept_and_only_media_is_signed(playlist: list[str]) -> None:
    rewritten = rewrite_media_uris("\n".join(playlist) + "\n", sign=sign)
    assert rewritten.split("\n")[:-1] == [expected(line) for line in playlist]


@given(st.lists(lines, min_size=1, max_size=30))
def test_no_media_name_is_left_unsigned(playlist: list[str]) -> None:
    asked: list[str] = []

    def remember(name: str) -> str:
        asked.append(name)
        return sign(name)

    rewrite_media_uris("\n".join(playlist), sign=remember)
    named = [line for line in playlist if line and not line.startswith("#")]
    named += [line.split('"')[1] for line in playlist if line.startswith("#EXT-X-MAP")]
    assert sorted(asked) == sorted(name for name in named if not name.endswith(".m3u8"))
