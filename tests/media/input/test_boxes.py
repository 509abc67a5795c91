"""Why a file that can't be opened is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from cgtool.errors import MediaError
from cgtool.media.input.boxes import what_is_missing
from cgtool.media.reader import VideoReader


def box(name: bytes, content: bytes = b"", *, says: int | None = None) -> bytes:
    return (says or 8 + len(content)).to_bytes(4, "big") + name + content


def wide(name: bytes, content: bytes) -> bytes:
    return (1).to_bytes(4, "big") + name + (16 + len(content)).to_bytes(8, "big") + content


FTYP = box(b"ftyp", b"isom\0\0\2\0isom")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "the file is empty"),
        (FTYP + box(b"mdat", bytes(100)), r"its index \(moov\) is missing: the recording"),
        (FTYP + wide(b"mdat", bytes(100)), r"its index \(moov\) is missing: the recording"),
        (FTYP + box(b"mdat", bytes(100), says=300), "missing, and ends 192 bytes early"),
        (box(b"mdat", bytes(50), says=58), "missing"),
    ],
)
def test_what_a_recording_lacks_is_said(data: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(data)
    with pytest.raises(MediaError, match=words):
        VideoReader(path)


@pytest.mark.parametrize(
    "data",
    [b"no video at all", FTYP + box(b"moov"), FTYP + box(b"moof"), box(b"RIFF", bytes(9)), FTYP[:6], bytes(64)],
)
def test_of_other_files_nothing_is_said(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(data)
    assert what_is_missing(path) is None
    assert what_is_missing(tmp_path / "absent") is None
