"""An image file's word on its picture: orientation, EXIF, resolution."""

from __future__ import annotations

import re
from collections.abc import Sequence
from numbers import Real
from warnings import WarningMessage

from PIL import ExifTags, Image

from cgtool.media.orientation import Orientation

# Exif 2.32, 4.6.4: tag 274.
_ORIENTATIONS = {
    2: Orientation(flip_horizontal=True),
    3: Orientation(flip_horizontal=True, flip_vertical=True),
    4: Orientation(flip_vertical=True),
    5: Orientation(transpose=True),
    6: Orientation(transpose=True, flip_horizontal=True),
    7: Orientation(transpose=True, flip_horizontal=True, flip_vertical=True),
    8: Orientation(transpose=True, flip_vertical=True),
}
_SRGB_COLOUR_SPACE = 1
_MAX_DPI = 65535  # JPEG keeps 16 bits
_COMPLAINT_OF_EXIF = re.compile("EXIF|Metadata|Truncated File Read")

# A TIFF keeps its EXIF among the tags that lay out its pixels; these are the ones about the picture.
_TIFF_EXIF_TAGS = {
    ExifTags.Base.ImageDescription,
    ExifTags.Base.Make,
    ExifTags.Base.Model,
    ExifTags.Base.Software,
    ExifTags.Base.DateTime,
    ExifTags.Base.Artist,
    ExifTags.Base.Copyright,
    ExifTags.IFD.Exif,
    ExifTags.IFD.GPSInfo,
}


def read_exif(image: Image.Image, complaints: Sequence[WarningMessage]) -> tuple[Orientation, bytes | None, str | None]:
    """Read a loaded image's EXIF data, or the part of it that a TIFF, PNG or XMP packet holds.

    Args:
        image: Loaded.
        complaints: Pillow's warnings so far, a list still filling: it parses EXIF when it is asked for it.

    Returns:
        How to turn the pixels upright; the EXIF block to hand on, without orientation and thumbnail, with size and
        colour space of the upright sRGB picture; what is wrong with the data, worth a warning.
    """
    orientation = Orientation()
    emptied = False
    try:
        exif = image.getexif()
        orientation = _ORIENTATIONS.get(exif.pop(ExifTags.Base.Orientation, 1), orientation)
        if image.format == "TIFF":
            for tag in set(exif) - _TIFF_EXIF_TAGS:
                del exif[tag]
        for block in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
            if block in exif and not exif.get_ifd(block):
                del exif[block]
                emptied = True
        if ExifTags.IFD.Exif in exif:
            details = exif.get_ifd(ExifTags.IFD.Exif)
            width, height = orientation.size(*image.size)
            truths = {
                ExifTags.Base.ExifImageWidth: width,
                ExifTags.Base.ExifImageHeight: height,
                ExifTags.Base.ColorSpace: _SRGB_COLOUR_SPACE,
            }
            details.update({tag: value for tag, value in truths.items() if tag in details})
        data = _classic(exif).tobytes() if len(exif) else None
    except Exception:  # Pillow parses EXIF lazily and raises whatever the damage leads it to
        return orientation, None, "the EXIF data is damaged and was left out"
    damaged = emptied or any(_COMPLAINT_OF_EXIF.search(str(complaint.message)) for complaint in complaints)
    return orientation, data, "the EXIF data is damaged: only a part of it could be read" if damaged else None


def _classic(exif: Image.Exif) -> Image.Exif:
    """The same data without BigTIFF's layout, which no EXIF block has: Pillow hands it on from such a file."""
    plain = Image.Exif()
    for tag, value in exif.items():
        plain[tag] = dict(exif.get_ifd(tag)) if tag in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo) else value
    return plain


def read_dpi(image: Image.Image, swapped: bool) -> tuple[float, float] | None:
    """Horizontal and vertical pixels per inch of the upright picture; None if not stated or senseless.

    Args:
        image: As the file has it.
        swapped: Whether turning it upright exchanged its width and height.
    """
    stated = image.info.get("dpi")
    if not (isinstance(stated, tuple) and len(stated) == 2 and all(isinstance(value, Real) for value in stated)):
        return None
    x, y = float(stated[0]), float(stated[1])
    if not (0 < x <= _MAX_DPI and 0 < y <= _MAX_DPI):
        return None
    return (y, x) if swapped else (x, y)
