"""A contact sheet of the data: a row of pictures from each folder, of what masks show, and of what look like copies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from cgtool.files import writing
from cgtool.training.data.check import DataCheck, pairs_to_show
from cgtool.training.data.images import load_rgb, spread

_SIDE, _GAP, _TITLE, _COLUMNS = 112, 4, 20, 10


def write_sheet(path: Path, check: DataCheck) -> None:
    """Write the sheet of what was found as a JPEG.

    Raises:
        OSError: It can't be written.
        MediaError: A picture can no longer be read.
    """
    pictures = [
        *(spread(domain, _COLUMNS, _SIDE) for domain in check.domains),
        *(masks.objects(_COLUMNS, _SIDE) for masks in check.masks),
    ]
    rows = [(line, list(some)) for line, some in zip(check.lines, pictures, strict=True)]
    copies = [load_rgb(one, _SIDE) for pair in pairs_to_show(check, _COLUMNS // 2) for one in pair]
    if copies:
        rows.append(("near-duplicates, in pairs", copies))
    sheet = _arrange(rows)
    with writing(path) as file:
        sheet.save(file, "JPEG", quality=88)


def _arrange(rows: Sequence[tuple[str, Sequence[Image.Image]]]) -> Image.Image:
    pitch = _TITLE + _SIDE + 2 * _GAP
    sheet = Image.new("RGB", (_COLUMNS * (_SIDE + _GAP) + _GAP, len(rows) * pitch), "white")
    draw = ImageDraw.Draw(sheet)
    for number, (title, pictures) in enumerate(rows):
        draw.text((_GAP, number * pitch + 3), title[-150:], fill="black", font=ImageFont.load_default(13))
        for column, picture in enumerate(pictures):
            place = (_GAP + column * (_SIDE + _GAP), number * pitch + _TITLE)
            sheet.paste(_square(picture), place)
    return sheet


def _square(picture: Image.Image) -> Image.Image:
    """Its middle."""
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    return picture.crop((left, top, left + side, top + side)).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
