"""What a file that can't be opened lacks: emptiness, and MP4's boxes, read without a decoder."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

_MOST_BOXES = 1000


def what_is_missing(path: Path) -> str | None:
    """Why a file can't be read, as a clause with what may help; None if that can't be told.

    MP4 and QuickTime files are a row of boxes, each a size of 4 bytes and a name of 4 (ISO/IEC 14496-12, 4.2). A camera
    writes ``moov``, the index, when a recording ends: without it nothing says where frames begin.
    """
    try:
        size = path.stat().st_size
        if size == 0:
            return "the file is empty; copy or download it again"
        with path.open("rb") as file:
            boxes = _boxes(file, size)
    except OSError:
        return None
    if not boxes or boxes[0][0] not in (b"ftyp", b"wide", b"mdat", b"free", b"skip"):
        return None
    names = [name for name, _ in boxes]
    if b"moov" in names or b"moof" in names:
        return None
    begin = boxes[-1][1]
    cut = f", and ends {begin - size} bytes early" if begin > size else ""
    return (
        f"its index (moov) is missing{cut}: the recording or the copy was cut off. Copy it again; of a camera's file, "
        "a repair tool such as untrunc may make a new index"
    )


def _boxes(file: BinaryIO, size: int) -> list[tuple[bytes, int]]:
    """Each box's name, and where it ends by its own word."""
    found: list[tuple[bytes, int]] = []
    place = 0
    while place + 8 <= size and len(found) < _MOST_BOXES:
        file.seek(place)
        header = file.read(16)
        length, name = int.from_bytes(header[:4], "big"), header[4:8]
        if length == 1:  # a size of 64 bits follows
            length = int.from_bytes(header[8:16], "big")
        elif length == 0:  # to the end of the file
            length = size - place
        if length < 8:
            break
        place += length
        found.append((name, place))
    return found
