"""Promises about reading a file and knowing it again."""

from pathlib import Path

import pytest
from academy_video.errors import FileChanged, FileUnreadable
from academy_video.source import PIECE_BYTES, Source
from academy_video.upload import parts_of
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize("size_bytes", [1, PIECE_BYTES - 1, PIECE_BYTES, 3 * PIECE_BYTES + 1])
def test_pieces_make_the_range_again(tmp_path: Path, size_bytes: int) -> None:
    content = bytes(index % 251 for index in range(size_bytes))
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    source = Source(path)
    assert b"".join(source.pieces(0, size_bytes)) == content
    assert b"".join(source.pieces(size_bytes // 2, size_bytes - size_bytes // 2)) == content[size_bytes // 2 :]
    source.close()


def test_a_file_that_becomes_shorter_or_is_written_to_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"x" * 1000)
    source = Source(path)
    source.require_unchanged()
    path.write_bytes(b"x" * 10)
    with pytest.raises(FileChanged):
        source.require_unchanged()
    with pytest.raises(FileChanged):
        list(source.pieces(0, 1000))
    source.close()


def test_a_folder_or_nothing_is_no_source(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.mp4"):
        with pytest.raises(FileUnreadable):
            Source(path)


@given(st.integers(1, 10**9), st.integers(5 * 1024**2, 10**8))
def test_parts_cover_the_file(size_bytes: int, part_size_bytes: int) -> None:
    parts = parts_of(size_bytes, part_size_bytes=part_size_bytes)
    assert [part.number for part in parts] == list(range(1, len(parts) + 1))
    assert sum(part.size_bytes for part in parts) == size_bytes
    assert {part.size_bytes for part in parts[:-1]} <= {part_size_bytes}
