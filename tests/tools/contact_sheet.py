"""Pictures side by side on one sheet, with captions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

_PAPER = (250, 250, 250)
_INK = (60, 60, 60)
_MARGIN = 12
_FONT_SIZE = 14
_CAPTION_HEIGHT = 22


def contact_sheet(
    rows: Sequence[Sequence[NDArray[np.uint8]]],
    *,
    columns: Sequence[str] = (),
    labels: Sequence[str] = (),
    cell_width: int = 480,
) -> NDArray[np.uint8]:
    """Lay pictures out in rows, such as source beside result, one row a frame.

    Args:
        rows: Pictures, RGB, uint8, shape (height, width, 3), of any sizes; rows may differ in length.
        columns: A caption for each column, at the head of the sheet.
        labels: A caption for each row, above it.
        cell_width: Pixels to which every picture is scaled in width; its aspect ratio stays.

    Returns:
        The sheet, RGB, uint8, shape (height, width, 3).

    Raises:
        ValueError: There is no picture, or there are captions for other than all columns or rows.
    """
    column_count = max(map(len, rows), default=0)
    if column_count == 0:
        raise ValueError("a contact sheet needs a picture")
    if len(columns) not in (0, column_count) or len(labels) not in (0, len(rows)):
        raise ValueError(
            f"{len(columns)} column and {len(labels)} row captions for {column_count} columns and {len(rows)} rows"
        )
    cells = [[_scale(picture, cell_width) for picture in row] for row in rows]
    heights = [max((cell.height for cell in row), default=0) for row in cells]
    label_height = _CAPTION_HEIGHT if labels else 0
    top = _MARGIN + (_CAPTION_HEIGHT if columns else 0)
    pitch = cell_width + _MARGIN
    width = _MARGIN + column_count * pitch
    sheet = Image.new("RGB", (width, top + sum(heights) + len(rows) * (label_height + _MARGIN)), _PAPER)
    for column, caption in enumerate(columns):
        _write(sheet, caption, _MARGIN + column * pitch, _MARGIN, cell_width)
    for index, (row, height) in enumerate(zip(cells, heights, strict=True)):
        if labels:
            _write(sheet, labels[index], _MARGIN, top, width - 2 * _MARGIN)
        top += label_height
        for column, cell in enumerate(row):
            sheet.paste(cell, (_MARGIN + column * pitch, top))
        top += height + _MARGIN
    return np.array(sheet)


def _scale(picture: NDArray[np.uint8], width: int) -> Image.Image:
    height = max(1, round(picture.shape[0] * width / picture.shape[1]))
    return Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS)


def _write(sheet: Image.Image, caption: str, left: int, top: int, width: int) -> None:
    """Write a line of text, cut off after ``width`` pixels."""
    font = ImageFont.load_default(_FONT_SIZE)
    while font.getlength(caption) > width:
        caption = caption[:-2] + "…"
    ImageDraw.Draw(sheet).text((left, top), caption, _INK, font)
